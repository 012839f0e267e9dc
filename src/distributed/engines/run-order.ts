import type { RunCursor } from '../run-info.js';

/** Compares runs by time of creation, then by the bytes of their ids, as databases do. */
export function compareRuns(one: RunCursor, other: RunCursor): number {
  return one.createdAt - other.createdAt || Buffer.compare(Buffer.from(one.runId), Buffer.from(other.runId));
}

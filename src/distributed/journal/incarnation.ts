import { randomInt } from 'node:crypto';
import { segmentOf } from '../../flow/execution/index.js';
import type { RunRecord } from '../run-info.js';

/**
 * Returns a random number that distinguishes a run from all other runs that have the same id over time. The number
 * stays far below 2^53, because the epoch in job ids is added to it.
 */
export function newIncarnation(): number {
  return randomInt(1, 2 ** 48 - 1);
}

/**
 * Returns true if both records belong to the same run, and false if they belong to two runs that had the same id in
 * turn.
 */
export function isSameRun(one: RunRecord, other: RunRecord): boolean {
  return one.incarnation === other.incarnation && one.createdAt === other.createdAt;
}

/**
 * Returns true if an object that was made for an incarnation belongs to this run. Versions up to 0.7 do not name an
 * incarnation, so what they make is assumed to belong to the current run.
 */
export function isFor(incarnation: number | undefined, record: Pick<RunRecord, 'incarnation'>): boolean {
  return incarnation === undefined || incarnation === record.incarnation;
}

/**
 * Returns the beginning of a run's idempotency keys, or `undefined` for runs started by versions up to 0.7, whose keys
 * begin with the id alone.
 */
export function keyPathOf(runId: string, incarnation: number | undefined): string | undefined {
  return incarnation === undefined ? undefined : `${segmentOf(runId)}~${incarnation}`;
}

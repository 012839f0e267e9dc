import type { Engine, ExpiredRun, IdlePage, RunInfoStore } from '../../contracts.js';
import { isFor } from '../../journal/incarnation.js';
import {
  countsFrom,
  isFinished,
  type RunCounts,
  type RunCursor,
  type RunQuery,
  type RunRecord,
  type RunStatus,
} from '../../run-info.js';
import { folded, hasText } from '../run-text.js';
import type { StoredRun } from './stored-run.js';

export class MemoryRuns implements RunInfoStore {
  constructor(
    readonly engine: Engine,
    private readonly runs: Map<string, StoredRun>,
  ) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    return this.runs.get(runId)?.record;
  }

  async getStatuses(runIds: readonly string[]): Promise<(RunStatus | undefined)[]> {
    return runIds.map((runId) => this.runs.get(runId)?.record.status);
  }

  async listRuns({ order, limit, cursor, text, ...query }: RunQuery): Promise<RunRecord[]> {
    const direction = order === 'newest' ? -1 : 1;
    const part = text === undefined ? undefined : folded(text);
    return this.#records()
      .filter((record) => matches(record, query) && (part === undefined || hasText(record, part)))
      .sort((one, other) => direction * compare(one, other))
      .filter((record) => cursor === undefined || direction * compare(record, cursor) > 0)
      .slice(0, limit);
  }

  async countRuns(): Promise<RunCounts> {
    const counts = new Map<RunStatus, number>();
    for (const { record } of this.runs.values()) counts.set(record.status, (counts.get(record.status) ?? 0) + 1);
    return countsFrom(counts);
  }

  async deleteRun(runId: string, incarnation?: number): Promise<void> {
    const run = this.runs.get(runId);
    if (run !== undefined && isFor(incarnation, run.record)) this.runs.delete(runId);
  }

  async listExpired(limit: number): Promise<ExpiredRun[]> {
    const now = Date.now();
    const isExpired = ({ finishedAt, retention }: RunRecord) =>
      finishedAt !== undefined && retention !== undefined && finishedAt + retention <= now;
    const expired = this.#records().filter(isExpired);
    return expired.sort((one, other) => one.updatedAt - other.updatedAt).slice(0, limit);
  }

  async listIdle(milliseconds: number, limit: number, after?: RunCursor): Promise<IdlePage> {
    const since = Date.now() - milliseconds;
    const mayBeIdle = (record: RunRecord) =>
      !isFinished(record.status) && record.createdAt <= since && (after === undefined || compare(record, after) > 0);
    const page = this.#records().filter(mayBeIdle).sort(compare).slice(0, limit);
    const idle = page.filter(({ updatedAt, startAt }) => Math.max(updatedAt, startAt) <= since);
    return { runIds: idsOf(idle), cursor: page.length < limit ? undefined : page.at(-1) };
  }

  #records(): RunRecord[] {
    return [...this.runs.values()].map(({ record }) => record);
  }
}

function idsOf(records: readonly RunRecord[]): string[] {
  return records.map(({ runId }) => runId);
}

function matches(record: RunRecord, { statuses, workflow, version, after, before }: Partial<RunQuery>): boolean {
  if (statuses !== undefined && !statuses.includes(record.status)) return false;
  if (workflow !== undefined && record.workflow !== workflow) return false;
  if (version !== undefined && record.version !== version) return false;
  return record.createdAt >= (after as number) && record.createdAt < (before as number);
}

/** Compares runs by time of creation, then by the bytes of their ids, as databases do. */
function compare(one: RunCursor, other: RunCursor): number {
  return one.createdAt - other.createdAt || Buffer.compare(Buffer.from(one.runId), Buffer.from(other.runId));
}

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
import type { StoredRuns } from './stored-runs.js';

export class MemoryRuns implements RunInfoStore {
  constructor(
    readonly engine: Engine,
    private readonly runs: StoredRuns,
  ) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    return this.runs.get(runId)?.record;
  }

  async getStatuses(runIds: readonly string[]): Promise<(RunStatus | undefined)[]> {
    return runIds.map((runId) => this.runs.get(runId)?.record.status);
  }

  async listRuns(query: RunQuery): Promise<RunRecord[]> {
    const part = query.text === undefined ? undefined : folded(query.text);
    const page: RunRecord[] = [];
    for (const record of this.runs.listed(query)) {
      if (page.length >= query.limit) break;
      if (matches(record, query) && (part === undefined || hasText(record, part))) page.push(record);
    }
    return page;
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
    const page: RunRecord[] = [];
    for (const record of this.runs.listed({ after: 0, before: since + 1, order: 'oldest', cursor: after })) {
      if (page.length >= limit) break;
      if (!isFinished(record.status)) page.push(record);
    }
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

function matches(record: RunRecord, { statuses, workflow, version }: RunQuery): boolean {
  if (statuses !== undefined && !statuses.includes(record.status)) return false;
  if (workflow !== undefined && record.workflow !== workflow) return false;
  return version === undefined || record.version === version;
}

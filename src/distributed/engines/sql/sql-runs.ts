import type { Engine, ExpiredRun, IdlePage, RunInfoStore } from '../../contracts.js';
import {
  countsFrom,
  type RunCounts,
  type RunCursor,
  type RunQuery,
  type RunRecord,
  type RunStatus,
} from '../../run-info.js';
import { folded } from '../run-text.js';
import { recordFrom, type SqlCore } from './sql-core.js';

export class SqlRuns implements RunInfoStore {
  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
  ) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    const [row] = await this.core.query('get-run', [runId]);
    return row && recordFrom(row.record).record;
  }

  async getStatuses(runIds: readonly string[]): Promise<(RunStatus | undefined)[]> {
    const rows = await this.core.query('get-statuses', [runIds]);
    const found = new Map(rows.map(({ id, status }) => [id, status as RunStatus]));
    return runIds.map((runId) => found.get(runId));
  }

  /** Runs one query per status, because the index is ordered by status. */
  async listRuns({ statuses, order, limit, cursor, ...query }: RunQuery): Promise<RunRecord[]> {
    const { workflow = null, version = null, after, before, text } = query;
    const part = text === undefined ? null : folded(text);
    const place = [cursor?.createdAt ?? null, cursor?.runId ?? null];
    const lists = await Promise.all(
      (statuses ?? [null]).map((status) => {
        const values = [status, workflow, version, after, before, ...place, limit, part];
        return this.core.query(`list-runs-${order}`, values);
      }),
    );
    const records = lists.flat().map((row) => recordFrom(row.record).record);
    const direction = order === 'newest' ? -1 : 1;
    return records.sort((one, other) => direction * compare(one, other)).slice(0, limit);
  }

  async countRuns(): Promise<RunCounts> {
    const rows = await this.core.query('count-runs');
    return countsFrom(rows.map(({ status, count }) => [status as RunStatus, Number(count)]));
  }

  async deleteRun(runId: string, incarnation?: number): Promise<void> {
    await this.core.query('delete-run', [runId, incarnation ?? null]);
  }

  async listExpired(limit: number): Promise<ExpiredRun[]> {
    const rows = await this.core.query('list-expired', [limit]);
    return rows.map(({ id, incarnation }) => ({
      runId: id as string,
      incarnation: incarnation === null ? undefined : Number(incarnation),
    }));
  }

  async listIdle(milliseconds: number, limit: number, after: RunCursor = beginning): Promise<IdlePage> {
    const rows = await this.core.query('list-idle', [milliseconds, limit, after.createdAt, after.runId]);
    const runIds = rows.filter((row) => row.is_idle).map(({ id }) => id as string);
    const last = rows.length < limit ? undefined : rows.at(-1);
    return { runIds, cursor: last && { createdAt: Number(last.created_at), runId: last.id as string } };
  }
}

/** A cursor before all runs. */
const beginning: RunCursor = { createdAt: -1, runId: '' };

/** Compares runs by time of creation, then by the bytes of their ids, as the database does. */
function compare(one: RunRecord, other: RunRecord): number {
  return one.createdAt - other.createdAt || Buffer.compare(Buffer.from(one.runId), Buffer.from(other.runId));
}

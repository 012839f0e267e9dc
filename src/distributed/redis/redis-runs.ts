import type { Engine, RunInfoStore } from '../contracts.js';
import {
  countsFrom,
  type RunCounts,
  type RunCursor,
  type RunQuery,
  type RunRecord,
  type RunStatus,
  runStatuses,
} from '../run-info.js';
import { contains, folded, hasText } from '../run-text.js';
import { recordFrom } from './records.js';
import type { RedisCore } from './redis-core.js';
import type { Connection } from './scripts.js';

/** How many runs are looked at in one go while a page is not full; and where most of them are none of it. */
const atOnce = 200;
const searchedAtOnce = 1_000;

/** How long an entry of the index may be there before its run, in milliseconds: whoever begins it writes that first. */
const beginning = 60_000;

export class RedisRuns implements RunInfoStore {
  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    const connection = await this.core.connection();
    const fields = Object.entries(await connection.hgetall(this.core.keys.run(runId))).flat();
    return fields.length === 0 ? undefined : recordFrom(fields).record;
  }

  async getStatuses(runIds: readonly string[]): Promise<(RunStatus | undefined)[]> {
    const connection = await this.core.connection();
    const statuses = await Promise.all(runIds.map((runId) => connection.hget(this.core.keys.run(runId), 'status')));
    return statuses.map((status) => (status as RunStatus | null) ?? undefined);
  }

  async listRuns(query: RunQuery): Promise<RunRecord[]> {
    const connection = await this.core.connection();
    const lists = query.statuses ?? [undefined];
    const pages = await Promise.all(lists.map((status) => this.#page(connection, query, status)));
    const direction = query.order === 'newest' ? -1 : 1;
    return pages
      .flat()
      .sort((one, other) => direction * compare(one, other))
      .slice(0, query.limit);
  }

  /** As they are filed: a run that somebody has ended and died is counted as it was until it is next looked at. */
  async countRuns(): Promise<RunCounts> {
    const connection = await this.core.connection();
    const counts = await Promise.all(
      runStatuses.map((status) => connection.zcard(this.core.keys.listOf(undefined, status))),
    );
    return countsFrom(runStatuses.map((status, index) => [status, counts[index] as number]));
  }

  async deleteRun(runId: string): Promise<void> {
    const connection = await this.core.connection();
    const record = await this.getRun(runId);
    await connection.unlink(...this.core.keys.allOf(runId));
    // What is not there may still be filed as expired: whoever removed it has died in between.
    if (record === undefined) await connection.zrem(this.core.keys.expiring, runId);
    else await this.core.unindex(runId, record.workflow);
  }

  async listExpired(limit: number): Promise<string[]> {
    const connection = await this.core.connection();
    const [seconds] = await connection.time();
    return connection.zrangebyscore(this.core.keys.expiring, '-inf', Number(seconds) * 1_000, 'LIMIT', 0, limit);
  }

  async listIdle(milliseconds: number, limit: number): Promise<string[]> {
    const connection = await this.core.connection();
    const [seconds] = await connection.time();
    const since = Number(seconds) * 1_000 - milliseconds;
    const ids = await Promise.all(
      (['running', 'scheduled'] as const).map((status) => this.#some(connection, status, since, 5 * limit)),
    );
    const records = await Promise.all(ids.flat().map((runId) => this.getRun(runId)));
    return records
      .filter((record): record is RunRecord => record !== undefined)
      .filter(({ status }) => status === 'running' || status === 'scheduled')
      .filter(({ updatedAt, startAt }) => Math.max(updatedAt, startAt) <= since)
      .sort((one, other) => one.updatedAt - other.updatedAt)
      .slice(0, limit)
      .map(({ runId }) => runId);
  }

  /** Some of the runs of a status that were created before; others each time, where there are many. */
  async #some(connection: Connection, status: RunStatus, before: number, count: number): Promise<string[]> {
    const list = this.core.keys.listOf(undefined, status);
    const total = await connection.zcount(list, '-inf', before);
    const from = Math.floor(Math.random() * Math.max(1, total - count));
    return connection.zrangebyscore(list, '-inf', before, 'LIMIT', from, count);
  }

  async #page(connection: Connection, query: RunQuery, status: RunStatus | undefined): Promise<RunRecord[]> {
    const { workflow, limit } = query;
    const part = query.text === undefined ? undefined : folded(query.text);
    const list = this.core.keys.listOf(workflow, status);
    // By id: one that was filed anew meanwhile may come twice.
    const found = new Map<string, RunRecord>();
    for await (const all of walk(connection, list, query)) {
      const ids = part === undefined ? all : await this.#withText(connection, all, part);
      const records = await Promise.all(ids.map((runId) => this.getRun(runId)));
      for (const [index, record] of records.entries()) {
        if (record === undefined) await this.#forget(ids[index] as string, query, connection, list);
        else if (status !== undefined && record.status !== status) await this.core.index(record);
        else if (fits(record, query, part)) found.set(record.runId, record);
      }
      if (found.size >= limit) break;
    }
    return [...found.values()].slice(0, limit);
  }

  /** Those of some runs whose id or error contains a text. Of most no more is read than that they have no error. */
  async #withText(connection: Connection, runIds: readonly string[], part: string): Promise<string[]> {
    const errors = await Promise.all(
      runIds.map((runId) => (contains(runId, part) ? null : connection.hget(this.core.keys.run(runId), 'error'))),
    );
    return runIds.filter((runId, index) => contains(runId, part) || contains(errors[index] ?? undefined, part));
  }

  /** What is filed and is not there: whoever began it has died, or whoever removed it. */
  async #forget(runId: string, { workflow }: RunQuery, connection: Connection, list: string): Promise<void> {
    const [score, [seconds]] = await Promise.all([connection.zscore(list, runId), connection.time()]);
    if (Number(score) > Number(seconds) * 1_000 - beginning) return;
    if (workflow !== undefined) await this.core.unindex(runId, workflow);
    await connection.zrem(list, runId);
  }
}

/**
 * The ids of a list in order, some at a time, from where the query says. It goes on behind the last that it gave, not
 * behind so many: runs that are filed meanwhile shift nothing.
 */
async function* walk(connection: Connection, list: string, query: RunQuery): AsyncGenerator<string[], void, undefined> {
  const { order, after, before, cursor, text } = query;
  const count = text === undefined ? atOnce : searchedAtOnce;
  const least = order === 'oldest' && cursor !== undefined ? Math.max(after, cursor.createdAt) : after;
  const most = order === 'newest' && cursor !== undefined ? Math.min(before, cursor.createdAt + 1) : before;
  let edge = order === 'newest' ? `(${most}` : `${least}`;
  // How many at the edge were given already.
  for (let given = 0; ; ) {
    const answer =
      order === 'newest'
        ? await connection.zrevrangebyscore(list, edge, least, 'WITHSCORES', 'LIMIT', given, count)
        : await connection.zrangebyscore(list, edge, `(${most}`, 'WITHSCORES', 'LIMIT', given, count);
    const ids = answer.filter((_value, index) => index % 2 === 0);
    if (ids.length > 0) yield ids;
    if (ids.length < count) return;
    const last = answer.at(-1) as string;
    const atEdge = answer.filter((value, index) => index % 2 === 1 && value === last).length;
    given = last === edge ? given + atEdge : atEdge;
    edge = last;
  }
}

function fits(record: RunRecord, query: RunQuery, part: string | undefined): boolean {
  const { version, workflow, after, before, order, cursor } = query;
  if (version !== undefined && record.version !== version) return false;
  if (workflow !== undefined && record.workflow !== workflow) return false;
  if (part !== undefined && !hasText(record, part)) return false;
  return record.createdAt >= after && record.createdAt < before && isBehind(record, cursor, order);
}

function isBehind(record: RunRecord, cursor: RunCursor | undefined, order: RunQuery['order']): boolean {
  if (cursor === undefined) return true;
  return order === 'newest' ? compare(record, cursor) < 0 : compare(record, cursor) > 0;
}

/** By time of creation, then by id as bytes, which is how sorted sets do it. */
function compare(one: RunCursor, other: RunCursor): number {
  return one.createdAt - other.createdAt || Buffer.compare(Buffer.from(one.runId), Buffer.from(other.runId));
}

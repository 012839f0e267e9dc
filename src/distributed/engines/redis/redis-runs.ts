import type { Engine, ExpiredRun, IdlePage, RunInfoStore } from '../../contracts.js';
import { isFor } from '../../journal/incarnation.js';
import {
  activeStatuses,
  countsFrom,
  isFinished,
  type RunCounts,
  type RunCursor,
  type RunQuery,
  type RunRecord,
  type RunStatus,
  runStatuses,
} from '../../run-info.js';
import { contains, folded, hasText } from '../run-text.js';
import { readRecord } from './records.js';
import type { RedisCore } from './redis-core.js';
import { markOf } from './run-index.js';
import { type Connection, Script } from './scripts.js';

const deletion = new Script('delete');

/**
 * Maximum number of runs that are read at once until a page is full. The first number is for lists, the second for
 * searches, which most runs do not match.
 */
const atOnce = 200;
const searchedAtOnce = 1_000;

/** Number of runs that are read in addition to a page, because some of them may be stored otherwise than listed. */
const spare = 10;

/** An incarnation that no run has, so that the script removes the remains of a run only if no run has the id. */
const ofNobody = 0;

/** Milliseconds for which the index may list a run that does not exist. A new run is listed before it is stored. */
const beginning = 60_000;

export class RedisRuns implements RunInfoStore {
  constructor(
    readonly engine: Engine,
    private readonly core: RedisCore,
  ) {}

  async getRun(runId: string): Promise<RunRecord | undefined> {
    return readRecord(await this.core.connection(), this.core.keys.run(runId));
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

  /**
   * Counts runs by the status in the index. If a program ended a run and died before it updated the index, the run
   * counts under its old status until it is read again.
   */
  async countRuns(): Promise<RunCounts> {
    const connection = await this.core.connection();
    const counts = await Promise.all(
      runStatuses.map((status) => connection.zcard(this.core.keys.listOf(undefined, status))),
    );
    return countsFrom(runStatuses.map((status, index) => [status, counts[index] as number]));
  }

  /**
   * Marks the run, then removes it. If the program dies in between, the next call of `listExpired` finds the mark and
   * removes the remains.
   */
  async deleteRun(runId: string, incarnation?: number): Promise<void> {
    const connection = await this.core.connection();
    const record = await this.getRun(runId);
    if (record !== undefined && !isFor(incarnation, record)) return;
    if (record !== undefined) await this.core.index.markRemoved(record);
    const meant = incarnation ?? record?.incarnation ?? '';
    await deletion.run(connection, this.core.keys.allOf(runId), [meant]);
    if (record === undefined) await this.core.index.unmark(runId);
    else await this.core.index.remove(record);
  }

  /** Lists expired runs. Corrects entries of the index that are wrong because a program died before it updated them. */
  async listExpired(limit: number): Promise<ExpiredRun[]> {
    const connection = await this.core.connection();
    const { expiring } = this.core.keys;
    const now = await timeOf(connection);
    const found = await connection.zrangebyscore(expiring, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit);
    const expired = await Promise.all(
      [...pairsOf(found)].map(async ([runId, score]) => {
        const record = await this.getRun(runId);
        if (record === undefined) await this.#removeRest(runId, connection);
        else if (isToBeRemoved(record, score, now)) return [record];
        else await this.core.index.follow(record);
        return [];
      }),
    );
    return expired.flat();
  }

  /** Removes the remains of a run whose removal was interrupted by the death of a program. */
  async #removeRest(runId: string, connection: Connection): Promise<void> {
    await deletion.run(connection, this.core.keys.allOf(runId), [ofNobody]);
    await this.core.index.unmark(runId);
  }

  async listIdle(milliseconds: number, limit: number, after?: RunCursor): Promise<IdlePage> {
    const connection = await this.core.connection();
    const since = (await timeOf(connection)) - milliseconds;
    const lists = await Promise.all(
      activeStatuses.map((status) => this.#filed(connection, status, since, limit, after)),
    );
    const filed = lists.flat().sort(compare);
    const page = filed.slice(0, limit);
    const idle = await Promise.all(page.map((one) => this.#isIdle(one, since)));
    const runIds = page.filter((_one, index) => idle[index]).map(({ runId }) => runId);
    const last = page.length < limit ? undefined : page.at(-1);
    return { runIds: [...new Set(runIds)], cursor: last && { createdAt: last.createdAt, runId: last.runId } };
  }

  /** Returns the runs listed under a status that were created no later than `until` and come after the cursor. */
  async #filed(
    connection: Connection,
    status: RunStatus,
    until: number,
    limit: number,
    after: RunCursor | undefined,
  ): Promise<FiledUnder[]> {
    const list = this.core.keys.listOf(undefined, status);
    const query = { order: 'oldest', after: 0, before: until + 1, cursor: after } as const;
    const found: FiledUnder[] = [];
    for await (const entries of walk(connection, list, query, atOnce)) {
      const places = entries.map(([runId, createdAt]) => ({ runId, createdAt, status }));
      found.push(...places.filter((place) => isBehind(place, after, 'oldest')));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  /** Returns true if a listed run is idle. Corrects the index if the run does not exist or has another status. */
  async #isIdle({ runId, status, createdAt }: FiledUnder, since: number): Promise<boolean> {
    const record = await this.getRun(runId);
    if (record === undefined) {
      const connection = await this.core.connection();
      await this.#forget(runId, undefined, connection, this.core.keys.listOf(undefined, status));
      return false;
    }
    if (record.status !== status || record.createdAt !== createdAt) await this.core.index.follow(record);
    return !isFinished(record.status) && Math.max(record.updatedAt, record.startAt) <= since;
  }

  async #page(connection: Connection, query: RunQuery, status: RunStatus | undefined): Promise<RunRecord[]> {
    const { workflow, limit } = query;
    const part = query.text === undefined ? undefined : folded(query.text);
    const list = this.core.keys.listOf(workflow, status);
    // A map by id, because a run that is listed again in the meantime may appear twice.
    const found = new Map<string, RunRecord>();
    for await (const entries of walk(connection, list, query, readAtOnce(query))) {
      const all = entries.map(([runId]) => runId);
      const ids = part === undefined ? all : await this.#withText(connection, all, part);
      const records = await Promise.all(ids.map((runId) => this.getRun(runId)));
      for (const [index, record] of records.entries()) {
        if (record === undefined) await this.#forget(ids[index] as string, workflow, connection, list);
        else if (workflow !== undefined && record.workflow !== workflow)
          await this.core.index.disown(record.runId, workflow);
        else if (status !== undefined && record.status !== status) await this.core.index.follow(record);
        else if (fits(record, query, part)) found.set(record.runId, record);
      }
      if (found.size >= limit) break;
    }
    return [...found.values()].slice(0, limit);
  }

  /** Filters runs by a text in their id or error. Most runs have no error, so little is read for them. */
  async #withText(connection: Connection, runIds: readonly string[], part: string): Promise<string[]> {
    const errors = await Promise.all(
      runIds.map((runId) => (contains(runId, part) ? null : connection.hget(this.core.keys.run(runId), 'error'))),
    );
    return runIds.filter((runId, index) => contains(runId, part) || contains(errors[index] ?? undefined, part));
  }

  /**
   * Removes a run without a record from the index, because the program that was starting or removing the run has died.
   * A run that was listed a short time ago is kept, because it may still be starting.
   */
  async #forget(runId: string, workflow: string | undefined, connection: Connection, list: string): Promise<void> {
    const [score, now] = await Promise.all([connection.zscore(list, runId), timeOf(connection)]);
    if (Number(score) > now - beginning) return;
    if (workflow !== undefined) await this.core.index.remove({ runId, workflow });
    const lists = [undefined, ...runStatuses].map((status) => this.core.keys.listOf(undefined, status));
    await Promise.all([list, ...lists].map((one) => connection.zrem(one, runId)));
  }
}

/** A run, and the status under which the index lists it. */
interface FiledUnder extends RunCursor {
  readonly status: RunStatus;
}

/** Returns the engine's time in epoch milliseconds. */
async function timeOf(connection: Connection): Promise<number> {
  const [seconds, micros] = await connection.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/** Parses the reply of a sorted set with scores. */
function* pairsOf(answer: readonly string[]): Generator<readonly [member: string, score: number]> {
  for (let at = 0; at < answer.length; at += 2) yield [answer[at] as string, Number(answer[at + 1])];
}

/** @param score - the run's score among the expiring runs: the time at which the run expires, or a mark */
function isToBeRemoved(record: RunRecord, score: number, now: number): boolean {
  if (!isFinished(record.status)) return false;
  return score === 0 || score === markOf(record) || expiryOf(record) <= now;
}

function expiryOf({ finishedAt, retention }: RunRecord): number {
  return finishedAt === undefined || retention === undefined ? Number.POSITIVE_INFINITY : finishedAt + retention;
}

/**
 * Reads the ids and scores of a list in order and in batches of `count`, within the bounds of the query. Each batch
 * starts after the last id that was returned. An offset would shift when runs are listed in the meantime.
 */
async function* walk(
  connection: Connection,
  list: string,
  { order, after, before, cursor }: Pick<RunQuery, 'order' | 'after' | 'before' | 'cursor'>,
  count: number,
): AsyncGenerator<(readonly [runId: string, createdAt: number])[], void, undefined> {
  const least = order === 'oldest' && cursor !== undefined ? Math.max(after, cursor.createdAt) : after;
  const most = order === 'newest' && cursor !== undefined ? Math.min(before, cursor.createdAt + 1) : before;
  let edge = order === 'newest' ? `(${most}` : `${least}`;
  // Number of ids already returned whose score equals the edge.
  for (let given = 0; ; ) {
    const answer =
      order === 'newest'
        ? await connection.zrevrangebyscore(list, edge, least, 'WITHSCORES', 'LIMIT', given, count)
        : await connection.zrangebyscore(list, edge, `(${most}`, 'WITHSCORES', 'LIMIT', given, count);
    const entries = [...pairsOf(answer)];
    if (entries.length > 0) yield entries;
    if (entries.length < count) return;
    const last = answer.at(-1) as string;
    const atEdge = answer.filter((value, index) => index % 2 === 1 && value === last).length;
    given = last === edge ? given + atEdge : atEdge;
    edge = last;
  }
}

/** Returns the number of runs to read at once for a page. */
function readAtOnce({ text, version, limit }: RunQuery): number {
  if (text !== undefined) return searchedAtOnce;
  return version === undefined ? Math.min(atOnce, limit + spare) : atOnce;
}

function fits(record: RunRecord, query: RunQuery, part: string | undefined): boolean {
  const { version, workflow, after, before, order, cursor } = query;
  if (version !== undefined && record.version !== version) return false;
  if (workflow !== undefined && record.workflow !== workflow) return false;
  if (part !== undefined && !hasText(record, part)) return false;
  return record.createdAt >= after && record.createdAt < before && isBehind(record, cursor, order);
}

function isBehind(record: RunCursor, cursor: RunCursor | undefined, order: RunQuery['order']): boolean {
  if (cursor === undefined) return true;
  return order === 'newest' ? compare(record, cursor) < 0 : compare(record, cursor) > 0;
}

/** Compares runs by time of creation, then by the bytes of their ids, as sorted sets do. */
function compare(one: RunCursor, other: RunCursor): number {
  return one.createdAt - other.createdAt || Buffer.compare(Buffer.from(one.runId), Buffer.from(other.runId));
}

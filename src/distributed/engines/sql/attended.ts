import { setTimeout as wait } from 'node:timers/promises';
import type * as Pg from 'pg';
import { inTime, SilenceError, within } from '../in-time.js';
import type { Query } from './database.js';

/**
 * Number of consecutive checks after which the connection is cut, if each check finds the server idle while a statement
 * has no answer.
 */
const mostIdle = 2;

/** Minimum and maximum interval between two checks of the server, in milliseconds. */
const shortestInterval = 1_000;
const longestInterval = 3_000;

/** The operations and the time limit for watching over statements. */
export interface Attendance {
  /** Milliseconds without an answer or any other activity of the server, after which a statement is given up. */
  readonly limit: number;
  /** Queries the server on other connections. */
  readonly ask: (text: string, values: readonly unknown[], limit: number) => Promise<readonly Pg.QueryResultRow[]>;
  /** Cuts the connection that runs the statements. */
  readonly cut: () => void;
}

/**
 * Runs statements of unbounded duration, such as changes to large tables. A half-open connection looks like a
 * connection with a long statement. Therefore another connection asks the server about the session of the first
 * connection. If the server reports twice that the session is idle while a statement has no answer, the connection is
 * cut, and its session, which may hold locks, is ended on the server.
 *
 * @throws {SilenceError} if the server is not working on the statement, or cannot be asked for `limit` milliseconds
 */
export async function attended<Result>(
  client: Pg.PoolClient,
  work: (query: Query) => Promise<Result>,
  attendance: Attendance,
): Promise<Result> {
  const { limit, cut } = attendance;
  const interval = Math.min(longestInterval, Math.max(shortestInterval, limit / 8));
  const whole = Math.min(limit, mostIdle * interval);
  const { rows } = await inTime(client.query<SessionRow>(ownSession), within(whole), cut);
  return new Attended(client, rows[0] as SessionRow, interval, attendance).run(work);
}

interface SessionRow {
  readonly pid: number;
  readonly since: string;
}

/** Identifies the session of the connection. Process ids are reused, but not with the same start time. */
const ownSession = 'select pid, backend_start::text as since from pg_stat_activity where pid = pg_backend_pid()';

const sessions = 'from pg_stat_activity where pid = $1 and backend_start::text = $2';

/**
 * Checks if a session is idle. A server that does not track the activity of its sessions reports no state. An existing
 * session then counts as active.
 */
const isIdle = `select coalesce(state like 'idle%', false) as is_idle ${sessions}`;

const ending = `select pg_terminate_backend(pid) ${sessions}`;

class Attended {
  /** Number of the last statement, and number of the statement in progress, if any. */
  #last = 0;
  #underWay: number | undefined = undefined;
  /** Time at which the server last showed activity. */
  #heard = performance.now();
  readonly #over = new AbortController();

  constructor(
    private readonly client: Pg.PoolClient,
    private readonly session: SessionRow,
    private readonly interval: number,
    private readonly attendance: Attendance,
  ) {}

  async run<Result>(work: (query: Query) => Promise<Result>): Promise<Result> {
    const working = work((text, values) => this.#query(text, values));
    const watching = this.#watch();
    // A promise that settles later has no other listener.
    working.catch(() => undefined);
    watching.catch(() => undefined);
    try {
      return await Promise.race([working, watching]);
    } finally {
      this.#over.abort();
    }
  }

  async #query(text: string, values: readonly unknown[] = []): Promise<readonly Pg.QueryResultRow[]> {
    const number = ++this.#last;
    this.#underWay = number;
    this.#heard = performance.now();
    try {
      return (await this.client.query(text, [...values])).rows;
    } finally {
      if (this.#underWay === number) this.#underWay = undefined;
    }
  }

  /** Checks the server at intervals. Settles only by rejecting. */
  async #watch(): Promise<never> {
    const { signal } = this.#over;
    const { limit } = this.attendance;
    for (let idle = 0; ; ) {
      await wait(this.interval, undefined, { signal });
      const asked = this.#underWay;
      if (asked === undefined) continue;
      const is = await this.#look();
      if (this.#underWay !== asked) idle = 0;
      else if (is === 'at work') {
        idle = 0;
        this.#heard = performance.now();
      } else {
        if (is === 'idle') idle++;
        if (idle < mostIdle && performance.now() - this.#heard < limit) continue;
        await this.#giveUp();
        throw new SilenceError(performance.now() - this.#heard);
      }
    }
  }

  async #look(): Promise<'at work' | 'idle' | 'unknown'> {
    try {
      const [row] = await this.#ask(isIdle);
      return row === undefined || row.is_idle === true ? 'idle' : 'at work';
    } catch {
      return 'unknown';
    }
  }

  async #giveUp(): Promise<void> {
    this.attendance.cut();
    await this.#ask(ending).catch(() => undefined);
  }

  #ask(text: string): Promise<readonly Pg.QueryResultRow[]> {
    const { pid, since } = this.session;
    return this.attendance.ask(text, [pid, since], this.interval);
  }
}

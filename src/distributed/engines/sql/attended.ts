import { setTimeout as wait } from 'node:timers/promises';
import type * as Pg from 'pg';
import { inTime, SilenceError, within } from '../in-time.js';
import type { Query } from './database.js';

/** How often the server may say, one time after the other, that it is not at work on a statement that has no answer yet. */
const mostIdle = 2;

/** Milliseconds between two looks at a server, at least and at most. */
const shortestInterval = 1_000;
const longestInterval = 3_000;

/** How statements are attended to. */
export interface Attendance {
  /** Milliseconds without an answer or a sign of work after which a statement is given up. */
  readonly limit: number;
  /** Asks the server on other connections. */
  readonly ask: (text: string, values: readonly unknown[], limit: number) => Promise<readonly Pg.QueryResultRow[]>;
  /** Cuts the connection of the statements. */
  readonly cut: () => void;
}

/**
 * Runs statements that take as long as they take, such as changes of large tables. A connection that has gone half-open
 * looks like one whose statement takes long, so the server is asked on another connection what it does for the first. If it
 * says twice that it waits for a statement while one has no answer, the connection is cut, and the session on the server,
 * which may hold locks, is ended.
 *
 * @throws {SilenceError} where the server is not at work, or cannot be asked for as long as `limit`
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

/** Numbers of processes are used again; together with their start they are not. */
const ownSession = 'select pid, backend_start::text as since from pg_stat_activity where pid = pg_backend_pid()';

const sessions = 'from pg_stat_activity where pid = $1 and backend_start::text = $2';

/** A server that does not keep track of what its sessions do has no state here: a session that is there is taken to work. */
const isIdle = `select coalesce(state like 'idle%', false) as is_idle ${sessions}`;

const ending = `select pg_terminate_backend(pid) ${sessions}`;

class Attended {
  /** The number of the last statement; and the one that is under way, if there is one. */
  #last = 0;
  #underWay: number | undefined = undefined;
  /** When the server has last given a sign of work. */
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
    // Of the two that is late, nobody hears.
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

  /** Settles only with a failure. */
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

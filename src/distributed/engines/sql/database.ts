import type * as Bull from 'bullmq';
import type { Limit } from '../in-time.js';
import type { Place } from '../place.js';

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** Statements of one connection. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** A PostgreSQL database, wherever it runs: what the engine asks of it. */
export interface Database {
  /**
   * Runs one statement. It may have been executed where it rejects: the connection may be lost on the way back.
   *
   * @param limit - after it the statement is given up, with the connection that has not answered
   */
  query(text: string, values?: readonly unknown[], limit?: Limit): Promise<readonly Row[]>;
  /** Runs statements that belong together on one connection, of which nobody else has the use meanwhile. */
  exclusively<Result>(work: (query: Query) => Promise<Result>, limit?: Limit): Promise<Result>;
  /**
   * Like `exclusively`, for statements that take as long as they take.
   *
   * @param limit - milliseconds without an answer or a sign that the server is at work, after which it rejects
   */
  attended<Result>(work: (query: Query) => Promise<Result>, limit: number): Promise<Result>;
  /** Runs a text of several statements, without values. */
  script(text: string, query: Query): Promise<void>;
  /** Calls a function with what is notified on a channel, until the function that comes back is called. */
  listen(channel: string, onNotification: (payload: string) => void, limit?: Limit): Promise<() => void>;
  /** Connections for the queue, whose search path is its schema. */
  readonly queuePool: Bull.PgPool;
  /** Where the program is that uses it. */
  place(): Promise<Place>;
  /** Ends in bounded time. */
  close(): Promise<void>;
}

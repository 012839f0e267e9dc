import type * as Bull from 'bullmq';
import type { Limit } from '../in-time.js';
import type { Place } from '../place.js';

/** A row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs a statement on one connection. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** A PostgreSQL database, on a server or in this program, as the engine uses it. */
export interface Database {
  /**
   * Runs one statement. If the promise rejects, the statement may still have been executed: the connection may be lost
   * before the answer arrives.
   *
   * @param limit - time limit after which the statement and its connection are given up
   */
  query(text: string, values?: readonly unknown[], limit?: Limit): Promise<readonly Row[]>;
  /** Runs several statements on one connection that has no other user meanwhile. */
  exclusively<Result>(work: (query: Query) => Promise<Result>, limit?: Limit): Promise<Result>;
  /**
   * Like `exclusively`, for statements of unbounded duration.
   *
   * @param limit - milliseconds without an answer or a sign of work from the server, after which the promise rejects
   */
  attended<Result>(work: (query: Query) => Promise<Result>, limit: number): Promise<Result>;
  /** Runs a text of several statements without values. */
  script(text: string, query: Query): Promise<void>;
  /** Calls `onNotification` with each payload notified on a channel, until the returned function is called. */
  listen(channel: string, onNotification: (payload: string) => void, limit?: Limit): Promise<() => void>;
  /** Connections for the queue. Their search path is the schema of the queue. */
  readonly queuePool: Bull.PgPool;
  /** Returns the place of this program; see `Place`. */
  place(): Promise<Place>;
  /** Closes the database in bounded time. */
  close(): Promise<void>;
}

import type * as Bull from 'bullmq';
import type { Place } from '../../../shared/place.js';
import type { Limit } from '../in-time.js';

/** A row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs a statement on one connection. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** The operations that the engine needs from a PostgreSQL database, which is on a server or in this program. */
export interface Database {
  /**
   * Runs one statement. If the promise rejects, the statement may still have been executed, because the connection may
   * be lost before the answer arrives.
   *
   * @param limit - time limit after which the statement and its connection are given up
   */
  query(text: string, values?: readonly unknown[], limit?: Limit): Promise<readonly Row[]>;
  /** Runs several statements on one connection, which has no other user in the meantime. */
  exclusively<Result>(work: (query: Query) => Promise<Result>, limit?: Limit): Promise<Result>;
  /**
   * Like `exclusively`, but for statements of unbounded duration.
   *
   * @param limit - milliseconds after which the promise rejects, if the server has neither answered nor been seen
   *   working
   */
  attended<Result>(work: (query: Query) => Promise<Result>, limit: number): Promise<Result>;
  /** Runs a text that contains several statements, without values. */
  script(text: string, query: Query): Promise<void>;
  /** Calls `onNotification` with each payload that is sent on a channel, until the returned function is called. */
  listen(channel: string, onNotification: (payload: string) => void, limit?: Limit): Promise<() => void>;
  /** Connections for the queue. Their search path is the schema of the queue. */
  readonly queuePool: Bull.PgPool;
  /** Returns the place of this program; see `Place`. */
  place(): Promise<Place>;
  /** Closes the database within a limited time. */
  close(): Promise<void>;
}

import type * as Bull from 'bullmq';
import type { Place } from '../place.js';

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A PostgreSQL database, wherever it runs: what the engine asks of it. */
export interface Database {
  /** Runs one statement. It may have been executed where it rejects: the connection may be lost on the way back. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs statements that belong together on one connection, of which nobody else has the use meanwhile. */
  exclusively<Result>(work: (query: Database['query']) => Promise<Result>): Promise<Result>;
  /** Runs a text of several statements, without values. */
  script(text: string, query: Database['query']): Promise<void>;
  /** Calls a function with what is notified on a channel, until the function that comes back is called. */
  listen(channel: string, onNotification: (payload: string) => void): Promise<() => void>;
  /** Connections whose search path is the schema of the queue. */
  readonly queuePool: Bull.PgPool;
  /** Where the program is that uses it. */
  place(): Promise<Place>;
  /** Ends all connections but those of a pool that was handed over, in bounded time. May be called twice. */
  close(): Promise<void>;
}

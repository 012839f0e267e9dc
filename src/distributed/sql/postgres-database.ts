import { setMaxListeners } from 'node:events';
import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import type * as Pg from 'pg';
import { EngineError } from '../errors.js';
import { surviving } from '../listening.js';
import { type Place, thisPlace } from '../place.js';
import { unless } from '../unless.js';
import type { Database, Row } from './database.js';
import { Listener } from './listener.js';
import { cut, ended } from './sessions.js';

/** How long what is under way has to end in order when the database is closed, in milliseconds; then it is cut. */
const farewell = 3_000;

/** What a database on a server is made from. */
export interface Sources {
  /** What it is and where, for errors. */
  readonly name: string;
  /** For the engine. */
  readonly pool: Pg.Pool;
  /** If true, the pool for the engine was handed over, and stays open. */
  readonly isGiven: boolean;
  /** For the queue. */
  readonly queue: Pg.Pool;
  /** The engine's own clients that have a connection, or are about to. */
  readonly clients: ReadonlySet<Pg.Client>;
  /** A client of no pool. */
  newClient(): Pg.Client;
}

/** A database on a PostgreSQL server. Its own connections end with it, whether or not the server answers. */
export class PostgresDatabase implements Database {
  readonly queuePool: Bull.PgPool;
  readonly #sources: Sources;
  readonly #end = new AbortController();
  /** What is under way. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #forsake: () => void;
  #closing: Promise<void> | undefined = undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
    const { pool, queue } = sources;
    this.queuePool = queue as unknown as Bull.PgPool;
    // Each worker of the queue listens to it.
    queue.setMaxListeners(0);
    setMaxListeners(0, this.#end.signal);
    // Connections of the engine's own may fail even after it is closed, while they end.
    surviving(queue);
    this.#forsake = surviving(pool);
  }

  query(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // Named, so that a connection parses and plans it once.
    const name = values.length === 0 ? undefined : nameOf(text);
    const statement = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    return this.#untilEnd(async () => (await this.#sources.pool.query(statement)).rows);
  }

  exclusively<Result>(work: (query: Database['query']) => Promise<Result>): Promise<Result> {
    return this.#untilEnd(() =>
      this.#use((client) => work(async (text, values = []) => (await client.query(text, [...values])).rows)),
    );
  }

  async script(text: string, query: Database['query']): Promise<void> {
    await query(text);
  }

  async listen(channel: string, onNotification: (payload: string) => void): Promise<() => void> {
    const { signal } = this.#end;
    const newClient = () => {
      signal.throwIfAborted();
      return this.#sources.newClient();
    };
    const listener = await this.#untilEnd(() => Listener.start(newClient, channel, onNotification));
    return () => listener.stop();
  }

  place(): Promise<Place> {
    return thisPlace();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { name, pool, isGiven, queue, clients } = this.#sources;
    const pools = isGiven ? [queue] : [pool, queue];
    const over = [...pools.map((own) => own.end()), ...[...clients].map(ended), ...this.#pending];
    await pTimeout(Promise.allSettled(over), { milliseconds: farewell, fallback: () => undefined });
    for (const client of clients) cut(client);
    this.#end.abort(new EngineError(name, 'was closed'));
    if (isGiven) this.#forsake();
  }

  /** Does something that is not waited for beyond the end. */
  async #untilEnd<Result>(work: () => Promise<Result>): Promise<Result> {
    const { signal } = this.#end;
    signal.throwIfAborted();
    const working = work();
    this.#pending.add(working);
    try {
      return await unless(signal, working);
    } finally {
      this.#pending.delete(working);
    }
  }

  /** Does something with a client that nobody else uses meanwhile. */
  async #use<Result>(work: (client: Pg.PoolClient) => Promise<Result>): Promise<Result> {
    const { client, forsake } = await this.#take();
    try {
      const result = await work(client);
      client.release();
      // The pool listens again by now.
      forsake();
      return result;
    } catch (error) {
      // The pool ends it, and what comes of that is heard here.
      client.release(error instanceof Error ? error : true);
      throw error;
    }
  }

  /**
   * A client of the pool. It is listened to from the moment at which the pool hands it out: a server may end a connection in
   * the same breath in which it has accepted it.
   */
  #take(): Promise<{ readonly client: Pg.PoolClient; readonly forsake: () => void }> {
    return new Promise((resolve, reject) => {
      this.#sources.pool.connect((error, client) => {
        if (client === undefined) reject(error);
        else resolve({ client, forsake: surviving(client) });
      });
    });
  }
}

const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `orchestrator_${names.size}`;
    names.set(text, name);
  }
  return name;
}

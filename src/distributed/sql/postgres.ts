import type * as Bull from 'bullmq';
import type * as Pg from 'pg';
import { loadPeers } from '../../peers.js';
import { aName, aValue } from '../../validate.js';
import { placeOf } from '../address.js';
import type { Engine } from '../contracts.js';
import { surviving } from '../listening.js';
import { type EngineOptions, readEngineOptions } from '../options.js';
import { type Place, thisPlace } from '../place.js';
import type { Database, Row } from './database.js';
import { Listener } from './listener.js';
import { SqlEngine } from './sql-engine.js';

/** How many batches of statements of one kind are under way at the same time, and how many connections there are. */
const width = 4;
const connections = 12;

/** A pool of `pg`; who has no such package need not have its types. */
export interface PostgresPool {
  readonly options: object;
  query(...args: never[]): unknown;
  connect(...args: never[]): unknown;
}

const aPool = aValue<Pg.Pool>('an address, or a pool of pg', (value) => {
  const { options, query, connect } = Object(value) as Partial<PostgresPool>;
  return typeof options === 'object' && typeof query === 'function' && typeof connect === 'function';
});

/**
 * An engine on a PostgreSQL server, of version 14 or later. Needs the packages `bullmq` and `pg`. Its tables are in a
 * schema that is called like the prefix, those of the queue in the schema `bullmq`; both are made when they are not there.
 *
 * @param server - an address (`postgres://user:password@host:5432/database`), or a pool of `pg`, which stays open when the
 *   engine is closed; the queue has connections of its own
 * @throws {ValidationError} for an option that is none
 *
 * @example
 * const engine = postgres('postgres://app:secret@127.0.0.1:5432/app');
 */
export function postgres(server: string | PostgresPool, options: EngineOptions = {}): Engine {
  const read = readEngineOptions(options);
  const pool = typeof server === 'string' ? undefined : aPool(server, 'server');
  const given: Pg.PoolConfig = pool?.options ?? { connectionString: aName(server, 'url') };
  const name = `postgres at ${addressOf(given)}`;
  return new SqlEngine({ name, options: read, width, open: () => open(name, pool, given, read.connectTimeout) });
}

async function open(
  name: string,
  pool: Pg.Pool | undefined,
  given: Pg.PoolConfig,
  connectionTimeoutMillis: number,
): Promise<Database> {
  const { pg } = await loadPeers<{ pg: typeof Pg & { default?: typeof Pg } }>(name, ['pg']);
  const { Pool, Client } = pg.default ?? pg;
  // A pool does not let its password be seen, nor copied with the rest.
  const password = given.password === undefined ? {} : { password: given.password };
  const config = { ...given, ...password, connectionTimeoutMillis, max: connections, keepAlive: true };
  const own = pool === undefined ? new Pool(config) : undefined;
  const queueOptions = `${given.options ?? ''} -c search_path=bullmq`.trim();
  const queuePool = new Pool({ ...config, options: queueOptions });
  for (const made of own === undefined ? [queuePool] : [own, queuePool]) {
    // A connection that is lost is replaced by the next that is needed; whoever uses it is told of the loss by the query.
    made.on('error', () => undefined);
    made.on('connect', (client) => client.on('error', () => undefined));
  }
  // Each worker of the queue listens to it.
  queuePool.setMaxListeners(0);
  const database = new PostgresDatabase(pool ?? (own as Pg.Pool), own, queuePool, () => new Client(config));
  try {
    await database.query('select 1');
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

class PostgresDatabase implements Database {
  readonly queuePool: Bull.PgPool;
  readonly #forsake: () => void;

  constructor(
    private readonly pool: Pg.Pool,
    private readonly own: Pg.Pool | undefined,
    private readonly queueConnections: Pg.Pool,
    private readonly newClient: () => Pg.Client,
  ) {
    this.queuePool = queueConnections as unknown as Bull.PgPool;
    this.#forsake = surviving(pool);
  }

  async query(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // Named, so that a connection parses and plans it once.
    const name = values.length === 0 ? undefined : nameOf(text);
    return (await this.pool.query({ text, values: [...values], ...(name === undefined ? {} : { name }) })).rows;
  }

  async exclusively<Result>(work: (query: Database['query']) => Promise<Result>): Promise<Result> {
    const { client, forsake } = await this.#take();
    try {
      const result = await work(async (text, values = []) => (await client.query(text, [...values])).rows);
      client.release();
      // The pool listens again by now.
      forsake();
      return result;
    } catch (error) {
      // The pool ends the client, and what comes of that is heard here.
      client.release(error instanceof Error ? error : true);
      throw error;
    }
  }

  async script(text: string, query: Database['query']): Promise<void> {
    await query(text);
  }

  async listen(channel: string, onNotification: (payload: string) => void): Promise<() => void> {
    const listener = await Listener.start(this.newClient, channel, onNotification);
    return () => listener.stop();
  }

  place(): Promise<Place> {
    return thisPlace();
  }

  async close(): Promise<void> {
    await Promise.all([this.own?.end(), this.queueConnections.end()]);
    this.#forsake();
  }

  /**
   * A client of the pool. It is listened to from the moment at which the pool hands it out: a server may end a connection in
   * the same breath in which it has accepted it.
   */
  #take(): Promise<{ readonly client: Pg.PoolClient; readonly forsake: () => void }> {
    return new Promise((resolve, reject) => {
      this.pool.connect((error, client) => {
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

function addressOf({ connectionString, host = 'localhost', port = 5432 }: Pg.PoolConfig): string {
  return connectionString === undefined ? `${host}:${port}` : placeOf('postgres', connectionString, 5432);
}

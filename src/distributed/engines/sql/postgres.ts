import type * as Pg from 'pg';
import type { Cancellation } from '../../../kernel/cancellation.js';
import { placeOf } from '../../../shared/address.js';
import { loadPeers } from '../../../shared/peers.js';
import { judgeSql } from '../../../shared/sql-errors.js';
import { aName, aValue } from '../../../shared/validate.js';
import type { DisposableEngine } from '../../contracts.js';
import { type EngineOptions, type ReadEngineOptions, readEngineOptions } from '../options.js';
import { persistently } from '../persistence.js';
import { PostgresDatabase } from './postgres-database.js';
import { configOf } from './sessions.js';
import { SqlEngine } from './sql-engine.js';

/** Maximum number of batches in flight for each kind of statement. */
const width = 4;

/** Minimum number of connections of an engine: one for the engine, one for the queue, and one that listens. */
const fewestConnections = 3;
const defaultConnections = 25;

/**
 * Returns the milliseconds for which BullMQ and the listener wait for an answer: a quarter of `operationTimeout`, but
 * at least 1 s and at most 30 s.
 */
const patienceOf = (operationTimeout: number) => Math.min(30_000, Math.max(1_000, operationTimeout / 4));

/**
 * A pool of the package `pg`. The interface lists only the members that identify a pool, so that the types compile even
 * without `pg`.
 */
export interface PostgresPool {
  readonly options: object;
  query(...args: never[]): unknown;
  connect(...args: never[]): unknown;
}

/**
 * Options of `postgres()`: the options of every engine on a server, and the number of connections. A larger pool helps
 * programs with many workers; a smaller one suits servers with a low `max_connections`.
 */
export interface PostgresOptions extends EngineOptions {
  /**
   * Maximum number of connections of the engine, at least 3: one for the engine, one for the queue, and one that
   * listens. Half of the connections are for the queue. Orchestrators and workers on one engine share its connections,
   * but a program with several engines has connections for each of them. Connections of a user-supplied pool are not
   * counted. Default: 25.
   */
  readonly maxConnections?: number | undefined;
}

const aPool = aValue<Pg.Pool>('an address, or a pool of pg', (value) => {
  const { options, query, connect } = Object(value) as Partial<PostgresPool>;
  return typeof options === 'object' && typeof query === 'function' && typeof connect === 'function';
});

const someConnections = aValue<number>(
  `a whole number of at least ${fewestConnections}`,
  (value) => Number.isSafeInteger(value) && (value as number) >= fewestConnections,
);

/**
 * Creates an engine on a PostgreSQL server, version 14 or later. Needs the packages `bullmq` and `pg`. The tables of
 * the engine are in a schema named after the prefix in lower case; the tables of the queue are in the schema `bullmq`.
 * Missing schemas are created at the first use if the role has the right to do so; otherwise see `migratePostgres`. The
 * engine opens up to 25 connections; see `maxConnections`.
 *
 * @param server - an address (`postgres://user:password@host:5432/database`), or a pool of `pg`. A pool stays open
 *   when the engine is closed. The queue opens its own connections, with the options of the pool
 * @param options - `prefix`, timeouts and `maxConnections`; see `PostgresOptions`. Default: all defaults
 * @throws {ValidationError} if the address or an option is invalid
 *
 * @example
 * const engine = postgres('postgres://app:secret@127.0.0.1:5432/app', { maxConnections: 10 });
 */
export function postgres(server: string | PostgresPool, options: PostgresOptions = {}): DisposableEngine {
  const { maxConnections = defaultConnections, ...rest } = options;
  const read = readEngineOptions(rest);
  const most = someConnections(maxConnections, 'maxConnections');
  const target = targetOf(server);
  const { name } = target;
  return new SqlEngine({ name, options: read, width, open: (end) => open(target, read, most, end) });
}

/** The server to connect to, given as an address or as a pool. */
export interface Target {
  /** Kind and address without the password, for messages. */
  readonly name: string;
  readonly pool: Pg.Pool | undefined;
  readonly given: Pg.PoolConfig;
}

export function targetOf(server: string | PostgresPool): Target {
  const pool = typeof server === 'string' ? undefined : aPool(server, 'server');
  const given: Pg.PoolConfig = pool?.options ?? { connectionString: aName(server, 'server') };
  return { name: `postgres at ${addressOf(given)}`, pool, given };
}

/**
 * Connects to a server. While the server is starting, retries until the time is up.
 *
 * @param until - aborts the attempt. Default: never
 */
export async function open(
  { name, pool, given }: Target,
  { connectTimeout, operationTimeout }: Pick<ReadEngineOptions, 'connectTimeout' | 'operationTimeout'>,
  most: number,
  until?: Cancellation,
): Promise<PostgresDatabase> {
  const { pg } = await loadPeers<{ pg: typeof Pg & { default?: typeof Pg } }>(name, ['pg']);
  const { Pool, Client } = pg.default ?? pg;
  const patience = patienceOf(operationTimeout);
  const clients = new Set<Pg.Client>();
  const session = {
    given,
    clients,
    // A user-supplied pool may have its own client class.
    Client: (pool as unknown as { readonly Client?: typeof Client } | undefined)?.Client ?? Client,
    timeout: Math.min(connectTimeout, patience),
  };
  const forEngine = pool === undefined ? Math.floor((most - 1) / 2) : 0;
  const database = new PostgresDatabase({
    pool: pool ?? new Pool(configOf({ ...session, max: forEngine })),
    isGiven: pool !== undefined,
    queue: new Pool(configOf({ ...session, max: most - forEngine, searchPath: 'bullmq' })),
    clients,
    patience,
  });
  try {
    await persistently({ name, timeout: connectTimeout, judge: judgeSql, until }, async (attempt) => {
      await database.query('select 1', [], attempt);
      await database.assertSessions(attempt);
    });
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

function addressOf({ connectionString, host = 'localhost', port = 5432 }: Pg.PoolConfig): string {
  return connectionString === undefined ? `${host}:${port}` : placeOf('postgres', connectionString, 'server', 5432);
}

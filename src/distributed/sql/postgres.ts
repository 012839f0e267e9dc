import type * as Pg from 'pg';
import { loadPeers } from '../../peers.js';
import { aName, aValue } from '../../validate.js';
import { placeOf } from '../address.js';
import type { Engine } from '../contracts.js';
import { type EngineOptions, readEngineOptions } from '../options.js';
import type { Database } from './database.js';
import { PostgresDatabase } from './postgres-database.js';
import { tracked } from './sessions.js';
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
  return new SqlEngine({
    name,
    options: read,
    width,
    open: (signal) => open({ name, pool, given }, read.connectTimeout, signal),
  });
}

/** A server, as it was given. */
interface Target {
  /** For messages: without a password. */
  readonly name: string;
  readonly pool: Pg.Pool | undefined;
  readonly given: Pg.PoolConfig;
}

async function open(
  { name, pool, given }: Target,
  connectionTimeoutMillis: number,
  signal: AbortSignal,
): Promise<Database> {
  const { pg } = await loadPeers<{ pg: typeof Pg & { default?: typeof Pg } }>(name, ['pg']);
  const { Pool, Client } = pg.default ?? pg;
  const clients = new Set<Pg.Client>();
  const Tracked = tracked((given.Client as typeof Client | undefined) ?? Client, clients);
  // A pool does not let its password be seen, nor copied with the rest.
  const password = given.password === undefined ? {} : { password: given.password };
  const common = { ...given, ...password, connectionTimeoutMillis, max: connections, keepAlive: true };
  const config = { ...common, Client: Tracked } as Pg.PoolConfig;
  const queueOptions = `${given.options ?? ''} -c search_path=bullmq`.trim();
  const database = new PostgresDatabase({
    name,
    pool: pool ?? new Pool(config),
    isGiven: pool !== undefined,
    queue: new Pool({ ...config, options: queueOptions }),
    clients,
    newClient: () => new Tracked(common),
  });
  const close = () => void database.close();
  signal.addEventListener('abort', close);
  try {
    signal.throwIfAborted();
    await database.query('select 1');
    return database;
  } catch (error) {
    await database.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function addressOf({ connectionString, host = 'localhost', port = 5432 }: Pg.PoolConfig): string {
  return connectionString === undefined ? `${host}:${port}` : placeOf('postgres', connectionString, 5432);
}

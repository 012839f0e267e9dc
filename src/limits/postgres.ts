import type * as Pg from 'pg';
import { placeOf } from '../shared/address.js';
import { Once } from '../shared/once.js';
import { loadPeers } from '../shared/peers.js';
import { identifier } from '../shared/sql-identifier.js';
import { anId, aValue } from '../shared/validate.js';
import { readAsset } from './assets.js';
import { Calls, soon } from './calls.js';
import { claimHold, claimTime } from './claims.js';
import { type Obstacle, StoreError } from './errors.js';
import type { LimitStore, PlaceRequest, SharedPlace } from './store.js';

/** The part of a pool of `pg` that the store uses. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
}

/** A connection from the pool. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** The statements, without their comments. */
const statements = Object.fromEntries(
  (['missing', 'tables', 'take', 'release', 'renew', 'pause', 'sweep'] as const).map((name) => [
    name,
    readAsset(`postgres/${name}.sql`).replaceAll(/^ *--.*\n/gm, ''),
  ]),
);

const aSource = aValue<string | PostgresPool>(
  'a URL, or a pool of pg',
  (value) =>
    (typeof value === 'string' && value !== '') || typeof (value as PostgresPool | null)?.connect === 'function',
);

/** Shortest time between two removals of what has expired under keys that nobody uses any more, in milliseconds. */
const sweepInterval = 60_000;

/** Milliseconds that own connections get to end in good order before they are cut. */
const farewell = 1_000;

const obstacles = (schema: string): readonly Obstacle[] => [
  { pattern: /^28...$/, remedy: 'check user and password', isFinal: true },
  { pattern: /^3D000$/, remedy: 'create the database', isFinal: true },
  { pattern: /^3F000$/, remedy: `create the schema ${schema}, or give postgresLimits() another one`, isFinal: true },
  {
    pattern: /^42501$/,
    remedy:
      `let a user who may create tables in the schema ${schema} use the limit once, then grant USAGE on the schema and ` +
      'SELECT, INSERT, UPDATE, DELETE on its tables orchestrator_limit_*',
    isFinal: true,
  },
  { pattern: /statement pooling mode/, remedy: 'give the pooler the mode transaction or session', isFinal: true },
  {
    pattern: /^(22|42)...$/,
    remedy: 'check that the tables orchestrator_limit_* are those that postgresLimits() creates',
    isFinal: true,
  },
  { pattern: /after calling end/, remedy: 'close the limits before their pool', isFinal: true },
  { pattern: /reuse a client/, remedy: 'give postgresLimits() a Pool of pg', isFinal: true },
  { pattern: /^25006$/, remedy: 'the server is a replica, or read-only: give the address of the primary' },
  { pattern: /^57014$/, remedy: 'give the user a longer statement_timeout' },
  { pattern: /^53300$/, remedy: 'allow the server more connections' },
];

/**
 * Keeps shared limits in a Postgres database, with `pg` (an optional peer dependency). A place is granted in a
 * transaction, under a lock for the limit and the key, according to the server's clock. The store creates its tables on
 * first use if they are missing.
 *
 * @param source - the URL of the database, or a pool of `pg`; `close()` does not end a pool passed here
 * @param schema - an existing schema for the tables. Default: `public`
 * @throws {ValidationError} if `source` is neither a URL nor a pool
 * @example
 * const store = postgresLimits('postgres://localhost/app');
 * const github = limit({ name: 'github', rate: 10, store });
 */
export function postgresLimits(source: string | PostgresPool, schema = 'public'): LimitStore {
  return new PostgresLimits(aSource(source, 'source'), anId(schema, 'schema'));
}

/** Code of the error for a table that does not exist. */
const undefinedTable = '42P01';

class PostgresLimits implements LimitStore {
  readonly #pool: Once<PostgresPool>;
  readonly #calls: Calls;
  /** Creates the tables that are missing. */
  #tables: Once<void>;
  #own: OwnPool | undefined = undefined;
  /** Times of the next sweeps, by limit, on the monotonic clock. */
  readonly #sweeps = new Map<string, number>();

  /** The schema, quoted. */
  readonly #schema: string;

  constructor(source: string | PostgresPool, schema: string) {
    this.#schema = identifier(schema);
    const server =
      typeof source === 'string' ? `postgres at ${placeOf('postgres', source, 'source', 5432)}` : 'postgres';
    const known = obstacles(this.#schema);
    this.#calls = new Calls((error) => StoreError.from(error, server, known));
    this.#pool = new Once(async () => {
      if (typeof source !== 'string') return source;
      this.#own = await OwnPool.open(source);
      return this.#own.pool;
    });
    this.#tables = this.#newTables();
  }

  async take({ limit, key, id, cost, concurrency, rate, per, lease, waited }: PlaceRequest): Promise<number> {
    const values = {
      ...{ lock: literal(JSON.stringify([limit, key])), limit: literal(limit), key: literal(key), id: literal(id) },
      ...{ cost: number(cost), concurrency: number(concurrency), rate: number(rate), per: number(per) },
      ...{ lease: number(lease), waited: number(waited) },
      ...{ claim_time: number(claimTime), claim_hold: number(claimHold) },
    };
    const [{ delay }] = (await this.#run(this.#text('take', values))) as [{ readonly delay: number }];
    this.#sweep(limit, per);
    return delay;
  }

  async release({ limit, key, id }: SharedPlace, refund = 0): Promise<void> {
    await this.#run(this.#text('release'), [limit, key, id, refund]);
  }

  async renew(places: readonly SharedPlace[], lease: number): Promise<void> {
    const columns = [places.map(({ limit }) => limit), places.map(({ key }) => key), places.map(({ id }) => id)];
    await this.#run(this.#text('renew'), [...columns, lease]);
  }

  async pause(limit: string, key: string, milliseconds: number): Promise<void> {
    // The end of a pause of more than a century might not fit a timestamp.
    const most = Math.min(milliseconds, 100 * 365 * 24 * 3_600_000);
    await this.#run(this.#text('pause'), [limit, key, most]);
  }

  async close(): Promise<void> {
    await this.#calls.close();
    await this.#own?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Removes rows of keys that are no longer in use, from time to time. */
  #sweep(limit: string, per: number): void {
    const now = performance.now();
    if ((this.#sweeps.get(limit) ?? 0) > now) return;
    this.#sweeps.set(limit, now + Math.max(per, sweepInterval));
    // A failure is ignored, because the next sweep tries again.
    this.#run(this.#text('sweep'), [limit, per]).catch(() => {});
  }

  #run(text: string, values?: unknown[]): Promise<readonly unknown[]> {
    return this.#calls.make(async (late) => {
      const pool = await this.#pool.get();
      await this.#tables.get();
      try {
        return await query(pool, late, text, values);
      } catch (error) {
        if ((error as { readonly code?: unknown }).code !== undefinedTable) throw error;
        // Somebody has dropped the tables.
        this.#tables = this.#newTables();
        await this.#tables.get();
        return query(pool, late, text, values);
      }
    });
  }

  #newTables(): Once<void> {
    return new Once(() =>
      this.#calls.make(async (late) => {
        const pool = await this.#pool.get();
        const missing = await query(pool, late, this.#text('missing'), [this.#schema]);
        if (missing.length > 0) await query(pool, late, this.#text('tables'));
      }),
    );
  }

  /** Returns the text of a statement, with the schema and other values in place of the names in braces. */
  #text(name: string, values: Readonly<Record<string, string>> = {}): string {
    const given = { ...values, schema: this.#schema } as const;
    return (statements[name] as string).replaceAll(/\{(\w+)\}/g, (_, key: keyof typeof given) => given[key] as string);
  }
}

/** A pool that the store has opened itself. */
class OwnPool {
  readonly #clients = new Set<Pg.PoolClient>();

  constructor(readonly pool: Pg.Pool) {
    // Errors of idle connections can be ignored, because the pool replaces these connections.
    pool.on('error', () => {});
    pool.on('connect', (client) => this.#clients.add(client));
    pool.on('remove', (client) => this.#clients.delete(client));
  }

  static async open(url: string): Promise<OwnPool> {
    const { pg } = await loadPeers<{ pg: typeof Pg & { default?: typeof Pg } }>('postgresLimits', ['pg']);
    const { Pool } = pg.default ?? pg;
    return new OwnPool(new Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 4_000, keepAlive: true }));
  }

  /** Ends the connections in good order, or cuts them if the server does not answer. */
  async close(): Promise<void> {
    const ended = this.pool.end();
    await soon(ended, farewell);
    for (const client of this.#clients) {
      (
        client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
      ).connection.stream.destroy();
    }
  }
}

/**
 * Makes a query on a connection of the pool, and returns the rows of its last statement. A connection on which a query
 * fails, or on which nothing is answered in time, is not used again.
 */
async function query(
  pool: PostgresPool,
  late: AbortSignal,
  text: string,
  values?: unknown[],
): Promise<readonly unknown[]> {
  const client = await pool.connect();
  if (late.aborted) {
    client.release();
    throw late.reason;
  }
  let isReleased = false;
  const release = (isBroken: boolean) => {
    if (!isReleased) client.release(isBroken);
    isReleased = true;
  };
  const onLate = () => release(true);
  // A connection that breaks emits an error, which would end the program. The query rejects anyway.
  client.on('error', ignore);
  late.addEventListener('abort', onLate);
  let isBroken = true;
  try {
    const results = await client.query(text, values);
    isBroken = false;
    return [results].flat().at(-1)?.rows ?? [];
  } finally {
    late.removeEventListener('abort', onLate);
    release(isBroken);
    client.off('error', ignore);
  }
}

function ignore(): void {}

/** Quotes a text as an SQL literal, for any setting of `standard_conforming_strings`. */
function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function number(value: number): string {
  return `'${value}'::float8`;
}

import type * as Pg from 'pg';
import { Once } from '../shared/once.js';
import { loadPeers } from '../shared/peers.js';
import { aName, aValue } from '../shared/validate.js';
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

const aSource = aValue<string | PostgresPool>(
  'a URL, or a pool of pg',
  (value) =>
    (typeof value === 'string' && value !== '') || typeof (value as PostgresPool | null)?.connect === 'function',
);

/**
 * Keeps shared limits in a Postgres database, with `pg` (an optional peer dependency). A place is granted in a
 * transaction, under a lock for the limit and the key, according to the server's clock. The store creates three tables
 * on first use.
 *
 * @param source - the URL of the database, or a pool of `pg`; `close()` does not end a pool passed here
 * @param schema - an existing schema for the tables. Default: `public`
 * @throws {ValidationError} if `source` is neither a URL nor a pool
 * @example
 * const store = postgresLimits('postgres://localhost/app');
 * const github = limit({ name: 'github', rate: 10, store });
 */
export function postgresLimits(source: string | PostgresPool, schema = 'public'): LimitStore {
  return new PostgresLimits(aSource(source, 'source'), aName(schema, 'schema'));
}

interface Standing {
  readonly places: number;
  readonly used: number;
  readonly closed: number | null;
}

class PostgresLimits implements LimitStore {
  readonly #pool: Once<PostgresPool>;
  readonly #tables: { readonly places: string; readonly starts: string; readonly pauses: string };
  #own: { end(): Promise<void> } | undefined = undefined;

  constructor(source: string | PostgresPool, schema: string) {
    const table = (name: string) => `"${schema.replaceAll('"', '""')}"."orchestrator_limit_${name}"`;
    this.#tables = { places: table('places'), starts: table('starts'), pauses: table('pauses') };
    this.#pool = new Once(async () => {
      const pool = typeof source === 'string' ? await this.#open(source) : source;
      await within(pool, (client) => this.#createTables(client));
      return pool;
    });
  }

  async take(request: PlaceRequest): Promise<number> {
    const { limit, key, id, cost, concurrency, rate, per, lease } = request;
    const { places, starts } = this.#tables;
    return within(await this.#pool.get(), async (client) => {
      const { places: taken, used, closed } = await this.#stand(client, limit, key, per);
      if (closed !== null) return Math.max(1, closed);
      if (taken >= concurrency) return Infinity;
      if (used + cost > rate) return this.#delay(client, request, used + cost - rate);
      if (rate < Infinity)
        await client.query(`INSERT INTO ${starts} VALUES ($1, $2, $3, clock_timestamp(), $4)`, [limit, key, id, cost]);
      if (concurrency < Infinity)
        await client.query(`INSERT INTO ${places} VALUES ($1, $2, $3, clock_timestamp() + ${interval('$4')})`, [
          ...[limit, key, id, lease],
        ]);
      return 0;
    });
  }

  async release({ limit, key, id }: SharedPlace): Promise<void> {
    await this.#run(`DELETE FROM ${this.#tables.places} WHERE limit_name = $1 AND key = $2 AND id = $3`, [
      limit,
      key,
      id,
    ]);
  }

  async renew(places: readonly SharedPlace[], lease: number): Promise<void> {
    const columns = [places.map(({ limit }) => limit), places.map(({ key }) => key), places.map(({ id }) => id)];
    await this.#run(
      `INSERT INTO ${this.#tables.places}
        SELECT place.*, clock_timestamp() + ${interval('$4')} FROM unnest($1::text[], $2::text[], $3::text[]) AS place
        ON CONFLICT (limit_name, key, id) DO UPDATE SET until = excluded.until`,
      [...columns, lease],
    );
  }

  async pause(limit: string, key: string, milliseconds: number): Promise<void> {
    // The end of a pause of more than a century might not fit a timestamp.
    const most = Math.min(milliseconds, 100 * 365 * 24 * 3_600_000);
    await this.#run(
      `INSERT INTO ${this.#tables.pauses} AS pause VALUES ($1, $2, clock_timestamp() + ${interval('$3')})
        ON CONFLICT (limit_name, key) DO UPDATE SET until = greatest(pause.until, excluded.until)`,
      [limit, key, most],
    );
  }

  async close(): Promise<void> {
    await this.#pool.made();
    await this.#own?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(url: string): Promise<PostgresPool> {
    const { pg } = await loadPeers<{ pg: typeof Pg & { default?: typeof Pg } }>('postgresLimits', ['pg']);
    const { Pool } = pg.default ?? pg;
    const pool = new Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 5_000, query_timeout: 5_000 });
    // Errors of idle connections can be ignored, because the pool replaces these connections.
    pool.on('error', () => {});
    this.#own = pool;
    return pool;
  }

  async #createTables(client: PostgresClient): Promise<void> {
    const { places, starts, pauses } = this.#tables;
    const id = 'limit_name text NOT NULL, key text NOT NULL';
    // Only one program at a time may create tables, because concurrent creation fails.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('orchestrator limits', 0))`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${places} (${id}, id text NOT NULL, until timestamptz NOT NULL, PRIMARY KEY (limit_name, key, id))`,
    );
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${starts} (${id}, id text NOT NULL, at timestamptz NOT NULL, cost bigint NOT NULL, PRIMARY KEY (limit_name, key, at, id))`,
    );
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${pauses} (${id}, until timestamptz NOT NULL, PRIMARY KEY (limit_name, key))`,
    );
  }

  /** Locks the limit, removes expired rows, and returns the current usage of the limit. */
  async #stand(client: PostgresClient, limit: string, key: string, per: number): Promise<Standing> {
    const { places, starts, pauses } = this.#tables;
    const its = 'limit_name = $1 AND key = $2';
    const own = [limit, key];
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [JSON.stringify(own)]);
    await client.query(`DELETE FROM ${places} WHERE ${its} AND until <= clock_timestamp()`, own);
    await client.query(`DELETE FROM ${pauses} WHERE ${its} AND until <= clock_timestamp()`, own);
    await client.query(`DELETE FROM ${starts} WHERE ${its} AND at <= clock_timestamp() - ${interval('$3')}`, [
      ...own,
      per,
    ]);
    const { rows } = await client.query(
      `SELECT (SELECT count(*)::int FROM ${places} WHERE ${its}) AS places,
        (SELECT coalesce(sum(cost), 0)::float8 FROM ${starts} WHERE ${its}) AS used,
        (SELECT ${milliseconds('until - clock_timestamp()')} FROM ${pauses} WHERE ${its}) AS closed`,
      own,
    );
    return rows[0] as Standing;
  }

  /** Returns the milliseconds until enough attempts have left the window. */
  async #delay(client: PostgresClient, { limit, key, per }: PlaceRequest, missing: number): Promise<number> {
    const { rows } = await client.query(
      `SELECT ${milliseconds(`at + ${interval('$3')} - clock_timestamp()`)} AS delay
        FROM (SELECT at, sum(cost) OVER (ORDER BY at, id) AS freed FROM ${this.#tables.starts}
          WHERE limit_name = $1 AND key = $2) AS start
        WHERE freed >= $4 ORDER BY at LIMIT 1`,
      [limit, key, per, missing],
    );
    return Math.max(1, (rows[0] as { delay: number } | undefined)?.delay ?? 1);
  }

  async #run(text: string, values: unknown[]): Promise<void> {
    await within(await this.#pool.get(), (client) => client.query(text, values));
  }
}

function interval(parameter: string): string {
  return `${parameter}::float8 * interval '1 millisecond'`;
}

function milliseconds(difference: string): string {
  return `(extract(epoch FROM ${difference}) * 1000)::float8`;
}

/** Calls work in a transaction. A connection whose transaction has failed is not reused. */
async function within<Result>(pool: PostgresPool, work: (client: PostgresClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  // A connection that breaks between two queries emits an error, which would end the program. The error can be ignored,
  // because the next query rejects.
  client.on('error', ignore);
  let hasFailed = true;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    hasFailed = false;
    return result;
  } finally {
    client.off('error', ignore);
    client.release(hasFailed);
  }
}

function ignore(): void {}

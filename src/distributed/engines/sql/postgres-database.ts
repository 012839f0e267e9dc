import type * as Bull from 'bullmq';
import type * as Pg from 'pg';
import { type Place, thisPlace } from '../../../shared/place.js';
import { type Limit, within } from '../in-time.js';
import { surviving } from '../listening.js';
import { attended } from './attended.js';
import { Connections } from './connections.js';
import type { Database, Query, Row } from './database.js';
import { Listener } from './listener.js';
import { QueuePool } from './queue-pool.js';

/** pgbouncer's reply to a transaction in statement mode, in which each statement may get a different session. */
const pooled = /not allowed in statement pooling mode/i;

/** The pools of a database on a server. */
export interface Pools {
  /** The pool of the engine. */
  readonly pool: Pg.Pool;
  /** If true, the engine's pool was supplied by the user, and is not closed. */
  readonly isGiven: boolean;
  /** The pool of the queue and of the listener. */
  readonly queue: Pg.Pool;
  /** The clients of the engine's own pools. */
  readonly clients: ReadonlySet<Pg.Client>;
  /** Milliseconds for which BullMQ and the listener wait for an answer. */
  readonly patience: number;
}

/** A database on a PostgreSQL server. */
export class PostgresDatabase implements Database {
  readonly queuePool: Bull.PgPool;
  readonly #connections: Connections;
  readonly #queueConnections: Connections;
  readonly #listener: Listener;
  readonly #isGiven: boolean;
  readonly #forsake: () => void;

  constructor({ pool, isGiven, queue, clients, patience }: Pools) {
    this.#isGiven = isGiven;
    // The engine's own connections may still fail after the engine was closed, while they are ending.
    surviving(queue);
    this.#forsake = surviving(pool);
    this.#connections = new Connections(pool, isGiven ? undefined : clients);
    this.#queueConnections = new Connections(queue, clients);
    this.#listener = new Listener(this.#queueConnections, patience);
    this.queuePool = new QueuePool(this.#queueConnections, this.#listener, patience) as unknown as Bull.PgPool;
  }

  async query(text: string, values: readonly unknown[] = [], limit?: Limit): Promise<readonly Row[]> {
    // A named statement is parsed and planned only once per connection.
    const name = values.length === 0 ? undefined : nameOf(text);
    const statement = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    return (await this.#connections.use((client) => client.query(statement), limit)).rows;
  }

  async exclusively<Result>(work: (query: Query) => Promise<Result>, limit?: Limit): Promise<Result> {
    const alone = (client: Pg.PoolClient) =>
      work(async (text, values = []) => (await client.query(text, [...values])).rows);
    return this.#connections.use(alone, limit);
  }

  /** Runs `work` and watches the server through the pool of the queue, which has at least two connections. */
  async attended<Result>(work: (query: Query) => Promise<Result>, limit: number): Promise<Result> {
    const ask = async (text: string, values: readonly unknown[], milliseconds: number) =>
      (await this.#queueConnections.use((client) => client.query(text, [...values]), within(milliseconds))).rows;
    return this.#connections.hold((client, cut) => attended(client, work, { limit, ask, cut }), within(limit));
  }

  async script(text: string, query: Query): Promise<void> {
    await query(text);
  }

  listen(channel: string, onNotification: (payload: string) => void, limit?: Limit): Promise<() => void> {
    return this.#listener.listen({ channel, onNotification }, limit);
  }

  place(): Promise<Place> {
    return thisPlace();
  }

  /**
   * Checks that the server keeps sessions. A connection pooler may give each transaction a different session.
   * Notifications are then lost, and names are looked up in the wrong schema.
   *
   * @throws {Error} if sessions are not kept
   */
  async assertSessions(limit: Limit): Promise<void> {
    const token = Math.random().toString(36).slice(2);
    const setting = 'orchestrator.session';
    const read = async (client: Pg.PoolClient) => {
      const { rows } = await client.query<{ value: string | null }>(
        `select current_setting('${setting}', true) as value`,
      );
      return rows[0]?.value;
    };
    const connections = this.#queueConnections;
    const areKept = async (first: Pg.PoolClient) => {
      await first.query(`select set_config('${setting}', '${token}', false)`);
      return connections.use(async (other) => {
        await other.query('begin');
        const are = (await read(other)) !== token && (await read(first)) === token;
        await other.query('rollback');
        return are;
      }, limit);
    };
    const unlessPooled = (error: unknown) => {
      if (!pooled.test(Object(error).message)) throw error;
      return false;
    };
    if (await connections.use(areKept, limit).catch(unlessPooled)) return;
    throw new Error(
      'sessions are not kept: a pooler gives each transaction another one, so notifications and prepared statements are ' +
        'lost. Set the pooler to keep sessions (pgbouncer: pool_mode = session), or give the address of the server itself',
    );
  }

  async close(): Promise<void> {
    this.#listener.stop();
    await Promise.all([this.#isGiven ? undefined : this.#connections.close(), this.#queueConnections.close()]);
    if (!this.#isGiven) return;
    this.#connections.leave();
    this.#forsake();
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

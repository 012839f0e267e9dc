import pTimeout from 'p-timeout';
import type * as Pg from 'pg';
import { inTime, type Limit, SilenceError } from '../in-time.js';
import { surviving } from '../listening.js';

/** Milliseconds that connections get to end gracefully before they are cut. */
const farewell = 1_000;

/**
 * A pool of connections to Postgres that never waits without a limit. A connection can be half-open: the network has
 * dropped it, and nothing that is sent on it arrives. A connection that does not answer in time is cut. Connections
 * that have been idle since before the unanswered statement are cut too, because the network has probably dropped them
 * as well.
 */
export class Connections {
  readonly #watch: Watch;
  readonly #forsakes = new WeakMap<Pg.PoolClient, () => void>();

  /**
   * @param own - the clients of a pool that belongs to the engine, including those still connecting; `undefined` for
   *   a user-supplied pool
   */
  constructor(
    private readonly pool: Pg.Pool,
    private readonly own: ReadonlySet<Pg.Client> | undefined = undefined,
  ) {
    this.#watch = watchOf(pool);
    this.#watch.enter();
  }

  /** Runs `work` with exclusive use of a connection. The connection is cut if `work` exceeds the limit. */
  use<Result>(work: (client: Pg.PoolClient) => Promise<Result>, limit?: Limit): Promise<Result> {
    const began = performance.now();
    // Every statement passes through here, and `hold` would add three promises, about 5 % of the CPU time of a fleet.
    return new Promise((resolve, reject) => {
      let isOver = false;
      let used: Pg.PoolClient | undefined;
      const forget = limit?.onOver(() => {
        isOver = true;
        if (used !== undefined) this.#cutSilent(used, began);
        reject(new SilenceError(limit.milliseconds));
      });
      const end = (client: Pg.PoolClient | undefined, error?: Error | true) => {
        forget?.();
        if (client !== undefined) this.#giveBack(client, error);
      };
      this.#connect((refusal, client) => {
        used = client;
        if (client === undefined || isOver) {
          end(client);
          return reject(refusal);
        }
        work(client).then(
          (result) => {
            end(client);
            resolve(result);
          },
          (error) => {
            end(client, error instanceof Error ? error : true);
            reject(error);
          },
        );
      });
    });
  }

  /**
   * Runs `work` with exclusive use of a connection. `work` itself has no time limit.
   *
   * @param work - its second argument cuts the connection and all connections that were probably dropped with it
   * @param limit - time limit for getting a connection
   */
  async hold<Result>(
    work: (client: Pg.PoolClient, cutSilent: () => void) => Promise<Result>,
    limit?: Limit,
  ): Promise<Result> {
    const began = performance.now();
    const client = await this.take(limit);
    try {
      const result = await work(client, () => this.#cutSilent(client, began));
      this.#giveBack(client);
      return result;
    } catch (error) {
      this.#giveBack(client, error instanceof Error ? error : true);
      throw error;
    }
  }

  /**
   * Takes a connection from the pool within the limit. A server may end a connection right after accepting it, so a
   * listener is added as soon as the pool hands the connection out.
   */
  take(limit?: Limit): Promise<Pg.PoolClient> {
    const coming = new Promise<Pg.PoolClient>((resolve, reject) => {
      this.#connect((error, client) => (client === undefined ? reject(error) : resolve(client)));
    });
    return inTime(coming, limit, () => {
      void coming.then((client) => this.#giveBack(client)).catch(() => undefined);
    });
  }

  #connect(onConnected: (error: Error | undefined, client: Pg.PoolClient | undefined) => void): void {
    this.pool.connect((error, client) => {
      // Clients of the engine's own pools always have a listener.
      if (client !== undefined && this.own === undefined) this.#forsakes.set(client, surviving(client));
      onConnected(error, client);
    });
  }

  /**
   * Returns a client to the pool. While a client is idle, the pool listens to it, so the engine's listener is removed.
   * The listener is kept on a client that the pool ends, because such a client may still fail.
   */
  #giveBack(client: Pg.PoolClient, error?: Error | true): void {
    client.release(error);
    if (client.listenerCount('error') > 1) this.#forsakes.get(client)?.();
  }

  /** Stops using a user-supplied pool. The pool stays open. */
  leave(): void {
    this.#watch.leave();
  }

  /** Ends all connections gracefully if they end soon, otherwise by cutting them. */
  async close(): Promise<void> {
    const ended = this.pool.end();
    const isLate = () => true;
    const late = await pTimeout(ended, { milliseconds: farewell, fallback: isLate });
    if (late !== true) return;
    for (const client of this.own ?? []) cut(client);
    await pTimeout(ended, { milliseconds: farewell, fallback: () => undefined });
  }

  #cutSilent(silent: Pg.PoolClient, since: number): void {
    cut(silent);
    for (const [client, idleSince] of this.#watch.clients) {
      if (idleSince !== undefined && idleSince <= since) cut(client);
    }
  }
}

const watches = new WeakMap<Pg.Pool, Watch>();

function watchOf(pool: Pg.Pool): Watch {
  const watch = watches.get(pool) ?? new Watch(pool);
  watches.set(pool, watch);
  return watch;
}

/** Tracks which connections of a pool are idle. All engines on a user-supplied pool share one watch. */
class Watch {
  /** Used connections, with the time since which they have been idle; `undefined` while in use. */
  readonly clients = new Map<Pg.PoolClient, number | undefined>();
  #users = 0;

  constructor(private readonly pool: Pg.Pool) {}

  enter(): void {
    this.#users++;
    if (this.#users > 1) return;
    this.pool.on('acquire', this.#onAcquire);
    this.pool.on('release', this.#onRelease);
    this.pool.on('remove', this.#onRemove);
  }

  leave(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.pool.off('acquire', this.#onAcquire);
    this.pool.off('release', this.#onRelease);
    this.pool.off('remove', this.#onRemove);
    this.clients.clear();
  }

  readonly #onAcquire = (client: Pg.PoolClient): void => {
    this.clients.set(client, undefined);
  };

  readonly #onRelease = (_error: Error, client: Pg.PoolClient): void => {
    if (this.clients.has(client)) this.clients.set(client, performance.now());
  };

  readonly #onRemove = (client: Pg.PoolClient): void => {
    this.clients.delete(client);
  };
}

/** Ends a connection at once. Its statement fails, and its pool drops it. */
export function cut(client: Pg.ClientBase): void {
  const { connection, end } = client as unknown as {
    readonly connection?: { readonly stream?: { destroy(): void } };
    end(): Promise<void>;
  };
  if (connection?.stream === undefined) void end.call(client).catch(() => undefined);
  else connection.stream.destroy();
}

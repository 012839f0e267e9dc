import pTimeout from 'p-timeout';
import type * as Pg from 'pg';
import { inTime, type Limit, SilenceError } from '../in-time.js';
import { surviving } from '../listening.js';

/** How long connections have to end in order, in milliseconds; then they are cut. */
const farewell = 1_000;

/**
 * A pool of connections to Postgres, of which none is waited for without end. A connection can be half-open: the network
 * has forgotten it, and what is sent on it never arrives. One that does not answer in time is cut, and so are those that
 * have been idle since before: they have gone the same way.
 */
export class Connections {
  readonly #watch: Watch;
  readonly #forsakes = new WeakMap<Pg.PoolClient, () => void>();

  /** @param own - the clients of a pool of the engine's own, those that are connecting among them; none of another pool */
  constructor(
    private readonly pool: Pg.Pool,
    private readonly own: ReadonlySet<Pg.Client> | undefined = undefined,
  ) {
    this.#watch = watchOf(pool);
    this.#watch.enter();
  }

  /** Does something with a connection that nobody else uses meanwhile. It is cut if that takes longer than the limit. */
  use<Result>(work: (client: Pg.PoolClient) => Promise<Result>, limit?: Limit): Promise<Result> {
    const began = performance.now();
    // Each statement comes along here. By way of `hold`, which needs three promises more, a fleet takes some 5 % more CPU.
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
   * Does something with a connection that nobody else uses meanwhile, for as long as that takes.
   *
   * @param work - given what cuts the connection, and those that are likely to have gone the same way
   * @param limit - how long to wait for a connection
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
   * Gives a connection for as long as it is wanted, if there is one within the limit. It is listened to from the moment at
   * which the pool hands it out: a server may end a connection in the same breath in which it has accepted it.
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
      // Clients of the engine's own pools are listened to for as long as they live.
      if (client !== undefined && this.own === undefined) this.#forsakes.set(client, surviving(client));
      onConnected(error, client);
    });
  }

  /** The pool listens to a client that it has taken back; one that it ends may fail meanwhile, and nobody else listens. */
  #giveBack(client: Pg.PoolClient, error?: Error | true): void {
    client.release(error);
    if (client.listenerCount('error') > 1) this.#forsakes.get(client)?.();
  }

  /** Leaves a pool that is somebody else's, and stays open. */
  leave(): void {
    this.#watch.leave();
  }

  /** Ends all connections: in order if they do so soon, else by cutting them. */
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

/** Sees which connections of a pool are idle. All engines on a pool that was handed over share one. */
class Watch {
  /** Connections that were used, and since when nobody uses them; `undefined` while somebody does. */
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

/** Ends a connection at once: its statement fails, and its pool drops it. */
export function cut(client: Pg.ClientBase): void {
  const { connection, end } = client as unknown as {
    readonly connection?: { readonly stream?: { destroy(): void } };
    end(): Promise<void>;
  };
  if (connection?.stream === undefined) void end.call(client).catch(() => undefined);
  else connection.stream.destroy();
}

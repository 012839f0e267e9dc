import type * as Pg from 'pg';

type ClientClass = new (config?: string | Pg.ClientConfig) => Pg.Client;

/** Milliseconds of silence before the first TCP keep-alive probe. */
const keepAliveAfter = 10_000;

/**
 * Milliseconds after which the server ends a transaction whose program is silent. The program may have lost its
 * connection, while its transaction still holds locks.
 */
const longestSilence = 60_000;

/** Options of the engine's own connections. */
export interface SessionOptions {
  /** The options of the user-supplied `pg` pool, or only a connection string. */
  readonly given: Pg.PoolConfig;
  readonly Client: ClientClass;
  /** Maximum number of connections. */
  readonly max: number;
  /** Milliseconds to wait for a connection. */
  readonly timeout: number;
  /** The schema in which unqualified names are looked up. Default: the setting of the server. */
  readonly searchPath?: string | undefined;
  /** A set that is filled with the existing clients, including those that are still connecting. */
  readonly clients: Set<Pg.Client>;
}

/**
 * Returns the options of one of the engine's own pools: the given options and the settings of its sessions. The options
 * include properties that are not enumerable, because `pg` hides the password of a pool. The settings are made by a
 * statement, because a connection pooler may refuse them as connection parameters.
 */
export function configOf({ given, Client, max, timeout, searchPath, clients }: SessionOptions): Pg.PoolConfig {
  const config: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(given)) config[name] = given[name as keyof Pg.PoolConfig];
  const settings = [
    `set idle_in_transaction_session_timeout = ${longestSilence}`,
    ...(searchPath === undefined ? [] : [`set search_path to "${searchPath}"`]),
  ];
  return {
    ...config,
    max,
    min: 0,
    connectionTimeoutMillis: timeout,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfter,
    Client: withSettings(Client, settings.join('; '), clients),
  } as Pg.PoolConfig;
}

/** Returns a class of clients whose sessions are given their settings before their first use. */
function withSettings(Client: ClientClass, settings: string, clients: Set<Pg.Client>): ClientClass {
  return class extends Client {
    override connect(): Promise<Pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<Pg.Client> | undefined {
      // A connection may be lost before the pool listens to it.
      this.on('error', () => undefined);
      clients.add(this);
      this.once('end', () => clients.delete(this));
      const connected = this.#connect();
      if (callback === undefined) return connected;
      connected.then(
        () => callback(undefined as unknown as Error),
        (error) => callback(error),
      );
      return undefined;
    }

    async #connect(): Promise<Pg.Client> {
      await super.connect();
      try {
        await this.query(settings);
        return this;
      } catch (error) {
        void this.end().catch(() => undefined);
        throw error;
      }
    }
  } as ClientClass;
}

import type * as Pg from 'pg';

type ClientClass = new (config?: string | Pg.ClientConfig) => Pg.Client;

/** Milliseconds before the first sign of life is asked of a connection that is silent, by TCP. */
const keepAliveAfter = 10_000;

/** Milliseconds after which the server ends a transaction in which a program is silent: it may be cut off, and hold locks. */
const longestSilence = 60_000;

/** What connections of an engine's own are made from. */
export interface SessionOptions {
  /** Options of a pool of `pg`, with an address or of a pool that was handed over. */
  readonly given: Pg.PoolConfig;
  readonly Client: ClientClass;
  /** How many there may be. */
  readonly max: number;
  /** How long to wait for one, in milliseconds. */
  readonly timeout: number;
  /** The schema of names without one. Default: what the server says. */
  readonly searchPath?: string | undefined;
  /** Holds the clients that are there, those that are connecting among them. */
  readonly clients: Set<Pg.Client>;
}

/**
 * The options of a pool of the engine's own: those that were given, with what is not enumerable in them (`pg` hides the
 * password of a pool). Settings of a session are made by a statement: a pooler may not know them when it connects.
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

/** A client whose session has its settings before anybody uses it. */
function withSettings(Client: ClientClass, settings: string, clients: Set<Pg.Client>): ClientClass {
  return class extends Client {
    override connect(): Promise<Pg.Client>;
    override connect(callback: (error: Error) => void): void;
    override connect(callback?: (error: Error) => void): Promise<Pg.Client> | undefined {
      // A connection may be lost while nobody else listens yet.
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

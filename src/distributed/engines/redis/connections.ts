import type * as IoRedis from 'ioredis';
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { discreet } from '../../../shared/discretion.js';
import { Obstacle } from './obstacle.js';
import { Pulse } from './pulse.js';
import type { Connection } from './scripts.js';
import { judgeRedis } from './transient.js';

/**
 * Addresses of one server or of the nodes of a cluster, or a user-supplied connection. The engine uses copies of a
 * user-supplied connection, never the connection itself.
 */
export type Source = readonly string[] | Connection;

/**
 * The use of a connection. Commands on `commands` and `queue` are retried by `persistently`, not by the connection. The
 * users of `jobs` and `events` do not retry, so the connection sends a command in flight again after a reconnect.
 * `blocking` waits for jobs, and is replaced by its user.
 */
export type Use = 'commands' | 'queue' | 'jobs' | 'events' | 'blocking';

export interface ConnectionTimes {
  readonly connectTimeout: number;
  readonly operationTimeout: number;
}

/** Options of `ioredis`. Unlike ioredis' own types, this type accepts `undefined`. */
interface Options {
  readonly lazyConnect: boolean;
  readonly enableAutoPipelining: boolean;
  readonly [option: string]: unknown;
}

const moved = /^(MOVED|ASK) /;

/** Messages of a cluster client whose nodes all failed to answer. */
const withoutCluster = /^(None of startup nodes|Failed to refresh slots)/;

/** Minimum milliseconds between two resets of a connection whose server has become a replica. */
const demotionInterval = 1_000;

/**
 * The connections of an engine. All of them belong to the engine: a user-supplied connection is copied, so that the
 * copy can be reset and can have the options that an engine needs. A lost connection is always made again. Each
 * connection except the blocking one has a `Pulse`, which detects silence.
 */
export class Connections {
  readonly #made = new Map<Connection, Pulse | undefined>();
  readonly #shared = new Map<Use, Connection>();
  readonly #obstacle = new Obstacle((error) => (isOfDatabase(error) ? explainDatabase(error as Error) : error));
  /** The last error that a node of a cluster reported. */
  #nodeFailure: unknown = undefined;
  #node: RedisOptions | undefined = undefined;
  #isClosed = false;
  #mayAsk = true;

  /** Private, so that the password in an address is not printed with the object. */
  readonly #source: Source;

  constructor(
    private readonly ioredis: typeof IoRedis,
    source: Source,
    private readonly times: ConnectionTimes,
  ) {
    this.#source = source;
  }

  /** The reason why no connection can be made at the moment, or `undefined` if connections can be made. */
  get failure(): unknown {
    return this.#obstacle.failure;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Makes later connections treat the single server as a node of a cluster.
   *
   * @param node - the options of a connection to the server
   */
  becomeCluster(node: RedisOptions): void {
    this.#node = node;
  }

  /**
   * Stops later connections from sending `INFO`, because the user of the address lacks the right. `ioredis` would print
   * an error each time.
   */
  askNothing(): void {
    this.#mayAsk = false;
  }

  make(use: Use): Connection {
    if (this.#isClosed) throw new Error('the engine was closed: create a new engine');
    let refusals = 0;
    // After a refused database, ioredis counts the connection as made and starts counting its attempts anew. Therefore
    // refusals are counted here.
    const retryStrategy = (attempt: number) => pauseBefore(Math.max(attempt, refusals));
    const connection = this.#create(use, { ...this.#optionsOf(use), retryStrategy });
    this.#obstacle.follow(connection);
    connection.on('error', (error) => {
      if (!isOfDatabase(error)) return;
      // The connection is made again, because ioredis would continue in database 0, which may belong to another fleet.
      refusals++;
      (connection as Redis).disconnect(true);
    });
    if (isCluster(connection)) {
      connection.on('node error', (error) => {
        this.#nodeFailure = error;
      });
    }
    const interval = Math.max(500, Math.min(2_000, this.times.operationTimeout / 8));
    this.#made.set(connection, use === 'blocking' ? undefined : new Pulse(connection, interval));
    return connection;
  }

  /** Returns the shared connection of a use. */
  shared(use: Use): Connection {
    const connection = this.#shared.get(use) ?? this.make(use);
    this.#shared.set(use, connection);
    return connection;
  }

  /** Returns the cause of an error. `ioredis` reports that a connection was lost, but not why. */
  explain(error: unknown): unknown {
    if (isOfDatabase(error)) return explainDatabase(error as Error);
    const message = String(Object(error).message);
    const ofCluster = withoutCluster.test(message) ? explainCluster(this.#nodeFailure) : undefined;
    if (ofCluster !== undefined) return ofCluster;
    if (!moved.test(message)) return this.#obstacle.explain(error);
    const clusters = [...this.#made.keys()].filter(isCluster);
    // ioredis does not update its slots if the commands of one pipeline have moved to different nodes.
    for (const cluster of clusters) cluster.refreshSlotsCache();
    if (clusters.length > 0) return error;
    const problem = 'the server is a node of a cluster: give the addresses of several nodes, as in redis([url, url])';
    return new Error(problem, { cause: error });
  }

  drop(connection: Connection): void {
    this.#made.get(connection)?.stop();
    this.#made.delete(connection);
    connection.disconnect();
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#made.keys()]) this.drop(connection);
  }

  #create(use: Use, options: Options): Connection {
    const { ioredis } = this;
    const source = this.#source;
    const { enableAutoPipelining, lazyConnect, ...ofNode } = options;
    const whole: ClusterOptions = {
      enableAutoPipelining,
      lazyConnect,
      enableOfflineQueue: true,
      scaleReads: 'master',
      clusterRetryStrategy: pauseBefore,
      slotsRefreshTimeout: 5_000,
      // One redirection takes 100 ms, so 300 redirections outlast a failover. Nothing else retries commands on `jobs`.
      maxRedirections: use === 'jobs' ? 300 : 16,
    };
    const clusterAt = (nodes: readonly ClusterNode[], login: RedisOptions) => {
      // A TLS certificate is issued for a host name, so names must not be resolved to addresses beforehand.
      const secure: ClusterOptions = login.tls === undefined ? {} : { dnsLookup: (name, done) => done(null, name) };
      return new ioredis.Cluster([...nodes], { ...whole, ...secure, redisOptions: { ...ofNode, ...login } as object });
    };
    if (isConnection(source)) {
      if (isCluster(source)) return source.duplicate([], { ...whole, redisOptions: ofNode as object });
      if (this.#node === undefined) return source.duplicate(options as object);
    } else if (source.length > 1) return clusterAt(source.map(nodeOf), loginOf(source[0] as string));
    else if (this.#node === undefined) return new ioredis.Redis(source[0] as string, options as object);
    const { host = 'localhost', port = 6379, username, password, tls } = this.#node;
    const login = { username, password, ...(tls ? { tls } : {}) } as RedisOptions;
    return clusterAt([{ host, port }], login);
  }

  #optionsOf(use: Use): Options {
    const { connectTimeout, operationTimeout } = this.times;
    const isAlone = use === 'jobs' || use === 'events';
    let resetAt = -Infinity;
    return {
      // BullMQ's connections connect at once, so that BullMQ does not see the failure of the first attempt.
      lazyConnect: use !== 'jobs' && use !== 'queue',
      maxRetriesPerRequest: isAlone ? null : 0,
      // ioredis copies the commands that BullMQ defines to each pipeline of a connection, which takes longer than sending
      // a command. It also mishandles such a definition while a pipeline is pending (redis/ioredis#1931).
      enableAutoPipelining: use === 'commands',
      connectTimeout: Math.min(connectTimeout, Math.max(1_000, operationTimeout / 4), 10_000),
      disconnectTimeout: 500,
      keepAlive: 10_000,
      enableOfflineQueue: true,
      // Other connections need no check: a server that is loading its data refuses commands, which are then retried.
      enableReadyCheck: this.#mayAsk && (isAlone || isConnection(this.#source)),
      autoResubscribe: true,
      autoResendUnfulfilledCommands: true,
      readOnly: false,
      stringNumbers: false,
      replyMapping: 'legacy',
      commandTimeout: undefined,
      socketTimeout: undefined,
      blockingTimeout: undefined,
      /**
       * Resets the connection after a `READONLY` reply. The command was not carried out, and the address will soon lead
       * to another server if it does not already.
       */
      reconnectOnError(error: Error) {
        const now = performance.now();
        if (!error.message.startsWith('READONLY') || now - resetAt < demotionInterval) return false;
        resetAt = now;
        return isAlone ? 2 : 1;
      },
    };
  }
}

export function isConnection(source: Source): source is Connection {
  return !Array.isArray(source);
}

export function isCluster(connection: Connection): connection is Cluster {
  return connection.isCluster;
}

/** Returns true if the error is a reply to the `SELECT` that opens a connection. */
function isOfDatabase(error: unknown): boolean {
  const { command } = Object(error) as { readonly command?: { readonly name?: unknown } };
  return command?.name === 'select';
}

/** Explains why a database could not be selected. The error of a server that is not ready is returned unchanged. */
function explainDatabase(error: Error): Error {
  if (judgeRedis(error) === 'passes') return error;
  const { args = [] } = Object((error as { readonly command?: unknown }).command) as { readonly args?: unknown[] };
  return new Error(`database ${String(args[0])} cannot be used: ${discreet(error).message}`, { cause: error });
}

/** Explains the failure of all nodes of a cluster. Returns `undefined` if nothing more is known. */
function explainCluster(failure: unknown): Error | undefined {
  const { message } = Object(failure) as { readonly message?: unknown };
  if (!/cluster support disabled/.test(String(message))) return undefined;
  const problem = 'the servers are not a cluster: give the address of one server, as in redis(url)';
  return new Error(problem, { cause: failure });
}

/**
 * Returns the milliseconds to wait before an attempt to connect: at most a second, and randomised so that clients do
 * not reconnect all at once.
 */
function pauseBefore(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 10), 1_000) * (0.5 + Math.random() / 2);
}

function nodeOf(address: string): ClusterNode {
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[|\]$/g, '') || 'localhost', port: Number(port || 6379) };
}

/** Returns user, password and TLS setting of an address. */
function loginOf(address: string): RedisOptions {
  const { protocol, username, password } = new URL(address);
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

import type * as IoRedis from 'ioredis';
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { discreet } from '../../../shared/discretion.js';
import { Obstacle } from './obstacle.js';
import { Pulse } from './pulse.js';
import type { Connection } from './scripts.js';
import { judgeRedis } from './transient.js';

/** Addresses: of one server, or of nodes of a cluster. Else a connection of the user's, which is copied and left alone. */
export type Source = readonly string[] | Connection;

/**
 * The use of a connection. `commands` and `queue` repeat nothing themselves: `persistently` does. `jobs` and `events` are
 * used by code that asks once, so what is under way when such a connection is lost is sent again. `blocking` waits for
 * jobs, and is replaced by its user.
 */
export type Use = 'commands' | 'queue' | 'jobs' | 'events' | 'blocking';

export interface ConnectionTimes {
  readonly connectTimeout: number;
  readonly operationTimeout: number;
}

/** Options of `ioredis`, whose types do not let it be said that one is not given. */
interface Options {
  readonly lazyConnect: boolean;
  readonly enableAutoPipelining: boolean;
  readonly [option: string]: unknown;
}

const moved = /^(MOVED|ASK) /;

/** Errors of a cluster whose servers have told it nothing. */
const withoutCluster = /^(None of startup nodes|Failed to refresh slots)/;

/** Milliseconds within which a connection is reset once because its server has become a replica. */
const demotionInterval = 1_000;

/**
 * The connections of an engine. All are its own, also where it was handed one: a copy can have the options that an engine
 * needs, and can be reset. Each that is lost is made again, without end; each that is silent is looked after by a `Pulse`.
 */
export class Connections {
  readonly #made = new Map<Connection, Pulse | undefined>();
  readonly #shared = new Map<Use, Connection>();
  readonly #obstacle = new Obstacle((error) => (isOfDatabase(error) ? explainDatabase(error as Error) : error));
  /** Of a node of a cluster. */
  #nodeFailure: unknown = undefined;
  #node: RedisOptions | undefined = undefined;
  #isClosed = false;
  #mayAsk = true;

  /** Not to be seen: an address has a password in it. */
  readonly #source: Source;

  constructor(
    private readonly ioredis: typeof IoRedis,
    source: Source,
    private readonly times: ConnectionTimes,
  ) {
    this.#source = source;
  }

  /** Why no connection can be made at the moment; undefined where connections are made. */
  get failure(): unknown {
    return this.#obstacle.failure;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the one server for a node of a cluster from now on. @param node - the options of a connection to the server */
  becomeCluster(node: RedisOptions): void {
    this.#node = node;
  }

  /** Does without `INFO` from now on, which the user of the address may not ask: `ioredis` would print that each time. */
  askNothing(): void {
    this.#mayAsk = false;
  }

  make(use: Use): Connection {
    if (this.#isClosed) throw new Error('the engine was closed');
    let refusals = 0;
    // Where the database was refused, ioredis takes the connection for made, and counts attempts anew.
    const retryStrategy = (attempt: number) => pauseBefore(Math.max(attempt, refusals));
    const connection = this.#create(use, { ...this.#optionsOf(use), retryStrategy });
    this.#obstacle.follow(connection);
    connection.on('error', (error) => {
      if (!isOfDatabase(error)) return;
      // ioredis would go on in the first database, which may be another fleet's.
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

  /** The one connection of a use. */
  shared(use: Use): Connection {
    const connection = this.#shared.get(use) ?? this.make(use);
    this.#shared.set(use, connection);
    return connection;
  }

  /** What is behind an error: `ioredis` says that a connection was lost, not why. */
  explain(error: unknown): unknown {
    if (isOfDatabase(error)) return explainDatabase(error as Error);
    const message = String(Object(error).message);
    const ofCluster = withoutCluster.test(message) ? explainCluster(this.#nodeFailure) : undefined;
    if (ofCluster !== undefined) return ofCluster;
    if (!moved.test(message)) return this.#obstacle.explain(error);
    const clusters = [...this.#made.keys()].filter(isCluster);
    // Of commands that went together and have moved to different places, ioredis takes no note.
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
      // Of commands that go together, one that has moved is refused and not sent elsewhere.
      enableAutoPipelining: enableAutoPipelining && use !== 'jobs',
      lazyConnect,
      enableOfflineQueue: true,
      scaleReads: 'master',
      clusterRetryStrategy: pauseBefore,
      slotsRefreshTimeout: 5_000,
      // Each after a tenth of a second: where nobody else repeats, enough for a failover.
      maxRedirections: use === 'jobs' ? 300 : 16,
    };
    const clusterAt = (nodes: readonly ClusterNode[], login: RedisOptions) => {
      // A certificate is for a name, so names are not resolved beforehand.
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
      // Where nobody asks again, nobody is to be told that the first attempt to connect has failed.
      lazyConnect: use !== 'jobs' && use !== 'queue',
      maxRetriesPerRequest: isAlone ? null : 0,
      enableAutoPipelining: use !== 'blocking' && use !== 'events',
      // A pulse is felt at any time, also while BullMQ defines its commands: no pipeline may be pending then.
      autoPipeliningIgnoredCommands: ['ping'],
      connectTimeout: Math.min(connectTimeout, Math.max(1_000, operationTimeout / 4), 10_000),
      disconnectTimeout: 500,
      keepAlive: 10_000,
      enableOfflineQueue: true,
      // A server that still loads its data is found out by its refusal, where calls are repeated.
      enableReadyCheck: this.#mayAsk && (isAlone || isConnection(this.#source)),
      autoResubscribe: true,
      autoResendUnfulfilledCommands: true,
      readOnly: false,
      stringNumbers: false,
      replyMapping: 'legacy',
      commandTimeout: undefined,
      socketTimeout: undefined,
      blockingTimeout: undefined,
      /** Nothing was carried out then: the address leads to another server by now, or soon. */
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

/** A reply to `SELECT`, with which a connection begins. */
function isOfDatabase(error: unknown): boolean {
  const { command } = Object(error) as { readonly command?: { readonly name?: unknown } };
  return command?.name === 'select';
}

/** What has failed when a database could not be chosen; a server that is not ready may be one that has it. */
function explainDatabase(error: Error): Error {
  if (judgeRedis(error) === 'passes') return error;
  const { args = [] } = Object((error as { readonly command?: unknown }).command) as { readonly args?: unknown[] };
  return new Error(`database ${String(args[0])} cannot be used: ${discreet(error).message}`, { cause: error });
}

/** What is behind the failure of all nodes of a cluster, if it says more. */
function explainCluster(failure: unknown): Error | undefined {
  const { message } = Object(failure) as { readonly message?: unknown };
  if (!/cluster support disabled/.test(String(message))) return undefined;
  const problem = 'the servers are no cluster: give the address of the one that is meant, as in redis(url)';
  return new Error(problem, { cause: failure });
}

/** Milliseconds before an attempt to connect: up to a second, and varying, so that not all come back at the same moment. */
function pauseBefore(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 10), 1_000) * (0.5 + Math.random() / 2);
}

function nodeOf(address: string): ClusterNode {
  const { hostname, port } = new URL(address);
  return { host: hostname.replace(/^\[|\]$/g, '') || 'localhost', port: Number(port || 6379) };
}

/** User, password and TLS of an address. */
function loginOf(address: string): RedisOptions {
  const { protocol, username, password } = new URL(address);
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

import type * as Bull from 'bullmq';
import { Cancellation } from '../../../kernel/cancellation.js';
import { type CloseOptions, Closing } from '../../../shared/closing.js';
import type { Deadline } from '../../../shared/deadline.js';
import { Once } from '../../../shared/once.js';
import type {
  Commit,
  CommitAnswer,
  ContextStore,
  DisposableEngine,
  Engine,
  ErrorStore,
  LivenessStore,
  MetricsStore,
  NewRun,
  RunInfoStore,
  StatusChange,
  WorkflowStore,
  WorkItemStateStore,
} from '../../contracts.js';
import { EngineError } from '../../errors.js';
import { derivedStores } from '../../journal/derived-stores.js';
import type { RunStatus } from '../../run-info.js';
import { AskedClock } from '../engine-clock.js';
import { surviving } from '../listening.js';
import { Opening } from '../opening.js';
import { type ReadRedisOptions, type RedisOptions, readRedisOptions } from '../options.js';
import { type Persistence, persistent, persistently } from '../persistence.js';
import { BullQueue } from '../queue/bull-queue.js';
import { Warnings } from '../warnings.js';
import { backendOn } from './bull-backend.js';
import { type Connections, isConnection, type Source } from './connections.js';
import { Keys } from './keys.js';
import { type Opened, open } from './open.js';
import { RedisCheckpoints } from './redis-checkpoints.js';
import type { RedisCore } from './redis-core.js';
import { RedisItemStates } from './redis-item-states.js';
import { RedisJournals } from './redis-journals.js';
import { RedisLiveness } from './redis-liveness.js';
import { RedisRuns } from './redis-runs.js';
import { RedisWorkflows } from './redis-workflows.js';
import { RunIndex } from './run-index.js';
import type { Connection } from './scripts.js';
import { placesOf, readServer } from './server.js';
import { judgeRedis } from './transient.js';

/**
 * A connection of `ioredis`: a `Redis` or a `Cluster`. The interface lists only the methods that identify a connection,
 * so that the types compile even without `ioredis`.
 */
export interface RedisConnection {
  ping(...args: never[]): Promise<unknown>;
  duplicate(...args: never[]): unknown;
  evalsha(...args: never[]): unknown;
}

/**
 * Creates an engine on a Redis server or a Redis cluster. Needs the packages `bullmq` and `ioredis`.
 *
 * The engine connects when it is first used, or on `open()`, which rejects with an `EngineError` if the server cannot
 * be reached or used, for example because it lacks the database.
 *
 * @param server - one of the following:
 * - an address: `redis://user:password@host:6379/0`, or `rediss:` for TLS. The path is the number of the database, by
 *   default 0. One address of a cluster is enough while that node is up
 * - addresses of several nodes of a cluster, with user and password in the first. A cluster has only database 0
 * - a connection of `ioredis` (`Redis` or `Cluster`) with any options except `keyPrefix`. The engine works on copies
 *   with the same server, login and `db`. The connection itself is neither used nor changed, and stays open when the
 *   engine is closed
 * @param options - `prefix`, timeouts and `allowEviction`; see `RedisOptions`. Default: all defaults
 * @throws {ValidationError} if an address or an option is invalid, if the database is not a number, or if the
 *   connection has a `keyPrefix`
 * @example
 * const engine = redis('redis://127.0.0.1:6379');
 * const onCluster = redis(['redis://10.0.0.1:6379', 'redis://10.0.0.2:6379']);
 */
export function redis(
  server: string | readonly string[] | RedisConnection,
  options: RedisOptions = {},
): DisposableEngine {
  return new RedisEngine(readServer(server), readRedisOptions(options));
}

class RedisEngine implements DisposableEngine, RedisCore {
  readonly name: string;
  readonly keys: Keys;
  readonly index: RunIndex;
  readonly queue: BullQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: RunInfoStore;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: LivenessStore;
  readonly workItemStateStore: WorkItemStateStore;
  readonly checkpointStore: RedisCheckpoints;
  readonly workflowStore: WorkflowStore;
  readonly #opening: Opening<Opened>;
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #subscribed = new Once(() => this.#subscribe());
  readonly #persistence: Persistence;
  /** Aborts when the engine is closed. */
  readonly #end = new Cancellation([], true);
  readonly #closing = new Closing((deadline) => this.#close(deadline));
  readonly #warnings = new Warnings();
  /** Private, so that the password in an address is not printed with the object. */
  readonly #source: Source;
  #connections: Connections | undefined = undefined;
  /** Private, so that the password is not printed with the object. */
  #connection: Connection | undefined = undefined;
  readonly #clock = new AskedClock(async () => {
    const [seconds, microseconds] = await this.ask((connection) => connection.time());
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  });
  readonly #journals: RedisJournals;
  #forsake: () => void = () => {};

  constructor(
    source: Source,
    private readonly options: ReadRedisOptions,
  ) {
    const { prefix, connectTimeout, operationTimeout } = options;
    this.#source = source;
    this.name = `redis at ${placesOf(source)}`;
    this.keys = new Keys(prefix);
    this.index = new RunIndex(this);
    const explain = (error: unknown) => this.#connections?.explain(error) ?? error;
    this.#persistence = {
      name: this.name,
      timeout: operationTimeout,
      judge: judgeRedis,
      explain,
      unreached: () => this.#connections?.failure,
      until: this.#end,
    };
    this.#opening = new Opening(this.name, connectTimeout, (end) => this.#open(end));
    const setup = async () => {
      const { bull, connections, server } = await this.#opening.get();
      // The scripts of the queue use many keys, so all keys share one hash tag. The backend has its own connections.
      const backend = backendOn(bull, connections, server, `{${prefix}}`);
      return { bull, name: 'queue', options: { connection: {} } as Bull.QueueOptions, backend };
    };
    this.#journals = new RedisJournals(this, this.#clock, this.#persistence);
    this.queue = new BullQueue(this, setup, this.#persistence, this.#clock);
    this.runInfoStore = persistent(new RedisRuns(this, this), this.#persistence);
    this.livenessStore = persistent(new RedisLiveness(this, this), this.#persistence);
    this.workItemStateStore = persistent(new RedisItemStates(this, this), this.#persistence);
    this.checkpointStore = new RedisCheckpoints(this, this, options.holdDuration);
    this.workflowStore = persistent(new RedisWorkflows(this, this), this.#persistence);
    const { contextStore, metricsStore, errorStore } = derivedStores(this);
    this.contextStore = contextStore;
    this.metricsStore = metricsStore;
    this.errorStore = errorStore;
  }

  async open(): Promise<void> {
    await this.#opening.get();
  }

  get opened(): Connection | undefined {
    return this.#connection;
  }

  connection(): Connection | Promise<Connection> {
    return this.#connection ?? this.#opening.get().then(({ connection }) => connection);
  }

  ask<Answer>(work: (connection: Connection) => Promise<Answer>): Promise<Answer> {
    return this.#repeat(async () => work(await this.connection()));
  }

  begin(run: NewRun): ReturnType<Engine['begin']> {
    return this.#repeat(() => this.#journals.begin(run));
  }

  commit(
    runId: string,
    known: number,
    commits: readonly Commit[],
    incarnation?: number,
  ): Promise<CommitAnswer | undefined> {
    return this.#journals.commit({ runId, known, commits, incarnation });
  }

  async subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    await this.#subscribed.get();
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onWarning(listener: (warning: Error) => void): () => void {
    return this.#warnings.listen(listener);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#closing.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadline: Deadline): Promise<void> {
    this.checkpointStore.leases.close();
    this.#connection = undefined;
    const opening = this.#opening.close();
    const opened = await deadline.bound(opening);
    // If opening succeeds after all, its connections are closed too.
    if (opened === undefined) void opening.then((late) => late?.connections.close());
    await deadline.bound(this.queue.close());
    opened?.connections.close();
    this.#forsake();
    // ioredis leaves some commands unanswered when their connection is closed.
    this.#end.abort(new EngineError(this.name, 'was closed: create a new engine', { reason: 'closed' }));
  }

  #repeat<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return persistently(this.#persistence, work);
  }

  async #open(until: Cancellation): Promise<Opened> {
    const source = this.#source;
    if (isConnection(source)) {
      // The supplied connection is not used, but may be lost while the engine is open.
      this.#forsake();
      this.#forsake = surviving(source);
    }
    const opened = await open({
      ...this.options,
      name: this.name,
      source,
      until,
      warn: (warning) => this.#warnings.warn(warning),
      onAttempt: (end) => {
        this.#opening.onTimeout = end;
      },
    });
    this.#connections = opened.connections;
    if (!until.aborted) this.#connection = opened.connection;
    return opened;
  }

  async #subscribe(): Promise<void> {
    const { connections } = await this.#opening.get();
    const subscriber = connections.make('events');
    subscriber.on('message', (_channel: string, message: string) => {
      const space = message.indexOf(' ');
      const change = { runId: message.slice(space + 1), status: message.slice(0, space) as RunStatus };
      for (const listener of this.#listeners) listener(change);
    });
    try {
      await this.#repeat(() => subscriber.subscribe(this.keys.channel));
    } catch (error) {
      connections.drop(subscriber);
      throw error;
    }
  }
}

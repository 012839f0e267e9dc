import type * as Bull from 'bullmq';
import type * as IoRedis from 'ioredis';
import type { Cluster, Redis } from 'ioredis';
import { loadPeers } from '../../peers.js';
import { aName, aValue } from '../../validate.js';
import { placeOf } from '../address.js';
import { asked } from '../asked.js';
import type {
  Commit,
  CommitAnswer,
  ContextStore,
  Engine,
  ErrorStore,
  MetricsStore,
  NewRun,
  RunChange,
  StatusChange,
  Verdict,
} from '../contracts.js';
import { derivedStores } from '../journal/derived-stores.js';
import { surviving } from '../listening.js';
import { Once } from '../once.js';
import { Opening } from '../opening.js';
import { type EngineOptions, type ReadEngineOptions, readEngineOptions } from '../options.js';
import { BullQueue } from '../queue/bull-queue.js';
import { type RunStatus, runStatuses } from '../run-info.js';
import { unless } from '../unless.js';
import { Keys } from './keys.js';
import { entriesFrom, fieldsOf, recordFrom } from './records.js';
import { RedisCheckpoints } from './redis-checkpoints.js';
import type { Filed, RedisCore } from './redis-core.js';
import { RedisItemStates } from './redis-item-states.js';
import { RedisLiveness } from './redis-liveness.js';
import { RedisRuns } from './redis-runs.js';
import { RedisWorkflows } from './redis-workflows.js';
import { type Connection, Script } from './scripts.js';

const scripts = { begin: new Script('begin'), commit: new Script('commit'), index: new Script('index') };

/** A connection of `ioredis`, or one for a cluster; who has no such package need not have its types. */
export interface RedisConnection {
  ping(...args: never[]): Promise<unknown>;
  duplicate(...args: never[]): unknown;
  evalsha(...args: never[]): unknown;
}

const aConnection = aValue<Connection>('an address, or a connection of ioredis', (value) => {
  const { ping, evalsha } = Object(value) as Partial<RedisConnection>;
  return typeof ping === 'function' && typeof evalsha === 'function';
});

/**
 * An engine on a Redis server, or a cluster. Needs the packages `bullmq` and `ioredis`.
 *
 * @param server - an address (`redis://user:password@host:6379/0`), or a connection of `ioredis`, made with
 *   `maxRetriesPerRequest: null`; a connection that is handed over stays open when the engine is closed
 * @throws {ValidationError} for an address or an option that is none
 *
 * @example
 * const engine = redis('redis://127.0.0.1:6379');
 */
export function redis(server: string | RedisConnection, options: EngineOptions = {}): Engine {
  const given = typeof server === 'string' ? aName(server, 'url') : aConnection(server, 'server');
  return new RedisEngine(given, readEngineOptions(options));
}

type CommitReply = [
  codes: number[],
  status: RunStatus,
  now: string,
  seq: number,
  others: string[] | null,
  changed?: (string | null)[],
];

interface Opened {
  readonly connection: Connection;
  readonly bull: typeof Bull;
}

class RedisEngine implements Engine, RedisCore {
  readonly name: string;
  readonly keys: Keys;
  readonly queue: BullQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: RedisRuns;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: RedisLiveness;
  readonly workItemStateStore: RedisItemStates;
  readonly checkpointStore: RedisCheckpoints;
  readonly workflowStore: RedisWorkflows;
  readonly #opening: Opening<Opened>;
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #subscriber = new Once(() => this.#subscribe());
  readonly #queueConnection = new Once(() => this.#connectQueue());

  /** Not to be seen: the address has a password in it. */
  readonly #server: string | Connection;
  /** Its own, as far as they stand beside the one for commands. Undefined when it is closed. */
  #copies: Set<Connection> | undefined = new Set();
  #forsake: () => void = () => {};

  constructor(
    server: string | Connection,
    private readonly options: ReadEngineOptions,
  ) {
    const { prefix, connectTimeout } = options;
    this.#server = server;
    this.name = `redis at ${addressOf(server)}`;
    this.keys = new Keys(prefix);
    this.#opening = new Opening(this.name, connectTimeout, (signal) => this.#open(signal));
    const setup = async () => {
      const { bull } = await this.#opening.get();
      const connection = (await this.#queueConnection.get()) as Bull.ConnectionOptions;
      // One hash tag for the queue: its scripts use many keys.
      return { bull, name: 'queue', options: { connection, prefix: `{${prefix}}` } };
    };
    this.queue = new BullQueue(this, setup, options.operationTimeout);
    this.runInfoStore = new RedisRuns(this, this);
    this.livenessStore = new RedisLiveness(this, this);
    this.workItemStateStore = new RedisItemStates(this, this);
    this.checkpointStore = new RedisCheckpoints(this, this, options.holdDuration);
    this.workflowStore = new RedisWorkflows(this, this);
    const { contextStore, metricsStore, errorStore } = derivedStores(this);
    this.contextStore = contextStore;
    this.metricsStore = metricsStore;
    this.errorStore = errorStore;
  }

  async open(): Promise<void> {
    await this.#opening.get();
  }

  async connection(): Promise<Connection> {
    return (await this.#opening.get()).connection;
  }

  begin(run: NewRun): ReturnType<Engine['begin']> {
    return asked(this.name, () => this.#begin(run));
  }

  commit(runId: string, known: number, commits: readonly Commit[]): Promise<CommitAnswer | undefined> {
    return asked(this.name, () => this.#commit(runId, known, commits));
  }

  async subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    this.#listeners.add(listener);
    await asked(this.name, () => this.#subscriber.get());
    return () => this.#listeners.delete(listener);
  }

  /**
   * The index has keys on other nodes, so it follows the run by a step of its own; and once more where the run has changed
   * meanwhile, so that the last to file it files it rightly.
   */
  async index(record: Filed): Promise<void> {
    const connection = await this.connection();
    let last = record;
    for (;;) {
      const filed = this.#file(connection, last);
      const status = connection.hget(this.keys.run(record.runId), 'status');
      await filed;
      if ((await status) === last.status) return;
      const now = await this.runInfoStore.getRun(record.runId);
      if (now === undefined || now.status === last.status) return;
      last = now;
    }
  }

  async unindex(runId: string, workflow: string): Promise<void> {
    await scripts.index.run(await this.connection(), this.keys.listsOf(workflow), [runId, '', 0, '']);
  }

  async close(): Promise<void> {
    this.checkpointStore.leases.close();
    const opened = await this.#opening.close();
    await this.queue.close();
    const copies = this.#copies ?? [];
    this.#copies = undefined;
    // Also those that have not connected yet: they are not waited for.
    for (const copy of copies) disconnect(copy);
    this.#forsake();
    if (typeof this.#server === 'string' && opened !== undefined) disconnect(opened.connection);
  }

  async #begin({ record, delay, timeout, snapshot }: NewRun): ReturnType<Engine['begin']> {
    const connection = await this.connection();
    const { runId } = record;
    // Filed before it is there: one that is there and is not filed would not be found.
    const filed = this.#file(connection, { ...record, createdAt: Date.now(), finishedAt: undefined });
    const args = [delay, timeout ?? '', snapshot, ...fieldsOf(record)];
    const begins = scripts.begin.run(connection, [this.keys.run(runId), this.keys.snapshot(runId)], args);
    const [answer] = await Promise.all([begins, filed]);
    const [existed, now, fields] = answer as [number, string, string[]];
    const begun = recordFrom(fields);
    await (existed === 1 ? this.index(begun.record) : this.#file(connection, begun.record));
    return { existed: existed === 1, now: Number(now), ...begun };
  }

  async #commit(runId: string, known: number, commits: readonly Commit[]): Promise<CommitAnswer | undefined> {
    const connection = await this.connection();
    const { keys } = this;
    const args = [known, keys.channel, runId, ...commits.flatMap(argsOf)];
    const of = [keys.run(runId), keys.journal(runId), keys.slots(runId), keys.crashes(runId), keys.states(runId)];
    const answer = await scripts.commit.run(connection, of, args);
    if (answer === null) return undefined;
    const [codes, status, now, seq, others, changed] = answer as CommitReply;
    if (changed !== undefined) {
      const [workflow, createdAt, finishedAt, retention] = changed.map((value) => value ?? undefined);
      const times = { createdAt: Number(createdAt), finishedAt: numberOf(finishedAt), retention: numberOf(retention) };
      await this.index({ runId, workflow: workflow as string, status, ...times });
    }
    const entries = others === null ? undefined : entriesFrom(others, known + 1);
    return { verdicts: codes.map(verdictOf), status, now: Number(now), seq, entries };
  }

  async #file(
    connection: Connection,
    { runId, workflow, status, createdAt, finishedAt, retention }: Filed,
  ): Promise<void> {
    const expires = finishedAt === undefined || retention === undefined ? '' : finishedAt + retention;
    const args = [runId, createdAt, runStatuses.indexOf(status) + 1, expires];
    await scripts.index.run(connection, this.keys.listsOf(workflow), args);
  }

  async #open(signal: AbortSignal): Promise<Opened> {
    const { ioredis, bullmq } = await loadPeers<{ bullmq: typeof Bull; ioredis: typeof IoRedis }>('redis', [
      'bullmq',
      'ioredis',
    ]);
    const server = this.#server;
    if (typeof server !== 'string') {
      this.#forsake();
      this.#forsake = surviving(server);
      await unless(signal, server.ping());
      return { connection: server, bull: bullmq };
    }
    const connection = new ioredis.Redis(server, {
      maxRetriesPerRequest: null,
      commandTimeout: this.options.operationTimeout,
      enableAutoPipelining: true,
      lazyConnect: true,
      retryStrategy: (times) => Math.min(50 * times, 1_000),
    });
    let last: unknown;
    connection.on('error', (error) => {
      last = error;
    });
    this.#opening.onTimeout = () => last;
    try {
      await unless(signal, connection.ping());
      return { connection, bull: bullmq };
    } catch (error) {
      disconnect(connection);
      throw error;
    }
  }

  /**
   * BullMQ has a connection of its own. It defines commands on it, which ioredis takes badly while a pipeline is pending
   * (redis/ioredis#1931); it listens to it; and it waits on copies of it for longer than a command may take.
   */
  async #connectQueue(): Promise<Connection> {
    const connection = await this.connection();
    // As a whole: the types of ioredis do not let it be said that nothing is given.
    const options = { maxRetriesPerRequest: null, commandTimeout: undefined } as object;
    return this.#keep(
      isCluster(connection) ? connection.duplicate([], { redisOptions: options }) : connection.duplicate(options),
    );
  }

  async #subscribe(): Promise<Connection> {
    const subscriber = this.#keep(((await this.connection()) as Redis).duplicate());
    subscriber.on('message', (_channel: string, message: string) => {
      const space = message.indexOf(' ');
      const change = { runId: message.slice(space + 1), status: message.slice(0, space) as RunStatus };
      for (const listener of this.#listeners) listener(change);
    });
    try {
      await subscriber.subscribe(this.keys.channel);
      return subscriber;
    } catch (error) {
      this.#copies?.delete(subscriber);
      disconnect(subscriber);
      throw error;
    }
  }

  #keep(copy: Connection): Connection {
    copy.on('error', () => undefined);
    if (this.#copies === undefined) disconnect(copy);
    this.#copies?.add(copy);
    return copy;
  }
}

/**
 * Ends a connection, and whatever waits on it. Of one that waits for its next attempt to connect `ioredis` would only stop
 * the clock: it would never end, nor would what waits on it settle. So the attempt is begun, and given up.
 */
function disconnect(connection: Connection): void {
  if (connection.status === 'reconnecting' && !isCluster(connection)) void connection.connect().catch(() => undefined);
  connection.disconnect();
}

function isCluster(connection: Connection): connection is Cluster {
  return connection.isCluster;
}

function argsOf({
  text,
  during,
  slot = '',
  number = 0,
  onlyIfNext,
  becomes,
  becomesIfNext,
}: Commit): (string | number)[] {
  return [
    text,
    during.join(','),
    slot,
    number,
    onlyIfNext ? 1 : 0,
    ...changeArgs(becomesIfNext),
    ...changeArgs(becomes),
  ];
}

function changeArgs(change: RunChange | undefined): (string | number)[] {
  const { status = '', output, error } = change ?? {};
  return [status, output === undefined ? 0 : 1, output ?? '', error === undefined ? 0 : 1, error ?? ''];
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function verdictOf(code: number): Verdict {
  if (code > 0) return code;
  return code === 0 ? 'duplicate' : 'refused';
}

function addressOf(server: string | Connection): string {
  if (typeof server !== 'string') {
    const { host = 'a cluster', port } = Object((server as { options?: unknown }).options) as {
      host?: string;
      port?: number;
    };
    return port === undefined ? host : `${host}:${port}`;
  }
  return placeOf('redis', server, 6379);
}

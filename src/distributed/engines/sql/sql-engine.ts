import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import { Cancellation, untilAborted } from '../../../kernel/cancellation.js';
import { type CloseOptions, Closing } from '../../../shared/closing.js';
import type { Deadline } from '../../../shared/deadline.js';
import { Once } from '../../../shared/once.js';
import { loadPeers } from '../../../shared/peers.js';
import type { Place } from '../../../shared/place.js';
import { judgeSql } from '../../../shared/sql-errors.js';
import type {
  Commit,
  CommitAnswer,
  ContextStore,
  DisposableEngine,
  Engine,
  ErrorStore,
  MetricsStore,
  NewRun,
  StatusChange,
} from '../../contracts.js';
import { EngineError } from '../../errors.js';
import { derivedStores } from '../../journal/derived-stores.js';
import { AskedClock } from '../engine-clock.js';
import { Opening } from '../opening.js';
import type { ReadEngineOptions } from '../options.js';
import { limitOfCalls, type Persistence, persistently } from '../persistence.js';
import { BullQueue } from '../queue/bull-queue.js';
import { reasonOf } from '../reasons.js';
import type { Database, Query, Row } from './database.js';
import { claimPrefix, explained, isUpToDate, migrate } from './migrate.js';
import { SqlCheckpoints } from './sql-checkpoints.js';
import type { SqlCore } from './sql-core.js';
import { SqlItemStates } from './sql-item-states.js';
import { SqlJournals } from './sql-journals.js';
import { SqlLiveness } from './sql-liveness.js';
import { SqlRuns } from './sql-runs.js';
import { SqlWorkflows } from './sql-workflows.js';
import { channelOf, statement } from './statements.js';

/** Milliseconds that the queue gets to close before its connections are cut. */
const farewell = 3_000;

/** Errors of a closed pool and of a closed PGlite. */
const ended = /after calling end on the pool|PGlite is closed/;

/** The properties that differ between engines on a database. */
export interface SqlSetup {
  /** Kind and address of the engine, for messages. */
  readonly name: string;
  readonly options: ReadEngineOptions;
  /** Maximum number of batches in flight for each kind of statement. */
  readonly width: number;
  /** @param end - aborts when the engine is closed */
  open(end: Cancellation): Promise<Database>;
}

interface Opened {
  readonly database: Database;
  readonly bull: typeof Bull;
}

/** An engine on PostgreSQL, on a server or in this program. */
export class SqlEngine implements DisposableEngine, SqlCore {
  readonly name: string;
  readonly queue: BullQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: SqlRuns;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: SqlLiveness;
  readonly workItemStateStore: SqlItemStates;
  readonly checkpointStore: SqlCheckpoints;
  readonly workflowStore: SqlWorkflows;
  readonly #setup: SqlSetup;
  /** The name of the schema, in lower case, so that it has the same meaning with and without quotes. */
  readonly #schema: string;
  readonly #persistence: Persistence;
  /** Aborts when the engine is closed. */
  readonly #end = new Cancellation([], true);
  readonly #closing = new Closing((deadline) => this.#close(deadline));
  readonly #connecting: Opening<Database>;
  /** Time at which opening started. `undefined` once the schema has been checked. */
  #openingSince: number | undefined = undefined;
  readonly #migrating = new Once(() => this.#migrate());
  /**
   * The open database; `undefined` before opening and after closing. Lets calls start without waiting for a promise.
   */
  #open: Opened | undefined = undefined;
  readonly #journals: SqlJournals;
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #listening = new Once(() => this.#listen());

  constructor(setup: SqlSetup) {
    this.#setup = setup;
    this.name = setup.name;
    this.#schema = setup.options.prefix.toLowerCase();
    this.#persistence = {
      name: setup.name,
      timeout: setup.options.operationTimeout,
      judge: judgeSql,
      explain: (error) => this.#explain(error),
      until: this.#end,
    };
    this.#connecting = new Opening(setup.name, setup.options.connectTimeout, (end) => {
      this.#openingSince = performance.now();
      return setup.open(end);
    });
    this.#journals = new SqlJournals(this, {
      opened: () => this.#opened(),
      width: setup.width,
      limit: limitOfCalls(this.#persistence),
    });
    const clock = new AskedClock(async () => Number((await this.query('now'))[0]?.now));
    this.queue = new BullQueue(this, () => this.#queueSetup(), this.#persistence, clock);
    this.runInfoStore = new SqlRuns(this, this);
    this.livenessStore = new SqlLiveness(this, this);
    this.workItemStateStore = new SqlItemStates(this, this);
    this.checkpointStore = new SqlCheckpoints(
      this,
      this,
      (runId, after, bytes) => this.#journals.read({ runId, after, bytes }),
      setup.options.holdDuration,
    );
    this.workflowStore = new SqlWorkflows(this, this);
    const { contextStore, metricsStore, errorStore } = derivedStores(this);
    this.contextStore = contextStore;
    this.metricsStore = metricsStore;
    this.errorStore = errorStore;
  }

  async open(): Promise<void> {
    await this.#opened();
  }

  async query(name: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const { database } = await this.#opened();
    const text = statement(name, this.#schema);
    return persistently(this.#persistence, (attempt) => database.query(text, values, attempt));
  }

  async atOneMoment<Result>(read: (query: SqlCore['query']) => Promise<Result>): Promise<Result> {
    const { database } = await this.#opened();
    return persistently(this.#persistence, (attempt) =>
      database.exclusively(async (query) => {
        await query('begin transaction isolation level repeatable read read only');
        try {
          return await read((name, values) => query(statement(name, this.#schema), values));
        } finally {
          await query('rollback');
        }
      }, attempt),
    );
  }

  async place(): Promise<Place> {
    return (await this.#opened()).database.place();
  }

  begin(run: NewRun): ReturnType<Engine['begin']> {
    return this.#journals.begin(run);
  }

  commit(
    runId: string,
    known: number,
    commits: readonly Commit[],
    incarnation?: number,
  ): Promise<CommitAnswer | undefined> {
    return this.#journals.commit({ runId, known, incarnation, commits });
  }

  async subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    this.#listeners.add(listener);
    const end = () => this.#listeners.delete(listener);
    try {
      await this.#listening.get();
      return end;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Closes the engine within a limited time, even if the server does not answer. */
  close(options?: CloseOptions): Promise<void> {
    return this.#closing.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadline: Deadline): Promise<void> {
    this.#open = undefined;
    this.checkpointStore.leases.close();
    const connecting = this.#connecting.close();
    const database = await deadline.bound(connecting);
    // If connecting succeeds after all, its database is closed too.
    if (database === undefined) void connecting.then((late) => late?.close()).catch(() => undefined);
    void this.#listening.made().then((stop) => stop?.());
    const queue = pTimeout(this.queue.close(), { milliseconds: farewell, fallback: () => undefined });
    await deadline.bound(queue);
    if (database !== undefined) await deadline.bound(database.close());
    // A pool that was ended never answers requests that are waiting for a connection.
    this.#end.abort(new EngineError(this.name, 'was closed: create a new engine', { reason: 'closed' }));
  }

  #opened(): Opened | Promise<Opened> {
    return this.#open ?? this.#connecting.get().then(() => this.#migrating.get());
  }

  /**
   * Checks and migrates the schema. Connecting and checking together take at most `connectTimeout`. A migration takes
   * as long as the server is working on it, because tables may be large. Closing the engine ends the wait for a
   * migration.
   */
  async #migrate(): Promise<Opened> {
    const database = await this.#connecting.get();
    const { bullmq: bull } = await loadPeers<{ bullmq: typeof Bull }>(this.name, ['bullmq']);
    const { prefix, connectTimeout } = this.#setup.options;
    const schema = this.#schema;
    const since = this.#openingSince ?? performance.now();
    this.#openingSince = undefined;
    const left = () => Math.max(connectTimeout / 2, connectTimeout - (performance.now() - since));
    const alone = <Result>(work: (query: Query) => Promise<Result>) =>
      persistently({ ...this.#persistence, timeout: Math.round(left()) }, (attempt) =>
        database.exclusively(work, attempt),
      );
    try {
      const isDone = await alone((query) => isUpToDate(query, { schema, bull }));
      if (!isDone) await untilAborted(this.#end, migrate(database, { schema, bull }, left()));
      await alone((query) => claimPrefix(query, schema, prefix));
      const opened = { database, bull };
      if (!this.#closing.hasBegun) this.#open = opened;
      return opened;
    } catch (error) {
      const isOurs = error instanceof EngineError;
      if (isOurs && error.cause === undefined) throw error;
      const cause = isOurs ? error.cause : await this.#explain(error);
      throw new EngineError(this.name, 'cannot be opened', {
        cause,
        reason: reasonOf(isOurs ? error : cause, 'refused'),
      });
    }
  }

  /** Explains an error, for example a missing right, or that the engine was closed in the meantime. */
  async #explain(error: unknown): Promise<unknown> {
    const isClosed = this.#closing.hasBegun && ended.test(String(Object(error).message));
    if (isClosed) return new EngineError(this.name, 'was closed: create a new engine', { reason: 'closed' });
    return this.#connecting.get().then(
      (database) => explained(error, database, this.#schema),
      () => error,
    );
  }

  async #queueSetup() {
    const { bull, database } = await this.#opened();
    const options = { connection: database.queuePool } as unknown as Bull.QueueOptions;
    return { bull, name: this.#schema, options, backend: bull.createPostgresBackend };
  }

  async #listen(): Promise<() => void> {
    const { database } = await this.#opened();
    const onNotification = (payload: string) => {
      const change = JSON.parse(payload) as StatusChange;
      for (const listener of this.#listeners) listener(change);
    };
    const channel = channelOf(this.#schema);
    return persistently(this.#persistence, (attempt) => database.listen(channel, onNotification, attempt));
  }
}

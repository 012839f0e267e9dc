import type * as Bull from 'bullmq';
import pTimeout from 'p-timeout';
import { loadPeers } from '../../peers.js';
import { Batcher } from '../batcher.js';
import type {
  Commit,
  CommitAnswer,
  ContextStore,
  Engine,
  ErrorStore,
  JournalTail,
  MetricsStore,
  NewRun,
  StatusChange,
  Verdict,
} from '../contracts.js';
import { derivedStores } from '../journal/derived-stores.js';
import { Once } from '../once.js';
import { Opening } from '../opening.js';
import type { ReadEngineOptions } from '../options.js';
import { pageBytes } from '../pages.js';
import type { Place } from '../place.js';
import { BullQueue } from '../queue/bull-queue.js';
import type { RunStatus } from '../run-info.js';
import type { Database, Row } from './database.js';
import { migrate } from './migrate.js';
import { SqlCheckpoints } from './sql-checkpoints.js';
import { type EntryRow, entriesFrom, recordFrom, type SqlCore } from './sql-core.js';
import { SqlItemStates } from './sql-item-states.js';
import { SqlLiveness } from './sql-liveness.js';
import { SqlRuns } from './sql-runs.js';
import { SqlWorkflows } from './sql-workflows.js';
import { channelOf, statement } from './statements.js';
import { persistently } from './transient.js';

/** How an engine on a database is made. */
export interface SqlSetup {
  /** What it is and where, for messages. */
  readonly name: string;
  readonly options: ReadEngineOptions;
  /** How many statements of one kind may be under way at the same time. */
  readonly width: number;
  /** Rejects soon after the signal has aborted, where it would wait for a server. */
  open(signal: AbortSignal): Promise<Database>;
}

interface Opened {
  readonly database: Database;
  readonly bull: typeof Bull;
}

interface CommitCall {
  readonly runId: string;
  readonly known: number;
  readonly commits: readonly Commit[];
}

interface CommitReply {
  readonly verdicts: readonly number[];
  readonly status: RunStatus;
  readonly now: number;
  readonly seq: number;
  readonly entries: readonly EntryRow[] | null;
}

interface ReadCall {
  readonly runId: string;
  readonly after: number;
  /** How many bytes of entries are asked for. */
  readonly bytes: number;
}

interface ReadReply {
  readonly record: unknown;
  readonly now: string | number;
  readonly snapshot: string | null;
  readonly entries: readonly EntryRow[];
}

interface BeginReply {
  readonly existed: boolean;
  readonly now: number;
  readonly record: unknown;
}

/** How long to wait for a listener that is about to begin, in milliseconds. */
const farewell = 1_000;

/** Names of schemas are lower-case, so that they mean the same with and without quotes. */
const schemaOf = ({ prefix }: ReadEngineOptions) => prefix.toLowerCase();

/** An engine on PostgreSQL, in a server or in this program. */
export class SqlEngine implements Engine, SqlCore {
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
  readonly #opening: Opening<Opened>;
  readonly #begins: Batcher<NewRun, BeginReply>;
  readonly #commits: Batcher<CommitCall, CommitReply | null>;
  readonly #reads: Batcher<ReadCall, ReadReply>;
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #listening = new Once(() => this.#listen());

  constructor(setup: SqlSetup) {
    this.#setup = setup;
    this.name = setup.name;
    this.#opening = new Opening(setup.name, setup.options.connectTimeout, (signal) => this.#open(signal));
    this.#begins = this.#batcher('begin-runs', ({ snapshot }) => snapshot.length);
    this.#commits = this.#batcher('commit-runs', ({ commits }) => sizeOf(commits));
    this.#reads = new Batcher((calls) => this.#sendReads(calls), setup.width);
    this.queue = new BullQueue(this, () => this.#queueSetup(), setup.options.operationTimeout);
    this.runInfoStore = new SqlRuns(this, this);
    this.livenessStore = new SqlLiveness(this, this);
    this.workItemStateStore = new SqlItemStates(this, this);
    this.checkpointStore = new SqlCheckpoints(
      this,
      this,
      (runId, after, bytes) => this.#read({ runId, after, bytes }),
      setup.options.holdDuration,
    );
    this.workflowStore = new SqlWorkflows(this, this);
    const { contextStore, metricsStore, errorStore } = derivedStores(this);
    this.contextStore = contextStore;
    this.metricsStore = metricsStore;
    this.errorStore = errorStore;
  }

  async open(): Promise<void> {
    await this.#opening.get();
  }

  async query(name: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const { database } = await this.#opening.get();
    const { options } = this.#setup;
    const text = statement(name, schemaOf(options));
    return persistently(this.name, options.operationTimeout, () => database.query(text, values));
  }

  async atOneMoment<Result>(read: (query: SqlCore['query']) => Promise<Result>): Promise<Result> {
    const { database } = await this.#opening.get();
    const { options } = this.#setup;
    return persistently(this.name, options.operationTimeout, () =>
      database.exclusively(async (query) => {
        await query('begin transaction isolation level repeatable read read only');
        try {
          return await read((name, values) => query(statement(name, schemaOf(options)), values));
        } finally {
          await query('rollback');
        }
      }),
    );
  }

  async place(): Promise<Place> {
    return (await this.#opening.get()).database.place();
  }

  async begin(run: NewRun): ReturnType<Engine['begin']> {
    const { existed, now, record } = await this.#begins.add(run);
    return { existed, now, ...recordFrom(record) };
  }

  async commit(runId: string, known: number, commits: readonly Commit[]): Promise<CommitAnswer | undefined> {
    const reply = await this.#commits.add({ runId, known, commits });
    if (reply === null) return undefined;
    const { verdicts, status, now, seq, entries } = reply;
    const others = entries === null ? undefined : entriesFrom(entries);
    return { verdicts: verdicts.map(verdictOf), status, now, seq, entries: others };
  }

  async subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    this.#listeners.add(listener);
    await this.#listening.get();
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.checkpointStore.leases.close();
    const opened = await this.#opening.close();
    await this.queue.close();
    const stopped = this.#listening.made().then((stop) => stop?.());
    // A listener that cannot connect is ended by the database.
    await pTimeout(stopped, { milliseconds: farewell, fallback: () => undefined });
    await opened?.database.close();
  }

  async #open(signal: AbortSignal): Promise<Opened> {
    const { bullmq } = await loadPeers<{ bullmq: typeof Bull }>(this.name, ['bullmq']);
    const database = await this.#setup.open(signal);
    const close = () => void database.close().catch(() => undefined);
    signal.addEventListener('abort', close);
    try {
      signal.throwIfAborted();
      await migrate(database, schemaOf(this.#setup.options));
      const client = await database.queuePool.connect();
      try {
        await bullmq.runMigrations(client, bullmq.DEFAULT_SCHEMA);
      } finally {
        client.release();
      }
      return { database, bull: bullmq };
    } catch (error) {
      await database.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  async #queueSetup() {
    const { bull, database } = await this.#opening.get();
    const options = { connection: database.queuePool } as unknown as Bull.QueueOptions;
    return { bull, name: schemaOf(this.#setup.options), options, backend: bull.createPostgresBackend };
  }

  async #read(call: ReadCall): Promise<JournalTail | undefined> {
    const reply = await this.#reads.add(call);
    if (reply.record === null) return undefined;
    const { record, seq, base } = recordFrom(reply.record);
    const snapshot = reply.snapshot === null ? undefined : { text: reply.snapshot, seq: base };
    return { record, now: Number(reply.now), seq, snapshot, entries: entriesFrom(reply.entries) };
  }

  /** All runs together are asked for no more bytes than one alone, as far as that goes. */
  async #sendReads(calls: readonly ReadCall[]): Promise<readonly ReadReply[]> {
    const share = Math.max(1, Math.floor(pageBytes / calls.length));
    const shared = calls.map((call) => ({ ...call, bytes: Math.min(call.bytes, share) }));
    return (await this.query('read-runs', [JSON.stringify(shared)])) as unknown as readonly ReadReply[];
  }

  #batcher<Call, Answer>(name: string, sizeOf: (call: Call) => number): Batcher<Call, Answer> {
    const send = async (calls: readonly Call[]) => {
      const [row] = await this.query(name, [JSON.stringify(calls)]);
      return row?.answers as readonly Answer[];
    };
    return new Batcher(send, this.#setup.width, sizeOf);
  }

  async #listen(): Promise<() => void> {
    const { database } = await this.#opening.get();
    return database.listen(channelOf(schemaOf(this.#setup.options)), (payload) => {
      const change = JSON.parse(payload) as StatusChange;
      for (const listener of this.#listeners) listener(change);
    });
  }
}

function sizeOf(commits: readonly Commit[]): number {
  return commits.reduce((sum, { text }) => sum + text.length, 0);
}

function verdictOf(code: number): Verdict {
  if (code > 0) return code;
  return code === 0 ? 'duplicate' : 'refused';
}

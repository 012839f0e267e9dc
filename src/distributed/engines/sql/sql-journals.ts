import type { CommitAnswer, Engine, JournalTail, NewRun } from '../../contracts.js';
import type { RunStatus } from '../../run-info.js';
import { Batcher, type CallLimit } from '../batcher.js';
import { type CommitCall, sizeOf, verdictOf } from '../commits.js';
import { pageBytes } from '../pages.js';
import { type EntryRow, entriesFrom, recordFrom, type SqlCore } from './sql-core.js';

interface BeginReply {
  readonly existed: boolean;
  readonly now: number;
  readonly record: unknown;
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
  /** Maximum bytes of entries to return. */
  readonly bytes: number;
}

interface ReadReply {
  readonly record: unknown;
  readonly now: string | number;
  readonly snapshot: string | null;
  readonly entries: readonly EntryRow[];
}

/** Settings of the journals. */
interface JournalOptions {
  /** Resolves when the engine is open. */
  opened(): unknown;
  /** Maximum number of batches in flight for each kind of statement. */
  readonly width: number;
  /** The time limit of calls. */
  readonly limit: CallLimit;
}

/** Starts runs, commits entries, and reads journals. Calls of the same kind are sent together in one statement. */
export class SqlJournals {
  readonly #begins: Batcher<NewRun, BeginReply>;
  readonly #commits: Batcher<CommitCall, CommitReply | null>;
  readonly #reads: Batcher<ReadCall, ReadReply>;

  constructor(
    private readonly core: SqlCore,
    private readonly options: JournalOptions,
  ) {
    const { width, limit } = options;
    this.#begins = this.#batcher('begin-runs', ({ snapshot }) => snapshot.length);
    this.#commits = this.#batcher('commit-runs', sizeOf);
    this.#reads = new Batcher((calls) => this.#sendReads(calls), width, undefined, limit);
  }

  async begin(run: NewRun): ReturnType<Engine['begin']> {
    await this.options.opened();
    const { existed, now, record } = await this.#begins.add(run);
    return { existed, now, ...recordFrom(record) };
  }

  async commit(call: CommitCall): Promise<CommitAnswer | undefined> {
    await this.options.opened();
    const reply = await this.#commits.add(call);
    if (reply === null) return undefined;
    const { verdicts, status, now, seq, entries } = reply;
    const others = entries === null ? undefined : entriesFrom(entries);
    return { verdicts: verdicts.map(verdictOf), status, now, seq, entries: others };
  }

  async read(call: ReadCall): Promise<JournalTail | undefined> {
    await this.options.opened();
    const reply = await this.#reads.add(call);
    if (reply.record === null) return undefined;
    const { record, seq, base } = recordFrom(reply.record);
    const snapshot = reply.snapshot === null ? undefined : { text: reply.snapshot, seq: base };
    return { record, now: Number(reply.now), seq, snapshot, entries: entriesFrom(reply.entries) };
  }

  #batcher<Call, Answer>(name: string, sizeOf: (call: Call) => number): Batcher<Call, Answer> {
    const send = async (calls: readonly Call[]) => {
      const [row] = await this.core.query(name, [JSON.stringify(calls)]);
      return row?.answers as readonly Answer[];
    };
    const { width, limit } = this.options;
    return new Batcher(send, width, sizeOf, limit);
  }

  /**
   * Divides the bytes of a page among all calls, so that the joint answer is no larger than the answer to a single
   * call.
   */
  async #sendReads(calls: readonly ReadCall[]): Promise<readonly ReadReply[]> {
    const share = Math.max(1, Math.floor(pageBytes / calls.length));
    const shared = calls.map((call) => ({ ...call, bytes: Math.min(call.bytes, share) }));
    return (await this.core.query('read-runs', [JSON.stringify(shared)])) as unknown as readonly ReadReply[];
  }
}

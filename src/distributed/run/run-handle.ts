import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallSettings } from '../../flow/execution/index.js';
import type { Serializer } from '../../flow/index.js';
import { type Codec, type RunEndEvent, runEndChannel } from '../../flow/run/index.js';
import type { CommitAnswer, Engine, JournalEntry, JournalTail, RunChange, Verdict } from '../contracts.js';
import { EngineClock } from '../engines/engine-clock.js';
import { RunNotFoundError, WorkflowChangedError } from '../errors.js';
import { writeEntry } from '../journal/entry.js';
import { isSameRun, keyPathOf } from '../journal/incarnation.js';
import { keyOf } from '../journal/job-id.js';
import { pagesOf } from '../journal/pages.js';
import { Replica } from '../journal/replica.js';
import type { SavedReplica } from '../journal/saved-replica.js';
import { isFinished, type RunRecord, type RunStatus } from '../run-info.js';
import type { KnownWorkflow, Workflows } from '../workflows/workflows.js';
import { CommitQueue, type EntryCommit, type Waiting } from './commit-queue.js';
import { Growth } from './growth.js';

/** A run in one program: a replica of the run that is kept up to date by reading and committing entries. */
export class RunHandle {
  /** The engine's clock, set by each answer about the run. */
  readonly clock: EngineClock;
  /** The settings with which all nodes of the run are called. */
  readonly settings: CallSettings;
  status: RunStatus;
  /** Called with errors of the engine that are handled here. */
  onTrouble: (error: unknown) => void = () => {};
  #record: RunRecord;
  #replica: Replica;
  readonly #growth = new Growth();
  readonly #commits = new CommitQueue(
    (batch) => this.#commitBatch(batch),
    (error) => this.onTrouble(error),
  );
  #reading: Promise<void> | undefined = undefined;

  private constructor(
    private readonly engine: Engine,
    private readonly workflows: Workflows,
    readonly workflow: KnownWorkflow,
    tail: JournalTail,
  ) {
    this.#record = tail.record;
    this.#replica = this.#replicaFrom(tail);
    this.status = tail.record.status;
    this.clock = new EngineClock(tail.now);
    const path = keyPathOf(this.runId, this.incarnation);
    this.settings = path === undefined ? workflow.settings : { ...workflow.settings, path };
  }

  /** Creates a handle from the first page of a journal, which has a snapshot. */
  static over(engine: Engine, workflows: Workflows, workflow: KnownWorkflow, tail: JournalTail): RunHandle {
    return new RunHandle(engine, workflows, workflow, tail);
  }

  get runId(): string {
    return this.#record.runId;
  }

  get incarnation(): number | undefined {
    return this.#record.incarnation;
  }

  get codec(): Codec {
    return this.workflows.codec;
  }

  get serializer(): Serializer {
    return this.workflows.toolbox.serializer;
  }

  get record(): RunRecord {
    return this.#record;
  }

  get replica(): Replica {
    return this.#replica;
  }

  /** The estimated time of the engine's clock, in epoch milliseconds. */
  get now(): number {
    return this.clock.now;
  }

  /**
   * Reads the entries that other programs have committed. Concurrent calls share one read.
   *
   * @throws {RunNotFoundError} if the run was removed or replaced
   */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /**
   * Commits an entry to the journal. When the promise resolves, an added entry has also been applied to the replica.
   *
   * @throws {RunNotFoundError} if the run was removed or replaced
   */
  commit(given: EntryCommit): Promise<Verdict> {
    const { entry, during, slot, number, becomes, onlyIfNext, becomesIfNext, patience } = given;
    const commit = { text: writeEntry(entry), during, slot, number, becomes, onlyIfNext, becomesIfNext };
    const since = this.#replica.seq;
    const within = runEndChannel.hasSubscribers ? AsyncLocalStorage.snapshot() : undefined;
    return new Promise((resolve, reject) => {
      this.#commits.add({ entry, commit, since, within, patience, resolve, reject });
    });
  }

  #commitBatch(waiting: readonly Waiting[]): Promise<void> {
    const known = this.#replica.seq;
    const batch = waiting.filter((one) => this.#holds(one));
    if (batch.length === 0) return Promise.resolve();
    const commits = batch.map(({ commit, since }) =>
      since === known ? commit : { ...commit, becomesIfNext: undefined },
    );
    const committed = attempt(() => this.engine.commit(this.runId, known, commits, this.incarnation));
    return committed.then((answer) => this.#take(answer, batch));
  }

  /** Applies the answer to a batch of commits, and settles the commits. */
  #take(answer: CommitAnswer | undefined, batch: readonly Waiting[]): Promise<void> | undefined {
    if (answer === undefined) throw new RunNotFoundError(this.runId);
    const before = this.status;
    // A later read may already have set a newer status.
    if (answer.seq >= this.#replica.seq) this.#hear(answer.status, answer.now);
    if (answer.entries === undefined) return this.#commitAnew(batch);
    for (const entry of answer.entries) this.#apply(entry);
    // In the order of the journal, the entries of this batch follow the entries of other programs.
    for (const [index, { entry, commit }] of batch.entries()) {
      const seq = answer.verdicts[index];
      if (typeof seq !== 'number') continue;
      this.#growth.add(seq, commit.text);
      this.#replica.applyEntry(entry, seq, answer.now);
    }
    if (!isFinished(before) && isFinished(answer.status)) this.#publishEnd(answer, batch);
    for (const [index, { resolve }] of batch.entries()) resolve(answer.verdicts[index] as Verdict);
    return this.#isToBeCompacted() ? this.#compact() : undefined;
  }

  /**
   * Publishes the end of the run if a commit of this batch ended it. The commit may have ended the run in an earlier
   * call, whose answer was lost.
   */
  #publishEnd({ status, verdicts, now, entries = [] }: CommitAnswer, batch: readonly Waiting[]): void {
    const last = entries.at(-1)?.text;
    const ending = batch.findLast(({ entry, commit: { text, becomes, becomesIfNext } }, index) => {
      // An entry that names its worker can equal the last entry only if this worker wrote the last entry.
      const isDone = typeof verdicts[index] === 'number' || ('worker' in entry && text === last);
      return isDone && (becomes ?? becomesIfNext)?.status === status;
    });
    if (ending?.within === undefined) return;
    const { runId, workflow, startAt } = this.#record;
    const { error } = (ending.commit.becomes ?? ending.commit.becomesIfNext) as RunChange;
    const { name: engine } = this.engine;
    const event = { runId, workflow, status, duration: now - startAt, error, engine } as RunEndEvent;
    ending.within(() => runEndChannel.publish(event));
  }

  /**
   * Refuses an `onlyIfNext` commit if the replica has received entries since the commit was requested. The engine
   * cannot detect this.
   */
  #holds({ commit, since, resolve }: Waiting): boolean {
    if (commit.onlyIfNext !== true || since === this.#replica.seq) return true;
    resolve('refused');
    return false;
  }

  /**
   * Reads the run and commits again. Called if the entries that this program lacks were dropped, or are too many for
   * one answer.
   */
  async #commitAnew(batch: readonly Waiting[]): Promise<void> {
    await this.#read();
    return this.#commitBatch(batch);
  }

  async #read(): Promise<void> {
    let isThere = false;
    for await (const page of pagesOf(this.engine.checkpointStore, this.runId, this.#replica.seq)) {
      isThere = true;
      this.takeIn(page);
    }
    if (!isThere) throw new RunNotFoundError(this.runId);
  }

  /**
   * Applies a page of the journal.
   *
   * @throws {RunNotFoundError} if the page belongs to another run with the same id
   */
  takeIn(tail: JournalTail): void {
    // The run was removed, and another run was started under its id.
    if (!isSameRun(tail.record, this.#record)) throw new RunNotFoundError(this.runId);
    if (tail.seq < this.#replica.seq) return;
    this.#record = tail.record;
    this.#hear(tail.record.status, tail.now);
    if (tail.snapshot === undefined) for (const entry of tail.entries) this.#apply(entry);
    else this.#replica = this.#replicaFrom(tail);
  }

  #apply(entry: JournalEntry): void {
    this.#growth.add(entry.seq, entry.text);
    this.#replica.apply(entry);
  }

  #hear(status: RunStatus, now: number): void {
    this.status = status;
    this.clock.hear(now);
  }

  #replicaFrom({ snapshot, entries }: JournalTail): Replica {
    const { plan, merges } = this.workflow;
    const { text, seq } = snapshot as NonNullable<JournalTail['snapshot']>;
    const origin = {
      plan,
      merges,
      runKey: keyOf(this.runId),
      incarnation: this.incarnation,
      codec: this.workflows.codec,
    };
    const saved = JSON.parse(text) as SavedReplica;
    if (saved.graph !== undefined && saved.graph !== this.workflow.graph) {
      throw new WorkflowChangedError(this.workflow.id, this.workflow.version, '', saved.runId);
    }
    const replica = new Replica(origin, saved, seq);
    this.#growth.begin(seq, text.length);
    for (const entry of entries) {
      this.#growth.add(entry.seq, entry.text);
      replica.apply(entry);
    }
    return replica;
  }

  /**
   * Returns true if a compaction is due. A program without the code of the workflow never compacts, because it lacks
   * the merge functions and might save a wrong context in the snapshot.
   */
  #isToBeCompacted(): boolean {
    return this.workflow.hasCode && this.#growth.isDue;
  }

  /**
   * Replaces the journal with a snapshot of the replica. This keeps the journal small, even for a loop with a million
   * iterations.
   */
  async #compact(): Promise<void> {
    const { seq } = this.#replica;
    // After a failure, the next attempt is made when the journal has grown by the same amount again. Nothing is lost in
    // the meantime.
    this.#growth.defer(seq);
    try {
      const text = JSON.stringify(this.#replica.save());
      await this.engine.checkpointStore.compact(this.runId, text, seq, this.incarnation);
      this.#growth.begin(seq, text.length);
    } catch (error) {
      this.onTrouble(error);
    }
  }
}

/** Converts a synchronous throw of a custom engine to a rejected promise. */
function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

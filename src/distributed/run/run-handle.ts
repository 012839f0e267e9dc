import type { CallSettings } from '../../flow/execution/index.js';
import type { Serializer } from '../../flow/index.js';
import type { Codec } from '../../flow/run/index.js';
import { isPromiseLike } from '../../shared/promise-like.js';
import type { CommitAnswer, Engine, JournalEntry, JournalTail, Verdict } from '../contracts.js';
import { EngineClock } from '../engines/engine-clock.js';
import { RunNotFoundError, WorkflowChangedError } from '../errors.js';
import { type Entry, type NodeEntry, readEntry } from '../journal/entry.js';
import { isSameRun, keyPathOf } from '../journal/incarnation.js';
import { keyOf } from '../journal/job-id.js';
import { pagesOf } from '../journal/pages.js';
import { Replica } from '../journal/replica.js';
import { snapshotOf } from '../journal/snapshot.js';
import { isFinished, type RunRecord, type RunStatus } from '../run-info.js';
import type { KnownWorkflow, Workflows } from '../workflows/workflows.js';
import { commitOf, commitsOf, entriesOf, type Judged, judgedBy } from './batches.js';
import type { EntryCommit, Waiting } from './commit-queue.js';
import { Commits } from './commits.js';
import { EarlyEntries, type EarlyEntry } from './early-entries.js';
import { Growth } from './growth.js';
import type { Payloads } from './payloads.js';
import { publishEnd } from './run-end.js';

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
  readonly #early = new EarlyEntries(() => void this.flush());
  readonly #commits = new Commits({
    early: this.#early,
    latest: () => this.#replica.seq,
    send: (batch) => this.#commitBatch(batch),
    onTrouble: (error) => this.onTrouble(error),
  });
  #reading: Promise<void> | undefined = undefined;

  private constructor(
    readonly engine: Engine,
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

  /** Encodes values that schemas have returned, and checks their size. */
  get payloads(): Payloads {
    return this.workflows.payloads;
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

  /** The number of the last known entry of the journal, or -1 if the replica is out of date. */
  get seq(): number {
    return this.#early.isStale ? -1 : this.#known;
  }

  /** Identifies the early entries that executions are based on. Changes if such entries are dropped. */
  get basis(): number {
    return this.#early.basis;
  }

  /** If true, the replica has applied entries before their commit. */
  get hasEarly(): boolean {
    return this.#early.size > 0;
  }

  /** If true, the replica is out of date until the run is refreshed. */
  get isStale(): boolean {
    return this.#early.isStale;
  }

  /** The number of the last entry that the journal is known to have, without early entries. */
  get #known(): number {
    return this.#replica.seq - this.#early.size;
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
    return this.#commits.add(given);
  }

  /**
   * Commits the entries that are held back.
   *
   * @returns false if they were dropped, so that their nodes have to be executed again
   */
  flush(): Promise<boolean> {
    return this.#commits.flush();
  }

  /**
   * Applies the end of a node to the replica before it is committed. The entry is committed with the next entry that is
   * based on it, by `flush`, or after a short time.
   *
   * @returns false if the entry has to be committed at once; then nothing is done
   */
  hold(given: EntryCommit & { readonly entry: NodeEntry }): boolean {
    const { entry, patience, basis } = given;
    const replica = this.#replica;
    if (this.#early.isOff || this.isStale || this.status !== 'running' || basis !== this.basis || !replica.fits(entry))
      return false;
    const commit = commitOf(given);
    if (!this.#early.hasRoomFor(commit.text)) return false;
    replica.applyEntry(entry, replica.seq + 1, Math.ceil(this.now));
    this.#early.hold({ entry, commit, patience });
    return true;
  }

  #commitBatch(waiting: readonly Waiting[]): Promise<void> | undefined {
    if (this.isStale) return this.refresh().then(() => this.#commitBatch(waiting));
    const batch = waiting.filter((one) => this.#holds(one));
    if (batch.length === 0) return undefined;
    const known = this.#known;
    const commits = commitsOf(batch, this.#replica.seq);
    const committed = this.engine.commit(this.runId, known, commits, this.incarnation);
    return isPromiseLike(committed)
      ? committed.then((answer) => this.#take(answer, batch))
      : this.#take(committed, batch);
  }

  /** Applies the answer to a batch of commits, and settles the commits. */
  #take(answer: CommitAnswer | undefined, batch: readonly Waiting[]): Promise<void> | undefined {
    if (answer === undefined) throw new RunNotFoundError(this.runId);
    const before = this.status;
    // A later read may already have set a newer status.
    if (answer.seq >= this.#known) this.#hear(answer.status, answer.now);
    if (answer.entries === undefined) return this.#commitAnew(batch);
    for (const entry of answer.entries) this.#apply(entry);
    // In the order of the journal, the entries of this batch follow the entries of other programs.
    let at = 0;
    for (const { entry, commit } of entriesOf(batch)) {
      const seq = answer.verdicts[at++];
      if (typeof seq === 'number') this.#apply({ seq, time: answer.now, text: commit.text }, entry);
    }
    if (!isFinished(before) && isFinished(answer.status)) {
      publishEnd(this.#record, this.engine.name, answer, judgedBy(answer, batch));
    }
    if (this.isStale || batch.at(-1)?.early !== undefined) return this.#takeEarly(answer, judgedBy(answer, batch));
    for (const [index, { resolve }] of batch.entries()) resolve(answer.verdicts[index] as Verdict);
    return this.#isToBeCompacted() ? this.#compact() : undefined;
  }

  /**
   * Settles commits of which the last has early entries. If the entries of other programs came first, it is sent again
   * after them. If it was refused for another reason, its early entries are dropped.
   */
  async #takeEarly({ entries = [] }: CommitAnswer, judged: readonly Judged[]): Promise<void> {
    if (this.isStale) await this.#read();
    const { waiting, first } = judged.at(-1) as Judged;
    const isLeft = this.#early.hasAny(waiting.early ?? []);
    const isBehind = entries.length > 0 || judged.slice(0, -1).some(({ verdict }) => typeof verdict === 'number');
    const isOvertaken = isLeft && first === 'refused' && isBehind;
    if (isLeft && !isOvertaken) {
      this.#early.drop();
      await this.#read();
    }
    for (const { waiting, verdict } of isOvertaken ? judged.slice(0, -1) : judged) waiting.resolve(verdict);
    if (isOvertaken) await this.#commitBatch([waiting]);
    else if (this.#isToBeCompacted()) await this.#compact();
  }

  /**
   * Refuses an `onlyIfNext` commit if the replica has received entries since the commit was requested, and a commit whose
   * basis was dropped. The engine cannot detect this.
   */
  #holds({ commit, since, basis, resolve }: Waiting): boolean {
    const isBased = basis === undefined || basis === this.basis;
    if (isBased && (commit.onlyIfNext !== true || since === this.#replica.seq)) return true;
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
    do {
      let isThere = false;
      const after = this.isStale ? undefined : this.#known;
      for await (const page of pagesOf(this.engine.checkpointStore, this.runId, after)) {
        isThere = true;
        this.takeIn(page);
      }
      if (!isThere) throw new RunNotFoundError(this.runId);
      this.#early.repeat((early) => this.#repeat(early));
    } while (this.isStale);
  }

  /**
   * Applies a page of the journal.
   *
   * @throws {RunNotFoundError} if the page belongs to another run with the same id
   */
  takeIn(tail: JournalTail): void {
    // The run was removed, and another run was started under its id.
    if (!isSameRun(tail.record, this.#record)) throw new RunNotFoundError(this.runId);
    if (!this.isStale && tail.seq < this.#known) return;
    this.#record = tail.record;
    this.#hear(tail.record.status, tail.now);
    if (tail.snapshot === undefined) for (const entry of tail.entries) this.#apply(entry);
    else {
      this.#early.displace();
      this.#replica = this.#replicaFrom(tail);
    }
  }

  /**
   * Applies an entry of the journal, unless it is known.
   *
   * @param parsed - the parsed entry, if it is at hand
   */
  #apply({ seq, time, text }: JournalEntry, parsed?: Entry): void {
    if (seq <= this.#known || this.isStale) return;
    const { size } = this.#early;
    if (size > 0 && !this.#early.confirm(text)) {
      this.#early.isStale = true;
      return;
    }
    this.#growth.add(seq, text);
    if (size > 0) this.#replica.date(size, time);
    else this.#replica.applyEntry(parsed ?? readEntry(text), seq, time);
  }

  /** Applies an early entry to a replica that was built anew. Returns false if the entry no longer fits. */
  #repeat({ entry }: EarlyEntry): boolean {
    if (!this.#replica.fits(entry)) return false;
    this.#replica.applyEntry(entry, this.#replica.seq + 1, Math.ceil(this.now));
    return true;
  }

  #hear(status: RunStatus, now: number): void {
    this.status = status;
    this.clock.hear(now);
  }

  #replicaFrom(tail: JournalTail): Replica {
    const { plan, merges } = this.workflow;
    const saved = snapshotOf(tail);
    const { text, seq } = tail.snapshot as NonNullable<JournalTail['snapshot']>;
    const origin = {
      plan,
      merges,
      runKey: keyOf(this.runId),
      incarnation: this.incarnation,
      codec: this.workflows.codec,
    };
    if (saved.graph !== undefined && saved.graph !== this.workflow.graph) {
      throw new WorkflowChangedError(this.workflow.id, this.workflow.version, '', saved.runId);
    }
    const replica = new Replica(origin, saved, seq);
    this.#growth.begin(seq, text.length);
    for (const entry of tail.entries) {
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
    return this.workflow.hasCode && this.#growth.isDue && this.#early.size === 0 && !this.isStale;
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

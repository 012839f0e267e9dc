import { type CloseOptions, readCloseOptions } from '../../../shared/closing.js';
import type {
  Commit,
  CommitAnswer,
  ContextStore,
  DisposableEngine,
  Engine,
  ErrorStore,
  JournalEntry,
  MetricsStore,
  NewRun,
  RunChange,
  StatusChange,
  Verdict,
} from '../../contracts.js';
import { derivedStores } from '../../journal/derived-stores.js';
import { isFor } from '../../journal/incarnation.js';
import { isFinished, type RunRecord } from '../../run-info.js';
import { MemoryCheckpoints } from './memory-checkpoints.js';
import { MemoryItemStates } from './memory-item-states.js';
import { MemoryLiveness } from './memory-liveness.js';
import { MemoryQueue } from './memory-queue.js';
import { MemoryRuns } from './memory-runs.js';
import { MemoryWorkflows } from './memory-workflows.js';
import { forget, newRun, type StoredRun } from './stored-run.js';
import { StoredRuns } from './stored-runs.js';

/**
 * Creates an engine in the memory of this program, for tests, for scripts and for first steps. Orchestrators and
 * workers share the engine by sharing the object. All runs are lost when the program ends. Use `pglite()`, `redis()` or
 * `postgres()` to keep them.
 *
 * @example
 * const engine = memory();
 * const orchestrator = new DistributedOrchestrator({ engine, workflows: [flow] });
 * const worker = new DistributedWorker({ engine, workflows: [flow] });
 */
export function memory(): DisposableEngine {
  return new MemoryEngine();
}

/** The outcome of a commit, as far as it decides about the next commit of the call. */
interface Added {
  readonly verdict: Verdict;
  /** If true, the entry was added, and only entries of the call lie between it and `known`. */
  readonly isNext: boolean;
}

const refused: Added = { verdict: 'refused', isNext: false };
const duplicate: Added = { verdict: 'duplicate', isNext: false };

class MemoryEngine implements DisposableEngine {
  readonly name = 'memory';
  readonly queue: MemoryQueue;
  readonly contextStore: ContextStore;
  readonly runInfoStore: MemoryRuns;
  readonly metricsStore: MetricsStore;
  readonly errorStore: ErrorStore;
  readonly livenessStore: MemoryLiveness;
  readonly workItemStateStore: MemoryItemStates;
  readonly checkpointStore: MemoryCheckpoints;
  readonly workflowStore: MemoryWorkflows;
  readonly #runs = new StoredRuns();
  readonly #listeners = new Set<(change: StatusChange) => void>();

  constructor() {
    this.queue = new MemoryQueue(this);
    this.runInfoStore = new MemoryRuns(this, this.#runs);
    this.livenessStore = new MemoryLiveness(this);
    this.workItemStateStore = new MemoryItemStates(this, this.#runs);
    this.checkpointStore = new MemoryCheckpoints(this, this.#runs);
    this.workflowStore = new MemoryWorkflows(this);
    const { contextStore, metricsStore, errorStore } = derivedStores(this);
    this.contextStore = contextStore;
    this.metricsStore = metricsStore;
    this.errorStore = errorStore;
  }

  async open(): Promise<void> {}

  async begin(begun: NewRun): ReturnType<Engine['begin']> {
    const now = Date.now();
    const known = this.#runs.get(begun.record.runId);
    if (known !== undefined) return { existed: true, record: known.record, now, seq: known.seq };
    const run = newRun(begun, now);
    this.#runs.set(begun.record.runId, run);
    return { existed: false, record: run.record, now, seq: 0 };
  }

  commit(runId: string, known: number, commits: readonly Commit[], incarnation?: number): CommitAnswer | undefined {
    const run = this.#runs.get(runId);
    if (run === undefined || !isFor(incarnation, run.record)) return undefined;
    const now = Date.now();
    const before = run.seq;
    const isKept = known >= run.snapshot.seq;
    const others = isKept ? run.entries.slice(known - run.snapshot.seq, before - run.snapshot.seq) : undefined;
    const { status } = run.record;
    let last = refused;
    const verdicts = commits.map((commit) => {
      if (isKept) last = this.#add(run, commit, last, { known, now });
      return last.verdict;
    });
    if (run.record.status !== status) this.#tell({ runId, status: run.record.status });
    return { verdicts, status: run.record.status, now, seq: run.seq, entries: others };
  }

  async subscribe(listener: (change: StatusChange) => void): Promise<() => void> {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(options?: CloseOptions): Promise<void> {
    readCloseOptions(options);
    this.queue.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(run: StoredRun, commit: Commit, before: Added, { known, now }: Record<'known' | 'now', number>): Added {
    const { text, during, slot, number = 0, becomes, becomesIfNext, onlyIfNext = false, withPrevious = false } = commit;
    if (slot !== undefined && (run.slots.get(slot) ?? 0) >= number) return duplicate;
    const isNext = withPrevious ? before.isNext : run.seq === known;
    if (!during.includes(run.record.status) || (onlyIfNext && !isNext)) return refused;
    if (withPrevious && typeof before.verdict !== 'number') return refused;
    if (slot !== undefined) run.slots.set(slot, number);
    run.seq++;
    const entry: JournalEntry = { seq: run.seq, time: now, text };
    run.entries.push(entry);
    const change = (isNext ? becomesIfNext : undefined) ?? becomes;
    run.record = changed(run.record, change, now);
    if (isFinished(run.record.status)) forget(run);
    return { verdict: run.seq, isNext };
  }

  #tell(change: StatusChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function changed(record: RunRecord, change: RunChange | undefined, now: number): RunRecord {
  const { status = record.status === 'scheduled' ? 'running' : record.status, output, error } = change ?? {};
  if (change === undefined && status === record.status) return { ...record, updatedAt: now };
  const deadline = isFinished(record.status) && !isFinished(status) ? undefined : record.deadline;
  const finishedAt = isFinished(status) ? now : undefined;
  return { ...record, status, output, error, updatedAt: now, finishedAt, deadline };
}

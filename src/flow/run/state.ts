import { randomUUID } from 'node:crypto';
import type { Attempts } from '../../kernel/retry.js';
import { CheckpointError, NodeError } from '../errors.js';
import type { Position } from '../plan/position.js';
import { standing } from './conclusion.js';
import type { ContextView } from './context-view.js';
import { RunData } from './data.js';
import { Memory, nodeOfKey } from './memory.js';
import type { Merges } from './merge.js';
import type { Context, WorkflowResult, WorkflowStatus } from './result.js';
import { type RunHappening, type RunMemory, type SavedChild, type SavedRun, savedRun } from './saved.js';
import { DefaultSerializer, type Serializer } from './serializer.js';
import { Summary } from './summary.js';

/** What a state may be made with. */
export interface StateOptions {
  /** Default: a new UUID. */
  readonly runId?: string | undefined;
  /** What the nodes get that nothing leads to. Default: undefined. */
  readonly input?: unknown;
}

/** What the items of a batch see of the context: the view of their node, and how what they do to it is merged there. */
export interface Ground {
  readonly view: ContextView;
  readonly merges: Merges;
}

/** Writes down what happens in a run. */
export interface StateJournal {
  /** Why an entry was not written, once a store has failed: no failure of a node counts after that, since it may be the store's. */
  readonly failure?: { readonly error: unknown } | undefined;
  /** Writes it down. When that is done, it is so. */
  append(happening: RunHappening): Promise<void>;
  /**
   * What came of a node that has completed is about to be read. Where the state is that of an execution, which sees what was
   * committed when it began, it sees from here on what is committed now.
   */
  lookAgain?(): void;
  /** The journal of a run inside this one: what happens in it happens here as well. */
  openInner(key: string, inner: WorkflowState, merges: Merges): StateJournal;
}

const states = new WeakMap<object, WorkflowState>();

/** The state that a context belongs to; a new one that knows nothing else, for a context that belongs to none. */
export function stateOf(context: Context, runId?: string): WorkflowState {
  return states.get(context) ?? new WorkflowState(context, { runId });
}

/** What a run knows: its context, what has completed, what has failed, what it waits for. */
// biome-ignore lint/suspicious/noExplicitAny: a flow that does not say what its context is may keep anything in it
export class WorkflowState<State extends object = any> {
  readonly runId: string;
  readonly input: unknown;
  /** Its context. */
  readonly data: RunData;
  /** All that is known of it beside its context. */
  readonly memory: RunMemory;
  /** Where it is saved, if it is. */
  journal: StateJournal | undefined = undefined;
  /** Where retries are made by whoever executes its nodes. Default: where they are executed. */
  attempts: Attempts | undefined = undefined;
  /** What sleeps are counted by, in epoch milliseconds. Default: the clock of this machine. */
  clock: () => number = Date.now;
  /** What the run was continued with. */
  events: Readonly<Record<string, unknown>> = {};
  /** What a node sees of the context, where the state is that of its execution alone. */
  ground: Ground | undefined = undefined;
  // Made when they are first needed: of most runs that are one node of a fleet's, none is.
  #arrivals: Map<number, Set<number>> | undefined = undefined;
  #inner: Map<string, WorkflowState> | undefined = undefined;
  #cutShort: Set<string> | undefined = undefined;
  #aborted: { readonly reason: unknown } | undefined = undefined;
  /** What aborts the run, while it is carried out. */
  #abort: { readonly aborted: boolean; readonly reason: unknown } | undefined = undefined;
  /** Nodes that were named as completed or skipped, where no position may know of them. */
  #completed: Set<string> | undefined = undefined;
  #skipped: Set<string> | undefined = undefined;

  /**
   * @param context - the data of the run; the object itself, not a copy. Default: a new one
   * @param memory - what else is known of it. Default: nothing
   */
  constructor(context: State = {} as State, { runId = randomUUID(), input }: StateOptions = {}, memory?: RunMemory) {
    this.runId = runId;
    this.input = input;
    this.memory = memory ?? new Memory(undefined, {}, (nodeId) => this.#forgetInner(nodeId));
    this.data = new RunData(context, (shown) => states.set(shown, this));
  }

  /** Where the run is, once a traverser has been at work on it. */
  get position(): Position | undefined {
    return this.memory.position;
  }

  set position(position: Position | undefined) {
    this.memory.position = position;
  }

  /** The arcs that have brought nodes about, where no position in memory knows of them. */
  get arrivals(): Map<number, Set<number>> {
    this.#arrivals ??= new Map();
    return this.#arrivals;
  }

  /** Runs of sub-flows that are under way here; others that are not done are in the memory. */
  get inner(): Map<string, WorkflowState> {
    this.#inner ??= new Map();
    return this.#inner;
  }

  /** The nodes that an abort has cut short. */
  get cutShort(): Set<string> {
    this.#cutShort ??= new Set();
    return this.#cutShort;
  }

  /** Why the run was aborted, once it was. */
  get aborted(): { readonly reason: unknown } | undefined {
    return this.#aborted ?? (this.#abort?.aborted ? { reason: this.#abort.reason } : undefined);
  }

  set aborted(by: { readonly reason: unknown } | undefined) {
    this.#aborted = by;
  }

  /** From now on the run is aborted once this is, whatever its orchestrator makes of it. */
  abortWith(abort: { readonly aborted: boolean; readonly reason: unknown } | undefined): void {
    this.#abort = abort;
  }

  /**
   * The data of the run, with each node's output under the node's id. Of a run that is saved, what is committed: its nodes
   * have views of their own. What is written here is saved with the next entry.
   */
  getContext(): State {
    return this.data.context as State;
  }

  /** A node has completed: its output is in the context under its id. */
  addCompletedNode(nodeId: string, output: unknown): void {
    this.#completed ??= new Set();
    this.#completed.add(nodeId);
    this.data.write(nodeId, output);
  }

  getCompletedNodes(): Set<string> {
    return new Set([...(this.#completed ?? []), ...(this.position?.withStatus('completed') ?? [])]);
  }

  /** Whether a node has completed: by what the position knows, or what was added here. */
  isCompleted(nodeId: string): boolean {
    return this.position?.isCompleted(nodeId) || (this.#completed?.has(nodeId) ?? false);
  }

  /** A node was skipped, where no position in memory knows of it. */
  addSkippedNode(nodeId: string): void {
    this.#skipped ??= new Set();
    this.#skipped.add(nodeId);
  }

  /** The nodes all of whose paths were skipped. */
  getSkippedNodes(): Set<string> {
    return new Set(this.position?.withStatus('skipped') ?? this.#skipped);
  }

  /** A node has failed. Its last failure is kept. */
  addError(nodeId: string, error: unknown): void {
    this.#completed?.delete(nodeId);
    this.memory.failures.set(nodeId, error instanceof NodeError ? error : new NodeError(nodeId, 1, error));
  }

  /** A fallback has stood in for a node that failed. */
  markRecovered(nodeId: string, fallbackId: string): void {
    const error = this.errorOf(nodeId);
    if (error === undefined) return;
    this.memory.failures.set(nodeId, new NodeError(nodeId, error.attempts, error.cause, fallbackId));
  }

  /** A node does not count, whoever has added it. */
  forget(nodeId: string): void {
    this.#completed?.delete(nodeId);
  }

  clearError(nodeId: string): void {
    if (this.memory.has('failures')) this.memory.failures.delete(nodeId);
  }

  errorOf(nodeId: string): NodeError | undefined {
    const failure = this.memory.has('failures') ? this.memory.failures.get(nodeId) : undefined;
    if (failure === undefined || failure instanceof NodeError) return failure;
    const error = new NodeError(nodeId, failure.attempts, failure.cause, failure.recoveredBy);
    this.memory.failures.set(nodeId, error);
    return error;
  }

  getErrors(): NodeError[] {
    if (!this.memory.has('failures')) return [];
    return [...this.memory.failures.keys()].map((nodeId) => this.errorOf(nodeId) as NodeError);
  }

  /**
   * How the run stands.
   *
   * @param allNodeIds - the nodes of the flow
   * @param fallbackNodeIds - those of them that are fallbacks: they need not run
   */
  getStatus(allNodeIds: ReadonlySet<string>, fallbackNodeIds: ReadonlySet<string>): WorkflowStatus {
    const isDone = this.#isDone(allNodeIds, fallbackNodeIds);
    if (this.aborted !== undefined && !isDone) return 'cancelled';
    const hasFailed = this.getErrors().some(({ recoveredBy }) => recoveredBy === undefined);
    return standing({ waits: this.memory.has('awaiting'), hasFailed, isDone });
  }

  /** What has come of the run so far. The serializer writes the texts that a result can be asked for. */
  toResult(serializer: Serializer = new DefaultSerializer()): WorkflowResult<State> {
    return new Summary<State>(
      this,
      (value) => serializer.serialize(value),
      () => this.save(),
    );
  }

  /** The run as it is saved. */
  save(): SavedRun {
    const { runId, input, memory, data } = this;
    if (memory.position === undefined)
      throw new CheckpointError(runId, 'has not started, so there is nothing to save: read the snapshot once it runs');
    const kept = [...memory.inner.values()].flatMap((ofNode) => [...ofNode]);
    const inner = new Map<string, SavedChild>([...kept, ...this.#savedInner()]);
    return savedRun({ runId, input, ...data.save() }, memory, memory.position, this.getErrors(), inner);
  }

  *#savedInner(): Generator<[key: string, inner: SavedChild]> {
    for (const [key, inner] of this.#inner ?? []) yield [key, { run: inner.save(), entries: [] }];
  }

  #forgetInner(nodeId: string): void {
    for (const key of this.#inner?.keys() ?? []) if (nodeOfKey(key) === nodeId) this.#inner?.delete(key);
  }

  #isDone(allNodeIds: ReadonlySet<string>, fallbackNodeIds: ReadonlySet<string>): boolean {
    let skipped: Set<string> | undefined;
    for (const nodeId of allNodeIds) {
      if (this.isCompleted(nodeId) || fallbackNodeIds.has(nodeId)) continue;
      skipped ??= this.getSkippedNodes();
      if (!skipped.has(nodeId)) return false;
    }
    return true;
  }
}

import { randomUUID } from 'node:crypto';
import type { Attempts } from '../../kernel/policies/retry.js';
import { DefaultSerializer, type Serializer } from '../../shared/serializer.js';
import { CheckpointError, NodeError } from '../errors.js';
import type { Position } from '../plan/position.js';
import { standing } from './conclusion.js';
import type { ContextView } from './context-view.js';
import { RunData } from './data.js';
import { asFailedWait } from './failed-wait.js';
import { Memory, type MemoryHooks, nodeOfKey } from './memory.js';
import type { Merges } from './merge.js';
import type { Context, WorkflowResult, WorkflowStatus } from './result.js';
import { type Entry, type RunHappening, type RunMemory, type SavedChild, type SavedRun, savedRun } from './saved.js';
import { Summary } from './summary.js';

/**
 * The options of a new `WorkflowState`: the id of the run and its input. Both have a default, so a state for a new run
 * needs no options at all.
 */
export interface StateOptions {
  /** Id of the run. Default: a new UUID. */
  readonly runId?: string | undefined;
  /** The input of the nodes that no edge leads to. Default: `undefined`. */
  readonly input?: unknown;
}

/**
 * The context that the elements of a batch work on: the view of their node, and the rules for merging their changes
 * into that view.
 */
export interface Ground {
  readonly view: ContextView;
  readonly merges: Merges;
}

/** Records the events of a run. An event takes effect only when its entry has been recorded. */
export interface StateJournal {
  /**
   * The error of a store that has failed. From then on, failures of nodes are ignored, because the store may have
   * caused them.
   */
  readonly failure?: { readonly error: unknown } | undefined;
  /** Records an event. When the promise resolves, the event has taken effect. */
  append(happening: RunHappening): Promise<void>;
  /**
   * Called before the outcome of a completed node is read. The state of a single execution sees the context that was
   * committed when the execution started; after this call, it sees the context that is committed now.
   */
  lookAgain?(): void;
  /** Opens the journal of a run inside this run. Its entries are recorded in this journal. */
  openInner(key: string, inner: WorkflowState, merges: Merges): StateJournal;
}

/** Returns the status of a run whose nodes are all in its position. */
export let statusIn: (state: WorkflowState, position: Position) => WorkflowStatus;

const none: readonly never[] = [];
/** The states of contexts that take no private fields. */
const others = new WeakMap<object, WorkflowState>();

/** A constructor that returns the given object, so that a subclass adds its private fields to that object. */
const Given = function (this: unknown, given: object) {
  return given;
} as unknown as new (
  given: object,
) => object;

/**
 * The link from a context to its state, as a private field of the context. In a `WeakMap` alone, every state and all that
 * it refers to would outlive V8's short collections, for which the entries of an old `WeakMap` are strong: that took a
 * quarter of the time of a node.
 */
class Linked extends Given {
  #state: WorkflowState;

  private constructor(context: object, state: WorkflowState) {
    super(context);
    this.#state = state;
  }

  static link(context: object, state: WorkflowState): void {
    if (#state in context) context.#state = state;
    else {
      try {
        new Linked(context, state);
      } catch {
        // Engines may come to refuse private fields of frozen objects.
        others.set(context, state);
      }
    }
  }

  static stateOf(context: object): WorkflowState | undefined {
    const isObject = Object(context) === context;
    return isObject && #state in context ? context.#state : others.get(context);
  }
}

/**
 * Returns the state that a context belongs to. For an unknown context, makes a new state that contains only this
 * context.
 */
export function stateOf(context: Context, runId?: string): WorkflowState {
  return Linked.stateOf(context) ?? new WorkflowState(context, { runId });
}

/**
 * The state of one run: its context, the nodes that have completed, failed or were skipped, and the waits of the run.
 * An orchestrator reads and updates the state, and `toResult` makes the result of the run. Each state belongs to a
 * single run. The context is the object that was passed in, not a copy.
 *
 * @example
 * const state = new WorkflowState({ orderId: 42 }, { runId: 'order-42' });
 */
// biome-ignore lint/suspicious/noExplicitAny: without a declared type, a context may hold anything
export class WorkflowState<State extends object = any> {
  static {
    statusIn = (state, position) => {
      const { plan } = position;
      const isDone = state.#completed === undefined && position.isSettled;
      return state.#status(isDone || state.#isDone(plan.nodeIds, plan.fallbackIds));
    };
  }

  /** Id of the run. */
  readonly runId: string;
  /** The input of the nodes that no edge leads to. */
  readonly input: unknown;
  /** The context of the run, and the views of it. */
  readonly data: RunData;
  /** The facts about the run besides its context. */
  readonly memory: RunMemory;
  /** The journal of the run; `undefined` if the run is not saved. */
  journal: StateJournal | undefined = undefined;
  /**
   * The attempts made in earlier executions of the node, if a fleet schedules the retries; `undefined` if all retries
   * are made within one execution.
   */
  attempts: Attempts | undefined = undefined;
  /** The clock for sleeps, in epoch milliseconds. Default: the clock of this machine. */
  clock: () => number = Date.now;
  /** The payloads that the run was continued with, by event name. */
  events: Readonly<Record<string, unknown>> = {};
  /** The digests of these payloads as they were sent, by event name. */
  sent: Readonly<Record<string, string>> = {};
  /**
   * The time as of which the waits are decided when the run is continued, in epoch milliseconds. Default: the current
   * time.
   */
  decidedAt: number | undefined = undefined;
  /** If true, the schemas of the events are still to be applied to the payloads in `events`. */
  hasUncheckedEvents: true | undefined = undefined;
  /** The `since` of waits that begin now. Default: none. */
  waitsSince: number | undefined = undefined;
  /** The settings that the nodes of the run are called with: `CallSettings` of the part that executes nodes. */
  settings: object | undefined = undefined;
  /** The view of a single execution, if the state was made for one execution of a node on a fleet. */
  ground: Ground | undefined = undefined;
  // The following fields are created on first use, because a fleet's worker makes one state per node execution, and
  // most states need none of these fields.
  #arrivals: Map<number, Set<number>> | undefined = undefined;
  #inner: Map<string, WorkflowState> | undefined = undefined;
  #cutShort: Set<string> | undefined = undefined;
  #aborted: { readonly reason: unknown } | undefined = undefined;
  /** The abort state of the process that carries out the run. Set while the run is carried out. */
  #abort: { readonly aborted: boolean; readonly reason: unknown } | undefined = undefined;
  /** Nodes that were added as completed or skipped and that are unknown to the position. */
  #completed: Set<string> | undefined = undefined;
  #skipped: Set<string> | undefined = undefined;

  /**
   * @param context - the data of the run; the object itself is used, not a copy. Default: a new object
   * @param memory - the facts known about the run besides its context. Default: none
   */
  constructor(context: State = {} as State, { runId = randomUUID(), input }: StateOptions = {}, memory?: RunMemory) {
    this.runId = runId;
    this.input = input;
    this.memory = memory ?? new Memory(undefined, {}, this.#hooks());
    this.data = new RunData(context, (shown) => Linked.link(shown, this));
  }

  /** The position of the run in its plan; `undefined` until a traverser works on the run. */
  get position(): Position | undefined {
    return this.memory.position;
  }

  set position(position: Position | undefined) {
    this.memory.position = position;
  }

  /** The arcs that made nodes ready, by node. Used if no position in memory knows these arcs. */
  get arrivals(): Map<number, Set<number>> {
    this.#arrivals ??= new Map();
    return this.#arrivals;
  }

  /** The runs of sub-flows that are being carried out in this program. `memory` holds the other unfinished runs. */
  get inner(): Map<string, WorkflowState> {
    this.#inner ??= new Map();
    return this.#inner;
  }

  /** The nodes that were running when the run was aborted. */
  get cutShort(): Set<string> {
    this.#cutShort ??= new Set();
    return this.#cutShort;
  }

  /** The reason of the abort; `undefined` if the run was not aborted. */
  get aborted(): { readonly reason: unknown } | undefined {
    return this.#aborted ?? (this.#abort?.aborted ? { reason: this.#abort.reason } : undefined);
  }

  set aborted(by: { readonly reason: unknown } | undefined) {
    this.#aborted = by;
  }

  /** Links the run to an abort: from now on, the run is aborted if `abort` is. */
  abortWith(abort: { readonly aborted: boolean; readonly reason: unknown } | undefined): void {
    this.#abort = abort;
  }

  /**
   * Returns the data of the run, with each node's output under the node's id. In a saved run, nodes have their own
   * views, and this method returns a view of the committed data. Changes to this view are saved with the next entry.
   */
  getContext(): State {
    return this.data.context as State;
  }

  /** Adds a completed node and puts its output into the context under the node's id. */
  addCompletedNode(nodeId: string, output: unknown): void {
    this.#completed ??= new Set();
    this.#completed.add(nodeId);
    this.data.write(nodeId, output);
  }

  /** Returns the ids of all completed nodes. */
  getCompletedNodes(): Set<string> {
    return new Set([...(this.#completed ?? []), ...(this.position?.withStatus('completed') ?? [])]);
  }

  /** Returns true if the node has completed according to the position, or was added by `addCompletedNode`. */
  isCompleted(nodeId: string): boolean {
    return this.position?.isCompleted(nodeId) || (this.#completed?.has(nodeId) ?? false);
  }

  /** Adds a skipped node, for a state without a position. */
  addSkippedNode(nodeId: string): void {
    this.#skipped ??= new Set();
    this.#skipped.add(nodeId);
  }

  /** Returns the nodes that were skipped because all paths to them were skipped. */
  getSkippedNodes(): Set<string> {
    return new Set(this.position?.withStatus('skipped') ?? this.#skipped);
  }

  /** Records the failure of a node. A later failure of the same node replaces the earlier failure. */
  addError(nodeId: string, error: unknown): void {
    this.#completed?.delete(nodeId);
    this.memory.failures.set(nodeId, error instanceof NodeError ? error : new NodeError(nodeId, 1, error));
  }

  /** Records that a fallback has recovered a failed node. */
  markRecovered(nodeId: string, fallbackId: string): void {
    const error = this.errorOf(nodeId);
    if (error === undefined) return;
    this.memory.failures.set(nodeId, new NodeError(nodeId, error.attempts, error.cause, fallbackId));
  }

  /** Removes a node that was added by `addCompletedNode`. */
  forget(nodeId: string): void {
    this.#completed?.delete(nodeId);
  }

  /** Removes the recorded failure of a node. */
  clearError(nodeId: string): void {
    if (this.memory.has('failures')) this.memory.failures.delete(nodeId);
  }

  /** Returns the last failure of a node, or `undefined` if the node has not failed. */
  errorOf(nodeId: string): NodeError | undefined {
    const failure = this.memory.has('failures') ? this.memory.failures.get(nodeId) : undefined;
    if (failure === undefined || failure instanceof NodeError) return failure;
    const cause = failure.ofWait === true ? asFailedWait(failure.cause) : failure.cause;
    const error = new NodeError(nodeId, failure.attempts, cause, failure.recoveredBy);
    this.memory.failures.set(nodeId, error);
    return error;
  }

  /** Returns the last failure of each node that has failed, including failures that a fallback has recovered. */
  getErrors(): NodeError[] {
    if (!this.memory.has('failures')) return [];
    return [...this.memory.failures.keys()].map((nodeId) => this.errorOf(nodeId) as NodeError);
  }

  /**
   * Returns the status of the run. An abort that comes when nothing is left to be executed changes nothing.
   *
   * @param allNodeIds - the ids of all nodes of the flow
   * @param fallbackNodeIds - the ids of the nodes that are fallbacks and need not run
   */
  getStatus(allNodeIds: ReadonlySet<string>, fallbackNodeIds: ReadonlySet<string>): WorkflowStatus {
    return this.#status(this.#isDone(allNodeIds, fallbackNodeIds));
  }

  #status(isDone: boolean): WorkflowStatus {
    if (this.aborted !== undefined && !isDone && !this.memory.hasEndedAsFailed) return 'cancelled';
    if (this.memory.conclusion !== undefined) return this.memory.conclusion.status;
    const hasFailed = this.getErrors().some(({ recoveredBy }) => recoveredBy === undefined);
    return standing({ waits: this.memory.has('awaiting'), hasFailed, isDone });
  }

  /**
   * Returns the outcome of the run so far.
   *
   * @param serializer - writes the result's `serializedContext` and `snapshot` on demand. Default: a
   *   `DefaultSerializer`
   */
  toResult(serializer: Serializer = new DefaultSerializer()): WorkflowResult<State> {
    const { position } = this.memory;
    const isWhole = this.#completed === undefined && position !== undefined;
    return new Summary<State>(
      this,
      isWhole ? position.withStatus('completed') : [...this.getCompletedNodes()],
      (value) => serializer.serialize(value),
      () => this.save(),
    );
  }

  /**
   * Returns the data to save for the run.
   *
   * @throws {CheckpointError} if the run has no position yet
   */
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

  #hooks(): MemoryHooks<SavedRun, Entry> {
    return {
      settled: (nodeId) => {
        for (const [key] of this.#innerOf(nodeId)) this.#inner?.delete(key);
      },
      retried: (nodeId, kept) => {
        for (const { entries } of kept) entries.push({ happening: { type: 'retried' } });
        for (const [, { memory }] of this.#innerOf(nodeId)) memory.retryFailed();
      },
    };
  }

  #innerOf(nodeId: string): readonly (readonly [key: string, inner: WorkflowState])[] {
    return this.#inner === undefined ? none : [...this.#inner].filter(([key]) => nodeOfKey(key) === nodeId);
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

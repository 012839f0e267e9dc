import { randomUUID } from 'node:crypto';
import { DefaultSerializer, type Serializer } from './checkpoint/serializer.js';
import { type Happening, type SavedChild, type SavedRun, savedError } from './checkpoint/store.js';
import { CheckpointError, NodeError } from './errors.js';
import type { Position } from './plan/position.js';
import { versionOf } from './plan/version.js';
import type { Context, Waiting, WorkflowResult, WorkflowStatus } from './result.js';
import { Summary } from './summary.js';

/** What a state may be made with. */
export interface StateOptions {
  /** Default: a new UUID. */
  readonly runId?: string | undefined;
  /** What the nodes get that nothing leads to. Default: undefined. */
  readonly input?: unknown;
}

/** Writes down what happens in a run. */
export interface StateJournal {
  /** Writes it down, then makes it so. */
  append(happening: Happening, apply: () => void): Promise<void>;
  /** The journal of a run inside this one. */
  openChild(key: string, child: WorkflowState): Promise<StateJournal>;
  /** The same for one that was saved before. */
  reopenChild(key: string, child: WorkflowState): StateJournal;
}

const states = new WeakMap<object, WorkflowState>();

/** The state that a context belongs to; a new one that knows nothing else, for a context that belongs to none. */
export function stateOf(context: Context): WorkflowState {
  return states.get(context) ?? new WorkflowState(context);
}

/** What a run knows: its context, what has completed, what has failed, what it waits for. */
// biome-ignore lint/suspicious/noExplicitAny: a flow that does not say what its context is may keep anything in it
export class WorkflowState<State extends object = any> {
  readonly runId: string;
  readonly input: unknown;
  /** Where the run is, once a traverser has been at work on it. */
  position: Position | undefined = undefined;
  /** Where it is saved, if it is. */
  journal: StateJournal | undefined = undefined;
  /** What arcs have passed on, where that is not the output of their source. */
  readonly passed = new Map<number, unknown>();
  /** The arcs that have brought nodes about, where no position in memory knows of them. */
  readonly arrivals = new Map<number, Set<number>>();
  /** The actions that nodes have chosen. */
  readonly actions = new Map<string, string>();
  readonly awaiting = new Map<string, readonly Waiting[]>();
  /** What has come for nodes that waited for it. */
  readonly delivered = new Map<string, unknown>();
  /** What the run was resumed with. */
  events: Readonly<Record<string, unknown>> = {};
  /** What is done of batches that are not. */
  readonly items = new Map<string, Map<number, unknown>>();
  /** Runs of sub-flows that are not done: under way, or saved and not yet taken up. */
  readonly children = new Map<string, WorkflowState | SavedChild>();
  /** The nodes that an abort has cut short. */
  readonly cutShort = new Set<string>();
  #aborted: { readonly reason: unknown } | undefined = undefined;
  /** What aborts the run, while it is carried out. */
  #abort: { readonly aborted: boolean; readonly reason: unknown } | undefined = undefined;
  readonly #context: State;
  readonly #completed = new Set<string>();
  readonly #skipped = new Set<string>();
  readonly #errors = new Map<string, NodeError>();

  /** @param context - the data of the run; the object itself, not a copy. Default: a new one */
  constructor(context: State = {} as State, { runId = randomUUID(), input }: StateOptions = {}) {
    this.#context = context;
    this.runId = runId;
    this.input = input;
    states.set(context, this);
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

  /** The data of the run, with each node's output under the node's id. */
  getContext(): State {
    return this.#context;
  }

  /** A node has completed: its output is in the context under its id. */
  addCompletedNode(nodeId: string, output: unknown): void {
    this.#completed.add(nodeId);
    this.write(nodeId, output);
  }

  /** Puts an output into the context. */
  write(nodeId: string, output: unknown): void {
    if (output !== undefined || Object.hasOwn(this.#context, nodeId)) (this.#context as Context)[nodeId] = output;
  }

  getCompletedNodes(): Set<string> {
    return new Set([...this.#completed, ...(this.position?.withStatus('completed') ?? [])]);
  }

  /** Whether a node has completed: by what the position knows, or what was added here. */
  isCompleted(nodeId: string): boolean {
    return this.position?.isCompleted(nodeId) || this.#completed.has(nodeId);
  }

  /** A node was skipped, where no position in memory knows of it. */
  addSkippedNode(nodeId: string): void {
    this.#skipped.add(nodeId);
  }

  /** The nodes all of whose paths were skipped. */
  getSkippedNodes(): Set<string> {
    return new Set(this.position?.withStatus('skipped') ?? this.#skipped);
  }

  /** A node has failed. Its last failure is kept. */
  addError(nodeId: string, error: unknown): void {
    this.#completed.delete(nodeId);
    this.#errors.set(nodeId, error instanceof NodeError ? error : new NodeError(nodeId, 1, error));
  }

  /** A fallback has stood in for a node that failed. */
  markRecovered(nodeId: string, fallbackId: string): void {
    const error = this.#errors.get(nodeId);
    if (error !== undefined) {
      this.#errors.set(nodeId, new NodeError(nodeId, error.attempts, error.cause, fallbackId));
    }
  }

  /** What a node has given does not count; nor does what it has put into the context, if that is what cannot be saved. */
  forget(nodeId: string, path: string): void {
    this.#completed.delete(nodeId);
    delete (this.#context as Context)[nodeId];
    const [, key] = /^context(?:\.([^.[]+)|\["(.*?)"\])/.exec(path) ?? [];
    if (key !== undefined) delete (this.#context as Context)[key];
  }

  clearError(nodeId: string): void {
    this.#errors.delete(nodeId);
  }

  errorOf(nodeId: string): NodeError | undefined {
    return this.#errors.get(nodeId);
  }

  getErrors(): NodeError[] {
    return [...this.#errors.values()];
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
    if (this.awaiting.size > 0) return 'awaiting';
    for (const { recoveredBy } of this.#errors.values()) if (recoveredBy === undefined) return 'failed';
    return isDone ? 'completed' : 'stalled';
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
    const { runId, input, position, passed, actions, items, awaiting, delivered, children } = this;
    if (position === undefined) throw new CheckpointError(runId, 'has not started, so there is nothing to save');
    return {
      flow: position.plan.id,
      version: versionOf(position.plan),
      runId,
      input,
      context: { ...this.#context },
      position: position.save(),
      errors: this.getErrors().map(savedError),
      awaiting: [...awaiting],
      delivered: [...delivered],
      passed: [...passed],
      actions: [...actions],
      items: [...items],
      children: [...children].map(([key, child]) => [
        key,
        child instanceof WorkflowState ? { run: child.save(), entries: [] } : child,
      ]),
    };
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

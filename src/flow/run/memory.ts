import type { Position } from '../plan/position.js';
import type { Changes } from './changes.js';
import type { Completed, Failure, Happening } from './happening.js';
import type { Waiting } from './result.js';

/** An unfinished run inside a node: the run as it was started or last saved, and the entries recorded since then. */
export interface Inner<Run, Step> {
  readonly run: Run;
  readonly entries: Step[];
}

/** The facts kept about a run besides its context and its position. */
export interface Remembered<Value, Run = Value, Step = Value> {
  /** The failures of nodes, including those that a fallback has recovered. */
  readonly failures: Map<string, Failure<Value>>;
  readonly awaiting: Map<string, readonly Waiting[]>;
  /** The events that have arrived for waiting nodes, by node id. */
  readonly delivered: Map<string, Readonly<Record<string, Value>>>;
  /** The values that arcs have passed on, if they differ from the output of the arc's source. */
  readonly passed: Map<number, Value>;
  /** The actions that nodes have chosen. */
  readonly actions: Map<string, string>;
  /** The outputs of the completed elements of unfinished batches, by node id and index of the element. */
  readonly items: Map<string, Map<number, Value>>;
  /**
   * The context changes of completed batch elements, by node id, in the order of completion. They become part of their
   * node's changes when the node completes.
   */
  readonly itemChanges: Map<string, Map<number, Changes>>;
  /** Unfinished runs inside nodes, by node id and key (see `innerKey`). */
  readonly inner: Map<string, Map<string, Inner<Run, Step>>>;
}

/**
 * The facts about a run besides its context, derived from the events of the run. In process, the facts hold the values
 * themselves; on a fleet, they hold texts.
 *
 * @typeParam Run - a run inside a node, at its start
 * @typeParam Step - one entry recorded in such a run
 */
export class Memory<Value, Run = Value, Step = Value> implements Remembered<Value, Run, Step> {
  /** The maps, which are created on first use because most runs need none of them. */
  readonly #kept: { -readonly [Name in keyof Remembered<Value, Run, Step>]?: Remembered<Value, Run, Step>[Name] };

  /**
   * @param position - the position of the run in its plan. Default: unknown
   * @param kept - the facts known so far. Default: none
   * @param onSettled - called with the id of a node when its intermediate data is dropped
   */
  constructor(
    public position: Position | undefined = undefined,
    kept: Partial<Remembered<Value, Run, Step>> = {},
    private readonly onSettled: (nodeId: string) => void = () => {},
  ) {
    this.#kept = { ...kept };
  }

  get failures() {
    this.#kept.failures ??= new Map();
    return this.#kept.failures;
  }

  get awaiting() {
    this.#kept.awaiting ??= new Map();
    return this.#kept.awaiting;
  }

  get delivered() {
    this.#kept.delivered ??= new Map();
    return this.#kept.delivered;
  }

  get passed() {
    this.#kept.passed ??= new Map();
    return this.#kept.passed;
  }

  get actions() {
    this.#kept.actions ??= new Map();
    return this.#kept.actions;
  }

  get items() {
    this.#kept.items ??= new Map();
    return this.#kept.items;
  }

  get itemChanges() {
    this.#kept.itemChanges ??= new Map();
    return this.#kept.itemChanges;
  }

  get inner() {
    this.#kept.inner ??= new Map();
    return this.#kept.inner;
  }

  /** Returns true if there are entries under this name. Unlike the getters, this method creates no map. */
  has(name: keyof Remembered<Value>): boolean {
    const keys: Iterator<unknown> | undefined = this.#kept[name]?.keys();
    return keys !== undefined && keys.next().done !== true;
  }

  /** Applies an event. The output of a completed node must already be in the context. */
  apply(happening: Happening<Value, Run, Step>): void {
    switch (happening.type) {
      case 'completed':
        this.#complete(happening);
        break;
      case 'failed':
        this.#fail(happening);
        break;
      case 'postponed':
        // The orchestrator that executes the node schedules the next attempt.
        break;
      case 'awaiting':
        this.#await(happening.nodeId, happening.waits);
        break;
      case 'item':
        this.#keepItem(happening);
        break;
      case 'started':
        this.keepInner(happening.key, { run: happening.run, entries: [] });
        break;
      case 'child':
        this.innerAt(happening.key)?.entries.push(happening.entry);
    }
  }

  /** Returns the unfinished run that is stored under a key. */
  innerAt(key: string): Inner<Run, Step> | undefined {
    return this.has('inner') ? this.inner.get(nodeOfKey(key))?.get(key) : undefined;
  }

  keepInner(key: string, inner: Inner<Run, Step>): void {
    const nodeId = nodeOfKey(key);
    const ofNode = this.inner.get(nodeId) ?? new Map<string, Inner<Run, Step>>();
    this.inner.set(nodeId, ofNode.set(key, inner));
  }

  /** Records that the events that a node was waiting for have arrived. The node becomes ready. */
  deliver(nodeId: string, events: Readonly<Record<string, Value>>): void {
    const position = this.position as Position;
    this.#kept.awaiting?.delete(nodeId);
    this.delivered.set(nodeId, events);
    position.retry(position.plan.indexOf(nodeId));
  }

  /** Makes the failed nodes ready again. */
  retryFailed(): void {
    for (const nodeId of (this.position as Position).retryFailed()) this.#kept.failures?.delete(nodeId);
  }

  /** Ends waits that no node depends on any longer. The waiting nodes are skipped. */
  letGo(): void {
    const { position } = this;
    for (const node of position?.letGo() ?? []) this.#settle((position as Position).plan.idOf(node));
  }

  /** Drops the values that arcs of a node passed on in an earlier iteration of a loop. */
  forgetPassed(node: number): void {
    if (!this.has('passed')) return;
    const position = this.position as Position;
    const { outFrom } = position.plan;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      if (!position.isLeft(arc)) this.passed.delete(arc);
    }
  }

  #complete({ nodeId, action, arcs, passed, recoveredBy }: Completed<Value>): void {
    const position = this.position as Position;
    const node = position.plan.indexOf(nodeId);
    this.#settle(nodeId);
    this.#recover(nodeId, recoveredBy);
    if (action !== undefined) this.actions.set(nodeId, action);
    else this.#kept.actions?.delete(nodeId);
    this.forgetPassed(node);
    for (const [arc, value] of passed) this.passed.set(arc, value);
    position.complete(node, arcs);
    this.letGo();
  }

  /**
   * Updates the failure of a node that has completed. A failure that a fallback recovered in an earlier iteration stays
   * recorded.
   */
  #recover(nodeId: string, recoveredBy: string | undefined): void {
    const failure = this.#kept.failures?.get(nodeId);
    if (failure === undefined) return;
    const { cause, attempts } = failure;
    if (recoveredBy !== undefined) this.failures.set(nodeId, { cause, attempts, recoveredBy });
    else if (failure.recoveredBy === undefined) this.failures.delete(nodeId);
  }

  /**
   * Records the failure of a node. Its sub-flows and batch elements are kept, so that they resume if the node is tried
   * again.
   */
  #fail(happening: Extract<Happening<Value>, { type: 'failed' }>): void {
    const { nodeId, error } = happening;
    const position = this.position as Position;
    this.#kept.awaiting?.delete(nodeId);
    this.failures.set(nodeId, error);
    position.fail(position.plan.indexOf(nodeId), happening);
  }

  #await(nodeId: string, waits: readonly Waiting[]): void {
    const position = this.position as Position;
    this.#kept.delivered?.delete(nodeId);
    this.awaiting.set(nodeId, waits);
    position.await(position.plan.indexOf(nodeId));
    this.letGo();
  }

  #keepItem({ nodeId, index, output, changes }: Extract<Happening<Value>, { type: 'item' }>): void {
    const outputs = this.items.get(nodeId) ?? new Map<number, Value>();
    this.items.set(nodeId, outputs.set(index, output));
    if (changes === undefined) return;
    const kept = this.itemChanges.get(nodeId) ?? new Map<number, Changes>();
    this.itemChanges.set(nodeId, kept.set(index, changes));
  }

  /** Drops the intermediate data of a node: waits, delivered events, batch elements, inner runs. */
  #settle(nodeId: string): void {
    this.#kept.awaiting?.delete(nodeId);
    this.#kept.delivered?.delete(nodeId);
    this.#kept.items?.delete(nodeId);
    this.#kept.itemChanges?.delete(nodeId);
    this.#kept.inner?.delete(nodeId);
    this.onSettled(nodeId);
  }
}

/** Returns the key of a run inside a node: the id of the node, followed in a batch by the index of the element. */
export function innerKey(nodeId: string, index: number | undefined): string {
  return JSON.stringify(index === undefined ? [nodeId] : [nodeId, index]);
}

/** Returns the node id from a key that was made by `innerKey`. */
export function nodeOfKey(key: string): string {
  return (JSON.parse(key) as [string])[0];
}

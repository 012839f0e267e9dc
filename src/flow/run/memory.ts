import type { Position } from '../plan/position.js';
import type { Changes } from './changes.js';
import type { Completed, Failure, Happening } from './happening.js';
import type { Waiting } from './result.js';

/** A run inside a node: as it began or was last saved, and what has happened in it since. */
export interface Inner<Run, Step> {
  readonly run: Run;
  readonly entries: Step[];
}

/** What is kept of a run, beside its context and its position. */
export interface Remembered<Value, Run = Value, Step = Value> {
  /** How nodes have failed, those too that a fallback has saved. */
  readonly failures: Map<string, Failure<Value>>;
  readonly awaiting: Map<string, readonly Waiting[]>;
  /** What has come for nodes that waited for it, by event. */
  readonly delivered: Map<string, Readonly<Record<string, Value>>>;
  /** What arcs have passed on, where that is not the output of their source. */
  readonly passed: Map<number, Value>;
  /** The actions that nodes have chosen. */
  readonly actions: Map<string, string>;
  /** What is done of batches that are not. */
  readonly items: Map<string, Map<number, Value>>;
  /** What items that are done have changed in the context, in the order in which they were: it counts with their node. */
  readonly itemChanges: Map<string, Map<number, Changes>>;
  /** Runs inside nodes that are not done, by node and key. */
  readonly inner: Map<string, Map<string, Inner<Run, Step>>>;
}

/**
 * What is remembered of a run beside its context: what follows from what has happened in it, whoever keeps that. In
 * process it holds the values themselves, on a fleet texts.
 *
 * @typeParam Run - a run inside a node, as it began
 * @typeParam Step - one thing that has happened in such a run
 */
export class Memory<Value, Run = Value, Step = Value> implements Remembered<Value, Run, Step> {
  /** What there is so far: of most runs, none of it is needed. */
  readonly #kept: { -readonly [Name in keyof Remembered<Value, Run, Step>]?: Remembered<Value, Run, Step>[Name] };

  /**
   * @param position - where the run is. Default: nobody knows
   * @param kept - what is known of it. Default: nothing
   * @param onSettled - called for a node of which nothing more is to be kept than how it has ended
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

  /** Whether anything is kept under a name, without making room for it. */
  has(name: keyof Remembered<Value>): boolean {
    const keys: Iterator<unknown> | undefined = this.#kept[name]?.keys();
    return keys !== undefined && keys.next().done !== true;
  }

  /** Something has happened. The output of a node is in the context already. */
  apply(happening: Happening<Value, Run, Step>): void {
    switch (happening.type) {
      case 'completed':
        this.#complete(happening);
        break;
      case 'failed':
        this.#fail(happening);
        break;
      case 'postponed':
        // Whoever executes it knows when that is to be.
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

  /** The run inside a node that is kept under a key. */
  innerAt(key: string): Inner<Run, Step> | undefined {
    return this.has('inner') ? this.inner.get(nodeOfKey(key))?.get(key) : undefined;
  }

  keepInner(key: string, inner: Inner<Run, Step>): void {
    const nodeId = nodeOfKey(key);
    const ofNode = this.inner.get(nodeId) ?? new Map<string, Inner<Run, Step>>();
    this.inner.set(nodeId, ofNode.set(key, inner));
  }

  /** What a node waited for has come: it is ready. */
  deliver(nodeId: string, events: Readonly<Record<string, Value>>): void {
    const position = this.position as Position;
    this.#kept.awaiting?.delete(nodeId);
    this.delivered.set(nodeId, events);
    position.retry(position.plan.indexOf(nodeId));
  }

  /** Nodes that have failed for good are tried again. */
  retryFailed(): void {
    for (const nodeId of (this.position as Position).retryFailed()) this.#kept.failures?.delete(nodeId);
  }

  /** What waits that nobody needs any more waits no longer. */
  letGo(): void {
    const { position } = this;
    for (const node of position?.letGo() ?? []) this.#settle((position as Position).plan.idOf(node));
  }

  /** What arcs of a node have passed on in an earlier turn does not count in this one. */
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

  /** A failure of an earlier turn that a fallback has saved stays known. */
  #recover(nodeId: string, recoveredBy: string | undefined): void {
    const failure = this.#kept.failures?.get(nodeId);
    if (failure === undefined) return;
    const { cause, attempts } = failure;
    if (recoveredBy !== undefined) this.failures.set(nodeId, { cause, attempts, recoveredBy });
    else if (failure.recoveredBy === undefined) this.failures.delete(nodeId);
  }

  /** Its sub-flows and items are kept: where it is tried again, they go on from where they were. */
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

  /** What was kept of a node while it was under way is not needed any more. */
  #settle(nodeId: string): void {
    this.#kept.awaiting?.delete(nodeId);
    this.#kept.delivered?.delete(nodeId);
    this.#kept.items?.delete(nodeId);
    this.#kept.itemChanges?.delete(nodeId);
    this.#kept.inner?.delete(nodeId);
    this.onSettled(nodeId);
  }
}

/** Runs inside nodes are kept under the id of their node, those of a batch with the item's number. */
export function innerKey(nodeId: string, index: number | undefined): string {
  return JSON.stringify(index === undefined ? [nodeId] : [nodeId, index]);
}

/** The node that a run inside it is kept under. */
export function nodeOfKey(key: string): string {
  return (JSON.parse(key) as [string])[0];
}

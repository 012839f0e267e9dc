import type { Position } from '../plan/position.js';
import type { Changes } from './changes.js';
import type { Completed, Conclusion, Failed, Failure, Happening, WaitEnd } from './happening.js';
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
  /** The ends of waits whose nodes have not run since, by node id. */
  readonly delivered: Map<string, WaitEnd<Value>>;
  /** The digest of the payload by which the last wait for an event has ended, by event name. */
  readonly received: Map<string, string>;
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

/** Functions that a memory calls, for data that is kept beside it. */
export interface MemoryHooks<Run, Step> {
  /** Called with the id of a node when its intermediate data is dropped. */
  settled?(nodeId: string): void;
  /**
   * Called with the id of a failed node that is executed again, and the unfinished runs inside the node. Their failed
   * nodes must be executed again as well.
   */
  retried?(nodeId: string, inner: Iterable<Inner<Run, Step>>): void;
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
  /** The decided end of the run; `undefined` if none was decided, or if the end follows from the nodes. */
  conclusion: Conclusion<Value> | undefined = undefined;
  readonly #kept: { -readonly [Name in keyof Remembered<Value, Run, Step>]?: Remembered<Value, Run, Step>[Name] };

  /**
   * @param position - the position of the run in its plan. Default: unknown
   * @param kept - the facts known so far. Default: none
   * @param hooks - called when data of a node is dropped, and when a failed node is executed again. Default: none
   */
  constructor(
    public position: Position | undefined = undefined,
    kept: Partial<Remembered<Value, Run, Step>> = {},
    private readonly hooks: MemoryHooks<Run, Step> = {},
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

  get received() {
    this.#kept.received ??= new Map();
    return this.#kept.received;
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
      case 'delivered':
        this.deliver(happening.nodeId, happening);
        break;
      case 'item':
        this.#keepItem(happening);
        break;
      case 'started':
        this.keepInner(happening.key, { run: happening.run, entries: [] });
        break;
      case 'child':
        this.innerAt(happening.key)?.entries.push(happening.entry);
        break;
      case 'concluded': {
        const { type: _, ...conclusion } = happening;
        this.conclusion = conclusion;
        break;
      }
      case 'retried':
        this.retryFailed();
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

  /** Records that the wait of a node has ended. The node becomes ready. */
  deliver(nodeId: string, { events, time, due, unchecked, sent }: WaitEnd<Value>): void {
    const position = this.position as Position;
    this.#receive(this.#kept.awaiting?.get(nodeId), { sent, due });
    this.#kept.awaiting?.delete(nodeId);
    this.delivered.set(nodeId, { events, time, due, unchecked });
    position.retry(position.plan.indexOf(nodeId));
  }

  /** Records which events have ended waits. An event whose wait has expired is received no more. */
  #receive(waits: readonly Waiting[] = [], { sent = {}, due = -Infinity }: Pick<WaitEnd<Value>, 'sent' | 'due'>): void {
    for (const { event, until = Infinity } of waits) if (until <= due) this.#kept.received?.delete(event);
    for (const [event, digest] of Object.entries(sent)) this.received.set(event, digest);
  }

  /** Returns true if nodes have failed, or the output was refused, and no retry has taken that back. */
  get hasFailed(): boolean {
    return this.conclusion?.status === 'failed' || this.position?.hasFailures === true;
  }

  /**
   * Returns true if the run has ended as failed: it has failures, nothing is left to be executed, and no node waits.
   * Only such a run is retried.
   */
  get hasEndedAsFailed(): boolean {
    if (this.conclusion !== undefined) return this.conclusion.status === 'failed';
    return this.hasFailed && !this.has('awaiting') && this.position?.hasWork === false;
  }

  /** Makes the failed nodes ready again, also in the runs inside them. */
  retryFailed(): void {
    if (this.conclusion?.status === 'failed') this.conclusion = undefined;
    for (const nodeId of (this.position as Position).retryFailed()) {
      this.#kept.failures?.delete(nodeId);
      this.hooks.retried?.(nodeId, this.#kept.inner?.get(nodeId)?.values() ?? []);
    }
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
   * Records the failure of a node. Its sub-flows, batch elements and events are kept, so that they resume if the node is
   * tried again. A wait that has expired, or whose payload was refused, waits anew.
   */
  #fail(happening: Failed<Value>): void {
    const { nodeId, error, endsRun } = happening;
    const position = this.position as Position;
    const node = position.plan.indexOf(nodeId);
    this.#kept.awaiting?.delete(nodeId);
    if (this.#kept.delivered !== undefined) this.#forgetEnd(nodeId, node);
    this.failures.set(nodeId, error);
    position.fail(node, happening);
    if (endsRun === true && position.hasFailed(nodeId)) this.conclusion = { status: 'failed' };
    this.letGo();
  }

  /** Drops the end of a failed wait: a time that has come, or a payload that the wait itself could not take. */
  #forgetEnd(nodeId: string, node: number): void {
    const end = this.delivered.get(nodeId);
    const isWait = (this.position as Position).plan.nodes[node]?.uses === 'wait';
    if (end === undefined || (!isWait && end.due === undefined)) return;
    this.delivered.delete(nodeId);
    if (isWait) for (const event of Object.keys(end.events)) this.#kept.received?.delete(event);
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
    this.hooks.settled?.(nodeId);
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

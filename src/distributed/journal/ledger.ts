/** A node that is ready or waiting for a point in time, and the job that carries the node. A job may carry several. */
export interface WorkItem {
  readonly node: number;
  /** Number of times that the node has become ready, from 1. */
  readonly round: number;
  /** Number of the next attempt, from 1. */
  readonly attempt: number;
  /** Number of retries used. */
  readonly consumed: number;
  /** Milliseconds spent on earlier attempts, including the delays between them. */
  readonly elapsed: number;
  readonly kind: 'node' | 'wake';
  /** The job that carries the item; `undefined` while the item is parked. */
  readonly job: string | undefined;
  /**
   * The job under which the item was created. If that job is delivered again, the item's own job may not be in the
   * queue yet.
   */
  readonly parent: string | undefined;
  /** Delivery time by the engine's clock, in epoch milliseconds; 0 for immediate delivery. */
  readonly due: number;
  /** The entry that put the item into this state. */
  readonly seq: number;
  /** The claim under which steps inside the node are accepted. */
  readonly claim?: string | undefined;
}

const none: readonly never[] = [];

/**
 * Maximum number of items that are searched linearly. Most runs have one item, and creating maps for them is expensive.
 */
const few = 8;

/** Maximum number of remembered jobs of dropped items. Further jobs end when they are delivered. */
const mostDropped = 1_000;

/** The remaining work of a run: at most one item per node. */
export class Ledger {
  readonly #items: WorkItem[] = [];
  /** Lookup tables that exist only if there are more than `few` items: positions by node, and items by job. */
  #places: Map<number, number> | undefined = undefined;
  #carried: Map<string, WorkItem[]> | undefined = undefined;
  /** Items whose jobs may not be in the queue yet. The key is the job that created the items. */
  readonly #unqueued = new Map<string, Set<WorkItem>>();
  /** Jobs of dropped items, which may still be in the queue. */
  #dropped: readonly string[] = none;

  get size(): number {
    return this.#items.length;
  }

  get(node: number): WorkItem | undefined {
    return this.#items[this.#placeOf(node)];
  }

  /** Returns the items that a job currently carries, in no particular order. */
  carriedBy(job: string): readonly WorkItem[] {
    if (this.#carried !== undefined) return this.#carried.get(job) ?? none;
    const [first] = this.#items;
    if (first?.job === job && this.#items.length === 1) return this.#items;
    return this.#items.filter((item) => item.job === job);
  }

  put(item: WorkItem): void {
    this.remove(item.node);
    this.#items.push(item);
    if (this.#places !== undefined) this.#index(item, this.#items.length - 1);
    else if (this.#items.length > few) this.#indexAll();
    const { job, parent } = item;
    if (parent === undefined || job === undefined || job === parent) return;
    const siblings = this.#unqueued.get(parent);
    if (siblings === undefined) this.#unqueued.set(parent, new Set([item]));
    else siblings.add(item);
  }

  remove(node: number): void {
    const place = this.#placeOf(node);
    const item = this.#items[place];
    if (item === undefined) return;
    // The last item takes the place of the removed item.
    const last = this.#items.pop() as WorkItem;
    if (last !== item) this.#items[place] = last;
    if (this.#places !== undefined) this.#unindex(item, last, place);
    this.queued(item);
  }

  /** Removes an item before its time has come. Its job is not needed any more. */
  drop(node: number): void {
    const job = this.get(node)?.job;
    this.remove(node);
    if (job !== undefined && this.#dropped.length < mostDropped) this.#dropped = [...this.#dropped, job];
  }

  /**
   * Returns the jobs of dropped items, to be removed from the queue. They are known to each program that has applied the
   * entry, so they are removed even if one of the programs dies.
   */
  get dropped(): readonly string[] {
    return this.#dropped;
  }

  /** Records that the jobs of dropped items are not in the queue. */
  forget(jobs: readonly string[]): void {
    this.#dropped = this.#dropped.filter((job) => !jobs.includes(job));
  }

  /** Returns the items created under `job` whose own jobs are not known to be queued. */
  unqueuedUnder(job: string): readonly WorkItem[] {
    const items = this.#unqueued.get(job);
    return items === undefined ? none : [...items];
  }

  /** Records that the job of an item is in the queue. */
  queued(item: WorkItem): void {
    const { parent } = item;
    if (parent === undefined || this.#unqueued.size === 0) return;
    const siblings = this.#unqueued.get(parent);
    if (siblings?.delete(item) && siblings.size === 0) this.#unqueued.delete(parent);
  }

  values(): IterableIterator<WorkItem> {
    return this.#items.values();
  }

  #placeOf(node: number): number {
    if (this.#places !== undefined) return this.#places.get(node) ?? -1;
    return this.#items.findIndex((item) => item.node === node);
  }

  #indexAll(): void {
    this.#places = new Map();
    this.#carried = new Map();
    for (const [place, item] of this.#items.entries()) this.#index(item, place);
  }

  #index(item: WorkItem, place: number): void {
    this.#places?.set(item.node, place);
    if (item.job === undefined) return;
    const carried = this.#carried?.get(item.job);
    if (carried === undefined) this.#carried?.set(item.job, [item]);
    else carried.push(item);
  }

  #unindex(item: WorkItem, last: WorkItem, place: number): void {
    this.#places?.delete(item.node);
    if (last !== item) this.#places?.set(last.node, place);
    if (item.job !== undefined) this.#uncarry(item.job, item);
    if (this.#items.length > 0) return;
    this.#places = undefined;
    this.#carried = undefined;
  }

  #uncarry(job: string, item: WorkItem): void {
    const carried = this.#carried?.get(job)?.filter((other) => other !== item) ?? none;
    if (carried.length === 0) this.#carried?.delete(job);
    else this.#carried?.set(job, carried as WorkItem[]);
  }
}

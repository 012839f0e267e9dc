/** A node that is ready, or waits for a time to come; under the job that carries it. */
export interface Item {
  readonly node: number;
  /** How often the node was made ready, from 1. */
  readonly round: number;
  /** Number of the attempt that is next, from 1. */
  readonly attempt: number;
  /** How many retries are used up. */
  readonly consumed: number;
  /** Milliseconds of the attempts before this one, with the waits between them. */
  readonly elapsed: number;
  readonly kind: 'node' | 'wake';
  /** The job that carries it; none while it is parked. */
  readonly job: string | undefined;
  /** The job under which it came about. If that is delivered again, this one may not be queued yet. */
  readonly parent: string | undefined;
  /** When it is to be delivered, by the engine's clock; 0 for at once. */
  readonly due: number;
  /** The entry since which it is so. */
  readonly seq: number;
  /** Who may set down what is done inside it. */
  readonly claim?: string | undefined;
}

const none: readonly Item[] = [];

/** How many items are looked through rather than looked up: most runs have one, and maps that come and go are dear. */
const few = 8;

/** What is still to be done in a run: at most one item a node. */
export class Ledger {
  readonly #items: Item[] = [];
  /** Where there are more than a few: their places, and those that jobs carry. */
  #places: Map<number, number> | undefined = undefined;
  #carried: Map<string, Item> | undefined = undefined;
  /** Items that have jobs of their own, by the job under which they came about, until they are known to be queued. */
  readonly #unqueued = new Map<string, Set<Item>>();

  get size(): number {
    return this.#items.length;
  }

  get(node: number): Item | undefined {
    return this.#items[this.#placeOf(node)];
  }

  /** The item that a job carries at the moment. */
  carriedBy(job: string): Item | undefined {
    return this.#carried === undefined ? this.#items.find((item) => item.job === job) : this.#carried.get(job);
  }

  put(item: Item): void {
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
    // The last takes its place.
    const last = this.#items.pop() as Item;
    if (last !== item) this.#items[place] = last;
    if (this.#places !== undefined) this.#unindex(item, last, place);
    this.queued(item);
  }

  /** The items that came about under a job and have jobs of their own, which are not known to be queued. */
  unqueuedUnder(job: string): readonly Item[] {
    const items = this.#unqueued.get(job);
    return items === undefined ? none : [...items];
  }

  /** The job of an item is in the queue. */
  queued(item: Item): void {
    const { parent } = item;
    if (parent === undefined || this.#unqueued.size === 0) return;
    const siblings = this.#unqueued.get(parent);
    if (siblings?.delete(item) && siblings.size === 0) this.#unqueued.delete(parent);
  }

  values(): IterableIterator<Item> {
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

  #index(item: Item, place: number): void {
    this.#places?.set(item.node, place);
    if (item.job !== undefined) this.#carried?.set(item.job, item);
  }

  #unindex(item: Item, last: Item, place: number): void {
    this.#places?.delete(item.node);
    if (last !== item) this.#places?.set(last.node, place);
    if (item.job !== undefined && this.#carried?.get(item.job) === item) this.#carried.delete(item.job);
    if (this.#items.length > 0) return;
    this.#places = undefined;
    this.#carried = undefined;
  }
}

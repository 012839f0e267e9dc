/** How many characters of entries a journal has at least when it is compacted. */
const least = 2 ** 18;

/**
 * How much a journal has grown since its snapshot. A compaction is due when its entries have outgrown the snapshot: all
 * snapshots of a run together are then no larger than a small multiple of what was committed, however much stays in them.
 */
export class Growth {
  /** The last entry that was counted. */
  #seq = 0;
  #size = 0;
  #snapshot = 0;

  /** Counts from a snapshot on. */
  begin(seq: number, snapshot: number): void {
    this.#snapshot = snapshot;
    this.defer(seq);
  }

  /** Counts from an entry on, against the same snapshot. */
  defer(seq: number): void {
    this.#seq = seq;
    this.#size = 0;
  }

  /** Counts an entry, once. */
  add(seq: number, text: string): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#size += text.length;
  }

  get isDue(): boolean {
    return this.#size >= Math.max(least, this.#snapshot);
  }
}

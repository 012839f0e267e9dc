/** Minimum number of characters of entries before a journal is compacted. */
const least = 2 ** 18;

/**
 * Measures how much a journal has grown since its last snapshot. A compaction is due when the entries are larger than
 * the snapshot. The total size of a run's snapshots is then at most a small multiple of the size of its entries.
 */
export class Growth {
  /** The number of the last entry that was counted. */
  #seq = 0;
  #size = 0;
  #snapshot = 0;

  /**
   * Starts counting after a new snapshot.
   *
   * @param snapshot - the size of the snapshot, in characters
   */
  begin(seq: number, snapshot: number): void {
    this.#snapshot = snapshot;
    this.defer(seq);
  }

  /** Restarts counting after an entry. The comparison is still made with the size of the last snapshot. */
  defer(seq: number): void {
    this.#seq = seq;
    this.#size = 0;
  }

  /** Counts an entry, unless it was counted before. */
  add(seq: number, text: string): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#size += text.length;
  }

  get isDue(): boolean {
    return this.#size >= Math.max(least, this.#snapshot);
  }
}

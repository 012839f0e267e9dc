/** How far back a rate looks, in milliseconds: what is older counts for a third and less. */
const memory = 5_000;

/**
 * How many a second, of late: an exponentially weighted mean. What it does not know yet (the time before its begin) does
 * not count as nothing.
 */
export class Rate {
  #perMillisecond = 0;
  #updated: number;

  constructor(private readonly began: number) {
    this.#updated = began;
  }

  add(count: number, now: number): void {
    this.#perMillisecond = this.#faded(now) + count / memory;
    this.#updated = now;
  }

  /** How many a second; 0 where there was no time yet. */
  at(now: number): number {
    const known = 1 - Math.exp((this.began - now) / memory);
    return known > 0 ? (this.#faded(now) / known) * 1_000 : 0;
  }

  #faded(now: number): number {
    return this.#perMillisecond * Math.exp((this.#updated - now) / memory);
  }
}

/** Time constant of a rate, in milliseconds. Older events have less than 37 % of their original weight. */
const memory = 5_000;

/**
 * Recent events per second, as an exponentially weighted mean. Ignores the time before the start instead of counting it
 * as idle.
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

  /** Returns the events per second, or 0 if no time has passed yet. */
  at(now: number): number {
    const known = 1 - Math.exp((this.began - now) / memory);
    return known > 0 ? (this.#faded(now) / known) * 1_000 : 0;
  }

  #faded(now: number): number {
    return this.#perMillisecond * Math.exp((this.#updated - now) / memory);
  }
}

/** How much work is on its way, in milliseconds. */
const ahead = 20;

/** Milliseconds between two measurements. */
const interval = 5;

/**
 * How many messages a loop behind a border may have that it has not acknowledged: so many as it works off in some
 * milliseconds. One that is fast has no gaps; one that is slow leaves the rest to others.
 */
export class Credit {
  #most: number;
  #since = 0;
  #spent = 0;

  constructor(
    private readonly fewest: number,
    private readonly limit: number,
  ) {
    this.#most = Math.min(limit, fewest);
  }

  /** A message has been acknowledged. */
  spent(): void {
    this.#spent++;
  }

  /**
   * @param now - milliseconds of the monotonic clock
   * @param isBusy - whether it has messages at the moment
   */
  at(now: number, isBusy: boolean): number {
    const elapsed = now - this.#since;
    // While it had nothing to do it has shown nothing.
    const isIdle = !isBusy && this.#spent === 0;
    if (elapsed >= interval && !isIdle) {
      this.#most = Math.min(this.limit, Math.max(this.fewest, Math.ceil((this.#spent / elapsed) * ahead)));
    }
    if (elapsed >= interval || isIdle) {
      this.#since = now;
      this.#spent = 0;
    }
    return this.#most;
  }
}

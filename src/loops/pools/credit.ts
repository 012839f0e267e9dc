/** Amount of work that is sent ahead of time, in milliseconds. */
const ahead = 20;

/** Milliseconds between two measurements. */
const interval = 5;

/**
 * Limits the unacknowledged messages of a loop in a thread or process to the number that the loop handles within a few
 * milliseconds. A fast loop never runs dry, and a slow loop leaves messages to other readers.
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

  /** Registers an acknowledged message. */
  spent(): void {
    this.#spent++;
  }

  /**
   * Returns the current limit of unacknowledged messages.
   *
   * @param now - milliseconds of the monotonic clock
   * @param isBusy - if true, the loop currently has messages
   */
  at(now: number, isBusy: boolean): number {
    const elapsed = now - this.#since;
    // An idle interval says nothing about the speed of the loop.
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

import type { RestartPolicy } from '../definition.js';

/** Counts restarts within a time window, and computes the delay before each. */
export class Restarts {
  /** Number of all restarts. */
  total = 0;
  #times: number[] = [];

  /**
   * Registers another restart.
   *
   * @param now - milliseconds of the monotonic clock
   * @returns milliseconds to wait before the restart, or undefined if the limit is reached
   */
  take(
    { limit = 10, within = 60_000, backoff = 100, maxBackoff = 10_000 }: RestartPolicy,
    now: number,
  ): number | undefined {
    this.#times = this.#times.filter((time) => now - time < within);
    if (this.#times.length >= limit) return undefined;
    const delay = Math.min(backoff * 2 ** this.#times.length, maxBackoff);
    this.#times.push(now);
    this.total++;
    return delay;
  }
}

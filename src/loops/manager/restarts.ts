import type { RestartPolicy } from '../definition.js';

/** Counts restarts within a window, and says how long to wait before each. */
export class Restarts {
  /** All that there have been. */
  total = 0;
  #times: number[] = [];

  /**
   * One more is asked for.
   *
   * @param now - milliseconds of the monotonic clock
   * @returns milliseconds to wait before it, or nothing where there have been too many
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

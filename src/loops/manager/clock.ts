/**
 * Minimum jump of the wall clock, in milliseconds, that is taken as sleep of the machine. Smaller jumps are taken as
 * adjustments of the clock.
 */
const leastSleep = 1_000;

/**
 * A clock that includes the time during which the machine sleeps. The monotonic clock stops during sleep, so after
 * sleep the wall clock is ahead of the monotonic clock. Setting the wall clock back has no effect.
 */
export class Clock {
  #slept = 0;
  #ahead = Date.now() - performance.now();

  /** Returns milliseconds since an arbitrary moment. */
  now(): number {
    const now = performance.now();
    const ahead = Date.now() - now;
    if (ahead - this.#ahead > leastSleep) this.#slept += ahead - this.#ahead;
    this.#ahead = ahead;
    return now + this.#slept;
  }
}

/** How far the wall clock gets ahead at once when the machine has slept, at least. In milliseconds: less is its adjustment. */
const leastSleep = 1_000;

/**
 * A clock that goes on while the machine sleeps. The monotonic clock stands still then, and the wall clock has got ahead of it
 * afterwards. A wall clock that is set back changes nothing.
 */
export class Clock {
  #slept = 0;
  #ahead = Date.now() - performance.now();

  /** Milliseconds since some moment. */
  now(): number {
    const now = performance.now();
    const ahead = Date.now() - now;
    if (ahead - this.#ahead > leastSleep) this.#slept += ahead - this.#ahead;
    this.#ahead = ahead;
    return now + this.#slept;
  }
}

import { callAfter, type LongTimer } from './long-timer.js';

/** A time limit that can be brought forward while it runs. */
export class Deadline {
  /** Resolves when the limit is reached, with the milliseconds of the limit. */
  readonly passed: Promise<number>;
  #pass: (milliseconds: number) => void = () => {};
  #at = Number.POSITIVE_INFINITY;
  #timer: LongTimer | undefined = undefined;

  constructor() {
    this.passed = new Promise((resolve) => {
      this.#pass = resolve;
    });
  }

  /** Sets the limit to the given milliseconds from now, unless the current limit is earlier. */
  limitTo(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (at >= this.#at) return;
    this.#at = at;
    this.#timer?.cancel();
    this.#timer = callAfter(milliseconds, () => this.#pass(milliseconds));
  }

  /**
   * Waits for `work` until the limit. Returns `undefined` if the limit is reached first; a later failure of `work` is
   * ignored.
   */
  async bound<Result>(work: Promise<Result>): Promise<Result | undefined> {
    work.catch(() => undefined);
    return Promise.race([work, this.passed.then(() => undefined)]);
  }

  /** Stops the timer, so that there is no limit any more. */
  cancel(): void {
    this.#at = Number.NEGATIVE_INFINITY;
    this.#timer?.cancel();
  }
}

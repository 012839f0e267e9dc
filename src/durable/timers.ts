import { callAfter, type LongTimer } from '../shared/long-timer.js';

/** Timers of a recording. They no longer keep the program alive when the function of the run has ended. */
export class Timers {
  /** The timers, and if each of them is due at all. */
  readonly #timers = new Map<LongTimer, boolean>();
  #isUnref = false;

  /** If true, no timer is ever due. */
  get isIdle(): boolean {
    return ![...this.#timers.values()].includes(true);
  }

  /**
   * Calls `work` at a time, in epoch milliseconds. A clock that is set back meanwhile does not delay the call.
   *
   * @param most - maximum delay, in milliseconds, if the clock was set back since an earlier life. Default: none
   * @returns a function that cancels the call
   */
  at(time: number, work: () => void, most = Infinity): () => void {
    const left = Math.min(time - Date.now(), most);
    const timer = callAfter(left, () => {
      this.#timers.delete(timer);
      work();
    });
    this.#timers.set(timer, left < Infinity);
    if (this.#isUnref) timer.unref();
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  /** Cancels all calls. */
  cancel(): void {
    for (const timer of this.#timers.keys()) timer.cancel();
    this.#timers.clear();
  }

  unref(): void {
    this.#isUnref = true;
    for (const timer of this.#timers.keys()) timer.unref();
  }
}

/**
 * Timers for delays of any length. A Node timer supports at most 24.8 days (a longer delay fires at once), and does not
 * count the time that the machine sleeps. These timers check the wall clock at least every half minute. After the
 * machine has slept, a call that became due fires within half a minute.
 */

/** Maximum interval between two checks of the wall clock, in milliseconds. */
export const longestLook = 30_000;

/** A scheduled call. */
export interface LongTimer {
  /** Cancels the call. Has no effect after the call was made or cancelled. */
  cancel(): void;
  /** Allows the program to exit before the call is made. */
  unref(): this;
}

/**
 * Calls `work` once, after the given milliseconds: any number, Infinity for never. Time that the machine sleeps counts.
 */
export function callAfter(milliseconds: number, work: () => void): LongTimer {
  let left = milliseconds;
  let armedFor = 0;
  let armedAt = Date.now();
  return new Timer(() => {
    // Use the larger of the two durations: the wall clock may have been set back, and the timer stands still while the
    // machine sleeps.
    left -= Math.max(armedFor, Date.now() - armedAt);
    armedFor = chunkOf(left);
    armedAt = Date.now();
    return left;
  }, work);
}

class Timer implements LongTimer {
  #timer: NodeJS.Timeout | undefined = undefined;
  #isUnref = false;

  constructor(
    /** Checks the clock and returns the remaining milliseconds. */
    private readonly look: () => number,
    private readonly work: () => void,
  ) {
    this.#arm(look());
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  unref(): this {
    this.#isUnref = true;
    this.#timer?.unref();
    return this;
  }

  #arm(left: number): void {
    this.#timer = setTimeout(() => this.#fire(), chunkOf(left));
    if (this.#isUnref) this.#timer.unref();
  }

  #fire(): void {
    const left = this.look();
    if (left > 0) this.#arm(left);
    else {
      this.#timer = undefined;
      this.work();
    }
  }
}

/**
 * Returns the delay of the next timer in whole milliseconds. Rounds up, because Node truncates fractions. Never negative,
 * because runtimes warn of that.
 */
function chunkOf(left: number): number {
  return Math.min(Math.max(0, Math.ceil(left)), longestLook);
}

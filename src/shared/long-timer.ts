/**
 * Timers for waits of any length. A timer of Node's holds 24.8 days at most (a longer one fires at once, over and over), and
 * counts only the time for which the machine is awake. These look at the wall clock at least every half minute: after the
 * machine has slept, what has become due meanwhile fires within half a minute.
 */

/** The longest time without a look at the wall clock, in milliseconds. */
export const longestLook = 30_000;

/** A call that is still to come. */
export interface LongTimer {
  /** Takes the call back. A call that was made or taken back already stays as it is. */
  cancel(): void;
  /** Lets a program end that has nothing else to do. */
  unref(): this;
}

/** Calls `work` once, `milliseconds` from now: any number, Infinity for never. Time for which the machine sleeps counts. */
export function callAfter(milliseconds: number, work: () => void): LongTimer {
  let left = milliseconds;
  let armedFor = 0;
  let armedAt = Date.now();
  return new Timer(() => {
    // Whichever clock says more: the wall clock may have been set back, the timer's stands still while the machine sleeps.
    left -= Math.max(armedFor, Date.now() - armedAt);
    armedFor = chunkOf(left);
    armedAt = Date.now();
    return left;
  }, work);
}

/** Calls `work` once, when the wall clock shows `time` or later: epoch milliseconds, Infinity for never. */
export function callAt(time: number, work: () => void): LongTimer {
  return new Timer(() => time - Date.now(), work);
}

class Timer implements LongTimer {
  #timer: NodeJS.Timeout | undefined = undefined;
  #isUnref = false;

  constructor(
    /** Gives the milliseconds that are left, whenever the clock was looked at. */
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

/** Whole milliseconds: a timer cuts off what is less. */
function chunkOf(left: number): number {
  return Math.min(Math.ceil(left), longestLook);
}

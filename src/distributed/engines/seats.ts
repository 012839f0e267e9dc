import type { Disposition } from '../contracts.js';

/** Milliseconds that a job may wait for a seat before it is given back, so that a free worker can take it. */
const moment = 250;

/** A source of jobs. */
export interface Source {
  /** Called when enough jobs are waiting: the source should deliver no more. */
  onFull(): unknown;
  /** Called when the source should deliver jobs again. */
  onFree(): unknown;
}

/**
 * Limits how many jobs of several queues are handled at the same time. Each queue may deliver as many jobs as there are
 * seats, because the other queues may be empty. So more jobs may arrive than there are seats:
 *
 * - A job without a seat waits for a moment, in the order of arrival, and is then given back to its queue.
 * - The sources are held back while as many jobs wait as have left their seats within the last moment, or one. So short
 *   jobs are fetched in advance, and long ones stay in the queue for other workers.
 */
export class Seats {
  #free: number;
  /** The jobs that wait for a seat, in order of arrival. Each is called with true if it gets one. */
  readonly #waiting = new Set<(isSeated: boolean) => void>();
  readonly #sources = new Set<Source>();
  #isHeldBack = false;
  /** Number of jobs that have left their seats since `#since`, and in the moment before. */
  #left = 0;
  #leftBefore = 0;
  #since = performance.now();

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Adds a source.
   *
   * @returns a function that removes the source
   */
  join(source: Source): () => void {
    this.#sources.add(source);
    if (this.#isHeldBack) source.onFull();
    return () => this.#sources.delete(source);
  }

  /** Handles a job when a seat is free. Gives the job back if no seat becomes free within a moment. */
  async use(handle: () => Promise<Disposition>): Promise<Disposition> {
    if (!(await this.#take())) return { delay: 0 };
    try {
      return await handle();
    } finally {
      this.#leave();
    }
  }

  #take(): boolean | Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    return new Promise((resolve) => {
      const sit = (isSeated: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(sit);
        resolve(isSeated);
      };
      const timer = setTimeout(sit, moment, false);
      this.#waiting.add(sit);
      if (this.#waiting.size >= this.#mayWait) this.#holdBack();
    });
  }

  #leave(): void {
    this.#count();
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else next(true);
    if (this.#isHeldBack && this.#waiting.size < Math.max(1, this.#mayWait / 2)) this.#letCome();
  }

  /** Number of jobs that may wait: those that are expected to get a seat within a moment, and at least one. */
  get #mayWait(): number {
    return Math.max(1, this.#left, performance.now() - this.#since < 2 * moment ? this.#leftBefore : 0);
  }

  #count(): void {
    const passed = performance.now() - this.#since;
    if (passed >= moment) {
      this.#leftBefore = passed < 2 * moment ? this.#left : 0;
      this.#left = 0;
      this.#since = performance.now();
    }
    this.#left++;
  }

  #holdBack(): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    for (const source of this.#sources) source.onFull();
  }

  #letCome(): void {
    this.#isHeldBack = false;
    for (const source of this.#sources) source.onFree();
  }
}

/** Options of `GiveBacks`: the delays of jobs that a worker gives back. */
export interface GiveBackOptions {
  /** Milliseconds before a job is delivered again for the first time. Also the minimum delay. */
  readonly least: number;
  /** Maximum delay of a job, in milliseconds. */
  readonly longest: number;
  /** Maximum number of jobs that are remembered. Default: 50000. */
  readonly most?: number | undefined;
  /** A monotonic clock, in milliseconds. Default: `performance.now`. */
  readonly now?: (() => number) | undefined;
  /** A random number from 0 up to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Minimum interval between two turns, in milliseconds, and as a multiple of the time that a job takes. */
const leastSpacing = 100;
const timesTaken = 10;

/**
 * Maximum time, in milliseconds, that is counted for one job. A job may have executed nodes before it was given back.
 */
const longestTaken = 1_000;

/** Weight of the latest job in the moving average of the time that a job takes. */
const weight = 1 / 10;

/** Maximum random addition to a delay, as a fraction of the delay. Keeps workers that started together out of step. */
const jitter = 1 / 4;

/** Milliseconds after which a job that is overdue is forgotten, because another worker has it. */
const patience = 600_000;

/**
 * Minimum milliseconds between two searches for forgotten jobs. A search is made only when the maximum number of jobs
 * is reached.
 */
const lookEvery = 60_000;

interface Known {
  /** Time at which the job was given back for the first time. */
  readonly since: number;
  /** Time from which the job may be delivered again. */
  readonly due: number;
}

/**
 * Computes the delays of jobs that a worker gives back to the queue. However many they are, the jobs then take only a
 * small share of the worker's time. A queue may deliver delayed jobs before waiting jobs, so with a fixed delay, a few
 * hundred given-back jobs would keep a worker busy all the time.
 *
 * - A job that is given back for the first time is delivered again soon, because another worker may be able to handle
 *   it.
 * - After that, jobs take turns: ten per second, or fewer if each job takes long. A job that is given back again
 *   takes the next free turn, so N jobs are each delivered again after N turns.
 * - No job waits longer than twice the time since it was first given back. A worker that can handle the job may be
 *   busy now, or about to start.
 */
export class GiveBacks {
  readonly #known = new Map<string, Known>();
  /** The time of the next free turn. */
  #next = Number.NEGATIVE_INFINITY;
  /** Moving average of the time that a job takes, in milliseconds. */
  #taken = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: GiveBackOptions) {}

  /**
   * Returns the delay, in milliseconds, of a job that is now given back.
   *
   * @param jobId - the id of the job in the queue
   * @param taken - milliseconds for which the worker has held the job. Default: 0
   */
  delayOf(jobId: string, taken = 0): number {
    const { now: clock = () => performance.now(), random = Math.random } = this.options;
    const now = clock();
    this.#taken += (Math.min(taken, longestTaken) - this.#taken) * weight;
    const known = this.#known.get(jobId);
    const delay = Math.round(this.#wait(known, now) * (1 + random() * jitter));
    this.#known.delete(jobId);
    if (this.#hasRoom(now)) this.#known.set(jobId, { since: known?.since ?? now, due: now + delay });
    return delay;
  }

  #wait(known: Known | undefined, now: number): number {
    const { least, longest } = this.options;
    if (known === undefined && this.#hasRoom(now)) return least;
    // A job may be unknown because the maximum was reached. Such a job may have been given back any number of times.
    const most = known === undefined ? longest : Math.min(longest, least + 2 * (now - known.since));
    const turn = Math.max(this.#next, now);
    const wait = Math.max(least, turn - now);
    if (wait > most) return most;
    this.#next = turn + Math.max(leastSpacing, timesTaken * this.#taken);
    return wait;
  }

  #hasRoom(now: number): boolean {
    const { most = 50_000 } = this.options;
    if (this.#known.size >= most && now - this.#lookedAt >= lookEvery) {
      this.#lookedAt = now;
      for (const [jobId, { due }] of this.#known) if (now - due > patience) this.#known.delete(jobId);
    }
    return this.#known.size < most;
  }
}

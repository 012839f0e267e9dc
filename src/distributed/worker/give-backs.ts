/** How jobs that a worker cannot handle are given back. */
export interface GiveBackOptions {
  /** Milliseconds after which a job comes again at first. */
  readonly least: number;
  /** Milliseconds after which a job comes again in any case. */
  readonly longest: number;
  /** How many jobs are remembered at a time. Default: 50000. */
  readonly most?: number | undefined;
  /** Milliseconds, by a clock that is never set. Default: `performance.now`. */
  readonly now?: (() => number) | undefined;
  /** From 0 up to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The least time between two jobs that come again, in milliseconds, and how many times as long as one has taken. */
const leastSpacing = 100;
const timesTaken = 10;

/** The most that counts, in milliseconds: one may have been executed for a while before it went back. */
const longestTaken = 1_000;

/** The part by which the newest job changes what is known of how long one takes. */
const weight = 1 / 10;

/** How much longer by chance a job stays away, at most: workers that have started together do not stay in step. */
const jitter = 1 / 4;

/** Milliseconds after which a job that could come again and did not is another's. */
const patience = 600_000;

/** Milliseconds between two looks for such jobs where there are as many as are remembered. */
const lookEvery = 60_000;

interface Known {
  /** When it was given back for the first time. */
  readonly since: number;
  /** When it could come again. */
  readonly due: number;
}

/**
 * Says after how long the jobs come again that a worker gives back, so that this takes a small part of its time, however many
 * they are. A queue may deliver jobs that come again before all that wait: at a fixed time some hundred of them would be all
 * that a worker does.
 *
 * - A job that is given back for the first time comes again soon: another worker may be able to handle it.
 * - From then on jobs take turns: ten a second, fewer where each takes long. What has come back once takes the next turn that is
 *   free, so with N jobs each comes again after N turns.
 * - No job waits longer than twice the time since it was first given back. Who can handle it may be busy, or about to start.
 */
export class GiveBacks {
  readonly #known = new Map<string, Known>();
  /** When the next turn is free. */
  #next = Number.NEGATIVE_INFINITY;
  /** How long a job has taken of late, in milliseconds. */
  #taken = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: GiveBackOptions) {}

  /**
   * Gives the delay of a job that is given back now, in milliseconds.
   *
   * @param jobId - of the queue
   * @param taken - for how many milliseconds the worker has held it
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
    // One that there is no room to remember may have been given back any number of times.
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

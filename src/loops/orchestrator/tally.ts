import { textOf } from '../../shared/errors.js';
import type { LoopMetrics, LoopState } from '../health.js';
import type { LoopReport } from '../pools/pool.js';
import { Rate } from './rate.js';

/** Adds up the figures of all lives of a loop. */
export class Tally {
  #before = { iterations: 0, errors: 0, restarts: 0 };
  /** Number of iterations before the last start. */
  #from = 0;
  #last: LoopReport | undefined = undefined;
  readonly #rate = new Rate();

  /** Resets the number of iterations for the next stop report. */
  started(): void {
    this.#from = this.#before.iterations;
  }

  /** Adds the final figures of a life. */
  ended(report: LoopReport | undefined): void {
    if (report === undefined) return;
    this.#before.iterations += report.iterations;
    this.#before.errors += report.errors;
    this.#before.restarts += report.restarts;
    this.#last = { ...report, iterations: 0, errors: 0, restarts: 0, inFlight: 0 };
  }

  /** Returns the number of iterations since the loop was started, including the current life. */
  iterations(report: LoopReport | undefined): number {
    return this.#before.iterations - this.#from + (report?.iterations ?? 0);
  }

  /**
   * Returns the figures of the loop.
   *
   * @param now - the current state of the loop. `report` has the figures of the current life, and `crashes` is the
   *   number of restarts after a crash
   */
  metrics(now: {
    readonly loopId: string;
    readonly state: LoopState;
    readonly report: LoopReport | undefined;
    readonly crashes: number;
    readonly error: Error | undefined;
  }): LoopMetrics {
    const { loopId, state, report, crashes, error } = now;
    const last = report ?? this.#last;
    const iterations = this.#before.iterations + (last?.iterations ?? 0);
    return {
      loopId,
      state,
      iterations,
      iterationsPerSecond: this.#rate.of(iterations),
      errors: this.#before.errors + (last?.errors ?? 0),
      restarts: this.#before.restarts + (last?.restarts ?? 0) + crashes,
      missedTicks: last?.missedTicks ?? 0,
      inFlight: last?.inFlight ?? 0,
      durations: last?.durations ?? { p50: 0, p90: 0, p99: 0, max: 0 },
      nodes: last?.nodes ?? [],
      error: error === undefined ? last?.error : textOf(error),
    };
  }
}

import { textOf } from '../../shared/errors.js';
import type { LoopMetrics, LoopState } from '../health.js';
import type { LoopReport } from '../pools/pool.js';
import { Rate } from './rate.js';

/** Adds up what the lives of a loop have done. */
export class Tally {
  #before = { iterations: 0, errors: 0, restarts: 0 };
  /** Iterations before the last start. */
  #from = 0;
  #last: LoopReport | undefined = undefined;
  readonly #rate = new Rate();

  /** The loop is started: iterations count from here for its report. */
  started(): void {
    this.#from = this.#before.iterations;
  }

  /** A life is over. */
  ended(report: LoopReport | undefined): void {
    if (report === undefined) return;
    this.#before.iterations += report.iterations;
    this.#before.errors += report.errors;
    this.#before.restarts += report.restarts;
    this.#last = { ...report, iterations: 0, errors: 0, restarts: 0, inFlight: 0 };
  }

  /** Iterations since the loop was started, with those of the life that goes on. */
  iterations(report: LoopReport | undefined): number {
    return this.#before.iterations - this.#from + (report?.iterations ?? 0);
  }

  /** @param now - how the loop stands: `report` is what its life has done, `crashes` how often it was made anew */
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

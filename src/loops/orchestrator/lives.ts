import type { LoopMetrics, LoopState } from '../health.js';
import type { PooledLoop } from '../pools/pool.js';
import { Life, type LifeOptions } from './life.js';
import type { StopReport } from './stop-report.js';
import { Tally } from './tally.js';

/** The lives of a loop: the current life, and the figures of all lives together. */
export class Lives {
  #present: Life | undefined = undefined;
  /** Settles when the last life has ended completely. Resolves with true if the life had a thread or process. */
  #gone: Promise<boolean> = Promise.resolve(false);
  readonly #tally = new Tally();

  constructor(
    private readonly newLoop: () => PooledLoop,
    private readonly options: LifeOptions,
  ) {}

  get present(): Life | undefined {
    return this.#present;
  }

  /** Returns the current life, or creates one. */
  begin(): Life {
    this.#present ??= new Life(this.newLoop(), this.options);
    return this.#present;
  }

  /**
   * Discards a life that could not be prepared.
   *
   * @returns true if `life` was the current life
   */
  drop(life: Life): boolean {
    if (this.#present !== life) return false;
    this.#present = undefined;
    return true;
  }

  /**
   * Ends the current life. Resolves when the life has ended completely, with true if the life had a thread or process.
   */
  end(): Promise<boolean> {
    const life = this.#present;
    if (life === undefined) return this.#gone;
    this.#tally.ended(life.pooled.report());
    this.#present = undefined;
    this.#gone = life.end();
    return this.#gone;
  }

  /** Resets the number of iterations for the next stop report. */
  started(): void {
    this.#tally.started();
  }

  /** Creates the stop report of the loop, as if the loop ended now. */
  reportOf(reason: StopReport['reason'], error: Error | undefined): StopReport {
    const life = this.#present;
    const last = life?.pooled.report();
    const inFlight = (last?.inFlight ?? 0) + (life?.hasStarted && !life.isIdle ? 1 : 0);
    const iterations = this.#tally.iterations(last);
    const { loopId } = this.options;
    return { loopId, reason, iterations, inFlight, ...(error === undefined ? {} : { error }) };
  }

  /**
   * Returns the figures of the loop.
   *
   * @param crashes - number of restarts after a crash
   */
  metrics(state: LoopState, crashes: number, error: Error | undefined): LoopMetrics {
    const { loopId } = this.options;
    return this.#tally.metrics({ loopId, state, report: this.#present?.pooled.report(), crashes, error });
  }
}

import type { LoopMetrics, LoopState } from '../health.js';
import type { PooledLoop } from '../pools/pool.js';
import { Life, type LifeOptions } from './life.js';
import type { StopReport } from './stop-report.js';
import { Tally } from './tally.js';

/** The lives of a loop: the present one, and what all of them have done. */
export class Lives {
  #present: Life | undefined = undefined;
  /** Resolves when the thread or process of the last life is gone: with true, if it had one. */
  #gone: Promise<boolean> = Promise.resolve(false);
  readonly #tally = new Tally();

  constructor(
    private readonly newLoop: () => PooledLoop,
    private readonly options: LifeOptions,
  ) {}

  get present(): Life | undefined {
    return this.#present;
  }

  /** The present life; a new one, where there is none. */
  begin(): Life {
    this.#present ??= new Life(this.newLoop(), this.options);
    return this.#present;
  }

  /** Lets go of a life that cannot be made ready. @returns if true, it was the present one */
  drop(life: Life): boolean {
    if (this.#present !== life) return false;
    this.#present = undefined;
    return true;
  }

  /** Ends the present life. Resolves when its thread or process is gone: with true, if it has one. */
  end(): Promise<boolean> {
    const life = this.#present;
    if (life === undefined) return this.#gone;
    this.#tally.ended(life.pooled.report());
    this.#present = undefined;
    this.#gone = life.end();
    return this.#gone;
  }

  /** The loop is started: iterations count from here for its report. */
  started(): void {
    this.#tally.started();
  }

  /** How the loop stands, if it ended now. */
  reportOf(reason: StopReport['reason'], error: Error | undefined): StopReport {
    const life = this.#present;
    const last = life?.pooled.report();
    const inFlight = (last?.inFlight ?? 0) + (life?.hasStarted && !life.isIdle ? 1 : 0);
    const iterations = this.#tally.iterations(last);
    const { loopId } = this.options;
    return { loopId, reason, iterations, inFlight, ...(error === undefined ? {} : { error }) };
  }

  /** @param crashes - how often the loop was made anew */
  metrics(state: LoopState, crashes: number, error: Error | undefined): LoopMetrics {
    const { loopId } = this.options;
    return this.#tally.metrics({ loopId, state, report: this.#present?.pooled.report(), crashes, error });
  }
}

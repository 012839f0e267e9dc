import { aFinite, anObjectOf } from '../../shared/validate.js';

/**
 * Limit on the share of calls that are retries, so that retries do not multiply the load on a service that is down. A
 * plain number stands for `{ ratio }`. Within the last ten seconds, at most `ratio` × calls + `minPerSecond` × 10 retries
 * are made; any other failure is final.
 *
 * @example
 * const orchestrator = new Orchestrator({ retry: { retries: 3, budget: { ratio: 0.1, minPerSecond: 2 } } });
 */
export interface RetryBudgetOptions {
  /** Number of retries per call: a finite number of at least 0. Default: 0.2. */
  readonly ratio?: number | undefined;
  /**
   * Number of retries per second that are always allowed, for programs that make few calls: a finite number of at least
   * 0. Default: 10.
   */
  readonly minPerSecond?: number | undefined;
}

const readBudgetOptions = anObjectOf<RetryBudgetOptions>({ ratio: aFinite, minPerSecond: aFinite }, 'ratio');

/** Validates a budget. A validated budget is returned unchanged, so that its users keep sharing it. */
export function readBudget(value: unknown, field: string): RetryBudget {
  return value instanceof RetryBudget ? value : new RetryBudget(readBudgetOptions(value, field));
}

/** Returns the budget of validated options. */
export function budgetOf({ budget }: { readonly budget?: unknown }): RetryBudget | undefined {
  return (budget as RetryBudget | null | undefined) ?? undefined;
}

/** Length of the window, in seconds. */
const span = 10;

/** Counts the calls and the retries in each of the last ten seconds. */
export class RetryBudget implements RetryBudgetOptions {
  readonly ratio: number;
  readonly minPerSecond: number;
  readonly #calls: number[] = new Array(span).fill(0);
  readonly #retries: number[] = new Array(span).fill(0);
  /** The latest second in which a call or a retry was counted, on the monotonic clock. */
  #latest = 0;

  constructor({ ratio = 0.2, minPerSecond = 10 }: RetryBudgetOptions) {
    this.ratio = ratio;
    this.minPerSecond = minPerSecond;
  }

  /** Counts a call. */
  called(): void {
    const at = this.#index();
    this.#calls[at] = (this.#calls[at] as number) + 1;
  }

  /** Takes a retry from the budget. Returns false if the budget is used up. */
  take(): boolean {
    const at = this.#index();
    if (sum(this.#retries) + 1 > this.ratio * sum(this.#calls) + this.minPerSecond * span) return false;
    this.#retries[at] = (this.#retries[at] as number) + 1;
    return true;
  }

  /** Forgets the seconds that have left the window, and returns the index of the current one. */
  #index(): number {
    const now = Math.floor(performance.now() / 1000);
    for (let second = Math.max(this.#latest, now - span) + 1; second <= now; second++) {
      this.#calls[second % span] = 0;
      this.#retries[second % span] = 0;
    }
    this.#latest = now;
    return now % span;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

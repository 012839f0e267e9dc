import { aBoolean, aConcurrency, aLimit, aName, type Schema } from '../../shared/validate.js';

/**
 * Options that `parallel`, `map` and `each` have in common. `Settle` is the type of `settle`, which decides the type of
 * the results.
 *
 * @example
 * const options: GroupOptions = { concurrency: 5, settle: true, timeout: 800 };
 * const settled = await orchestrator.map(ids, fetchUser, options);
 */
export interface GroupOptions<Settle extends boolean | undefined = boolean | undefined> {
  /**
   * Name of the group in progress output, traces and errors. Default: `parallel`, or for `map` and `each` the name of
   * the action, or `anonymous`.
   */
  readonly name?: string | undefined;
  /**
   * Maximum number of actions that run at the same time: a whole number of at least 1, or Infinity. For `each`, actions
   * whose result was not taken yet also count. Default: Infinity, and 10 for `each`.
   */
  readonly concurrency?: number | undefined;
  /**
   * If true, results are settled results, as of `Promise.allSettled`, so a failed action neither fails the group nor
   * ends the iteration. Default: false.
   */
  readonly settle?: Settle | undefined;
  /**
   * Limit of the whole group, in milliseconds, up to 2147483647. Actions that have not ended by then are aborted.
   * `parallel` and `map` count them as failed with a `TimeoutError`. `each`, whose limit includes the time spent in the
   * body of the loop, yields the results that are available and then throws the `TimeoutError`. `null`, 0 or Infinity
   * for none. Default: none.
   */
  readonly timeout?: number | null | undefined;
}

/** Readers of the options. */
export const groupReaders: Schema<GroupOptions> = {
  name: aName,
  concurrency: aConcurrency,
  settle: aBoolean,
  timeout: aLimit,
};

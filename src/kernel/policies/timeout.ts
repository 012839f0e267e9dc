import { type AnyFunction, aFunction, aLimit, anObjectOf, orNone } from '../../shared/validate.js';
import { Cancellation, untilAborted, type Waited } from '../cancellation.js';
import { enter } from '../scope/process.js';
import { measureWaits, type Task, type Work } from '../scope/task.js';

/**
 * Time limits of an action. A plain number stands for `{ attempt }`. When a limit is reached, the task's signal aborts
 * and the task fails with a `TimeoutError`, unless it is retried or a fallback provides the result.
 *
 * @example
 * const timeout: TimeoutOptions = { attempt: 2_000, total: 10_000 };
 */
export interface TimeoutOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** Limit of each attempt, in milliseconds, up to 2147483647. `null`, 0 or Infinity for none. Default: none. */
  readonly attempt?: number | null | undefined;
  /**
   * Limit of all attempts together, including the delays between them, in milliseconds. Accepts the same values as
   * `attempt`. Time spent in hooks and middleware does not count. Default: none.
   */
  readonly total?: number | null | undefined;
  /**
   * Returns the result of a task that would otherwise fail with its own `TimeoutError`. Called with the task's
   * arguments. `null` for none. Default: the task rejects with the `TimeoutError`.
   *
   * @deprecated Use the action's option `fallback`, next to `timeout`, which handles every failure. To handle only
   *   the failures that this option handles, set `fallbackOn: (error) => error instanceof TimeoutError`.
   */
  readonly fallback?: ((...args: Args) => Result | PromiseLike<Result>) | null | undefined;
}

/** Limits after validation. Infinity means no limit. */
export interface StoredTimeout {
  readonly attempt?: number | undefined;
  readonly total?: number | undefined;
  readonly fallback?: AnyFunction | null | undefined;
}

export const readTimeout = anObjectOf<TimeoutOptions, StoredTimeout>(
  { attempt: aLimit, total: aLimit, fallback: orNone(aFunction) },
  'attempt',
);

/** Parts of a limit's time that were spent outside the function, in milliseconds. */
export interface Spent {
  /** Returns the time already used before the task began. */
  readonly used?: ((task: Task) => number) | undefined;
  /** Returns the time that the task has waited for its limit and its policy so far. */
  readonly waited?: ((task: Task) => Waited | undefined) | undefined;
}

/**
 * Aborts `next` after `limit` milliseconds, with one timer.
 *
 * p-timeout is not used because it creates an error with a stack trace for each call, which costs five times as much as
 * a task with a limit.
 *
 * @param spent - the time that was spent outside the function. Default: none
 */
export function withLimit(limit: number, next: Work, spent: Spent = {}): Work {
  return async (task, outer) => {
    const { process } = outer;
    const cancellation = new Cancellation([outer.cancellation], true);
    const scope = { process, cancellation, outer };
    if (spent.waited !== undefined) measureWaits(task);
    cancellation.limit(task.name, limit, spent.used?.(task), () => spent.waited?.(task));
    try {
      // A thenable that starts its work in `then` must do so in the scope.
      const pending = enter(scope, () => Promise.resolve(next(task, scope)));
      return await untilAborted(cancellation, pending);
    } finally {
      task.expired = cancellation.expired ?? task.expired;
      cancellation.release();
    }
  };
}

export function withFallback(fallback: AnyFunction, next: Work): Work {
  return async (task, scope) => {
    try {
      return await next(task, scope);
    } catch (error) {
      if (error !== task.expired || scope.cancellation.aborted) throw error;
      return fallback(...task.args);
    }
  };
}

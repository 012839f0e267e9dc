import { type AnyFunction, aFunction, aLimit, anObjectOf, orNone } from '../shared/validate.js';
import { Cancellation, untilAborted } from './cancellation.js';
import { enter } from './process.js';
import type { Task, Work } from './task.js';

/** How long an action may take. A number stands for `{ attempt }`. */
export interface TimeoutOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** Limit of each attempt, in milliseconds, up to 2147483647; `null`, 0 or Infinity for none. Default: none. */
  readonly attempt?: number | null | undefined;
  /**
   * Limit of all attempts with the waits between them, in milliseconds like `attempt`; hooks and middleware do not count.
   * Default: none.
   */
  readonly total?: number | null | undefined;
  /**
   * Gives the result where a limit of this task is what it failed with in the end. It gets the task's arguments;
   * `null` for none. Default: the task rejects with the `TimeoutError`.
   */
  readonly fallback?: ((...args: Args) => Result | PromiseLike<Result>) | null | undefined;
}

/** Limits as they are stored: Infinity for none. */
export interface StoredTimeout {
  readonly attempt?: number | undefined;
  readonly total?: number | undefined;
  readonly fallback?: AnyFunction | null | undefined;
}

export const readTimeout = anObjectOf<TimeoutOptions, StoredTimeout>(
  { attempt: aLimit, total: aLimit, fallback: orNone(aFunction) },
  'attempt',
);

/** How a task spends a limit, in milliseconds. */
export interface Spent {
  /** What it had used up before it began. */
  readonly used?: ((task: Task) => number) | undefined;
  /** What it has waited for its policy so far. */
  readonly waited?: (task: Task) => number;
}

/**
 * Ends `next` after `limit` milliseconds, with one timer that aborts what runs inside.
 *
 * p-timeout makes an error with a stack for each call, in case it is needed: five times the cost of a task with a limit.
 *
 * @param spent - how a task spends the limit, where that is known. Default: in the function
 */
export function withLimit(limit: number, next: Work, spent: Spent = {}): Work {
  return async (task, outer) => {
    const { process } = outer;
    const cancellation = new Cancellation([outer.cancellation], true);
    const scope = { process, cancellation, outer };
    cancellation.limit(task.name, limit, spent.used?.(task), () => spent.waited?.(task));
    try {
      // A thenable that starts its work in `then` starts it in the scope.
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

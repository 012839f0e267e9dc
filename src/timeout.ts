import pTimeout from 'p-timeout';
import { Cancellation } from './cancellation.js';
import { enter } from './process.js';
import type { Task, Work } from './task.js';
import { aFunction, aLimit, anObjectOf } from './validate.js';

/** How long an action may take. A number stands for `{ attempt }`. */
export interface TimeoutOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** Limit of each attempt, in milliseconds, from above 0 to 2147483647; Infinity for none. Default: none. */
  readonly attempt?: number | undefined;
  /** Limit of all attempts with the waits between them, in milliseconds; hooks and middleware do not count. Default: none. */
  readonly total?: number | undefined;
  /**
   * Gives the result where a limit of this task is what it failed with in the end. It gets the task's arguments.
   * Default: the task rejects with the `TimeoutError`.
   */
  readonly fallback?: ((...args: Args) => Result | PromiseLike<Result>) | undefined;
}

/** A function of any arguments: options that are stored know no more of it. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of a stored function are contravariant
export type StoredTimeout = TimeoutOptions<any[], unknown>;

export const readTimeout = anObjectOf<StoredTimeout>(
  { attempt: aLimit, total: aLimit, fallback: aFunction },
  'attempt',
);

/**
 * Ends `next` after `limit` milliseconds, with one timer that aborts what runs inside.
 *
 * @param used - how much of the limit a task has used up before it began. Default: nothing
 */
export function withLimit(limit: number, next: Work, used?: (task: Task) => number): Work {
  return async (task, outer) => {
    const { process } = outer;
    const cancellation = new Cancellation([outer.cancellation], true);
    const scope = { process, cancellation, outer };
    cancellation.limit(task.name, limit, used?.(task));
    try {
      const pending = Promise.resolve(enter(scope, () => next(task, scope)));
      return await pTimeout(pending, { milliseconds: Infinity, signal: cancellation as unknown as AbortSignal });
    } finally {
      task.expired = cancellation.expired ?? task.expired;
      cancellation.release();
    }
  };
}

export function withFallback(fallback: NonNullable<StoredTimeout['fallback']>, next: Work): Work {
  return async (task, scope) => {
    try {
      return await next(task, scope);
    } catch (error) {
      if (error !== task.expired || scope.cancellation.aborted) throw error;
      return fallback(...task.args);
    }
  };
}

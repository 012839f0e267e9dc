import { AbortError, failureOf, RetryError } from '../errors.js';
import type { Work } from '../scope/task.js';

/** Turns results that `until` does not accept into failures. */
export function withUntil(until: (result: unknown) => boolean | Promise<boolean>, next: Work): Work {
  return async (task, scope) => {
    const result = await next(task, scope);
    let isRight: boolean;
    try {
      isRight = await until(result);
    } catch (thrown) {
      throw new AbortError(failureOf(thrown, task.name));
    }
    if (!isRight) throw new RetryError(task.name, task.attempt, result);
    return result;
  };
}

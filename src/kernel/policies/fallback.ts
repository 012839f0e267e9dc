import { type AnyFunction, aFunction, type Reader } from '../../shared/validate.js';
import { failureOf, suppress, thrownAbout } from '../errors.js';
import { enter, type Scope } from '../scope/process.js';
import type { Task, Work } from '../scope/task.js';

/**
 * The `this` value of a fallback that is a plain function. Arrow functions, which have no `this`, cannot reach it.
 *
 * @example
 * const options: ActionOptions<[id: string]> = {
 *   fallback(id) {
 *     logger.warn({ id, action: this.name, error: this.error });
 *     return cache.get(id);
 *   },
 * };
 */
export interface FallbackCall {
  /** The failure that the fallback handles: the failure of the action or, in a list, of the previous fallback. */
  readonly error: Error;
  /** Name of the action that failed. */
  readonly name: string;
}

/**
 * A function or an action that provides the result when another action has failed. Receives the arguments of the call.
 *
 * The error is not one of the arguments, so an action, or any other function, with the parameters of the failed action
 * can be used unchanged. An error before or after the arguments would be taken for an optional parameter. A plain
 * function finds the error in `this.error`. For an action, `this` is the `this` value of the call.
 */
export type Fallback<Args extends readonly unknown[] = readonly unknown[], Result = unknown> = (
  this: FallbackCall,
  ...args: Args
) => Result;

/** A fallback, or a list of fallbacks to try in order. */
export type Fallbacks<Args extends readonly unknown[] = readonly unknown[], Result = unknown> =
  | Fallback<Args, Result>
  | readonly Fallback<Args, Result>[];

/** Result of any of the given fallbacks. `never` if the type of the fallbacks is not known. */
export type FallbackResult<Given> = 0 extends 1 & Given
  ? never
  : Given extends readonly (infer One)[]
    ? FallbackResult<One>
    : Given extends AnyFunction
      ? Awaited<ReturnType<Given>>
      : never;

/** Reads one fallback or a list of fallbacks. An empty list means no fallback. */
export const readFallback: Reader<readonly AnyFunction[]> = (value, field) =>
  Array.isArray(value) ? value.map((one, index) => aFunction(one, `${field}[${index}]`)) : [aFunction(value, field)];

/** Fallbacks and their condition, after validation. */
export interface StoredFallback {
  readonly fallback: readonly AnyFunction[];
  readonly fallbackOn: Condition | undefined;
}

type Condition = (error: Error) => boolean | Promise<boolean>;

/** All actions. When used as fallbacks, actions receive the `this` value of the call. */
export const actions = new WeakSet<AnyFunction>();

/**
 * Calls the fallbacks in order until one succeeds. If all fallbacks fail, throws the last error, whose `suppressed`
 * lists the earlier errors. Fallbacks never handle an abort from outside.
 *
 * @param isPostponed - returns true if the failure is not final, because another task will retry. Default: every
 *   failure is final
 */
export function withFallbacks(stored: StoredFallback, next: Work, isPostponed?: (task: Task) => boolean): Work {
  return async (task, scope) => {
    try {
      return await next(task, scope);
    } catch (thrown) {
      if (scope.cancellation.aborted || isPostponed?.(task)) throw thrown;
      return standIn(stored, task, scope, thrown);
    }
  };
}

async function isHandled(fallbackOn: Condition, failure: Error, name: string): Promise<boolean> {
  try {
    return (await fallbackOn(failure)) !== false;
  } catch (thrown) {
    throw thrownAbout(failure, thrown, name);
  }
}

async function standIn({ fallback, fallbackOn }: StoredFallback, task: Task, scope: Scope, first: unknown) {
  const { name, args, self } = task;
  const earlier = new Set<Error>();
  let error = failureOf(first, name);
  for (const one of fallback) {
    if (fallbackOn !== undefined && !(await isHandled(fallbackOn, error, name))) break;
    const receiver = actions.has(one) ? self : ({ error, name } satisfies FallbackCall);
    try {
      return await enter(scope, () => one.apply(receiver, args as unknown[]));
    } catch (thrown) {
      if (scope.cancellation.aborted) throw thrown;
      earlier.add(error);
      error = failureOf(thrown, name);
    }
  }
  for (const failure of earlier) if (failure !== error) suppress(error, failure);
  throw error;
}

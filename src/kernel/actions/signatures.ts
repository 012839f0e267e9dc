import type { FallbackResult, Fallbacks } from '../policies/fallback.js';
import type { ActionOptions, Same } from './action.js';
import type { Action, ArgsOf, Concrete, ResultOf } from './callable.js';

/**
 * The type of `orchestrator.action`, which takes the name of the action before the function or in the options.
 *
 * TypeScript reports an error for the last signature that has the right number of parameters. Function and options are
 * as many as name and function, so the signatures without a name come last: then a wrong option is reported as such.
 *
 * @example
 * const fetchUser = orchestrator.action('fetchUser', async (id: string) => getJson(`/users/${id}`), { retry: 3 });
 * const fetchOrders = orchestrator.action(getOrders, { name: 'fetchOrders', timeout: 5_000 });
 */
export interface DefineAction extends DefineAfter<[name: string]>, DefineAfter<[]> {}

/**
 * The signatures of `orchestrator.action` after the given first arguments, in the order in which they are tried: for a
 * function with one signature, for a generic or overloaded function, and for a function with a `this`.
 */
interface DefineAfter<First extends readonly unknown[]> {
  /**
   * Wraps a function as an action. Inside a run, each call becomes a task of that run. Outside a run, each call gets a
   * run of its own.
   *
   * The promise returned by a call rejects with the error of the last attempt, with a `TimeoutError`, or with the
   * reason of an abort. The function receives the `this` value of the call, so an action can be a method.
   *
   * @param name - name of the action's tasks, a non-empty string. An arrow function has no name of its own, so this is
   *   the shortest way to name it. May be left out. Default: `options.name`, or the function's name, or `anonymous`
   * @param fn - the function, sync or async
   * @param options - override the defaults of the orchestrator, field by field
   * @throws {ValidationError} if `fn` is not a function, an option is unknown or has the wrong type, or the options
   *   contain a different name
   * @example
   * const fetchUser = orchestrator.action('fetchUser', async (id: string) => getJson(`/users/${id}`), { retry: 3 });
   */
  <
    Args extends readonly unknown[],
    Result,
    Fn extends (this: void, ...args: Args) => Result,
    const Instead extends Fallbacks<Same<ArgsOf<Fn, Args>>> | null = Fallbacks<Same<ArgsOf<Fn, Args>>, never>,
  >(
    ...given: [
      ...First,
      fn: Fn & ((this: void, ...args: Args) => Result) & Concrete<Fn, Args, Result>,
      options?: ActionOptions<Same<ArgsOf<Fn, Args>>, NoInfer<ResultOf<Fn, Result>>, Instead>,
    ]
  ): Action<ArgsOf<Fn, Args>, ResultOf<Fn, Result> | FallbackResult<Instead>>;
  <
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    ...given: [
      ...First,
      fn: (this: void, ...args: Args) => Result,
      options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
    ]
  ): (...args: Args) => Promise<Awaited<Result> | FallbackResult<Instead>>;
  <
    This,
    Args extends readonly unknown[],
    Result,
    const Instead extends Fallbacks<Same<Args>> | null = Fallbacks<Same<Args>, never>,
  >(
    ...given: [
      ...First,
      fn: (this: This, ...args: Args) => Result,
      options?: ActionOptions<Same<Args>, NoInfer<Awaited<Result>>, Instead>,
    ]
  ): Action<Args, Awaited<Result> | FallbackResult<Instead>, This>;
}

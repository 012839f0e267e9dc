import type { AnyFunction } from '../../shared/validate.js';

/**
 * A function that was wrapped by `orchestrator.action`. Called like the original function, it runs a task with the
 * action's policies and hooks, and returns a promise of the result.
 *
 * @example
 * const double: Action<[n: number], number> = orchestrator.action((n: number) => n * 2);
 */
export interface Action<Args extends readonly unknown[] = readonly unknown[], Result = unknown, This = unknown> {
  (this: This, ...args: Args): Promise<Result>;
  /**
   * Binds the arguments of a call. Returns a function without parameters that makes the call as a task of this action,
   * with its name and policies. The function ignores its own arguments, and passes its `this` value to the call.
   *
   * @example
   * const load = orchestrator.parallel([fetchUser.with('42', true), fetchOrders.with('42')]);
   * const [user, orders] = await load();
   */
  with(...args: Args): (this: This) => Promise<Result>;
}

/**
 * `unknown` for a function with one signature and without type parameters, otherwise `never`. TypeScript keeps type
 * parameters only in the type of a plain function, so the action of a generic function is typed without `with`.
 */
export type Concrete<Fn, Args extends readonly unknown[], Result> = ((...args: Args) => Result) extends Fn
  ? unknown
  : never;

// biome-ignore-start lint/suspicious/noExplicitAny: nothing is known of a function of type any
/** The arguments of a function, as inferred; `any[]` for a function of type `any`. */
export type ArgsOf<Fn, Args extends readonly unknown[]> = 0 extends 1 & Fn ? any[] : Args;

/** The awaited result of a function, as inferred; `any` for a function of type `any`. */
export type ResultOf<Fn, Result> = 0 extends 1 & Fn ? any : Awaited<Result>;
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** The `this` of a function, or `unknown` if the function needs none. */
export type ThisOf<Fn> = undefined extends ThisParameterType<Fn> ? unknown : ThisParameterType<Fn>;

/** Adds the method `with` to an action. All actions share one method, so no action needs a closure for it. */
export function withArguments(action: AnyFunction): AnyFunction {
  return Object.defineProperty(action, 'with', { value: bound });
}

function bound(this: AnyFunction, ...args: unknown[]): AnyFunction {
  const action = this;
  const call = function (this: unknown) {
    return action.apply(this, args);
  };
  return Object.defineProperty(call, 'name', { value: action.name });
}

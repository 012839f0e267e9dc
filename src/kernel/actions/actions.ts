import { type AnyFunction, invalid, isPlainObject } from '../../shared/validate.js';
import type { FallbackResult, Fallbacks } from '../policies/fallback.js';
import type { Policies } from '../policies/policy.js';
import type { Core } from '../scope/process.js';
import { type ActionOptions, defineAction } from './action.js';
import type { Action, ArgsOf, ThisOf } from './callable.js';

/**
 * The functions passed to `orchestrator.actions`, by the names of the actions.
 *
 * @example
 * const functions: ActionFunctions = { double: (n: number) => n * 2 };
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
export type ActionFunctions = Readonly<Record<string, (this: any, ...args: any[]) => unknown>>;

/**
 * Options of `orchestrator.actions`: all options of an action except `name`. Functions among the options are called for
 * every action: `Args` is the union of the parameters of the actions, and `Result` the union of their results.
 *
 * @example
 * const options: ActionsOptions = { retry: 3, timeout: 5_000 };
 */
// biome-ignore-start lint/suspicious/noExplicitAny: options in a variable must fit all actions
export interface ActionsOptions<
  Args extends readonly unknown[] = any[],
  Result = any,
  Instead extends Fallbacks<Args> | null = any,
> extends Omit<ActionOptions<Args, Result, Instead>, 'name'> {}
// biome-ignore-end lint/suspicious/noExplicitAny: see above

/** The arguments of any of the functions: for each position, the union of the parameters of the functions. */
export type ArgsOfAny<Functions extends ActionFunctions> = ArgsOf<
  Functions[keyof Functions],
  Merged<Parameters<Functions[keyof Functions]>>
>;

/** Merges a union of tuples into one tuple, because a callback with fewer parameters does not fit the union. */
type Merged<Tuples extends readonly unknown[], Done extends readonly unknown[] = []> = number extends Tuples['length']
  ? Tuples[number][]
  : `${Done['length']}` extends (Tuples extends unknown ? keyof Tuples : never)
    ? Merged<Tuples, [...Done, ElementAt<Tuples, `${Done['length']}`>]>
    : Done;

type ElementAt<Tuple, Index> = Tuple extends unknown ? (Index extends keyof Tuple ? Tuple[Index] : undefined) : never;

/** The awaited result of any of the functions. */
export type ResultOfAny<Functions extends ActionFunctions> = Awaited<ReturnType<Functions[keyof Functions]>>;

/**
 * The actions that `orchestrator.actions` returns for an object of functions, under the same keys. The results of
 * fallbacks are results of all actions.
 */
export type Actions<Functions extends ActionFunctions, Instead = never> = {
  readonly [Key in keyof Functions]: Action<
    ArgsOf<Functions[Key], Parameters<Functions[Key]>>,
    Awaited<ReturnType<Functions[Key]>> | FallbackResult<Instead>,
    ThisOf<Functions[Key]>
  >;
};

/** Wraps the functions of an object as actions named by their keys. */
export function defineActions(core: Core, defaults: Policies, functions: unknown, options: ActionOptions = {}): object {
  if (!isPlainObject(functions)) throw invalid('actions', 'a plain object of functions', functions);
  if (options?.name !== undefined) throw invalid('name', 'left out, because the keys name the actions', options.name);
  const define = ([key, fn]: [string, unknown]) => {
    if (typeof fn !== 'function') throw invalid(`actions.${key}`, 'a function', fn);
    return [key, defineAction(core, defaults, fn as AnyFunction, options, key)];
  };
  return Object.fromEntries(Object.entries(functions).map(define));
}

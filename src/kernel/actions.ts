import { type AnyFunction, invalid, isPlainObject } from '../shared/validate.js';
import { type ActionOptions, defineAction } from './action.js';
import type { Action } from './callable.js';
import type { Policies } from './policy.js';
import type { Core } from './process.js';

/**
 * The functions passed to `orchestrator.actions`, by the names of the actions.
 *
 * @example
 * const functions: ActionFunctions = { double: (n: number) => n * 2 };
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
export type ActionFunctions = Readonly<Record<string, (this: any, ...args: any[]) => unknown>>;

/** The actions that `orchestrator.actions` returns for an object of functions, under the same keys. */
export type Actions<Functions extends ActionFunctions> = {
  readonly [Key in keyof Functions]: Action<Parameters<Functions[Key]>, Awaited<ReturnType<Functions[Key]>>>;
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

import { ValidationError } from '../../shared/errors.js';
import { type AnyFunction, aFunction, invalid, isPlainObject } from '../../shared/validate.js';

/**
 * A function that `orchestrator.parallel` and `orchestrator.any` can call: an action or a closure with at most one
 * parameter. For an action with more parameters, bind the arguments (`transfer.with(from, to)`) or wrap the call in a
 * closure.
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every action
export type ParallelAction = (this: void, argument: any) => unknown;

/**
 * The actions passed to `orchestrator.parallel` or `orchestrator.any`. For `parallel`, an array returns an array of
 * results in the same order, and an object returns an object of results under the same keys.
 */
export type ParallelActions = readonly ParallelAction[] | Readonly<Record<string, ParallelAction>>;

/**
 * The arguments of the function that `orchestrator.parallel` or `orchestrator.any` returns: none if no action needs an
 * argument, a single argument that every action receives, or one argument per action, in order.
 */
export type ParallelArguments<Actions extends ParallelActions> =
  | (NeedsNone<Actions> extends true ? [] : never)
  | [shared: SharedArgument<Actions>]
  | OwnArguments<Actions>;

/** The awaited result of a function. */
export type ResultOf<Fn> = Fn extends (...args: never) => infer Result ? Awaited<Result> : never;

/** The elements of a tuple or the values of an object, as a union. */
export type ValuesOf<Type> = Type extends readonly unknown[] ? Type[number] : Type[keyof Type];

type FirstParameter<Fn> = Fn extends (...args: infer Parameters) => unknown
  ? Parameters extends readonly []
    ? unknown
    : Parameters[0]
  : never;

type OwnArguments<Actions> = Actions extends readonly unknown[]
  ? { -readonly [Key in keyof Actions]: FirstParameter<Actions[Key]> }
  : FirstParameter<Actions[keyof Actions]>[];

type SharedArgument<Actions> = TakersOf<ValuesOf<Actions>> extends (argument: infer Shared) => void ? Shared : never;

type TakersOf<Fn> = Fn extends unknown ? (argument: FirstParameter<Fn>) => void : never;

type NeedsNone<Actions> = ValuesOf<Actions> extends () => unknown ? true : false;

/** Converts results by index to the shape in which they are returned to the caller. */
export type Shape = (values: readonly unknown[]) => unknown;

export const asList: Shape = (values) => values;

/** Actions that are called together. */
export interface Combination {
  readonly size: number;
  /** The keys of the actions, if they are in an object. */
  readonly keys: readonly string[] | undefined;
  readonly shape: Shape;
  /** Returns the calls of the actions with the given arguments. */
  readonly bind: (args: readonly unknown[]) => AnyFunction[];
}

/**
 * Validates the actions of `parallel` or `any`.
 *
 * @param method - the name of the method, for messages
 */
export function combine(method: string, actions: unknown): Combination {
  const isList = Array.isArray(actions);
  if (!isList && !isPlainObject(actions)) throw invalid('actions', 'an array or object of functions', actions);
  const keys = Object.keys(actions);
  const functions: AnyFunction[] = isList ? [...actions] : Object.values(actions);
  for (const [index, fn] of functions.entries()) aFunction(fn, isList ? `actions[${index}]` : `actions.${keys[index]}`);
  return {
    size: functions.length,
    keys: isList ? undefined : keys,
    shape: isList ? asList : (values) => Object.fromEntries(keys.map((key, index) => [key, values[index]])),
    bind: (args) => bind(method, functions, args, isList ? none : keys),
  };
}

const none: readonly string[] = [];

function bind(
  method: string,
  functions: readonly AnyFunction[],
  args: readonly unknown[],
  keys: readonly string[],
): AnyFunction[] {
  const { length } = functions;
  if (args.length > 1 && args.length !== length) {
    throw new ValidationError(
      `${method} takes 0, 1 or ${length} arguments here, got ${args.length}: pass none, one for all actions, or one for each`,
    );
  }
  const moved = args.length > 1 ? keys.find(isIndex) : undefined;
  if (moved !== undefined) {
    throw new ValidationError(
      `${method} takes 0 or 1 arguments here, because JavaScript sorts keys that are whole numbers ("${moved}") before the others: pass closures or an array`,
    );
  }
  if (args.length === 0) return functions.map((fn) => () => fn());
  return functions.map((fn, index) => () => fn(args[args.length === 1 ? 0 : index]));
}

/** Returns true if JavaScript orders the key by its numeric value instead of by insertion. */
function isIndex(key: string): boolean {
  return /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}

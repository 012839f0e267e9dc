import { types } from 'node:util';
import pAll from 'p-all';
import { ValidationError } from '../shared/errors.js';
import { isPromiseLike } from '../shared/promise-like.js';
import {
  type AnyFunction,
  aBoolean,
  aConcurrency,
  aFunction,
  aName,
  anObjectOf,
  aValue,
  invalid,
  isPlainObject,
} from '../shared/validate.js';
import { Cancellation, untilAborted } from './cancellation.js';
import { groupChannel } from './channels.js';
import { ParallelError } from './errors.js';
import type { GroupRecord } from './events.js';
import { RunningGroup } from './group.js';
import { isWatched, watched } from './instrumentation.js';
import { asFailure } from './lifecycle.js';
import { type Core, currentScope, enter, processOf, type Scope } from './process.js';
import { run } from './run.js';

/**
 * Options of `orchestrator.parallel` and `orchestrator.map`. By default, all actions start at once, all are awaited,
 * and failures are collected in a `ParallelError`.
 *
 * @example
 * const options: ParallelOptions = { concurrency: 5, failFast: true };
 * const users = await orchestrator.map(ids, fetchUser, options);
 */
export interface ParallelOptions {
  /**
   * Name of the group in progress output and traces. Default: `parallel`; for `map` the name of its action, or
   * `anonymous`.
   */
  readonly name?: string | undefined;
  /**
   * If true, rejects with the first failure at once, aborts the signals of the other actions and starts no more.
   * Default: false, all actions are awaited and a `ParallelError` holds every failure.
   */
  readonly failFast?: boolean | undefined;
  /**
   * Maximum number of actions that run at the same time: a whole number of at least 1, or Infinity. Default: Infinity.
   */
  readonly concurrency?: number | undefined;
  /**
   * If true, resolves with settled results, as `Promise.allSettled` does. Cannot be combined with `failFast`. Default:
   * false.
   */
  readonly settle?: boolean | undefined;
}

/**
 * A function that `orchestrator.parallel` can call: an action or a closure with at most one parameter. Wrap a function
 * with more parameters in a closure: `() => transfer(from, to)`.
 */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every action
export type ParallelAction = (this: void, argument: any) => unknown;

/**
 * The actions given to `orchestrator.parallel`: an array, which gives an array of results in the same order, or an
 * object, which gives an object of results under the same keys.
 */
export type ParallelActions = readonly ParallelAction[] | Readonly<Record<string, ParallelAction>>;

/**
 * The arguments of the function that `orchestrator.parallel` returns: none (if no action needs one), a single argument
 * that every action receives, or one argument per action, in order.
 */
export type ParallelArguments<Actions extends ParallelActions> =
  | (NeedsNone<Actions> extends true ? [] : never)
  | [shared: SharedArgument<Actions>]
  | OwnArguments<Actions>;

/**
 * The results of `parallel` and `map`, in the shape of the actions: values, or settled results if the options have
 * `settle: true`. If `settle` is known at run time only, the type is the union of both.
 */
export type ParallelResults<Actions, Options extends ParallelOptions> = Options extends { readonly settle: true }
  ? Settled<Actions>
  : 'settle' extends keyof Options
    ? true extends Options['settle']
      ? Settled<Actions> | Values<Actions>
      : Values<Actions>
    : Values<Actions>;

type Settled<Actions> = { -readonly [Key in keyof Actions]: PromiseSettledResult<ResultOf<Actions[Key]>> };

type Values<Actions> = { -readonly [Key in keyof Actions]: ResultOf<Actions[Key]> };

type ResultOf<Fn> = Fn extends (...args: never) => infer Result ? Awaited<Result> : never;

type FirstParameter<Fn> = Fn extends (...args: infer Parameters) => unknown
  ? Parameters extends readonly []
    ? unknown
    : Parameters[0]
  : never;

type OwnArguments<Actions> = Actions extends readonly unknown[]
  ? { -readonly [Key in keyof Actions]: FirstParameter<Actions[Key]> }
  : FirstParameter<Actions[keyof Actions]>[];

type ValuesOf<Type> = Type extends readonly unknown[] ? Type[number] : Type[keyof Type];

type SharedArgument<Actions> = TakersOf<ValuesOf<Actions>> extends (argument: infer Shared) => void ? Shared : never;

type TakersOf<Fn> = Fn extends unknown ? (argument: FirstParameter<Fn>) => void : never;

type NeedsNone<Actions> = ValuesOf<Actions> extends () => unknown ? true : false;

type Items = Iterable<unknown> | AsyncIterable<unknown>;

const readParallelOptions = anObjectOf<ParallelOptions>({
  name: aName,
  failFast: aBoolean,
  concurrency: aConcurrency,
  settle: aBoolean,
});
const anIterable = aValue<Items>(
  'an iterable or async iterable',
  (value) => isAsync(value) || Symbol.iterator in Object(value),
);

/** Combines actions into one function that runs them concurrently. */
export function defineParallel(core: Core, actions: unknown, options: unknown = {}): AnyFunction {
  const read = readOptions(options);
  const isList = Array.isArray(actions);
  if (!isList && !isPlainObject(actions)) throw invalid('actions', 'an array or object of functions', actions);
  const keys = Object.keys(actions);
  const functions: AnyFunction[] = isList ? [...actions] : Object.values(actions);
  for (const [index, fn] of functions.entries()) aFunction(fn, `actions.${isList ? index : keys[index]}`);
  const shape: Shape = isList ? asList : (values) => Object.fromEntries(keys.map((key, index) => [key, values[index]]));
  const bound = (args: readonly unknown[]) => bind(functions, args, isList ? none : keys);
  return async (...args) => gather(core, bound(args), (call) => call(), read, { kind: 'parallel', shape });
}

/** Calls an action for each item. */
export async function map(core: Core, items: Items, action: AnyFunction, options: unknown = {}): Promise<unknown> {
  anIterable(items, 'items');
  aFunction(action, 'action');
  if (Array.isArray(items)) for (const item of items) expectFailure(item);
  return gather(core, items, action, readOptions(options), { kind: 'map', shape: asList });
}

/**
 * Marks the rejection of a promise among the items as handled. Such a promise may reject before its item has its turn,
 * and the rejection is then reported as a failure of the item.
 */
function expectFailure(item: unknown): void {
  if (types.isPromise(item)) item.then(undefined, () => {});
}

const none: readonly string[] = [];

function bind(functions: readonly AnyFunction[], args: readonly unknown[], keys: readonly string[]): AnyFunction[] {
  const { length } = functions;
  if (args.length > 1 && args.length !== length) {
    throw new ValidationError(
      `parallel takes 0, 1 or ${length} arguments here, got ${args.length}: pass none, one for all actions, or one for each`,
    );
  }
  const moved = args.length > 1 ? keys.find(isIndex) : undefined;
  if (moved !== undefined) {
    throw new ValidationError(
      `parallel takes 0 or 1 arguments here, because JavaScript sorts keys that are whole numbers ("${moved}") before the others: pass closures or an array`,
    );
  }
  if (args.length === 0) return functions.map((fn) => () => fn());
  return functions.map((fn, index) => () => fn(args[args.length === 1 ? 0 : index]));
}

/** If true, JavaScript orders the key by its numeric value and not by insertion. */
function isIndex(key: string): boolean {
  return /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 2 ** 32 - 1;
}

/** The kind of a group and the shape of its results. */
interface Form {
  readonly kind: GroupRecord['kind'];
  readonly shape: Shape;
}

type Shape = (values: readonly unknown[]) => unknown;
const asList: Shape = (values) => values;

/**
 * Calls an action for each item concurrently and combines the results. The results are stored here, by index. p-all
 * only decides which item is next, so it can neither drop a result nor interpret one.
 */
async function gather<Item>(
  core: Core,
  items: Iterable<Item> | AsyncIterable<Item>,
  action: (item: Item) => unknown,
  options: ParallelOptions,
  form: Form,
): Promise<unknown> {
  const scope = currentScope();
  const process = processOf(core, scope);
  if (scope === undefined || process === undefined) {
    return run(core, () => gather(core, items, action, options, form));
  }
  if (!isWatched(groupChannel)) return sideBySide(scope, items, action, options, form.shape);
  const group = new RunningGroup(process.id, form.kind, options.name ?? nameOf(form.kind, action), items);
  const work = () => sideBySide(scope, items, action, options, form.shape, group);
  return watched('group', groupChannel, group, () => group.observe(scope, work));
}

function nameOf(kind: GroupRecord['kind'], action: { readonly name: string }): string {
  return kind === 'parallel' ? kind : action.name || 'anonymous';
}

async function sideBySide<Item>(
  scope: Scope,
  items: Iterable<Item> | AsyncIterable<Item>,
  action: (item: Item) => unknown,
  { failFast = false, concurrency = Infinity, settle = false }: ParallelOptions,
  shape: Shape,
  group?: RunningGroup,
): Promise<unknown> {
  const cancellation = new Cancellation([scope.cancellation], failFast);
  const settled: PromiseSettledResult<unknown>[] = [];
  const step = (item: Item, index: number) => async () => {
    cancellation.throwIfAborted();
    try {
      settled[index] = {
        status: 'fulfilled',
        value: await (isPromiseLike(item) ? later(item, action, cancellation) : action(item)),
      };
      group?.ended(cancellation, 'completed');
    } catch (thrown) {
      group?.ended(cancellation, 'failed');
      const reason = asFailure(thrown, 'parallel', cancellation);
      if (failFast) throw reason;
      settled[index] = { status: 'rejected', reason };
    }
  };
  const taking: Taking = { group, broken: undefined };
  const steps = isAsync(items) ? eachAsync(items, step, taking) : each(items, step, taking);
  try {
    // p-all hands any iterable, including an async one, to p-map. Its types mention arrays only.
    const work = () => untilAborted(cancellation, pAll(steps as Iterable<never> as never[], { concurrency }));
    await enter({ process: scope.process, cancellation, outer: scope }, work);
    if (taking.broken !== undefined) throw taking.broken.thrown;
  } catch (failure) {
    cancellation.abort(abortedBy(failure));
    throw failure;
  } finally {
    cancellation.release();
    close(steps);
  }
  if (settle) return shape(settled);
  const failures = settled.filter((result) => result.status === 'rejected').map((result) => result.reason as Error);
  if (failures.length > 0) throw new ParallelError(failures, shape(settled));
  return shape(settled.map((result) => (result as PromiseFulfilledResult<unknown>).value));
}

async function later<Item>(item: PromiseLike<unknown>, action: (item: Item) => unknown, cancellation: Cancellation) {
  const given = await item;
  cancellation.throwIfAborted();
  return action(given as Item);
}

/** State of the iteration over the items. */
interface Taking {
  readonly group: RunningGroup | undefined;
  /**
   * The error that the iterator threw. p-map requests several items at a time, and may reach the end before it sees the
   * error.
   */
  broken: { readonly thrown: unknown } | undefined;
}

type StepOf<Item, Step> = (item: Item, index: number) => Step;

function abortedBy(failure: unknown): DOMException {
  const reason = new DOMException('Aborted with its parallel group', 'AbortError');
  // Set afterwards, because the type of DOMException in browsers accepts no `cause` in the constructor.
  return Object.defineProperty(reason, 'cause', { value: failure });
}

function* each<Item, Step>(items: Iterable<Item>, step: StepOf<Item, Step>, { group }: Taking) {
  let index = 0;
  for (const item of items) yield step(item, index++);
  group?.taken(index);
}

async function* eachAsync<Item, Step>(items: AsyncIterable<Item>, step: StepOf<Item, Step>, taking: Taking) {
  let index = 0;
  try {
    for await (const item of items) yield step(item, index++);
  } catch (thrown) {
    taking.broken = { thrown };
    throw thrown;
  }
  taking.group?.taken(index);
}

/**
 * Lets the iterator clean up if not all items were taken. The call is not awaited: the clean-up may hang, and its
 * errors are ignored.
 */
async function close(steps: Generator | AsyncGenerator): Promise<void> {
  try {
    await steps.return(undefined);
  } catch {}
}

function isAsync<Item>(items: AsyncIterable<Item> | unknown): items is AsyncIterable<Item> {
  return Symbol.asyncIterator in Object(items);
}

function readOptions(given: unknown): ParallelOptions {
  const options = readParallelOptions(given);
  if (options.failFast && options.settle)
    throw new ValidationError('settle and failFast exclude each other: leave one of them out');
  return options;
}

import { ValidationError } from '../shared/errors.js';
import { type AnyFunction, aBoolean, aConcurrency, aFunction, aLimit, aName, anObjectOf } from '../shared/validate.js';
import { asList, combine, type ResultOf } from './combine.js';
import { gather } from './gather.js';
import { anIterable, expectFailures, type Items } from './items.js';
import type { Core } from './process.js';

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
   * Name of the group in progress output, traces and errors. Default: `parallel`, or for `map` the name of its action,
   * or `anonymous`.
   */
  readonly name?: string | undefined;
  /**
   * If true, the group rejects immediately with the first failure, aborts the signals of the other actions and starts
   * no more actions. Default: false, all actions are awaited and a `ParallelError` contains every failure.
   */
  readonly failFast?: boolean | undefined;
  /**
   * Maximum number of actions that run at the same time: a whole number of at least 1, or Infinity. Default: Infinity.
   */
  readonly concurrency?: number | undefined;
  /**
   * If true, the group resolves with settled results, as `Promise.allSettled` does. Cannot be combined with `failFast`.
   * Default: false.
   */
  readonly settle?: boolean | undefined;
  /**
   * Limit of the whole group, in milliseconds, up to 2147483647. Actions that have not ended by then are aborted and
   * count as failed with a `TimeoutError`. `null`, 0 or Infinity for none. Default: none.
   *
   * @example
   * const settled = await orchestrator.map(ids, fetchUser, { settle: true, timeout: 800 });
   */
  readonly timeout?: number | null | undefined;
}

/**
 * The results of `parallel` and `map`, in the shape of the actions: values, or settled results if the options have
 * `settle: true`. If `settle` is known only at run time, the type is the union of both.
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

/** Options after validation. Infinity means no limit. */
type Read = ParallelOptions & { readonly timeout?: number | undefined };

const readParallelOptions = anObjectOf<ParallelOptions, Read>({
  name: aName,
  failFast: aBoolean,
  concurrency: aConcurrency,
  settle: aBoolean,
  timeout: aLimit,
});

/** Combines actions into one function that calls them concurrently. */
export function defineParallel(core: Core, actions: unknown, options: unknown = {}): AnyFunction {
  const read = readOptions(options);
  const { shape, bind } = combine('parallel', actions);
  const form = { kind: 'parallel', name: read.name ?? 'parallel', shape } as const;
  return async (...args) => gather(core, bind(args), (call) => call(), read, form);
}

/** Calls an action for each item. */
export async function map(core: Core, items: Items, action: AnyFunction, options: unknown = {}): Promise<unknown> {
  anIterable(items, 'items');
  aFunction(action, 'action');
  expectFailures(items);
  const read = readOptions(options);
  return gather(core, items, action, read, {
    kind: 'map',
    name: read.name ?? (action.name || 'anonymous'),
    shape: asList,
  });
}

function readOptions(given: unknown): Read {
  const options = readParallelOptions(given);
  if (options.failFast && options.settle)
    throw new ValidationError('settle and failFast exclude each other: leave one of them out');
  return options;
}

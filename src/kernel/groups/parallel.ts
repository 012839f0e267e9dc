import { ValidationError } from '../../shared/errors.js';
import { type AnyFunction, aBoolean, aFunction, anObjectOf } from '../../shared/validate.js';
import type { Core } from '../scope/process.js';
import { asList, combine, type ResultOf } from './combine.js';
import { gather } from './gather.js';
import { type GroupOptions, groupReaders } from './group-options.js';
import { anIterable, expectFailures, type Items } from './items.js';

/**
 * Options of `orchestrator.parallel` and `orchestrator.map`. By default, all actions start at once, all are awaited,
 * and failures are collected in a `ParallelError`.
 *
 * @example
 * const options: ParallelOptions = { concurrency: 5, failFast: true };
 * const users = await orchestrator.map(ids, fetchUser, options);
 */
export interface ParallelOptions<Settle extends boolean | undefined = boolean | undefined>
  extends GroupOptions<Settle> {
  /**
   * If true, the group rejects immediately with the first failure, aborts the signals of the other actions and starts
   * no more actions. Cannot be combined with `settle`. Default: false, all actions are awaited and a `ParallelError`
   * contains every failure.
   */
  readonly failFast?: ([Settle] extends [true] ? false : boolean) | undefined;
}

/**
 * The results of `parallel` and `map`, in the shape of the actions: values, or settled results if the options have
 * `settle: true`. If `settle` is known only at run time, the type is the union of both.
 */
export type ParallelResults<Actions, Settle extends boolean | undefined = false> = Settle extends true
  ? Settled<Actions>
  : Values<Actions>;

type Settled<Actions> = { -readonly [Key in keyof Actions]: PromiseSettledResult<ResultOf<Actions[Key]>> };

type Values<Actions> = { -readonly [Key in keyof Actions]: ResultOf<Actions[Key]> };

/** Options after validation. Infinity means no limit. */
type Read = ParallelOptions & { readonly timeout?: number | undefined };

const readParallelOptions = anObjectOf<ParallelOptions, Read>({ ...groupReaders, failFast: aBoolean });

/** Combines actions into one function that calls them concurrently. */
export function defineParallel(core: Core, actions: unknown, options: unknown = {}): AnyFunction {
  const read = readOptions(options);
  const { keys, shape, bind } = combine('parallel', actions);
  const form = { kind: 'parallel', name: read.name ?? 'parallel', keys, shape } as const;
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

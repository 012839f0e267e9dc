import { ValidationError } from '../../shared/errors.js';
import { type AnyFunction, aLimit, aName, anObjectOf, aValue, longestDelay } from '../../shared/validate.js';
import { Cancellation, limit, untilAborted } from '../cancellation.js';
import { ParallelError } from '../errors.js';
import { asFailure } from '../scope/lifecycle.js';
import type { Core, Fork, Scope } from '../scope/process.js';
import { combine, type ParallelActions, type ResultOf, type Shape, type ValuesOf } from './combine.js';
import { cutShort } from './gather.js';
import { abortedBy, inFork, inGroup, Members, type RunningGroup } from './group.js';

/**
 * Options of `orchestrator.any`. By default, all actions start at once, and there is no limit.
 *
 * @example
 * const options: AnyOptions = { stagger: 200, timeout: 2_000 };
 * const quote = await orchestrator.any([fromA, fromB], options)('EURUSD');
 */
export interface AnyOptions {
  /** Name of the group in progress output, traces and errors. Default: `any`. */
  readonly name?: string | undefined;
  /**
   * Delay from the start of one action to the start of the next, in milliseconds, up to 2147483647. If the most
   * recently started action fails earlier, the next starts at once. With Infinity, an action starts only after a
   * failure. Default: 0, all actions start at once.
   */
  readonly stagger?: number | undefined;
  /**
   * Limit of the whole group, in milliseconds, up to 2147483647. Actions that have not ended by then count as failed
   * with a `TimeoutError`. `null`, 0 or Infinity for none. Default: none.
   */
  readonly timeout?: number | null | undefined;
}

/** The result of `any`: the union of the results of its actions. */
export type AnyResult<Actions extends ParallelActions> = ResultOf<ValuesOf<Actions>>;

/** Options after validation. Infinity means no limit. */
type Read = AnyOptions & { readonly timeout?: number | undefined };

const readAnyOptions = anObjectOf<AnyOptions, Read>({
  name: aName,
  stagger: aValue(
    `a number of milliseconds of at least 0, up to ${longestDelay}, or Infinity`,
    (value) => typeof value === 'number' && value >= 0 && (value <= longestDelay || value === Infinity),
  ),
  timeout: aLimit,
});

/** Combines actions into one function that resolves with the first success. */
export function defineAny(core: Core, actions: unknown, options: unknown = {}): AnyFunction {
  const read = readAnyOptions(options);
  const { size, keys, shape, bind } = combine('any', actions);
  if (size === 0) throw new ValidationError('actions must have at least one function, got none');
  const form = { kind: 'any', name: read.name ?? 'any' } as const;
  return async (...args) => {
    const calls = bind(args);
    return inGroup(core, form, calls, (scope, group, fork) =>
      firstOf(calls, read, { scope, name: form.name, keys, shape, group, fork }),
    );
  };
}

/** The context that the calls of one group share. */
interface Place {
  readonly scope: Scope;
  readonly name: string;
  readonly keys: readonly string[] | undefined;
  readonly shape: Shape;
  readonly group: RunningGroup | undefined;
  readonly fork: Fork | undefined;
}

/**
 * Resolves with the first success and aborts the other calls. Each call has a cancellation of its own, so the winner's
 * signal is not aborted with the other calls and keeps following the run.
 */
async function firstOf(
  calls: readonly AnyFunction[],
  { stagger = 0, timeout = Infinity }: Read,
  { scope, name, keys, shape, group, fork }: Place,
): Promise<unknown> {
  const cancellation = new Cancellation([scope.cancellation], timeout < Infinity);
  const members = new Members(scope, cancellation);
  const settled: PromiseSettledResult<unknown>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let started = 0;
  let failed = 0;
  let isOver = false;
  let reason: unknown;
  const failure = (results: readonly PromiseSettledResult<unknown>[], options?: ErrorOptions) =>
    new ParallelError(
      results.map((result) => (result as PromiseRejectedResult).reason),
      shape(results),
      options,
    );

  const race = (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => {
    const start = () => {
      clearTimeout(timer);
      const index = started++;
      const isLast = started === calls.length;
      timer = isLast || stagger === 0 || stagger === Infinity ? undefined : setTimeout(start, stagger);
      const succeed = (value: unknown) => {
        if (isOver || cancellation.aborted) return;
        group?.ended('completed');
        isOver = true;
        resolve(value);
      };
      const fail = (thrown: unknown) => {
        if (isOver || cancellation.aborted) return;
        settled[index] = { status: 'rejected', reason: asFailure(thrown, name, cancellation) };
        group?.ended('failed');
        if (++failed === calls.length) reject(failure(settled));
        else if (started === index + 1 && !isLast) start();
      };
      members.call(inFork(fork, keys?.[index] ?? index, calls[index] as AnyFunction)).then(succeed, fail);
    };
    do start();
    while (stagger === 0 && started < calls.length);
  };

  cancellation.throwIfAborted();
  limit(cancellation, name, timeout, fork);
  try {
    return await untilAborted(cancellation, new Promise(race));
  } catch (thrown) {
    reason = thrown;
    const { expired } = cancellation;
    if (expired === undefined || thrown !== expired) throw thrown;
    throw failure(cutShort(settled, calls.length, expired), { cause: expired });
  } finally {
    isOver = true;
    clearTimeout(timer);
    members.abort(() => reason ?? abortedBy('Aborted because another action of its group has completed first'));
    cancellation.release();
  }
}

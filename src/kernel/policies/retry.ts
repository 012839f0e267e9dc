import { types } from 'node:util';
import pRetry, { type Options } from 'p-retry';
import { textOf } from '../../shared/errors.js';
import { fieldOf } from '../../shared/failures.js';
import { unref } from '../../shared/unref.js';
import {
  aBoolean,
  aCount,
  aDuration,
  aFinite,
  aFunction,
  anObjectOf,
  invalid,
  longestDelay,
  orNone,
} from '../../shared/validate.js';
import type { Cancellation } from '../cancellation.js';
import { failureOf, isAbortError, thrownAbout } from '../errors.js';
import { retryChannel } from '../hooks/channels.js';
import type { TaskRetryEvent } from '../hooks/events.js';
import { notify } from '../hooks/hooks.js';
import type { Scope } from '../scope/process.js';
import type { Task, Work } from '../scope/task.js';
import { budgetOf, type RetryBudgetOptions, readBudget } from './budget.js';
import { readRetryAfter } from './retry-after.js';

/**
 * Options of retries: the options of p-retry, with the same names and meanings, and `retryAfter`, `until` and `budget`.
 * A plain number stands for `{ retries }`. As in p-retry, two kinds of errors are never retried: an `AbortError`, and a
 * `TypeError` that is not a network error, because it points to a mistake in the program.
 *
 * @example
 * const retry: RetryOptions = { retries: 3, minTimeout: 200, factor: 2, randomize: true };
 */
// biome-ignore lint/suspicious/noExplicitAny: options in a variable must fit every action
export interface RetryOptions<Result = any> {
  /** Number of retries after the first attempt: a whole number of at least 0, or Infinity. Default: 10. */
  readonly retries?: number | undefined;
  /** Milliseconds before the first retry: a finite number of at least 0. Default: 1000. */
  readonly minTimeout?: number | undefined;
  /** Longest delay between two attempts, in milliseconds, or Infinity. Default: Infinity. */
  readonly maxTimeout?: number | undefined;
  /** Factor by which the delay grows from one retry to the next: a number of at least 0; 0 means 1. Default: 2. */
  readonly factor?: number | undefined;
  /** If true, multiplies each delay by a random number from 1 to 2. Default: false. */
  readonly randomize?: boolean | undefined;
  /**
   * Time after which failures are no longer retried, in milliseconds since the start of the first attempt. Default:
   * Infinity.
   */
  readonly maxRetryTime?: number | undefined;
  /** If true, the process may exit during a delay if it has nothing else to do. Default: false. */
  readonly unref?: boolean | undefined;
  /**
   * Called and awaited after each failure. If the function throws, the task fails with the thrown error. Default: none.
   */
  readonly onFailedAttempt?: ((context: RetryContext) => void | Promise<void>) | undefined;
  /**
   * Returns true if this failure should be retried, as long as retries are left. Default: every failure is retried
   * except an error named `AbortError`. Such an error means that a signal of the caller cancelled the work; the limits
   * of this package fail with a `TimeoutError` instead.
   */
  readonly shouldRetry?: ((context: RetryContext) => boolean | Promise<boolean>) | undefined;
  /**
   * Returns true if this failure uses up one of the retries. Otherwise, the retry follows without a delay. Default:
   * every failure uses up a retry.
   */
  readonly shouldConsumeRetry?: ((context: RetryContext) => boolean | Promise<boolean>) | undefined;
  /**
   * Returns the delay that a server asked for, read from the failure: milliseconds, a Date, or the text of a
   * `Retry-After` field. The text may be seconds or an HTTP date (RFC 9110, section 10.2.3), or a variant that servers
   * send (`1.5`, `2, 2`, `UTC`). For `undefined`, `null`, `false` and any other text, the usual delay applies.
   *
   * `maxTimeout` and `maxRetryTime` limit the delay; without them, a server may ask for a day. Called for every failure
   * that is retried, including timeouts. If the function throws, the task fails with the thrown error, whose
   * `suppressed` contains the failure. Default: none.
   *
   * @example
   * const retry = { retries: 3, retryAfter: (error) => (error instanceof HttpError ? error.retryAfter : undefined) };
   */
  readonly retryAfter?: ((error: Error) => Asked | Promise<Asked>) | undefined;
  /**
   * Returns true if the result is the expected one. Any other result counts as a failure, with a `RetryError`, and is
   * retried after the same delays. When no retries are left, the task fails with the last `RetryError`, whose `result`
   * is the last result. Called for the result of each attempt, outside the limit of the attempt. If the function
   * throws, the task fails with the thrown error. Default: every result is accepted.
   *
   * @example
   * const retry = { retries: 20, minTimeout: 500, factor: 1, until: (job: Job) => job.status === 'done' };
   */
  readonly until?: ((result: Result) => boolean | Promise<boolean>) | null | undefined;
  /**
   * Limit on the share of calls that are retries. As an option of an orchestrator, the budget is shared by all its
   * actions; as an option of an action, it applies to that action alone. On a fleet, each program has a budget of its
   * own. When the budget is used up, failures are not retried. `null` for none. Default: none.
   */
  readonly budget?: number | RetryBudgetOptions | null | undefined;
}

/**
 * A failed attempt, as passed to the callbacks of `RetryOptions`: `onFailedAttempt`, `shouldRetry` and
 * `shouldConsumeRetry`. The numbers describe the whole task, even if its attempts run on several workers.
 */
export interface RetryContext {
  /** The failure. A thrown value that is not an error is wrapped in one. */
  readonly error: Error;
  /** The number of the attempt, from 1. */
  readonly attemptNumber: number;
  /** Number of retries left, not counting this failure. */
  readonly retriesLeft: number;
  /** Number of retries used up before this failure. */
  readonly retriesConsumed: number;
}

export const readRetry = anObjectOf<RetryOptions>(
  {
    retries: aCount,
    minTimeout: aFinite,
    maxTimeout: aDuration,
    factor: aFinite,
    randomize: aBoolean,
    maxRetryTime: aDuration,
    unref: aBoolean,
    onFailedAttempt: aFunction,
    shouldRetry: aFunction,
    shouldConsumeRetry: aFunction,
    retryAfter: aFunction,
    until: orNone(aFunction),
    budget: orNone(readBudget),
  },
  'retries',
);

/**
 * Progress of a task through its attempts, from which `decide` decides if a failed attempt is retried. On a fleet, the
 * attempts may have been made by several workers.
 */
export interface Attempts {
  /** Number of attempts made before this one. */
  readonly made: number;
  /** Number of retries used up. */
  readonly consumed: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsed: number;
}

/** A failed attempt that will be retried. */
export interface Retry extends RetryContext {
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** If true, the retry uses up one of the retries. */
  readonly consumed: boolean;
}

/**
 * Retries `next` if `decide` returns a retry. Most tasks succeed on the first attempt, so no other work happens before
 * the first failure.
 */
export function withRetry(options: RetryOptions, next: Work): Work {
  const timed = (options.maxRetryTime ?? Infinity) < Infinity;
  const budget = budgetOf(options);
  return (task, scope) => {
    budget?.called();
    task.attempt = 1;
    const began = timed ? performance.now() : undefined;
    const again = (failure: unknown) => tryAgain(options, next, task, scope, failure, began);
    try {
      return Promise.resolve(next(task, scope)).then(undefined, again);
    } catch (failure) {
      return again(failure);
    }
  };
}

/**
 * Number of retries after which a task leaves the event loop a turn, if it is retried without delays. Without such turns,
 * neither timers nor signals could end a task whose attempts fail without waiting for anything.
 */
const retriesPerTurn = 16;

/** The function of the platform, also while a test replaces the global one. */
const nextTurn = setImmediate;

async function tryAgain(
  options: RetryOptions,
  next: Work,
  task: Task,
  scope: Scope,
  first: unknown,
  began: number | undefined,
): Promise<unknown> {
  let thrown = first;
  let consumed = 0;
  for (let made = 0; ; made++) {
    // An `AbortError` ends the retries, and so does an abort of the task.
    if (isAbortError(thrown) || scope.cancellation.aborted) throw thrown;
    const failure = failureOf(thrown, task.name);
    const elapsed = began === undefined ? 0 : performance.now() - began;
    const retry = await decide(options, failure, { made, consumed, elapsed });
    if (retry === undefined) throw failure;
    scope.cancellation.throwIfAborted();
    await announce(task, retry);
    if (retry.delay > 0) {
      if (!scope.cancellation.aborted) await pause(retry.delay, scope.cancellation, options.unref);
    } else if ((made + 1) % retriesPerTurn === 0) {
      await new Promise<void>((resolve) => void nextTurn(resolve));
    }
    scope.cancellation.throwIfAborted();
    if (retry.consumed) consumed++;
    task.attempt++;
    try {
      return await next(task, scope);
    } catch (error) {
      thrown = error;
    }
  }
}

/**
 * Decides, with p-retry, if a failed attempt is retried. p-retry treats the failure as the failure of its own first
 * attempt, with the real numbers in the context, because the attempts may be far apart and made by different programs.
 *
 * p-retry counts and decides. The delay is computed here (by p-retry's formula, see `backoff`), because `onTaskRetry`
 * announces the delay and a server may set it.
 *
 * @param attempts - the earlier attempts, and the elapsed time including this attempt
 * @returns the retry, or `undefined` if the failure is final
 * @throws the error of a callback of the options, with the failure in its `suppressed` list
 */
export async function decide(options: RetryOptions, failure: Error, attempts: Attempts): Promise<Retry | undefined> {
  try {
    return await ask(options, failure, attempts);
  } catch (thrown) {
    throw thrownAbout(failure, thrown, 'retry');
  }
}

async function ask(options: RetryOptions, failure: Error, attempts: Attempts): Promise<Retry | undefined> {
  const { retries = 10, maxRetryTime = Infinity, onFailedAttempt, shouldConsumeRetry } = options;
  const { shouldRetry = wasNotCalledOff } = options;
  const left = Math.max(0, maxRetryTime - attempts.elapsed);
  const shown = forPRetry(failure);
  let context = { attemptNumber: attempts.made + 1 } as RetryContext;
  let consumed = true;
  let attempt = 0;
  const actual = (): RetryContext => {
    context = Object.freeze({
      error: failure,
      attemptNumber: attempts.made + 1,
      retriesConsumed: attempts.consumed,
      retriesLeft: Math.max(0, retries - attempts.consumed),
    });
    return context;
  };
  try {
    await pRetry(
      () => {
        if (attempt++ === 0) throw shown;
      },
      {
        retries: Math.max(0, retries - attempts.consumed),
        minTimeout: 0,
        maxRetryTime: left,
        onFailedAttempt: () => onFailedAttempt?.(actual()),
        shouldRetry: () => shouldRetry(actual()),
        shouldConsumeRetry: async () => {
          const failed = actual();
          consumed = (await shouldConsumeRetry?.(failed)) ?? true;
          return consumed;
        },
      } as Options,
    );
  } catch (error) {
    if (error === shown) return undefined;
    throw error;
  }
  if (budgetOf(options)?.take() === false) return undefined;
  return { ...context, error: failure, consumed, delay: Math.min(await delayAfter(context, consumed, options), left) };
}

/**
 * Returns an error that p-retry treats like the failure. p-retry replaces errors of another realm (jest, `vm`), because
 * `instanceof` does not recognise them.
 */
function forPRetry(failure: Error): Error {
  if (failure instanceof Error) return failure;
  const Class = fieldOf(failure, 'name') === 'TypeError' ? TypeError : Error;
  return new Class(textOf(fieldOf(failure, 'message')));
}

/**
 * Announces a retry to hooks and channels.
 *
 * @throws the error of a hook, which cancels the retry
 */
export async function announce({ core, record }: Task, retry: Retry): Promise<void> {
  if (record === undefined) return;
  const { attemptNumber, retriesLeft, error, delay } = retry;
  const event: TaskRetryEvent = { ...record, attempt: attemptNumber, retriesLeft, delay, error };
  if (retryChannel.hasSubscribers) retryChannel.publish(event);
  await notify(core.hooks.onTaskRetry, event);
}

/** Returns true if the options have an effect: they allow retries, or `onFailedAttempt` has to be called. */
export function isRetried(options: RetryOptions | undefined): options is RetryOptions {
  return options !== undefined && (options.retries !== 0 || options.onFailedAttempt !== undefined);
}

/** The default of `shouldRetry`. */
function wasNotCalledOff({ error }: RetryContext): boolean {
  return fieldOf(error, 'name') !== 'AbortError';
}

/** Returns the milliseconds to wait after a failure. */
async function delayAfter(failed: RetryContext, consumed: boolean, options: RetryOptions): Promise<number> {
  const { maxTimeout = Infinity, retryAfter } = options;
  const asked = millisecondsOf(await retryAfter?.(failed.error), 'retry.retryAfter');
  const delay = asked ?? (consumed ? backoff(failed.retriesConsumed, options) : 0);
  return Math.min(delay, maxTimeout, longestDelay);
}

/** Computes p-retry's delay after the given number of retries, in milliseconds. */
function backoff(retriesConsumed: number, { minTimeout = 1000, factor = 2, randomize = false }: RetryOptions): number {
  const random = randomize ? Math.random() + 1 : 1;
  return Math.round(random * minTimeout * (factor > 0 ? factor : 1) ** retriesConsumed) || 0;
}

/** A time from now, as `retryAfter` and `pauseOn` return it. */
export type Asked = number | string | Date | false | null | undefined;

/**
 * Converts the result of `retryAfter` or `pauseOn` to milliseconds from now. Returns `undefined` if the result contains
 * no time.
 *
 * @param field - the name of the option, for the error
 * @throws {ValidationError} if the result is of another type
 */
export function millisecondsOf(asked: Asked, field: string): number | undefined {
  if (typeof asked === 'string') return readRetryAfter(asked);
  const delay = types.isDate(asked) ? asked.getTime() - Date.now() : (asked ?? false);
  if (delay === false || Number.isNaN(delay)) return undefined;
  if (typeof delay === 'number') return Math.max(0, delay);
  throw invalid(`the result of ${field}`, 'milliseconds, a Date, the text of a Retry-After field, or undefined', asked);
}

/**
 * Waits until the delay is over or the cancellation aborts.
 *
 * @param mayEnd - if true, the program may end meanwhile. Default: false
 */
function pause(delay: number, cancellation: Cancellation, mayEnd = false): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      cancellation.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    if (mayEnd) unref(timer);
    cancellation.addEventListener('abort', done);
  });
}

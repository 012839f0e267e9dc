import { types } from 'node:util';
import pRetry, { type Options } from 'p-retry';
import { aBoolean, aCount, aDuration, aFinite, aFunction, anObjectOf, longestDelay } from '../shared/validate.js';
import type { Cancellation } from './cancellation.js';
import { retryChannel } from './channels.js';
import { AbortError, failureOf, isAbortError } from './errors.js';
import type { TaskRetryEvent } from './events.js';
import { notify } from './hooks.js';
import type { Scope } from './process.js';
import { readRetryAfter } from './retry-after.js';
import type { Task, Work } from './task.js';

/**
 * How an action is retried: p-retry's options, by its names and with its meaning, and `retryAfter`. A number stands
 * for `{ retries }`. As with p-retry, a `TypeError` that is no network error is a mistake in the program and not
 * retried, and neither is an `AbortError`.
 */
export interface RetryOptions {
  /** How often to try again after the first attempt: a whole number of at least 0, or Infinity. Default: 10. */
  readonly retries?: number | undefined;
  /** Milliseconds before the first retry, of at least 0. Default: 1000. */
  readonly minTimeout?: number | undefined;
  /** The longest wait between two attempts, in milliseconds, or Infinity. Default: Infinity. */
  readonly maxTimeout?: number | undefined;
  /** What each wait is multiplied with for the next, of at least 0 (0 means 1). Default: 2. */
  readonly factor?: number | undefined;
  /** Whether to multiply each wait with a random number from 1 to 2. Default: false. */
  readonly randomize?: boolean | undefined;
  /** Once so many milliseconds have passed since the first attempt, it is not retried any more. Default: Infinity. */
  readonly maxRetryTime?: number | undefined;
  /** Whether a program that has nothing else to do may end during a wait. Default: false. */
  readonly unref?: boolean | undefined;
  /** Called after each failure, awaited; where it throws, that error is the result. */
  readonly onFailedAttempt?: ((context: RetryContext) => void | Promise<void>) | undefined;
  /**
   * Whether to try again after this failure, as long as retries are left. Default: after all but an error named
   * `AbortError`: what rejects with it was called off, by a signal of yours, and not by a limit of this package.
   */
  readonly shouldRetry?: ((context: RetryContext) => boolean | Promise<boolean>) | undefined;
  /** Whether this failure uses up one of the retries; one that does not is retried without a wait. Default: always. */
  readonly shouldConsumeRetry?: ((context: RetryContext) => boolean | Promise<boolean>) | undefined;
  /**
   * The wait that a server asked for, from the failure: milliseconds, a Date, or the text of a `Retry-After` field
   * (seconds or an HTTP date, RFC 9110 section 10.2.3, also as servers write them: `1.5`, `2, 2`, `UTC`). `undefined`,
   * `null` and a text that is neither leave the usual wait. `maxTimeout` and `maxRetryTime` bound it: without one of them, a server may ask for a day. It is called with
   * every failure, timeouts too; where it throws, that error is the result. Default: none.
   *
   * @example
   * const retry = { retries: 3, retryAfter: (error) => (error instanceof HttpError ? error.retryAfter : undefined) };
   */
  readonly retryAfter?: ((error: Error) => number | string | Date | null | undefined) | undefined;
}

/** A failed attempt, as the callbacks of `RetryOptions` get it. */
export interface RetryContext {
  /** The failure; what was thrown and is no error is made one. */
  readonly error: Error;
  /** The number of the attempt, from 1. */
  readonly attemptNumber: number;
  /** How many retries are left before this failure is counted. */
  readonly retriesLeft: number;
  /** How many retries have been used up before. */
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
  },
  'retries',
);

/**
 * Tries `next` again as p-retry decides. Most tasks succeed at once, so p-retry is asked only after a first failure:
 * it is shown that failure as its first attempt.
 *
 * p-retry counts and decides; the wait is ours (by its formula, see `backoff`), because `onTaskRetry` announces it and
 * a server may set it. It stands at the beginning of the attempt that follows, so that p-retry's decision is made.
 */
export function withRetry(options: RetryOptions, next: Work): Work {
  const timed = (options.maxRetryTime ?? Infinity) < Infinity;
  return (task, scope) => {
    const began = timed ? performance.now() : 0;
    const again = (failure: unknown) => {
      if (isAbortError(failure) || scope.cancellation.aborted) throw failure;
      return retry(task, scope, options, next, failureOf(failure, task.name), began);
    };
    try {
      return Promise.resolve(next(task, scope)).then(undefined, again);
    } catch (failure) {
      return again(failure);
    }
  };
}

function retry(task: Task, scope: Scope, options: RetryOptions, next: Work, failure: Error, began: number) {
  const { maxRetryTime = Infinity, shouldConsumeRetry = () => true } = options;
  const left = () => Math.max(0, maxRetryTime - (performance.now() - began));
  let failed: RetryContext;
  let consumed: boolean;

  async function attempt(attemptNumber: number): Promise<unknown> {
    if (attemptNumber === 1) throw failure;
    let waiting = true;
    try {
      scope.cancellation.throwIfAborted();
      await announceAndWait(task, scope, options, failed, Math.min(delayAfter(failed, consumed, options), left()));
      waiting = false;
      return await next(task, scope);
    } catch (thrown) {
      const error = failureOf(thrown, task.name);
      // Nothing is tried again after an abort, or where a hook has refused the retry.
      throw waiting || isAbortError(thrown) || scope.cancellation.aborted ? new AbortError(error) : error;
    }
  }

  return pRetry(attempt, {
    ...(options as Options),
    minTimeout: 0,
    maxRetryTime: left(),
    shouldRetry: options.shouldRetry ?? wasNotCalledOff,
    shouldConsumeRetry: async (context) => {
      failed = context;
      consumed = await shouldConsumeRetry(context);
      return consumed;
    },
  });
}

/** Whether a retry would do anything: also without one, `onFailedAttempt` hears of the failure. */
export function isRetried(options: RetryOptions | undefined): options is RetryOptions {
  return options !== undefined && (options.retries !== 0 || options.onFailedAttempt !== undefined);
}

/** Which failures are retried where `shouldRetry` does not say. */
export function wasNotCalledOff({ error }: RetryContext): boolean {
  return error.name !== 'AbortError';
}

/** How long to wait after a failure. */
export function delayAfter(failed: RetryContext, consumed: boolean, options: RetryOptions): number {
  const { maxTimeout = Infinity, retryAfter } = options;
  const asked = millisecondsOf(retryAfter?.(failed.error));
  const delay = asked ?? (consumed ? backoff(failed.retriesConsumed, options) : 0);
  return Math.min(delay, maxTimeout, longestDelay);
}

/** p-retry's wait after so many retries. */
function backoff(retriesConsumed: number, { minTimeout = 1000, factor = 2, randomize = false }: RetryOptions): number {
  const random = randomize ? Math.random() + 1 : 1;
  return Math.round(random * minTimeout * (factor > 0 ? factor : 1) ** retriesConsumed) || 0;
}

/** What a `Retry-After` field or its like asks for, in milliseconds from now. */
export function millisecondsOf(asked: number | string | Date | null | undefined): number | undefined {
  if (typeof asked === 'string') return readRetryAfter(asked);
  const delay = types.isDate(asked) ? asked.getTime() - Date.now() : asked;
  return typeof delay === 'number' && !Number.isNaN(delay) ? Math.max(0, delay) : undefined;
}

async function announceAndWait(
  { core, record }: Task,
  { cancellation }: Scope,
  { unref = false }: RetryOptions,
  { attemptNumber, retriesLeft, error }: RetryContext,
  delay: number,
): Promise<void> {
  if (record !== undefined) {
    const event: TaskRetryEvent = { ...record, attempt: attemptNumber, retriesLeft, delay, error };
    if (retryChannel.hasSubscribers) retryChannel.publish(event);
    await notify(core.hooks.onTaskRetry, event);
  }
  if (delay > 0 && !cancellation.aborted) await pause(delay, cancellation, unref);
}

/** Waits, or until aborted. */
function pause(delay: number, cancellation: Cancellation, unref: boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      cancellation.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    if (unref) timer.unref();
    cancellation.addEventListener('abort', done);
  });
}

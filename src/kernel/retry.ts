import { types } from 'node:util';
import pRetry, { type Options } from 'p-retry';
import { aBoolean, aCount, aDuration, aFinite, aFunction, anObjectOf, longestDelay } from '../shared/validate.js';
import type { Cancellation } from './cancellation.js';
import { retryChannel } from './channels.js';
import { failureOf, isAbortError } from './errors.js';
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

/** What has been tried of a task. */
export interface Attempts {
  /** How many attempts were made before this one. */
  readonly made: number;
  /** How many of the retries are used up. */
  readonly consumed: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsed: number;
}

/** A failed attempt that another is to follow. */
export interface Retry extends RetryContext {
  /** How long to wait before, in milliseconds. */
  readonly delay: number;
  /** Whether it uses up one of the retries. */
  readonly consumed: boolean;
}

/** Tries `next` again as `decide` says. Most tasks succeed at once, so nothing is asked before a first failure. */
export function withRetry(options: RetryOptions, next: Work): Work {
  const timed = (options.maxRetryTime ?? Infinity) < Infinity;
  return (task, scope) => {
    const began = timed ? performance.now() : undefined;
    const again = (failure: unknown) => tryAgain(options, next, task, scope, failure, began);
    try {
      return Promise.resolve(next(task, scope)).then(undefined, again);
    } catch (failure) {
      return again(failure);
    }
  };
}

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
    // Nothing is tried again after an abort.
    if (isAbortError(thrown) || scope.cancellation.aborted) throw thrown;
    const failure = failureOf(thrown, task.name);
    const elapsed = began === undefined ? 0 : performance.now() - began;
    const retry = await decide(options, failure, { made, consumed, elapsed });
    if (retry === undefined) throw failure;
    scope.cancellation.throwIfAborted();
    await announce(task, retry);
    if (retry.delay > 0 && !scope.cancellation.aborted) await pause(retry.delay, scope.cancellation, options.unref);
    scope.cancellation.throwIfAborted();
    if (retry.consumed) consumed++;
    try {
      return await next(task, scope);
    } catch (error) {
      thrown = error;
    }
  }
}

/**
 * Whether a failed attempt is followed by another, as p-retry decides: it is shown the failure as that of its first
 * attempt, with the real numbers. Attempts may be far apart, and be made by other programs.
 *
 * p-retry counts and decides; the wait is ours (by its formula, see `backoff`), because `onTaskRetry` announces it and
 * a server may set it.
 *
 * @param attempts - those before this one, and the time with this one
 * @returns what is to follow; nothing where the failure stays
 * @throws what a callback of the options throws
 */
export async function decide(options: RetryOptions, failure: Error, attempts: Attempts): Promise<Retry | undefined> {
  const { retries = 10, maxRetryTime = Infinity, onFailedAttempt, shouldConsumeRetry } = options;
  const { shouldRetry = wasNotCalledOff } = options;
  const left = Math.max(0, maxRetryTime - attempts.elapsed);
  let context = { attemptNumber: attempts.made + 1 } as RetryContext;
  let consumed = true;
  let attempt = 0;
  const actual = (shown: RetryContext): RetryContext => {
    context = Object.freeze({
      ...shown,
      attemptNumber: attempts.made + 1,
      retriesConsumed: attempts.consumed,
      retriesLeft: Math.max(0, retries - attempts.consumed),
    });
    return context;
  };
  try {
    await pRetry(
      () => {
        if (attempt++ === 0) throw failure;
      },
      {
        retries: Math.max(0, retries - attempts.consumed),
        minTimeout: 0,
        maxRetryTime: left,
        onFailedAttempt: (shown) => onFailedAttempt?.(actual(shown)),
        shouldRetry: (shown) => shouldRetry(actual(shown)),
        shouldConsumeRetry: async (shown) => {
          const failed = actual(shown);
          consumed = (await shouldConsumeRetry?.(failed)) ?? true;
          return consumed;
        },
      } as Options,
    );
  } catch (error) {
    if (error === failure) return undefined;
    throw error;
  }
  return { ...context, error: failure, consumed, delay: Math.min(delayAfter(context, consumed, options), left) };
}

/** Tells hooks and channels of a retry. @throws what a hook throws, which refuses it */
export async function announce({ core, record }: Task, retry: Retry): Promise<void> {
  if (record === undefined) return;
  const { attemptNumber, retriesLeft, error, delay } = retry;
  const event: TaskRetryEvent = { ...record, attempt: attemptNumber, retriesLeft, delay, error };
  if (retryChannel.hasSubscribers) retryChannel.publish(event);
  await notify(core.hooks.onTaskRetry, event);
}

/** Whether a retry would do anything: also without one, `onFailedAttempt` hears of the failure. */
export function isRetried(options: RetryOptions | undefined): options is RetryOptions {
  return options !== undefined && (options.retries !== 0 || options.onFailedAttempt !== undefined);
}

/** Which failures are retried where `shouldRetry` does not say. */
function wasNotCalledOff({ error }: RetryContext): boolean {
  return error.name !== 'AbortError';
}

/** How long to wait after a failure. */
function delayAfter(failed: RetryContext, consumed: boolean, options: RetryOptions): number {
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

/** Waits, or until aborted. */
function pause(delay: number, cancellation: Cancellation, unref = false): Promise<void> {
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

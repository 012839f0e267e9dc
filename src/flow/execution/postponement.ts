import pRetry, { type Options } from 'p-retry';
import { retryChannel } from '../../kernel/channels.js';
import { failureOf, isAbortError } from '../../kernel/errors.js';
import { notify } from '../../kernel/hooks.js';
import type { Elsewhere } from '../../kernel/policy.js';
import type { Scope } from '../../kernel/process.js';
import { delayAfter, type RetryContext, type RetryOptions, wasNotCalledOff, withRetry } from '../../kernel/retry.js';
import type { Task, Work } from '../../kernel/task.js';
import type { Attempts } from '../run/state.js';
import { callIn, type Postponement } from './node-call.js';

/**
 * How a node is tried again: here, or where its attempts are executed one by one (a queue's delayed retry outlives the
 * program that failed) by whoever executes them. Items of a batch are always tried again here.
 */
export const elsewhere: Elsewhere = {
  retry: tryAgain,
  used: (task) => attemptsOf(task)?.elapsed ?? 0,
};

function tryAgain(options: RetryOptions, next: Work): Work {
  const here = withRetry(options, next);
  return (task, scope) => {
    const attempts = attemptsOf(task);
    return attempts === undefined ? here(task, scope) : once(options, next, task, scope, attempts);
  };
}

function attemptsOf({ args }: Task): Attempts | undefined {
  const { state, index } = callIn(args);
  return index === undefined ? state.attempts : undefined;
}

/** One attempt. Where it is to be repeated, the call says when, and the failure comes out as it is. */
async function once(options: RetryOptions, next: Work, task: Task, scope: Scope, attempts: Attempts): Promise<unknown> {
  const began = performance.now();
  if (task.record !== undefined) task.record.previousAttempts = attempts.made;
  try {
    return await next(task, scope);
  } catch (thrown) {
    if (isAbortError(thrown) || scope.cancellation.aborted) throw thrown;
    const failure = failureOf(thrown, task.name);
    const elapsed = attempts.elapsed + performance.now() - began;
    const again = await decide(options, failure, { ...attempts, elapsed });
    if (again === undefined) throw failure;
    await announce(task, again);
    callIn(task.args).postponed = again;
    // There is no need of a timeout's fallback yet.
    task.expired = undefined;
    throw failure;
  }
}

type Retry = RetryContext & Postponement;

/** Lets p-retry decide on one failure, the latest of several: it is shown that as its first, with the real numbers. */
async function decide(options: RetryOptions, failure: Error, attempts: Attempts): Promise<Retry | undefined> {
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

async function announce({ core, record }: Task, { attemptNumber, retriesLeft, error, delay }: Retry): Promise<void> {
  if (record === undefined) return;
  record.isRetried = true;
  const event = { ...record, attempt: attemptNumber, retriesLeft, delay, error };
  if (retryChannel.hasSubscribers) retryChannel.publish(event);
  await notify(core.hooks.onTaskRetry, event);
}

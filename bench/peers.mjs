import { ExponentialBackoff, handleAll, retry, TimeoutStrategy, timeout, wrap } from 'cockatiel';
import { Effect, Schedule } from 'effect';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import pRetry from 'p-retry';
import pTimeout from 'p-timeout';

// Each function takes a function and returns one that calls it with the policy of a peer. The policy is always the
// same: three retries, the first after 10 ms, and a timeout of one second per attempt.

export const retries = 3;
export const minTimeout = 10;
export const milliseconds = 1_000;

const retryOptions = { retries, minTimeout };

export const withPRetry = (fn) => (left, right) => pRetry(() => fn(left, right), retryOptions);

export const withBarePRetry = (fn) => (left, right) => pRetry(() => fn(left, right));

/** The same limit for all: five at once, and more in a second than there are calls. */
export const limits = { concurrency: 5, rate: 1e9, per: 1_000 };

export function withPLimit(fn) {
  const limit = pLimit(limits.concurrency);
  return (left, right) => limit(() => fn(left, right));
}

export function withPQueue(fn) {
  const queue = new PQueue({ concurrency: limits.concurrency, intervalCap: limits.rate, interval: limits.per });
  return (left, right) => queue.add(() => fn(left, right));
}

export const withPTimeout = (fn) => (left, right) => pTimeout(fn(left, right), { milliseconds });

export const withPRetryAndPTimeout = (fn) => (left, right) =>
  pRetry(() => pTimeout(fn(left, right), { milliseconds }), retryOptions);

export function withCockatiel(fn) {
  const backoff = new ExponentialBackoff({ initialDelay: minTimeout });
  const policy = wrap(
    retry(handleAll, { maxAttempts: retries, backoff }),
    timeout(milliseconds, TimeoutStrategy.Aggressive),
  );
  return (left, right) => policy.execute(() => fn(left, right));
}

/** The effect is built once instead of once per call, which favours Effect. */
export function withEffect(fn) {
  const schedule = Schedule.exponential(minTimeout);
  const effect = Effect.tryPromise(() => fn(1, 2)).pipe(
    Effect.timeout(milliseconds),
    Effect.retry({ times: retries, schedule }),
  );
  return () => Effect.runPromise(effect);
}

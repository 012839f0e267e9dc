import { type RetryOptions, readRetry, withRetry } from './retry.js';
import type { Task, Work } from './task.js';
import { readTimeout, type StoredTimeout, type TimeoutOptions, withFallback, withLimit } from './timeout.js';
import { aValue, type Schema } from './validate.js';

/**
 * Any object that can carry out a function: a circuit breaker, a bulkhead, a rate limiter; cockatiel's policies, say.
 * It is also given the task's signal where the task can be aborted.
 */
export interface Policy {
  // biome-ignore lint/suspicious/noExplicitAny: what a policy calls the function with, and adds to its result, is its own
  execute(fn: (...args: any[]) => Promise<unknown>, signal?: AbortSignal): PromiseLike<any>;
}

/** What may go wrong with an action, and what is done about it. As options of an orchestrator: defaults for its actions. */
export interface PolicyOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** How often a failed attempt is repeated, or p-retry's options. Default: not at all. */
  readonly retry?: number | RetryOptions | undefined;
  /** Limit of each attempt in milliseconds, or limits by name. Default: none. */
  readonly timeout?: number | TimeoutOptions<Args, Result> | undefined;
  /** Carries out each attempt. The attempt's timeout is inside it, retries are around it. Default: none. */
  readonly policy?: Policy | undefined;
}

/** Options as they are stored: read, checked, and complete with their defaults. */
export interface Policies {
  readonly retry: RetryOptions | undefined;
  readonly timeout: StoredTimeout;
  readonly policy: Policy | undefined;
}

export const policyReaders: Schema<PolicyOptions> = {
  retry: readRetry,
  timeout: readTimeout,
  policy: aValue(
    'an object with an execute method',
    (value) => typeof (value as Policy | null)?.execute === 'function',
  ),
};

export const noPolicies: Policies = { retry: undefined, timeout: {}, policy: undefined };

/** Lays policies over defaults, field by field. */
export function overDefaults({ retry, timeout, policy }: Partial<Policies>, defaults: Policies): Policies {
  return {
    retry: retry === undefined ? defaults.retry : { ...defaults.retry, ...retry },
    timeout: { ...defaults.timeout, ...timeout },
    policy: policy ?? defaults.policy,
  };
}

/** How attempts are made that are not made here. */
export interface Elsewhere {
  readonly retry: typeof withRetry;
  /** Milliseconds since the first attempt of a task began. */
  readonly used: (task: Task) => number;
}

/**
 * Puts the policies around a function, from the inside out: the limit of an attempt, the caller's own policy, retry,
 * the limit of the whole, the fallback. What is not asked for is not there.
 *
 * @param elsewhere - where attempts are made one by one: who tries again, and how long those before have taken. Default:
 *   p-retry, here
 */
export function applyPolicies({ retry, timeout, policy }: Policies, call: Work, elsewhere?: Elsewhere): Work {
  const { attempt = Infinity, total = Infinity, fallback } = timeout;
  let work = call;
  if (attempt < Infinity) work = withLimit(attempt, work);
  if (policy !== undefined) work = withPolicy(policy, work);
  if (retry !== undefined && retry.retries !== 0) work = (elsewhere?.retry ?? withRetry)(retry, work);
  if (total < Infinity) work = withLimit(total, work, elsewhere?.used);
  if (fallback !== undefined) work = withFallback(fallback, work);
  return work;
}

function withPolicy(policy: Policy, next: Work): Work {
  return (task, scope) => {
    const { cancellation } = scope;
    return policy.execute(async () => next(task, scope), cancellation.abortable ? cancellation.signal : undefined);
  };
}

import { aValue, orNoLimit, orNone, type Schema } from '../shared/validate.js';
import { Cancellation, cancellationOf } from './cancellation.js';
import { enter, type Scope } from './process.js';
import { isRetried, type RetryOptions, readRetry, withRetry } from './retry.js';
import { endWait, type Task, type Work, waitedFor } from './task.js';
import { readTimeout, type StoredTimeout, type TimeoutOptions, withFallback, withLimit } from './timeout.js';

/**
 * An object that executes a function, such as a circuit breaker, a bulkhead or a rate limiter. The policies of
 * cockatiel fit. A policy may call the function at any time and from any asynchronous context; the function still runs
 * in the scope of its task.
 *
 * If the task can be aborted, `execute` also receives the task's signal. A policy may call the function with an object
 * that has a `signal`, as cockatiel and p-queue do. This signal then aborts the attempt, too.
 */
export interface Policy {
  /** Calls `fn` and settles like it, or rejects without calling it. `signal` aborts with the task. */
  // biome-ignore lint/suspicious/noExplicitAny: the policy chooses the arguments of the function and the type of its result
  execute(fn: (...args: any[]) => Promise<unknown>, signal?: AbortSignal): PromiseLike<any>;
}

/**
 * Policies of an action against failures: retries, time limits and a policy object. As options of an orchestrator, they
 * are the defaults of its actions. `null` switches a default off. From the inside out, an action applies the limit of
 * an attempt, the policy, retries, the total limit and the fallback.
 *
 * @example
 * const options: PolicyOptions = { retry: { retries: 3, minTimeout: 200 }, timeout: { attempt: 2_000, total: 10_000 } };
 */
export interface PolicyOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** Number of retries after a failed attempt, or p-retry's options. `null` for no retries. Default: no retries. */
  readonly retry?: number | RetryOptions | null | undefined;
  /**
   * Limit of each attempt in milliseconds, or an object of limits. `null` or 0 for no limit and no fallback. Default:
   * none.
   */
  readonly timeout?: number | TimeoutOptions<Args, Result> | null | undefined;
  /**
   * Executes each attempt. The limit of an attempt applies inside the policy, retries apply around it. `null` for none.
   * Default: none.
   */
  readonly policy?: Policy | null | undefined;
}

/** Policies after validation, with their defaults filled in. */
export interface Policies {
  readonly retry: RetryOptions | undefined;
  readonly timeout: StoredTimeout;
  readonly policy: Policy | undefined;
}

/** Policies as given in options: `undefined` means the default, `null` means none. */
export type OwnPolicies = { readonly [Name in keyof Policies]?: Policies[Name] | null | undefined };

export const policyReaders: Schema<PolicyOptions> = {
  retry: orNone(readRetry),
  timeout: orNoLimit(readTimeout),
  policy: orNone(
    aValue('an object with an execute method', (value) => typeof (value as Policy | null)?.execute === 'function'),
  ),
};

/** Validates the option `policies`, which can only be `'none'`. */
export const readWithoutDefaults = aValue<'none'>("'none'", (value) => value === 'none');

export const noPolicies: Policies = { retry: undefined, timeout: {}, policy: undefined };

/** Merges policies over their defaults, field by field. */
export function overDefaults({ retry, timeout, policy }: OwnPolicies, defaults: Policies): Policies {
  return {
    retry: laidOver(retry, defaults.retry),
    timeout: laidOver(timeout, defaults.timeout) ?? noPolicies.timeout,
    policy: policy === undefined ? defaults.policy : (policy ?? undefined),
  };
}

function laidOver<Option extends object>(own: Option | null | undefined, option: Option | undefined) {
  if (own === undefined) return option;
  return own === null ? undefined : { ...option, ...own };
}

/** Retries that happen outside this process, on a fleet. */
export interface Elsewhere {
  readonly retry: typeof withRetry;
  /** Returns the milliseconds since the first attempt of a task began. */
  readonly used: (task: Task) => number;
}

/**
 * Wraps a function in its policies, from the inside out: the limit of an attempt, the caller's own policy, retry, the
 * total limit, the fallback. Policies that are not set add no wrapper.
 *
 * @param elsewhere - for attempts that are made one by one, as on a fleet: the function that retries, and the time that
 *   earlier attempts have taken. Default: p-retry, in this process
 */
export function applyPolicies({ retry, timeout, policy }: Policies, call: Work, elsewhere?: Elsewhere): Work {
  const { attempt = Infinity, total = Infinity, fallback } = timeout;
  let work = call;
  if (attempt < Infinity) work = withLimit(attempt, work);
  if (policy !== undefined) work = withPolicy(policy, work);
  if (policy !== undefined && total < Infinity) work = withWait(work);
  if (isRetried(retry)) work = (elsewhere?.retry ?? withRetry)(retry, work);
  if (total < Infinity) work = withLimit(total, work, { used: elsewhere?.used, waited: waitedFor });
  if (fallback) work = withFallback(fallback, work);
  return work;
}

/**
 * Executes each attempt through the policy. Attempts that are still running when the policy settles are aborted,
 * because a policy that gives up need not abort their signal.
 */
function withPolicy(policy: Policy, next: Work): Work {
  return async (task, scope) => {
    const { cancellation } = scope;
    const handed = cancellation.abortable ? cancellation.signal : undefined;
    const attempts = new Set<Cancellation>();
    let reason: unknown = new DOMException('the policy of the task has settled', 'AbortError');
    try {
      return await policy.execute((context?: unknown) => {
        endWait(task);
        const signal = signalIn(context);
        return attempt(signal === handed ? undefined : signal, next, task, scope, attempts);
      }, handed);
    } catch (thrown) {
      reason = thrown;
      throw thrown;
    } finally {
      for (const left of attempts) left.abort(reason);
    }
  };
}

/** Measures how long a policy keeps a task waiting, for the error of its total limit. */
function withWait(next: Work): Work {
  return async (task, scope) => {
    task.wait ??= { since: undefined, before: 0 };
    task.wait.since = performance.now();
    try {
      return await next(task, scope);
    } finally {
      endWait(task);
    }
  };
}

/** Returns the signal in the argument that a policy passes to its function, if any. */
function signalIn(context: unknown): AbortSignal | undefined {
  const signal = (context as { readonly signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/**
 * Runs one attempt in a scope that its policy can abort: by the signal that the policy passes, or by settling. An
 * attempt that has ended stops listening to the signal, because cockatiel aborts the signal at the end.
 *
 * @param attempts - the attempts in progress; contains this attempt until it ends
 */
async function attempt(
  signal: AbortSignal | undefined,
  next: Work,
  task: Task,
  outer: Scope,
  attempts: Set<Cancellation>,
): Promise<unknown> {
  const { process } = outer;
  const cancellation = new Cancellation([outer.cancellation], true);
  const scope = { process, cancellation, outer };
  const given = signal && cancellationOf(signal);
  const onAbort = () => cancellation.abort(given?.reason);
  given?.addEventListener('abort', onAbort);
  if (signal?.aborted) cancellation.abort(signal.reason);
  attempts.add(cancellation);
  try {
    return await enter(scope, async () => next(task, scope));
  } finally {
    attempts.delete(cancellation);
    given?.removeEventListener('abort', onAbort);
    cancellation.release();
  }
}

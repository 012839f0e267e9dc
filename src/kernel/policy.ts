import { aValue, orNoLimit, orNone, type Schema } from '../shared/validate.js';
import { Cancellation, cancellationOf } from './cancellation.js';
import { enter, type Scope } from './process.js';
import { isRetried, type RetryOptions, readRetry, withRetry } from './retry.js';
import { endWait, type Task, type Work, waitedFor } from './task.js';
import { readTimeout, type StoredTimeout, type TimeoutOptions, withFallback, withLimit } from './timeout.js';

/**
 * An object that carries out a function: a circuit breaker, a bulkhead, a rate limiter; cockatiel's policies, say. It may
 * call the function at any time and from any asynchronous context. The function runs in the scope of its task.
 *
 * `execute` also gets the task's signal if the task can be aborted. If it calls the function with an object that has a
 * `signal`, as cockatiel and p-queue do, that signal aborts the attempt too.
 */
export interface Policy {
  // biome-ignore lint/suspicious/noExplicitAny: what a policy calls the function with, and adds to its result, is its own
  execute(fn: (...args: any[]) => Promise<unknown>, signal?: AbortSignal): PromiseLike<any>;
}

/**
 * What may go wrong with an action, and what is done about it. As options of an orchestrator: defaults for its actions.
 * `null` switches a default off.
 */
export interface PolicyOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** How often a failed attempt is repeated, or p-retry's options; `null` for not at all. Default: not at all. */
  readonly retry?: number | RetryOptions | null | undefined;
  /** Limit of each attempt in milliseconds, or limits by name; `null` or 0 for no limit and no fallback. Default: none. */
  readonly timeout?: number | TimeoutOptions<Args, Result> | null | undefined;
  /** Carries out each attempt. The attempt's timeout is inside it, retries are around it. `null` for none. Default: none. */
  readonly policy?: Policy | null | undefined;
}

/** Options as they are stored: read, checked, and complete with their defaults. */
export interface Policies {
  readonly retry: RetryOptions | undefined;
  readonly timeout: StoredTimeout;
  readonly policy: Policy | undefined;
}

/** Policies as options give them: what is missing is the default's, what is `null` is switched off. */
export type OwnPolicies = { readonly [Name in keyof Policies]?: Policies[Name] | null | undefined };

export const policyReaders: Schema<PolicyOptions> = {
  retry: orNone(readRetry),
  timeout: orNoLimit(readTimeout),
  policy: orNone(
    aValue('an object with an execute method', (value) => typeof (value as Policy | null)?.execute === 'function'),
  ),
};

/** Reads `policies: 'none'`. */
export const readWithoutDefaults = aValue<'none'>("'none'", (value) => value === 'none');

export const noPolicies: Policies = { retry: undefined, timeout: {}, policy: undefined };

/** Lays policies over defaults, field by field. */
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
  if (policy !== undefined && total < Infinity) work = withWait(work);
  if (isRetried(retry)) work = (elsewhere?.retry ?? withRetry)(retry, work);
  if (total < Infinity) work = withLimit(total, work, { used: elsewhere?.used, waited: waitedFor });
  if (fallback) work = withFallback(fallback, work);
  return work;
}

/** Attempts that a policy has not waited for are aborted when it settles: one that gives up may not say so by a signal. */
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

/** The signal that a policy calls its function with, if any. */
function signalIn(context: unknown): AbortSignal | undefined {
  const signal = (context as { readonly signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/**
 * One attempt, in a scope that its policy can abort: by the signal it calls with, or by settling. An attempt that has ended
 * lets go of the signal: cockatiel aborts it then.
 *
 * @param attempts - those under way, this one among them until it has ended
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

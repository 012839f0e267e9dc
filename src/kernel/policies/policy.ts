import { ValidationError } from '../../shared/errors.js';
import { aValue, isPlainObject, orNoLimit, orNone, type Reader, type Schema } from '../../shared/validate.js';
import { Cancellation, cancellationOf } from '../cancellation.js';
import { enter, type RecordedPolicies, type Scope, thisContext } from '../scope/process.js';
import { beginWait, endWait, type Task, type Work, waitedFor } from '../scope/task.js';
import { type StoredFallback, withFallbacks } from './fallback.js';
import { type AnyLimit, type LimitOption, readLimit } from './limit.js';
import { withPlaces } from './places.js';
import { isRetried, type RetryOptions, readRetry, withRetry } from './retry.js';
import type { StoredShare } from './share.js';
import { readTimeout, type StoredTimeout, type TimeoutOptions, withFallback, withLimit } from './timeout.js';
import { withUntil } from './until.js';

/**
 * An object that executes a function, such as a circuit breaker, a bulkhead or a rate limiter. The policies of
 * cockatiel can be used directly. A policy may call the function at any time and from any asynchronous context; the
 * function still runs in the scope of its task.
 *
 * `execute` also receives the call: an `AbortSignal` that aborts with the task, and has the arguments, the name and the
 * attempt as properties. Like cockatiel and p-queue, a policy may pass an object with a `signal` to the function. This
 * signal then aborts the attempt, too.
 *
 * @example
 * // A circuit breaker for each tenant, the first argument.
 * const policy: Policy = { execute: (fn, { args: [tenant] }) => breakerOf(tenant).execute(fn) };
 */
export interface Policy {
  /** Calls `fn` and settles like it, or rejects without calling it. */
  // biome-ignore lint/suspicious/noExplicitAny: the policy chooses the arguments of the function and the type of its result
  execute(fn: (...args: any[]) => Promise<unknown>, call: PolicyCall): PromiseLike<any>;
}

/**
 * An attempt, as passed to a policy. The object is an `AbortSignal`, because policies of cockatiel expect a signal as
 * their second argument, and has the properties of an options object, because `add` of p-queue expects such an object.
 */
export interface PolicyCall extends AbortSignal {
  /** The signal that aborts with the task: this object itself. */
  readonly signal: AbortSignal;
  /** Arguments of the call. */
  readonly args: readonly unknown[];
  /** Name of the action. */
  readonly name: string;
  /** Number of the attempt, from 1. */
  readonly attempt: number;
}

/**
 * Policies of an action against failures and overload: retries, time limits, concurrency and rate limits, and a policy
 * object. As options of an orchestrator, they are the defaults of its actions. `null` switches a default off. From the
 * inside out, an action applies the limit of an attempt, the policies, `limit`, retries, the total limit and the
 * fallback.
 *
 * @example
 * const options: PolicyOptions = { retry: { retries: 3, minTimeout: 200 }, timeout: { attempt: 2_000, total: 10_000 } };
 */
export interface PolicyOptions<Args extends readonly unknown[] = readonly unknown[], Result = unknown> {
  /** Number of retries after a failed attempt, or retry options. `null` for no retries. Default: no retries. */
  readonly retry?: number | RetryOptions<Result> | null | undefined;
  /**
   * Limit of each attempt in milliseconds, or an object of limits. `null` or 0 for no limit and no fallback. Default:
   * none.
   */
  readonly timeout?: number | TimeoutOptions<Args, Result> | null | undefined;
  /**
   * Executes each attempt: a policy, or a list of policies, the outermost first. The limit of an attempt applies inside
   * the policies, and retries apply outside them. `null` for none. Default: none.
   */
  readonly policy?: Policy | readonly Policy[] | null | undefined;
  /**
   * Limit on the number of attempts that run at once or start in a time: options for a limit of this action alone, a
   * `Limit` created by `limit()` and shared by all actions that refer to it, or a list of these. Each attempt,
   * including retries, waits for a place. `null` for none. Default: none.
   */
  readonly limit?: LimitOption<Args> | null | undefined;
}

/** Policies after validation, with their defaults filled in. */
export interface Policies {
  readonly retry: RetryOptions | undefined;
  readonly timeout: StoredTimeout;
  /** The policies, the outermost first. */
  readonly policy: readonly Policy[] | undefined;
  readonly limit: readonly AnyLimit[] | undefined;
  readonly fallback?: StoredFallback['fallback'] | undefined;
  readonly fallbackOn?: StoredFallback['fallbackOn'];
  /** Options of shared calls. Applies to calls of actions, but not to nodes. */
  readonly share?: StoredShare | undefined;
  /** Options for journals. Apply to calls of actions, but not to nodes. */
  readonly key?: RecordedPolicies['key'];
  readonly once?: boolean | undefined;
}

/** Policies as written in options: `undefined` means the default, `null` means none. */
export type OwnPolicies = { readonly [Name in keyof Policies]?: Policies[Name] | null | undefined };

const readOnePolicy = aValue<Policy>(
  'an object with an execute method',
  (value) => typeof (value as Policy | null)?.execute === 'function',
);
const readPolicy: Reader<readonly Policy[]> = (value, field) =>
  Array.isArray(value)
    ? value.map((one, index) => readOnePolicy(one, `${field}[${index}]`))
    : [readOnePolicy(value, field)];

export const policyReaders: Schema<PolicyOptions> = {
  retry: orNone(readRetry),
  timeout: orNoLimit(readTimeout),
  policy: orNone(readPolicy),
  limit: orNone(readLimit),
};

/** Validates the option `policies`, which can only be `'none'`. */
export const readWithoutDefaults = aValue<'none'>("'none'", (value) => value === 'none');

/**
 * Makes a reader of the options of a node refuse options that only actions have.
 *
 * @param names - the options that are refused
 */
export function ofNode<Options>(names: readonly string[], read: Reader<Options>) {
  return (value: unknown, field = ''): Options => {
    const refused = names.find((name) => isPlainObject(value) && Object.hasOwn(value, name));
    if (refused === undefined) return read(value, field);
    const path = field === '' ? refused : `${field}.${refused}`;
    throw new ValidationError(`${path} is not an option of a node: give the node an action that has it`);
  };
}

export const noPolicies: Policies = { retry: undefined, timeout: {}, policy: undefined, limit: undefined };

/** Merges policies over their defaults, field by field. */
export function overDefaults(own: OwnPolicies, defaults: Policies): Policies {
  return {
    retry: laidOver(own.retry, defaults.retry),
    timeout: laidOver(own.timeout, defaults.timeout) ?? noPolicies.timeout,
    policy: instead(own.policy, defaults.policy),
    limit: instead(own.limit, defaults.limit),
    fallback: instead(own.fallback, defaults.fallback),
    fallbackOn: instead(own.fallbackOn, defaults.fallbackOn),
    share: instead(own.share, defaults.share),
    key: instead(own.key, defaults.key),
    once: instead(own.once, defaults.once),
  };
}

function instead<Option>(own: Option | null | undefined, option: Option | undefined): Option | undefined {
  return own === undefined ? option : (own ?? undefined);
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
  /** Returns true if the task has failed and another task will retry. */
  readonly isPostponed: (task: Task) => boolean;
}

/**
 * Wraps a function in its policies, from the inside out: the limit of an attempt, the caller's own policies, the places
 * of limits, retries, the total limit, the fallbacks. Policies that are not set add no wrapper.
 *
 * @param elsewhere - for attempts that are made one by one, as on a fleet: the function that retries, the time used
 *   by earlier attempts, and a test for failures that another task will retry. Default: p-retry, in this process
 */
export function applyPolicies(policies: Policies, call: Work, elsewhere?: Elsewhere): Work {
  const { retry, timeout, policy = [], limit = [], fallback = [], fallbackOn } = policies;
  const { attempt = Infinity, total = Infinity } = timeout;
  const waited = policy.length + limit.length > 0 ? waitedFor : undefined;
  let work = call;
  if (attempt < Infinity) work = withLimit(attempt, work);
  work = policy.reduceRight((next, outer) => withPolicy(outer, next, total < Infinity), work);
  if (limit.length > 0) work = withPlaces(limit, work);
  if (retry?.until) work = withUntil(retry.until, work);
  if (isRetried(retry)) work = (elsewhere?.retry ?? withRetry)(retry, work);
  if (total < Infinity) work = withLimit(total, work, { used: elsewhere?.used, waited });
  if (timeout.fallback) work = withFallback(timeout.fallback, work);
  if (fallback.length > 0) work = withFallbacks({ fallback, fallbackOn }, work, elsewhere?.isPostponed);
  return work;
}

/**
 * Executes each attempt through the policy. Attempts that are still running when the policy settles are aborted here,
 * because a policy that gives up does not necessarily abort their signal.
 *
 * @param isTimed - if true, measures the time that the policy keeps the task waiting, for the error of the total
 *   limit
 */
function withPolicy(policy: Policy, next: Work, isTimed: boolean): Work {
  return async (task, scope) => {
    const handed = new Cancellation([scope.cancellation], true);
    const { args, name, attempt: number } = task;
    const call: PolicyCall = Object.assign(handed.signal, { signal: handed.signal, args, name, attempt: number });
    const attempts = new Set<Cancellation>();
    let reason: unknown;
    const inContext = thisContext();
    if (isTimed) beginWait(task, 'policy');
    try {
      return await policy.execute((context?: unknown) => {
        endWait(task);
        const signal = signalIn(context);
        return inContext(() => attempt(signal === call ? undefined : signal, next, task, scope, attempts));
      }, call);
    } catch (thrown) {
      reason = thrown;
      throw thrown;
    } finally {
      endWait(task);
      handed.close();
      for (const left of attempts)
        left.abort(reason ?? new DOMException('the policy of the task has settled', 'AbortError'));
    }
  };
}

/** Returns the signal in the argument that a policy passes to the function, if any. */
function signalIn(context: unknown): AbortSignal | undefined {
  const signal = (context as { readonly signal?: unknown } | null | undefined)?.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/**
 * Runs one attempt in a scope that its policy can abort, by the signal that the policy passes or by settling. An
 * attempt that has ended stops listening to the signal, because cockatiel aborts the signal at the end.
 *
 * @param attempts - the attempts in progress, including this attempt until it ends
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
  if (given?.aborted) onAbort();
  attempts.add(cancellation);
  try {
    return await enter(scope, async () => next(task, scope));
  } finally {
    attempts.delete(cancellation);
    given?.removeEventListener('abort', onAbort);
    cancellation.release();
  }
}

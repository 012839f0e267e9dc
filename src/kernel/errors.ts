import { AbortError as AbortErrorOfRetry } from 'p-retry';
import { kindOf, markAsOurs, OrchestratorError, ValidationError } from '../shared/errors.js';
import { asJson, asLines, type Failure, type Holder, hide, named } from '../shared/failures.js';
import { cut } from '../shared/text.js';

/** Stops retrying immediately when thrown by an action. The task then fails with `originalError`. */
export interface AbortError extends Error {
  readonly name: 'AbortError';
  /** The error passed to the constructor, or a new error with the message passed to the constructor. */
  readonly originalError: Error;
}

/**
 * Stops retrying immediately when thrown by an action: `throw new AbortError('the account is closed')`. The task then
 * fails with the given error, or with an error that has the given message. The class is p-retry's own, so an
 * `AbortError` imported from p-retry works, too.
 */
export const AbortError: new (message: string | Error) => AbortError = AbortErrorOfRetry;

/**
 * Thrown when an attempt, a task or a process has not ended within its limit. The error is also the reason of the
 * aborted signal. `subject` is the name of the action or process, and `limit` the limit in milliseconds. `waited` is
 * the part of the limit, in milliseconds, that the task spent waiting for a place in its `limit` or for its policy.
 */
export class TimeoutError extends OrchestratorError {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';

  /**
   * @param subject - the name of the action or process
   * @param limit - the limit, in milliseconds
   * @param waited - the part of the limit that the task spent waiting, in milliseconds. Default: 0
   * @param reason - what the task waited for, for the message. Default: `policy`
   */
  constructor(
    readonly subject: string,
    readonly limit: number,
    readonly waited = 0,
    reason = 'policy',
  ) {
    const waiting = waited > 0 ? `, ${waited} ms of them waiting for its ${reason}` : '';
    super(`"${subject}" timed out after ${limit} ms${waiting}`);
  }

  /**
   * The calls of `parallel` and `map` that the limit interrupted, outermost first, with the results available by then.
   * Empty if no call was interrupted. Groups with `failFast` are not listed. Not enumerable.
   */
  get interrupted(): readonly InterruptedGroup[] {
    return interruptions.get(this) ?? [];
  }
}

/** A call of `parallel` or `map` that the limit of a run or task interrupted. */
export interface InterruptedGroup {
  /** The name of the group. */
  readonly name: string;
  /**
   * Settled results in the shape of the actions. Actions that had not ended are rejected with the `TimeoutError`. The
   * unread rest of a generator or another lazy source counts as one item.
   */
  readonly results: unknown;
}

/** Kept outside the errors, because the values of results must not be enumerable. */
const interruptions = new WeakMap<TimeoutError, InterruptedGroup[]>();

/** Adds a group to the error of the limit that interrupted the group. */
export function interrupt(error: TimeoutError, group: InterruptedGroup): void {
  interruptions.set(error, [...error.interrupted, group]);
}

/**
 * Thrown when a task has made all its attempts and `retry.until` accepted none of their results. `subject` is the name
 * of the action, `attempts` the number of attempts, and `result` the last result. Logs, `JSON.stringify` and terminals
 * do not show the result.
 */
export class RetryError<Result = unknown> extends OrchestratorError {
  override readonly name = 'RetryError';
  readonly code = 'ERR_RETRY';
  declare readonly result: Result;

  /**
   * @param subject - the name of the action
   * @param attempts - the number of attempts
   * @param result - the result of the last attempt
   */
  constructor(
    readonly subject: string,
    readonly attempts: number,
    result: Result,
  ) {
    super(`"${subject}" has no result that retry.until accepts after ${attempts} attempt${attempts === 1 ? '' : 's'}`);
    hide(this, 'result', result);
  }
}

/**
 * Thrown when a `limit` refuses an attempt because its queue is full: `maxQueue` attempts are already waiting for a
 * place. `subject` is the name of the action, `limit` the name of the limit (`undefined` if the limit has no name), and
 * `key` the key whose queue is full (`undefined` if the limit has no keys). The attempt is retried like after any other
 * failure.
 */
export class LimitError extends OrchestratorError {
  override readonly name = 'LimitError';
  readonly code = 'ERR_LIMIT';

  /**
   * @param subject - the name of the action
   * @param limit - the name of the limit, if any
   * @param key - the key whose queue is full, if the limit has keys
   * @param maxQueue - the maximum number of waiting attempts
   */
  constructor(
    readonly subject: string,
    readonly limit: string | undefined,
    readonly key: string | undefined,
    readonly maxQueue: number,
  ) {
    const by = limit === undefined ? 'its limit' : `the limit "${limit}"`;
    const queue = key === undefined ? 'the queue' : `the queue of the key ${JSON.stringify(cut(key, 100))}`;
    super(`"${subject}" was refused by ${by}, because ${queue} is full (maxQueue: ${maxQueue}): try again later`);
  }
}

/**
 * Thrown by `parallel` and `map` after all actions have settled, if some of them failed, and by `any` if all actions
 * have failed. If the group has reached its own limit, the `TimeoutError` of the limit is the `cause`.
 *
 * `errors` contains the failures in order. `results` contains every settled result in the shape of the actions: an
 * array for a list, an object for an object. The message names the items or keys of the first failures. Logs,
 * `JSON.stringify` and terminals show the failures, but not the results of completed actions.
 */
export class ParallelError<Results = unknown> extends AggregateError {
  override readonly name = 'ParallelError';
  readonly code = 'ERR_PARALLEL';
  declare readonly results: Results;

  constructor(errors: readonly Error[], results: Results, options?: ErrorOptions) {
    const total = Object.keys(Object(results)).length;
    const failures = named(failuresOf(errors, results), errors.length);
    super(errors, `${errors.length} of ${total} parallel actions failed: ${failures}`, options);
    hide(this, 'results', results);
  }

  toJSON(): object {
    return asJson(holderOf(this));
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return asLines(holderOf(this));
  }
}

markAsOurs(ParallelError);

function holderOf(error: ParallelError): Holder {
  return { error, failures: () => failuresOf(error.errors, error.results), count: error.errors.length };
}

/** Yields every failure with its item or key, or with its number if `results` does not contain it. */
function* failuresOf(errors: readonly unknown[], results: unknown): Generator<Failure> {
  const isList = Array.isArray(results);
  let index = 0;
  for (const key of Object.keys(Object(results))) {
    const settled = (results as Readonly<Record<string, PromiseSettledResult<unknown> | undefined>>)[key];
    if (settled?.status !== 'rejected') continue;
    yield { label: isList ? `item ${key}` : JSON.stringify(cut(key, 100)), reason: errors[index++] };
  }
  for (; index < errors.length; index++) yield { label: `failure ${index + 1}`, reason: errors[index] };
}

/**
 * Maximum number of errors attached to a failure, because a failure shared by many tasks must not grow with each of
 * them.
 */
const mostSuppressed = 16;

/** Adds an error to the `suppressed` list of a failure, unless the failure is frozen. */
export function suppress(failure: Error & { suppressed?: unknown }, thrown: unknown): void {
  const { suppressed = [] } = failure;
  if (Array.isArray(suppressed)) Reflect.set(failure, 'suppressed', [...suppressed, thrown].slice(0, mostSuppressed));
}

/**
 * Returns the error of a callback that was called with a failure. The failure is added to the `suppressed` list of the
 * error, so that it is not lost.
 */
export function thrownAbout(failure: Error, thrown: unknown, subject: string): Error {
  const error = failureOf(thrown, subject);
  if (error !== failure) suppress(error, failure);
  return error;
}

/** Returns true if `value` is an error, possibly from another realm (a `vm` context, a test runner). */
function isError(value: unknown): value is Error {
  return value instanceof Error || typeof (value as Error | null | undefined)?.stack === 'string';
}

/** Returns true if the value was thrown to stop retrying. */
export function isAbortError(thrown: unknown): thrown is AbortError {
  return isOf(AbortError, thrown);
}

export function isTimeout(thrown: unknown): thrown is TimeoutError {
  return isOf(TimeoutError, thrown);
}

function isOf<Instance>(Class: abstract new (...args: never) => Instance, thrown: unknown): thrown is Instance {
  try {
    return thrown instanceof Class;
  } catch {
    // `instanceof` throws for a revoked proxy.
    return false;
  }
}

/**
 * Returns the error that a caller receives for a thrown value. An `AbortError` is replaced by the error inside it, and
 * a value that is not an error by a `ValidationError`. A value that throws when it is inspected is not kept as the
 * cause, because it would throw again.
 */
export function failureOf(thrown: unknown, subject: string): Error {
  try {
    if (thrown instanceof AbortError) return thrown.originalError;
    if (isError(thrown)) return thrown;
    return new ValidationError(`"${subject}" threw ${kindOf(thrown)} instead of an Error`, { cause: thrown });
  } catch {
    return new ValidationError(`"${subject}" threw a value that cannot be inspected instead of an Error`);
  }
}

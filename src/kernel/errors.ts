import { AbortError as AbortErrorOfRetry } from 'p-retry';
import { kindOf, markAsOurs, OrchestratorError, ValidationError } from '../shared/errors.js';
import { asJson, asLines, type Failure, type Holder, hide, named } from '../shared/failures.js';
import { cut } from '../shared/text.js';

/** Thrown by an action to stop retrying at once. The failure that comes out is its `originalError`. */
export interface AbortError extends Error {
  readonly name: 'AbortError';
  /** The error that it was made with, or one with the message that it was made with. */
  readonly originalError: Error;
}

/**
 * p-retry's class, so that its own are recognised too. Its type is spelt out: p-retry has declarations for ES modules alone,
 * and those of this package are for CommonJS as well.
 */
export const AbortError: new (message: string | Error) => AbortError = AbortErrorOfRetry;

/** A task, an attempt or a process did not end within its limit. It is also the reason of the signal that was aborted. */
export class TimeoutError extends OrchestratorError {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';

  /**
   * @param subject - name of the action or process
   * @param limit - the limit, in milliseconds
   * @param waited - milliseconds of the limit that a policy kept the task waiting. Default: 0
   */
  constructor(
    readonly subject: string,
    readonly limit: number,
    readonly waited = 0,
  ) {
    const waiting = waited > 0 ? `, ${waited} ms of them waiting for its policy` : '';
    super(`"${subject}" timed out after ${limit} ms${waiting}`);
  }
}

/**
 * Some of the actions of `parallel` or `map` failed, after all of them had settled.
 *
 * `errors` are the failures in order; `results` is every settled result, in the shape that the call would have
 * resolved with: an array for a list of actions, an object for an object of actions. The message names the items or keys
 * that failed first. Logs, `JSON.stringify` and terminals show failures, and no result of an action that succeeded.
 */
export class ParallelError<Results = unknown> extends AggregateError {
  override readonly name = 'ParallelError';
  readonly code = 'ERR_PARALLEL';

  static {
    markAsOurs(ParallelError);
  }
  declare readonly results: Results;

  constructor(errors: readonly Error[], results: Results) {
    const total = Object.keys(Object(results)).length;
    const failures = named(failuresOf(errors, results), errors.length);
    super(errors, `${errors.length} of ${total} parallel actions failed: ${failures}`);
    hide(this, 'results', results);
  }

  toJSON(): object {
    return asJson(holderOf(this));
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return asLines(holderOf(this));
  }
}

function holderOf(error: ParallelError): Holder {
  return { error, failures: () => failuresOf(error.errors, error.results), count: error.errors.length };
}

/** Every failure, with its item or key; by number where the results do not say. */
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

/** If true, `value` is an error, also one of another realm (a `vm` context, a test runner). */
function isError(value: unknown): value is Error {
  return value instanceof Error || typeof (value as Error | null | undefined)?.stack === 'string';
}

/** If true, it was thrown to stop retrying. */
export function isAbortError(thrown: unknown): thrown is AbortError {
  try {
    return thrown instanceof AbortError;
  } catch {
    // A revoked proxy, say.
    return false;
  }
}

/**
 * The error that a caller gets for what was thrown: the one inside an `AbortError`, and a `ValidationError` for a value
 * that is not an error. A value that throws when it is looked at is not kept as the cause: it would throw again.
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

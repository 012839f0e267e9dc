import { AbortError } from 'p-retry';

/** Thrown by an action to stop retrying at once. The failure that comes out is its `originalError`. From p-retry. */
export { AbortError };

/** A task, an attempt or a process did not end within its limit. It is also the reason of the signal that was aborted. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';

  /**
   * @param subject - name of the action or process
   * @param limit - the limit, in milliseconds
   */
  constructor(
    readonly subject: string,
    readonly limit: number,
  ) {
    super(`"${subject}" timed out after ${limit} ms`);
  }
}

/**
 * Some of the actions of `parallel` or `map` failed, after all of them had settled.
 *
 * `errors` are the failures in order; `results` is every settled result, in the shape that the call would have
 * resolved with: an array for a list of actions, an object for an object of actions.
 */
export class ParallelError<Results = unknown> extends AggregateError {
  override readonly name = 'ParallelError';
  readonly code = 'ERR_PARALLEL';

  constructor(
    errors: readonly Error[],
    readonly results: Results,
  ) {
    const total = Object.keys(results as object).length;
    const first = errors[0]?.message.slice(0, 200);
    super(errors, `${errors.length} of ${total} parallel actions failed, the first with: ${first}`);
  }
}

/**
 * An option or an argument is not what was expected: the message names the field, and nothing has been started. Also what
 * comes out where something else than an error was thrown, which is its `cause`.
 */
export class ValidationError extends TypeError {
  override readonly name = 'ValidationError';
  readonly code = 'ERR_VALIDATION';
}

/** Whether a value is an error, also when it comes from another realm (a `vm` context, a test runner). */
function isError(value: unknown): value is Error {
  return value instanceof Error || typeof (value as Error | null | undefined)?.stack === 'string';
}

/** What a caller gets for what was thrown: the error behind an `AbortError`, and an error for whatever is none. */
export function failureOf(thrown: unknown, subject: string): Error {
  if (thrown instanceof AbortError) return thrown.originalError;
  if (isError(thrown)) return thrown;
  return new ValidationError(`"${subject}" threw ${kindOf(thrown)} instead of an Error`, {
    cause: thrown,
  });
}

/** The kind of a value, for messages: the name of its class. Never the value itself, which may be secret or large. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return String(Object.getPrototypeOf(Object(value))?.constructor?.name ?? typeof value);
}

/**
 * Marks the prototypes of this package's errors. It is a registered symbol, so every copy of the package in a program
 * recognises it.
 */
const mark = Symbol.for('orchestrator.error');

/**
 * Base class of this package's errors. The `code` distinguishes them.
 *
 * `instanceof` recognises them by a mark on their prototypes and not by inheritance, because some have to be
 * `TypeError`s, `RangeError`s or `AggregateError`s, and a program may contain two copies of the package. For
 * subclasses, `instanceof` works as usual. p-retry's `AbortError` is not an `OrchestratorError`: actions throw it to
 * stop retrying, and callers receive the error inside it.
 *
 * @example
 * try {
 *   await orchestrator.run(() => fetchUser('42'));
 * } catch (error) {
 *   if (error instanceof OrchestratorError) logger.warn({ code: error.code });
 *   throw error;
 * }
 */
export abstract class OrchestratorError extends Error {
  /** Code of the error, such as `ERR_TIMEOUT`. It stays the same when messages change. */
  abstract readonly code: string;

  static {
    markAsOurs(OrchestratorError);
  }

  // A type predicate is left out, because it would narrow subclasses to this class.
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: `this` may be a subclass
    if (this !== OrchestratorError) return super[Symbol.hasInstance](value);
    return typeof value === 'object' && value !== null && mark in value;
  }
}

/** Makes the errors of a class count as `OrchestratorError`s. Used for classes that have to extend another class. */
export function markAsOurs(Class: { readonly prototype: OrchestratorError }): void {
  Object.defineProperty(Class.prototype, mark, { value: true });
}

/**
 * Thrown when an option or an argument is not valid. The message names the field and the expected value, and no work
 * has been started. A task or run whose function throws a value that is not an error also fails with a
 * `ValidationError`; the value is then the `cause`.
 */
export class ValidationError extends TypeError {
  override readonly name = 'ValidationError';
  readonly code = 'ERR_VALIDATION';
}

markAsOurs(ValidationError);

/** Converts a value to text, or to its kind if it throws when it is read. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return kindOf(value);
  }
}

/**
 * Returns the kind of a value, for messages: the name of its class, or its type if it throws when it is read. Never
 * returns the value itself, which may be secret or large.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  try {
    return String(Object.getPrototypeOf(Object(value))?.constructor?.name || typeof value);
  } catch {
    return typeof value;
  }
}

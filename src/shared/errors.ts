/** Stands on the prototypes of this package's errors. Registered, so that each copy of the package in a program finds it. */
const mark = Symbol.for('orchestrator.error');

/**
 * Base class of the errors that this package makes. `code` tells them apart.
 *
 * `instanceof` recognises them by a mark on their prototypes, not by descent: some have to be `TypeError`s, `RangeError`s
 * or `AggregateError`s, and a program may have two copies of the package. Classes below it are found by descent, as
 * usual. p-retry's `AbortError` is not one of them: it is only thrown to stop retrying, and never comes out.
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
  /** The kind of error, which stays the same where messages change: `ERR_TIMEOUT`, say. */
  abstract readonly code: string;

  static {
    markAsOurs(OrchestratorError);
  }

  // No type predicate: classes below would be narrowed to this one.
  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class that is asked for may be one below
    if (this !== OrchestratorError) return super[Symbol.hasInstance](value);
    return typeof value === 'object' && value !== null && mark in value;
  }
}

/** Makes the errors of a class `OrchestratorError`s, where the class has to descend from another one. */
export function markAsOurs(Class: { readonly prototype: OrchestratorError }): void {
  Object.defineProperty(Class.prototype, mark, { value: true });
}

/**
 * An option or an argument is not what was expected: the message names the field, and nothing has been started. Also what
 * comes out where something else than an error was thrown, which is its `cause`.
 */
export class ValidationError extends TypeError {
  override readonly name = 'ValidationError';
  readonly code = 'ERR_VALIDATION';

  static {
    markAsOurs(ValidationError);
  }
}

/** A value as text; its kind if it throws when it is read. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return kindOf(value);
  }
}

/**
 * The kind of a value, for messages: the name of its class, or its type if it throws when it is looked at. Never the
 * value itself, which may be secret or large.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  try {
    return String(Object.getPrototypeOf(Object(value))?.constructor?.name ?? typeof value);
  } catch {
    return typeof value;
  }
}

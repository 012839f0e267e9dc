/**
 * An option or an argument is not what was expected: the message names the field, and nothing has been started. Also what
 * comes out where something else than an error was thrown, which is its `cause`.
 */
export class ValidationError extends TypeError {
  override readonly name = 'ValidationError';
  readonly code = 'ERR_VALIDATION';
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

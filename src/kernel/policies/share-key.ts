import { types } from 'node:util';
import { kindOf, ValidationError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/validate.js';

/**
 * Maximum nesting of arguments that are compared. The maximum also stops the comparison of values that contain
 * themselves.
 */
const deepest = 100;

/** First character of keys that were serialised as text. Strings that begin with this character are serialised, too. */
const written = '\0';

/**
 * Returns the key of a call. Equal values have the same key, and different values have different keys. A single
 * primitive is its own key. Several values, plain objects, arrays and Dates are serialised as text, independent of the
 * order of properties.
 *
 * @throws {ValidationError} if a value is of another kind
 */
export function keyOf(values: readonly unknown[], subject: string): unknown {
  const only = values[0];
  const isPrimitive = typeof only !== 'object' && typeof only !== 'function';
  if (values.length === 1 && isPrimitive && !(typeof only === 'string' && only.startsWith(written))) return only;
  let key = written;
  for (const value of values) key += `${write(value, subject, 0)},`;
  return key;
}

function write(value: unknown, subject: string, depth: number): string {
  // The length prefix makes it unnecessary to escape characters in the string.
  if (typeof value === 'string') return `${value.length}"${value}`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return `${value}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (types.isDate(value)) return `@${value.getTime()}`;
  if (depth === deepest) throw incomparable(subject, `a value that is nested more than ${deepest} deep`);
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, subject, depth + 1))}]`;
  if (!isPlainObject(value) || Object.getOwnPropertySymbols(value).length > 0) {
    throw incomparable(subject, typeof value === 'symbol' ? 'a symbol' : kindOf(value));
  }
  let text = '{';
  for (const name of Object.keys(value).sort()) {
    text += `${name.length}"${name}:${write(value[name], subject, depth + 1)},`;
  }
  return `${text}}`;
}

function incomparable(subject: string, kind: string): ValidationError {
  return new ValidationError(
    `share of "${subject}" compares primitives, plain objects, arrays and Dates, got ${kind}: give share.key, a function from the arguments to one of these`,
  );
}

import { types } from 'node:util';
import { kindOf, ValidationError } from '../shared/errors.js';
import { isPlainObject } from '../shared/validate.js';

/** Deepest nesting of arguments that are compared. Also ends the search in values that contain themselves. */
const deepest = 100;

/** First character of keys that were written as text. Strings that begin with it are written, too. */
const written = '\0';

/**
 * Returns the key of a call: the same for equal values, and for no others. A single primitive is its own key. Several
 * values, plain objects, arrays and Dates are written as text, in which the order of properties does not matter.
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
  // With its length in front, a string needs no quotation of the characters in it.
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

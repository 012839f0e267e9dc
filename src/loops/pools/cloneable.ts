import { ValidationError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/validate.js';

/** Number of levels of plain data that are checked value by value. Deeper values are cloned as a test. */
const deepest = 6;

/**
 * Throws for a value that cannot be cloned. Values are checked when they are pushed, so that the node that pushes the
 * value fails.
 *
 * @param path - name of the value in the message
 * @throws {ValidationError} with the path of the invalid subvalue
 */
export function assertCloneable(value: unknown, path: string, depth = 0): void {
  const type = typeof value;
  if (type === 'function' || type === 'symbol') throw uncloneable(path, `it is a ${type}`);
  if (type !== 'object' || value === null) return;
  if (depth < deepest && Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) assertCloneable(value[index], `${path}[${index}]`, depth + 1);
  } else if (depth < deepest && isPlainObject(value)) {
    for (const key of Object.keys(value)) assertCloneable(value[key], `${path}.${key}`, depth + 1);
  } else if (!(value instanceof Date || ArrayBuffer.isView(value))) assertClones(value, path);
}

function assertClones(value: unknown, path: string): void {
  try {
    structuredClone(value);
  } catch (cause) {
    throw uncloneable(path, String(Object(cause).message), cause);
  }
}

function uncloneable(path: string, problem: string, cause?: unknown): ValidationError {
  return new ValidationError(
    `the value pushed to ${path} cannot be sent to another thread or process, or stored: ${problem}`,
    cause === undefined ? undefined : { cause },
  );
}

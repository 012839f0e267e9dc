/**
 * Errors in the form in which telemetry sends them, with bounded texts and a bounded number of types. Reading an error
 * may throw.
 */

import { cut as cutText } from '../shared/text.js';

/** Value that the semantic conventions define for all `error.type`s that are not known. */
const otherType = '_OTHER';

/**
 * Maximum number of distinct error types. The number has to be limited, because each type is a separate time series and
 * a program may generate names of errors.
 */
const mostTypes = 200;
const types = new Set<string>();

const longestMessage = 2_000;
const longestStack = 8_000;

/**
 * Returns the name of an error's class. Returns `_OTHER` for anything that is not a name, and for new names after 200
 * different names in a program.
 */
export function errorTypeOf(error: unknown): string {
  const type = nameOf(error);
  if (types.has(type)) return type;
  if (types.size === mostTypes) return otherType;
  types.add(type);
  return type;
}

function nameOf(error: unknown): string {
  return textOf(() => {
    const { name, constructor: Class } = error as Error;
    const type = name === 'Error' ? Class.name || name : name;
    return /^[\w$.:-]{1,80}$/.test(type) ? type : otherType;
  }, otherType);
}

/** Returns the message of an error, at most 2,000 characters. */
export function messageOf(error: unknown): string {
  return cut(
    textOf(() => (error as Error).message),
    longestMessage,
  );
}

/** An exception to record on a span. Its type is the name of its class, never its `code`. */
export interface RecordedException {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export function exceptionOf(error: unknown): RecordedException {
  const stack = textOf(() => (error as Error).stack);
  return { name: nameOf(error), message: messageOf(error), stack: cut(stack, longestStack) };
}

function textOf(read: () => unknown, otherwise = ''): string {
  try {
    return String(read() ?? otherwise);
  } catch {
    return otherwise;
  }
}

/** Cuts text to the given number of characters. Default: the limit of messages. */
export function cut(text: string, length = longestMessage): string {
  return text.length <= length ? text : `${cutText(text, length - 1)}…`;
}

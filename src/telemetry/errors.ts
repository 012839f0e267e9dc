/**
 * Errors as telemetry sends them: bounded in length and in number, whatever they are. Reading an error may throw.
 */

import { cut as cutText } from '../shared/text.js';

/** The value that semantic conventions give `error.type` where there is none of a small set. */
const otherType = '_OTHER';

/** Types that are told apart. Names of errors may be made for each: each would be a series of its own. */
const mostTypes = 200;
const types = new Set<string>();

const longestMessage = 2_000;
const longestStack = 8_000;

/** The class of an error by name, one of at most 200 in a program; `_OTHER` beyond, and for what is no name. */
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

/** The message of an error, at most 2,000 characters. */
export function messageOf(error: unknown): string {
  return cut(
    textOf(() => (error as Error).message),
    longestMessage,
  );
}

/** An exception to be recorded: its type is the name of its class, never its `code`. */
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

/** A text of at most so many characters. Default: as for messages. */
export function cut(text: string, length = longestMessage): string {
  return text.length <= length ? text : `${cutText(text, length - 1)}…`;
}

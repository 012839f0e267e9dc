/**
 * Texts for errors that contain other errors or results of the caller, for use in messages, logs and terminals. Each
 * text says which item failed and why, in a bounded number of lines, and contains no result of work that completed.
 */

import { cut, endOf } from './text.js';

/** A failure inside an error. */
export interface Failure {
  /** Label of the failure: its item or key. Default: none, because the message identifies the failure. */
  readonly label?: string | undefined;
  readonly reason: unknown;
}

/** An error that contains other failures. */
export interface Holder {
  readonly error: Error & { readonly code: string };
  /** Returns the failures in order. They are created lazily, because there may be many. */
  readonly failures: () => Iterable<Failure>;
  readonly count: number;
}

/** Maximum number of failures that a message names, a terminal shows and a log keeps. */
const most = { named: 3, shown: 9, kept: 100 } as const;

/** Maximum number of stack lines that are shown. */
const mostFrames = 6;

/** Limits on the text of a failure: number of characters written, of characters read, and of causes. */
const longestText = 200;
const longestRead = 10 * longestText;
const mostCauses = 3;

/** Defines a field that logs, `JSON.stringify` and terminals leave out. */
export function hide<Name extends string>(error: Error, name: Name, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
}

/** Describes the first failures and counts the rest, on one line. */
export function named(failures: Iterable<Failure>, count: number): string {
  const texts = first(most.named, failures).map(({ label, reason }) => labelled(label, textOf(reason)));
  const rest = count - texts.length;
  return [...texts, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

/** Returns the object that `JSON.stringify` writes for an error that contains failures. */
export function asJson({ error, failures, count }: Holder): object {
  const { name, code, message } = error;
  const errors = first(most.kept, failures()).map(({ label, reason }) => ({
    ...(label === undefined ? {} : { at: label }),
    ...dataOf(reason),
  }));
  return { name, code, message, failed: count, errors };
}

/**
 * Returns the text that `console.error` and `util.inspect` write for an error that contains failures. The text has
 * fewer than thirty lines.
 */
export function asLines({ error, failures, count }: Holder): string {
  const lines = first(most.shown, failures()).map(({ label, reason }, index) =>
    [labelled(label, `${nameOf(reason)}: ${textOf(reason)}`), ...(index === 0 ? framesOf(reason) : [])].join('\n    '),
  );
  const rest = count - lines.length;
  if (rest > 0) lines.push(`and ${rest} more, in errors`);
  const { name, message, code } = error;
  return [`${name}: ${message}`, ...framesOf(error), `  code: '${code}'`, '  failures:', ...lines.map(indented)].join(
    '\n',
  );
}

function labelled(label: string | undefined, text: string): string {
  return label === undefined ? text : `${label}: ${text}`;
}

function indented(text: string): string {
  return `    ${text.replaceAll('\n', '\n    ')}`;
}

function first(count: number, failures: Iterable<Failure>): Failure[] {
  const found: Failure[] = [];
  for (const failure of failures) {
    if (found.length === count) break;
    found.push(failure);
  }
  return found;
}

function dataOf(reason: unknown): object {
  const code = fieldOf(reason, 'code');
  const hasCode = typeof code === 'string' || typeof code === 'number';
  return { name: nameOf(reason), message: textOf(reason), ...(hasCode ? { code } : {}) };
}

function nameOf(reason: unknown): string {
  const name = fieldOf(reason, 'name');
  return typeof name === 'string' && name !== '' ? shortened(name) : typeof reason;
}

/** Describes a failure and its causes on one line. Causes that add nothing are skipped. */
function textOf(reason: unknown): string {
  const texts: string[] = [];
  let at: unknown = reason;
  for (let depth = 0; depth < mostCauses && at !== undefined && at !== null; depth++) {
    const text = [fieldOf(at, 'message'), fieldOf(at, 'code')].find((part) => typeof part === 'string' && part !== '');
    if (text !== undefined && !texts.some((other) => other.includes(text as string))) texts.push(text as string);
    at = fieldOf(at, 'cause');
  }
  return shortened(texts.join(': ') || nameOf(reason));
}

/**
 * Shortens text to one line. Long text keeps its beginning and its end, because the end of a chain of failures
 * names the first cause.
 */
function shortened(text: string): string {
  const line = cut(text, longestRead).replaceAll(/\s+/g, ' ').trim();
  if (line.length <= longestText) return line;
  return `${cut(line, longestText / 2)} … ${endOf(text, longestText / 2).replaceAll(/\s+/g, ' ')}`;
}

function framesOf(reason: unknown): string[] {
  const stack = fieldOf(reason, 'stack');
  const lines = typeof stack === 'string' ? stack.split('\n') : [];
  return lines.filter((line) => /^\s+at /.test(line)).slice(0, mostFrames);
}

/** Reads a field of a thrown value. Any value may be thrown; a field that throws when it is read is `undefined`. */
export function fieldOf(thrown: unknown, name: string): unknown {
  try {
    return (Object(thrown) as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}

/**
 * Errors that hold other errors, or values that the caller has anyway: what they say in a message, in a log and on a
 * terminal. Each says which item failed and why, in a bounded number of lines, and gives no successful value away.
 */

import { cut, endOf } from './text.js';

/** One of the failures that an error holds. */
export interface Failure {
  /** Which one it is: the item or the key. Default: its message says so. */
  readonly label?: string | undefined;
  readonly reason: unknown;
}

/** An error that holds others. */
export interface Holder {
  readonly error: Error & { readonly code: string };
  /** In order, made as they are read: there may be many. */
  readonly failures: () => Iterable<Failure>;
  readonly count: number;
}

/** How many failures a message names, a terminal shows and a log keeps. */
const most = { named: 3, shown: 9, kept: 100 } as const;

/** How many lines of a stack are shown. */
const mostFrames = 6;

/** How many characters of a failure are spelt out, and how many of its causes. */
const longestText = 200;
const longestRead = 10 * longestText;
const mostCauses = 3;

/** Defines a field that logs, `JSON.stringify` and terminals leave out. */
export function hide<Name extends string>(error: Error, name: Name, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true });
}

/** The first failures and the number of the others, on one line. */
export function named(failures: Iterable<Failure>, count: number): string {
  const texts = first(most.named, failures).map(({ label, reason }) => labelled(label, textOf(reason)));
  const rest = count - texts.length;
  return [...texts, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

/** What `JSON.stringify` writes of an error that holds others. */
export function asJson({ error, failures, count }: Holder): object {
  const { name, code, message } = error;
  const errors = first(most.kept, failures()).map(({ label, reason }) => ({
    ...(label === undefined ? {} : { at: label }),
    ...dataOf(reason),
  }));
  return { name, code, message, failed: count, errors };
}

/** What `console.error` and `util.inspect` write of an error that holds others: less than thirty lines. */
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
  const { code } = fieldsOf(reason);
  const hasCode = typeof code === 'string' || typeof code === 'number';
  return { name: nameOf(reason), message: textOf(reason), ...(hasCode ? { code } : {}) };
}

function nameOf(reason: unknown): string {
  const { name } = fieldsOf(reason);
  return typeof name === 'string' && name !== '' ? shortened(name) : typeof reason;
}

/** A failure and its causes, as far as they say something new, on one line. */
function textOf(reason: unknown): string {
  const texts: string[] = [];
  let at: unknown = reason;
  for (let depth = 0; depth < mostCauses && at !== undefined && at !== null; depth++) {
    const { message, code, cause } = fieldsOf(at);
    const text = [message, code].find((part) => typeof part === 'string' && part !== '');
    if (text !== undefined && !texts.some((other) => other.includes(text as string))) texts.push(text as string);
    at = cause;
  }
  return shortened(texts.join(': ') || nameOf(reason));
}

/** On one line. Of a long text its beginning and its end: the end of a chain of failures is where it began. */
function shortened(text: string): string {
  const line = cut(text, longestRead).replaceAll(/\s+/g, ' ').trim();
  if (line.length <= longestText) return line;
  return `${cut(line, longestText / 2)} … ${endOf(text, longestText / 2).replaceAll(/\s+/g, ' ')}`;
}

function framesOf(reason: unknown): string[] {
  const { stack } = fieldsOf(reason);
  const lines = typeof stack === 'string' ? stack.split('\n') : [];
  return lines.filter((line) => /^\s+at /.test(line)).slice(0, mostFrames);
}

type Fields = Readonly<Partial<Record<'name' | 'message' | 'code' | 'cause' | 'stack', unknown>>>;

/** What can be read of it: anything may be thrown, also what throws when it is looked at. */
function fieldsOf(thrown: unknown): Fields {
  try {
    const { name, message, code, cause, stack } = Object(thrown) as Fields;
    return { name, message, code, cause, stack };
  } catch {
    return {};
  }
}

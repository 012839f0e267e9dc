import { types } from 'node:util';
import { DevalueError, defaultStringifyOperations, parse, stringify } from 'devalue';
import { hide } from '../../shared/failures.js';
import { SerializationError } from '../errors.js';

/** Writes values as text and reads them back. */
export interface Serializer {
  /** @throws {SerializationError} for a value that would not come back as it is */
  serialize(value: unknown): string;
  deserialize(text: string): unknown;
}

/**
 * The default serializer, on devalue. It keeps plain objects, arrays, Date, Map, Set, BigInt, RegExp, URL, ArrayBuffer,
 * typed arrays, DataView and Buffer, `undefined`, NaN, -0, Infinity, references to the same object, and errors with class
 * name, message, code, cause and stack. Of a buffer behind a view only the bytes that the view shows are written. It refuses
 * functions, symbols, SharedArrayBuffer and instances of classes (of those that extend a built-in one too), naming the path.
 */
export class DefaultSerializer implements Serializer {
  serialize(value: unknown): string {
    try {
      return stringify(value, reducers, { operations });
    } catch (error) {
      if (error instanceof RangeError) {
        const problem = `cannot be saved: it is nested too deep; up to ${safeDepth} levels always can`;
        throw new SerializationError(deepPath(value), problem, { cause: error });
      }
      if (!(error instanceof DevalueError)) {
        throw new SerializationError('', 'cannot be saved: it threw an error when it was read', { cause: error });
      }
      const problem = `cannot be saved: ${explain(error)}`;
      // It holds the value, and all that is around it.
      for (const name of ['value', 'root']) hide(error, name, undefined);
      throw new SerializationError(pathOf(error.path), problem, { cause: error });
    }
  }

  /** @throws {SerializationError} for a text that is not one of `serialize`, or whose values are nested too deep */
  deserialize(text: string): unknown {
    try {
      return parse(text, { Buffer: ([base64]: [string]) => Buffer.from(base64, 'base64'), Error: reviveError });
    } catch (error) {
      const isTooDeep = error instanceof RangeError;
      const why = isTooDeep ? `it is nested too deep; up to ${safeDepth} levels always can` : 'the text is damaged';
      throw new SerializationError('', `cannot be read: ${why}`, { cause: error });
    }
  }
}

const reducers = { Refused: refuse, Buffer: reduceBuffer, Error: reduceError };

/** A view is written as one of a buffer of its own: what else is in the buffer is not the view's to give away. */
const operations = {
  ...defaultStringifyOperations,
  viewInfo(view: NodeJS.TypedArray | DataView) {
    const { byteOffset, byteLength } = view;
    const { length } = view as NodeJS.TypedArray;
    const isWhole = byteLength === view.buffer.byteLength;
    const buffer = isWhole ? view.buffer : view.buffer.slice(byteOffset, byteOffset + byteLength);
    return { buffer, byteOffset: 0, byteLength, length, bufferByteLength: byteLength };
  },
};

/** In an array, because a reducer that gives something falsy (an empty text) has not reduced anything. */
function reduceBuffer(value: unknown): [base64: string] | false {
  return Buffer.isBuffer(value) && [value.toString('base64')];
}

/** Stands for a value that is refused: devalue knows its path, and refuses functions. */
interface Refusal {
  (): void;
  readonly reason: string;
}

/** Refuses what would come back as an instance of the class that its own class extends. */
function refuse(value: unknown): Refusal | false {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return false;
  if (chainLength(value) <= builtInLength(value)) return false;
  return Object.assign(() => undefined, { reason: `an instance of ${value.constructor?.name || 'a class'}` });
}

/** How many prototypes a value has: unlike what these are, the same in any realm. */
function chainLength(value: object): number {
  let length = 0;
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) length++;
  return length;
}

/** How many prototypes an instance of the built-in class itself has; Infinity for what devalue refuses or reduces. */
function builtInLength(value: object): number {
  if (Buffer.isBuffer(value)) return 4;
  if (types.isTypedArray(value)) return 3;
  const isBuiltIn =
    Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isDate(value) || types.isRegExp(value);
  return isBuiltIn || types.isDataView(value) || types.isAnyArrayBuffer(value) ? 2 : Infinity;
}

/** Values that are nested no deeper can be saved however little of the stack is left. */
const safeDepth = 1_000;

/** The path to the first thing in a value that is nested too deep, cut short. */
function deepPath(value: unknown): string {
  const seen = new Set<unknown>();
  const open: { readonly item: unknown; readonly keys: readonly string[]; readonly depth: number }[] = [
    { item: value, keys: [], depth: 0 },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { item, keys, depth } = next;
    if (depth > safeDepth) return `${keys.join('.')}…`;
    if (typeof item !== 'object' || item === null || seen.has(item)) continue;
    seen.add(item);
    for (const [key, inner] of entriesOf(item)) {
      open.push({ item: inner, keys: keys.length < 5 ? [...keys, key] : keys, depth: depth + 1 });
    }
  }
  return '';
}

function entriesOf(item: object): [string, unknown][] {
  if (types.isMap(item)) return [...item].map(([key, value]) => [String(key), value]);
  if (types.isSet(item)) return [...item].map((value, index) => [String(index), value]);
  return ArrayBuffer.isView(item) ? [] : Object.entries(item);
}

type SavedError = Record<'name' | 'message' | 'stack' | 'code' | 'cause' | 'errors', unknown>;

/** What is kept of an error, also one of another realm. What hangs on it besides (requests, sockets) is not kept. */
function reduceError(value: unknown): SavedError | false {
  if (!(value instanceof Error || types.isNativeError(value))) return false;
  const code = fieldOf(value, 'code');
  const errors = fieldOf(value, 'errors');
  const isCode = typeof code === 'string' || typeof code === 'number';
  return {
    name: textOf(fieldOf(value, 'name')),
    message: textOf(fieldOf(value, 'message')),
    stack: textOf(fieldOf(value, 'stack')),
    code: isCode ? code : undefined,
    cause: savable(fieldOf(value, 'cause')),
    errors: Array.isArray(errors) ? errors.map(savable) : undefined,
  };
}

/** A field of an error; `undefined` if reading it throws. A failure can always be saved. */
function fieldOf(error: Error, name: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that cannot be read';
  }
}

/** Anything may be thrown; a cause that cannot be saved is kept as text, so that a failure can always be saved. */
function savable(cause: unknown): unknown {
  if (Object(cause) !== cause) return typeof cause === 'symbol' ? String(cause) : cause;
  try {
    if (cause instanceof Error) return isDeeper(cause, mostCauses) ? textOf(cause) : cause;
    stringify(cause, { Refused: refuse, Buffer: reduceBuffer });
    return cause;
  } catch {
    return textOf(cause);
  }
}

/** Causes of causes beyond this are kept as text. */
const mostCauses = 100;

/** Whether the errors that an error holds (its cause, those of an aggregate) hold others more than so many levels deep. */
function isDeeper(error: Error, levels: number): boolean {
  const seen = new Set<unknown>();
  let level: unknown[] = [error];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((held) => heldBy(held).filter((inner) => !seen.has(inner) && seen.add(inner)));
  }
  return false;
}

function heldBy(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [];
  const errors = fieldOf(error, 'errors');
  return [fieldOf(error, 'cause'), ...(Array.isArray(errors) ? errors : [])].filter((held) => held instanceof Error);
}

const classes: Readonly<Record<string, { readonly prototype: Error }>> = {
  AggregateError,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function reviveError(saved: SavedError): Error {
  const { name, message, stack, code, cause, errors } = saved;
  const Class = classes[name as string] ?? Error;
  const error = Object.create(Class.prototype) as Error;
  const properties = { name, message, stack, code, cause, errors };
  for (const [key, value] of Object.entries(properties)) {
    if (value !== undefined) Object.defineProperty(error, key, { value, configurable: true, writable: true });
  }
  return error;
}

function pathOf(path: string): string {
  return path.replace(/^\./, '');
}

function explain({ message, value }: DevalueError): string {
  const { reason } = Object(value) as Partial<Refusal>;
  if (typeof value === 'function' && reason !== undefined) return `it is or holds ${reason}`;
  return message.replace(/^Cannot stringify /, 'it is or holds ');
}

import { types } from 'node:util';
import { DevalueError, defaultStringifyOperations, parse, stringify } from 'devalue';
import { kindOf } from './errors.js';
import { fieldOf, hide } from './failures.js';
import { SerializationError } from './serialization-error.js';

/**
 * Converts values to text and back, for checkpoints, snapshots and fleets. To store classes that `DefaultSerializer`
 * refuses, implement this interface and pass the implementation as the `serializer` option of a `FlowRuntime`. Both
 * methods must be synchronous.
 */
export interface Serializer {
  /**
   * Writes a value as text.
   *
   * @throws {SerializationError} if `deserialize` could not restore the value unchanged
   */
  serialize(value: unknown): string;
  /**
   * Reads a value from a text that `serialize` has written.
   *
   * @throws {SerializationError} if the text cannot be read
   */
  deserialize(text: string): unknown;
}

/**
 * The default serializer, built on devalue. It preserves:
 *
 * - plain objects, arrays, Date, Map, Set, BigInt, RegExp and URL;
 * - ArrayBuffer, typed arrays, DataView and Buffer. Only the bytes that a view shows are written, not the rest of its
 *   buffer;
 * - `undefined`, NaN, -0, Infinity, and several references to the same object, including cycles;
 * - errors, with class name, message, code, cause and stack.
 *
 * It refuses functions, symbols, SharedArrayBuffer and class instances, including instances of classes that extend a
 * built-in class. The error names the path of the value, and its class.
 */
export class DefaultSerializer implements Serializer {
  /**
   * Writes a value as text.
   *
   * @throws {SerializationError} if a value cannot be saved or is nested too deeply; the error names its path
   */
  serialize(value: unknown): string {
    try {
      return stringify(value, reducers, { operations });
    } catch (error) {
      if (error instanceof RangeError) {
        const problem = `cannot be saved: it is nested too deep; keep it within ${safeDepth} levels`;
        throw new SerializationError(deepPath(value), problem, { cause: error });
      }
      if (!(error instanceof DevalueError)) {
        throw new SerializationError('', 'cannot be saved: it threw an error when it was read', { cause: error });
      }
      const problem = `cannot be saved: ${explain(error)}`;
      // The error holds the value and everything around it. Both are hidden, so that they do not end up in logs.
      for (const name of ['value', 'root']) hide(error, name, undefined);
      throw new SerializationError(pathOf(error.path), problem, { cause: error });
    }
  }

  /**
   * Reads a value from a text that `serialize` has written.
   *
   * @throws {SerializationError} if the text is damaged, or if a value is nested too deeply
   */
  deserialize(text: string): unknown {
    try {
      return parse(text, { Buffer: ([base64]: [string]) => Buffer.from(base64, 'base64'), Error: reviveError });
    } catch (error) {
      const isTooDeep = error instanceof RangeError;
      const why = isTooDeep ? `it is nested too deep; keep it within ${safeDepth} levels` : 'the text is damaged';
      throw new SerializationError('', `cannot be read: ${why}`, { cause: error });
    }
  }
}

const reducers = { Refused: refuse, Buffer: reduceBuffer, Error: reduceError };

/**
 * Writes a view with a copy of only those bytes that it shows, because the rest of its buffer may hold unrelated data.
 */
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

/**
 * Wraps the text in an array, because devalue ignores a falsy result of a reducer, such as the text of an empty buffer.
 */
function reduceBuffer(value: unknown): [base64: string] | false {
  return Buffer.isBuffer(value) && [value.toString('base64')];
}

/**
 * Names of the classes of refused values, by the functions that replace them. devalue refuses functions, with an error
 * that contains the path.
 */
const refusals = new WeakMap<WeakKey, string>();

/**
 * Refuses instances of classes that extend a built-in class, because devalue would restore them as instances of the
 * built-in class.
 */
function refuse(value: unknown): (() => void) | false {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return false;
  if (chainLength(value) <= builtInLength(value)) return false;
  const refused = () => undefined;
  refusals.set(refused, kindOf(value));
  return refused;
}

/**
 * Returns the number of prototypes of a value. The number is the same in every realm, although the prototypes
 * themselves differ.
 */
function chainLength(value: object): number {
  let length = 0;
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) length++;
  return length;
}

/**
 * Returns the number of prototypes of a direct instance of the value's built-in class. Returns Infinity for values that
 * devalue refuses or that a reducer handles.
 */
function builtInLength(value: object): number {
  if (Buffer.isBuffer(value)) return 4;
  if (types.isTypedArray(value)) return 3;
  const isBuiltIn =
    Array.isArray(value) || types.isMap(value) || types.isSet(value) || types.isDate(value) || types.isRegExp(value);
  return isBuiltIn || types.isDataView(value) || types.isAnyArrayBuffer(value) ? 2 : Infinity;
}

/** The nesting depth that can always be saved, however little of the call stack is left. */
const safeDepth = 1_000;

/** Returns the path to the first value that is nested too deeply, truncated after its first keys. */
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

/**
 * Extracts those fields of an error that are saved. Other properties, such as requests and sockets, are dropped. The
 * error may come from another realm.
 */
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

function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that cannot be read';
  }
}

/** Returns the cause itself if it can be saved, otherwise its text, so that any failure can be saved. */
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

/** The maximum depth of nested causes. Deeper causes are saved as text. */
const mostCauses = 100;

/**
 * Returns true if the errors held by an error (its cause, and the errors of an aggregate) are nested more than `levels`
 * deep.
 */
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

/** Reasons for errors of devalue, by a part of their messages. Values of classes are named instead. */
const reasons: readonly (readonly [part: string, reason: string])[] = [
  ['a function', 'a function: save what is needed to create it'],
  ['a Symbol', 'a symbol: save its description'],
  ['Promise or thenable', 'a promise, or an object with a method "then": await it first'],
  ['symbolic keys', 'an object with symbols as keys: use strings'],
  ['__proto__', 'an object with the key "__proto__": use another key'],
];

function explain({ message, value }: DevalueError): string {
  const kind = refusals.get(value) ?? (message.includes('non-POJOs') ? kindOf(value) : undefined);
  if (kind !== undefined) {
    const what = kind === 'Object' ? 'an object that inherits from another object' : `an instance of ${kind}`;
    return `it is ${what}: save its data as a plain object`;
  }
  const [, reason] = reasons.find(([part]) => message.includes(part)) ?? [];
  return reason === undefined ? message.replace(/^Cannot stringify /, 'it is ') : `it is ${reason}`;
}

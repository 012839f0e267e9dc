import { kindOf, ValidationError } from './errors.js';
import { isClean } from './text.js';

/**
 * Validates a value and returns it, possibly converted.
 *
 * @throws {ValidationError} if the value is not valid; the message names the field, the expected value, and the kind of
 *   the given value
 */
export type Reader<Value = unknown> = (value: unknown, field: string) => Value;

/** Readers of options, by option name. An option without a reader is rejected as unknown. */
export type Schema<Options> = { readonly [Key in keyof Required<Options>]: Reader };

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
export type AnyFunction = (...args: any[]) => unknown;

/** Maximum delay of a Node timer, in milliseconds: 24.8 days. A longer delay would fire at once. */
export const longestDelay = 2 ** 31 - 1;

const reservedKeys = ['__proto__', 'constructor', 'prototype'];

export const aFunction = aValue<AnyFunction>('a function', (value) => typeof value === 'function');
export const aBoolean = aValue<boolean>('a boolean', (value) => typeof value === 'boolean');
export const aName = aValue<string>('a non-empty string', (value) => typeof value === 'string' && value !== '');
/** Like `aName`, but restricted to characters that every store can hold. */
export const anId = aValue<string>(
  'a non-empty string without half surrogates and NUL',
  (value) => typeof value === 'string' && value !== '' && isClean(value),
);
export const aSignal = aValue<AbortSignal>(
  'an AbortSignal',
  (value) => typeof (value as AbortSignal | null)?.throwIfAborted === 'function',
);
export const aState = aValue<object>(
  'a plain object without reserved keys (__proto__, constructor, prototype)',
  (value) => isPlainObject(value) && hasNoReservedKeys(value),
);
/**
 * Like `aState`, but also accepts an instance of a class. Rejects built-in objects such as an array, a Map or an error.
 */
export const anyState = aValue<object>(
  'a plain object, or an instance of a class, without reserved keys (__proto__, constructor, prototype)',
  (value) => Object.prototype.toString.call(value) === '[object Object]' && hasNoReservedKeys(value as object),
);
export const aCount = aWhole(0);
export const aConcurrency = aWhole(1);
export const aFinite = aValue<number>(
  'a finite number of at least 0',
  (value) => Number.isFinite(value) && (value as number) >= 0,
);
export const aDuration = aValue<number>(
  'a number of at least 0, or Infinity',
  (value) => typeof value === 'number' && value >= 0,
);
/** Reads a limit that fits a Node timer. Returns Infinity for no limit. */
export const aLimit = aLimitUpTo(longestDelay);

function hasNoReservedKeys(value: object): boolean {
  return !Object.keys(value).some((key) => reservedKeys.includes(key));
}

function aWhole(least: number): Reader<number> {
  return aValue(
    `a whole number of at least ${least}, or Infinity`,
    (value) => value === Infinity || (Number.isSafeInteger(value) && (value as number) >= least),
  );
}

/**
 * Creates a reader of a limit in milliseconds. The reader returns Infinity for no limit.
 *
 * @param most - the highest allowed limit
 * @param words - the highest allowed limit in words, for messages. Default: its digits
 */
export function aLimitUpTo(most: number, words = String(most)): Reader<number> {
  const read = orNoLimit(
    aValue<number>(
      `a number of milliseconds above 0, up to ${words} or Infinity`,
      (value) => typeof value === 'number' && value > 0 && (value <= most || value === Infinity),
    ),
  );
  return (value, field) => read(value, field) ?? Infinity;
}

/** Creates a reader that returns `null` for `null`, which switches the option off. */
export function orNone<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value, field) => (value === null ? null : read(value, field));
}

/** Creates a reader that returns `null` for `null` and 0, which switch the limit off. */
export function orNoLimit<Value>(read: Reader<Value>): Reader<Value | null> {
  return orNone((value, field) => (value === 0 ? null : read(value, field)));
}

/** Creates a reader of values that pass a test. */
export function aValue<Value>(expected: string, test: (value: unknown) => boolean): Reader<Value> {
  return (value, field) => {
    if (!test(value)) throw invalid(field, expected, value);
    return value as Value;
  };
}

/**
 * Creates a reader of an options object. Options that are `undefined` are left out.
 *
 * @param shorthand - the option that a plain value stands for, if any
 */
export function anObjectOf<Options, Read = Options>(schema: Schema<Options>, shorthand?: keyof Options & string) {
  return (value: unknown, field = ''): Read => {
    if (shorthand !== undefined && typeof value !== 'object') {
      return { [shorthand]: schema[shorthand](value, field) } as Read;
    }
    if (!isPlainObject(value)) throw invalid(field || 'options', 'an object', value);
    const options: Record<string, unknown> = {};
    for (const [key, option] of Object.entries(value)) {
      const path = field ? `${field}.${key}` : key;
      if (!Object.hasOwn(schema, key)) {
        throw new ValidationError(`${path} is unknown, expected ${Object.keys(schema).join(', ')}`);
      }
      if (option !== undefined) options[key] = schema[key as keyof Options](option, path);
    }
    return options as Read;
  };
}

export function invalid(field: string, expected: string, value: unknown): ValidationError {
  return new ValidationError(`${field} must be ${expected}, got ${typeof value === 'number' ? value : kindOf(value)}`);
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

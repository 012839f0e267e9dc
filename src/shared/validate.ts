import { kindOf, ValidationError } from './errors.js';
import { isClean } from './text.js';

/**
 * Gives a value that was read and checked.
 *
 * @throws {ValidationError} that names the field, what was expected, and the kind of what was given
 */
export type Reader<Value = unknown> = (value: unknown, field: string) => Value;

/** A reader for each option; an option without one is unknown. */
export type Schema<Options> = { readonly [Key in keyof Required<Options>]: Reader };

// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, no other type takes every function
export type AnyFunction = (...args: any[]) => unknown;

/** The longest delay that a Node timer can hold, in milliseconds: 24.8 days. A longer one would fire at once. */
export const longestDelay = 2 ** 31 - 1;

const reservedKeys = ['__proto__', 'constructor', 'prototype'];

export const aFunction = aValue<AnyFunction>('a function', (value) => typeof value === 'function');
export const aBoolean = aValue<boolean>('a boolean', (value) => typeof value === 'boolean');
export const aName = aValue<string>('a non-empty string', (value) => typeof value === 'string' && value !== '');
/** Like `aName`, and of characters that every store keeps. */
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
/** Like `aState`, and an instance of a class of the user's own; not what is something else: an array, a Map, an error. */
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
/** Reads a limit that a Node timer holds; Infinity where there is to be none. */
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
 * Reads a limit in milliseconds; Infinity where there is to be none.
 *
 * @param most - the longest
 * @param words - it in words, for messages. Default: its digits
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

/** Reads an option that `null` switches off, which it gives back as it is. */
export function orNone<Value>(read: Reader<Value>): Reader<Value | null> {
  return (value, field) => (value === null ? null : read(value, field));
}

/** Reads a limit that `null` and 0 switch off, which it gives as `null`. */
export function orNoLimit<Value>(read: Reader<Value>): Reader<Value | null> {
  return orNone((value, field) => (value === 0 ? null : read(value, field)));
}

/** Reads what passes a test. */
export function aValue<Value>(expected: string, test: (value: unknown) => boolean): Reader<Value> {
  return (value, field) => {
    if (!test(value)) throw invalid(field, expected, value);
    return value as Value;
  };
}

/**
 * Reads options by name: those that are given, and not `undefined`.
 *
 * @param shorthand - the option that a bare value stands for, if any
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

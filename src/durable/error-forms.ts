import { types } from 'node:util';
import { LimitError, ParallelError, RetryError, TimeoutError } from '../kernel/errors.js';
import { ValidationError } from '../shared/errors.js';
import { fieldOf } from '../shared/failures.js';
import { SerializationError } from '../shared/serialization-error.js';
import { DefaultSerializer } from '../shared/serializer.js';
import { isPlainObject } from '../shared/validate.js';
import {
  DivergenceError,
  InterruptedError,
  JournalError,
  LockedError,
  PayloadError,
  RunExistsError,
} from './errors.js';

/** A class of errors that keeps its class and plain properties in a journal. */
// biome-ignore lint/suspicious/noExplicitAny: constructors of errors take any arguments
export type ErrorClass = abstract new (...args: any[]) => Error;

/** An error as it is written. */
interface SavedError {
  /** Name of the class, if the class is known. */
  readonly of?: string;
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly cause?: Held;
  readonly errors?: readonly Held[];
  /** Own properties of an error whose class is known. */
  readonly own?: Record<string, unknown>;
  /** Own properties that are not enumerable. */
  readonly hidden?: Record<string, unknown>;
}

/** A value that an error holds: another error, or a plain value. */
type Held = { readonly error: SavedError } | { readonly value: unknown };

const builtIn: readonly ErrorClass[] = [
  ...[Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
  ...[TimeoutError, ParallelError, RetryError, LimitError, ValidationError, SerializationError],
  ...[DivergenceError, InterruptedError, JournalError, LockedError, PayloadError, RunExistsError],
];

const serializer = new DefaultSerializer();
/** Maximum nesting of errors, maximum number of errors in one, and maximum length of a stack in characters. */
const deepest = 20;
const most = 10_000;
const longestStack = 4_000;
/** Maximum length of an error as text, in characters. */
const longest = 2 ** 18;
const handled = new Set(['name', 'message', 'stack', 'cause', 'errors']);

/**
 * The form in which errors are written and given back. Errors of built-in and registered classes keep their class and
 * plain properties. Other errors come back as `Error` with name, message, code, stack and cause.
 */
export class ErrorForms {
  readonly #byName = new Map<string, ErrorClass>();
  readonly #names = new Map<unknown, string>();

  /** @param registered - the classes of the user's errors */
  constructor(registered: readonly ErrorClass[] = []) {
    for (const Class of [...builtIn, ...registered]) {
      this.#byName.set(Class.name, Class);
      this.#names.set(Class, Class.name);
    }
  }

  /** Writes a thrown value as text. Never throws. */
  write(thrown: unknown): string {
    try {
      const text = serializer.serialize(this.#held(thrown, new Nesting()));
      if (text.length <= longest) return text;
      // The message and the class of an error always fit, but not what it holds.
      return serializer.serialize({ error: { ...shortened(this.#held(thrown, undefined)) } });
    } catch {
      return serializer.serialize({ error: { message: fieldText(thrown, 'message') } });
    }
  }

  /** Reads a thrown value. */
  read(text: string): unknown {
    return this.#restoreHeld(serializer.deserialize(text) as Held);
  }

  /** @param nesting - the errors around the value. Default: the value is written without what it holds */
  #held(value: unknown, nesting: Nesting | undefined): Held {
    if (isError(value)) return { error: this.#save(value, nesting?.inside(value)) };
    return { value: savable(value) };
  }

  #save(error: Error, inner: Nesting | undefined): SavedError {
    const of = this.#classOf(error);
    const code = fieldOf(error, 'code');
    const cause = fieldOf(error, 'cause');
    const errors = fieldOf(error, 'errors');
    const canHold = (value: unknown) => inner !== undefined && !inner.has(value);
    return {
      ...(of !== undefined && { of }),
      name: fieldText(error, 'name'),
      message: fieldText(error, 'message'),
      stack: fieldText(error, 'stack').slice(0, longestStack),
      ...((typeof code === 'string' || typeof code === 'number') && { code }),
      ...(cause !== undefined && canHold(cause) && { cause: this.#held(cause, inner) }),
      ...(of !== undefined && { own: ownOf(error) }),
      ...(of !== undefined &&
        inner !== undefined &&
        Array.isArray(errors) && { errors: errors.filter(canHold).map((held) => this.#held(held, inner)) }),
      ...(of !== undefined && inner !== undefined && this.#hiddenOf(error, inner)),
    };
  }

  /** Returns the name under which the class of the error is known. Errors of other realms are known by name. */
  #classOf(error: Error): string | undefined {
    const Class = Object.getPrototypeOf(error)?.constructor;
    const known = this.#names.get(Class);
    if (known !== undefined || error instanceof Error) return isDom(error) ? 'DOMException' : known;
    return builtIn.find(({ name }) => name === Class?.name)?.name;
  }

  /** Returns the fields that errors of this package hide from logs: results of a group, the result of a last attempt. */
  #hiddenOf(error: Error, inner: Nesting): Pick<SavedError, 'hidden'> | undefined {
    if (error instanceof RetryError) return { hidden: { result: savable(error.result) } };
    if (!(error instanceof ParallelError)) return undefined;
    const settle = (settled: PromiseSettledResult<unknown> | undefined) =>
      settled?.status === 'rejected'
        ? { reason: this.#held(settled.reason, inner.has(settled.reason) ? undefined : inner) }
        : { value: savable(settled?.value) };
    const results = error.results as Record<string, PromiseSettledResult<unknown>>;
    return {
      hidden: {
        results: Array.isArray(results)
          ? Array.from(results, settle)
          : Object.entries(Object(results)).map(([key, settled]) => ({ key, ...settle(settled as never) })),
        isList: Array.isArray(results),
      },
    };
  }

  #restoreHeld(held: Held): unknown {
    return 'error' in held ? this.#restore(held.error) : held.value;
  }

  #restore(saved: SavedError): Error {
    const { of = 'Error', name, message, stack, code, cause, errors, own, hidden } = saved;
    const error =
      of === 'DOMException' ? (new DOMException(message, name) as Error) : blank(this.#byName.get(of) ?? Error);
    const put = (key: string, value: unknown, enumerable = false) =>
      Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
    if (of !== 'DOMException') {
      put('message', message);
      if (error.name !== name) put('name', name);
    }
    put('stack', stack);
    if (cause !== undefined) put('cause', this.#restoreHeld(cause));
    if (errors !== undefined) {
      put(
        'errors',
        errors.map((inner) => this.#restoreHeld(inner)),
      );
    }
    for (const [key, value] of Object.entries(own ?? {})) put(key, value, true);
    if (own === undefined && code !== undefined) put('code', code, true);
    if (hidden !== undefined) this.#restoreHidden(hidden, put);
    return error;
  }

  #restoreHidden(
    { result, results, isList }: Record<string, unknown>,
    put: (key: string, value: unknown) => void,
  ): void {
    if (results === undefined) {
      put('result', result);
      return;
    }
    type Saved = { readonly key?: string; readonly reason?: Held; readonly value?: unknown };
    const settle = ({ reason, value }: Saved): PromiseSettledResult<unknown> =>
      reason === undefined ? { status: 'fulfilled', value } : { status: 'rejected', reason: this.#restoreHeld(reason) };
    const list = results as readonly Saved[];
    put('results', isList ? list.map(settle) : Object.fromEntries(list.map((saved) => [saved.key, settle(saved)])));
  }
}

/** The errors around one that is written. Errors may refer to each other, so the text has to be limited. */
class Nesting {
  constructor(
    private readonly around: readonly Error[] = [],
    private readonly count = { left: most },
  ) {}

  /** Returns the nesting of what an error holds, or `undefined` if it is written without that. */
  inside(error: Error): Nesting | undefined {
    if (this.around.length === deepest || this.has(error) || this.count.left-- <= 0) return undefined;
    return new Nesting([...this.around, error], this.count);
  }

  has(value: unknown): boolean {
    return this.around.includes(value as Error);
  }
}

/** Returns an error without what it holds. */
function shortened(held: Held): SavedError {
  if (!('error' in held)) return { message: 'a value that is too large to be recorded' };
  const { own: _, message, ...rest } = held.error;
  return { ...rest, own: {}, message: message.slice(0, longestStack) };
}

/** Creates an error of a class without calling its constructor. */
function blank(Class: ErrorClass): Error {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return Object.setPrototypeOf(error, Class.prototype);
}

function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

function isDom(error: Error): boolean {
  return typeof DOMException === 'function' && error instanceof DOMException;
}

/** Returns the own enumerable properties that can be saved. */
function ownOf(error: Error): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    if (handled.has(key) && key !== 'name') continue;
    const value = fieldOf(error, key);
    if (isSavable(value)) own[key] = value;
  }
  return own;
}

function fieldText(error: unknown, name: string): string {
  try {
    return String((error as Record<string, unknown>)[name]);
  } catch {
    return 'a value that cannot be read';
  }
}

/** Returns the value if it can be saved, or else `undefined`. */
function savable(value: unknown): unknown {
  return isSavable(value) ? value : undefined;
}

function isSavable(value: unknown): boolean {
  if (value === null || ['string', 'number', 'boolean', 'bigint', 'undefined'].includes(typeof value)) return true;
  if (!Array.isArray(value) && !isPlainObject(value) && !types.isDate(value)) return false;
  try {
    serializer.serialize(value);
    return true;
  } catch {
    return false;
  }
}

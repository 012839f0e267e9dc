import { DevalueError, parse, stringify } from 'devalue';
import { hide } from '../../failures.js';
import { SerializationError } from '../errors.js';

/** Writes values as text and reads them back. */
export interface Serializer {
  /** @throws {SerializationError} for a value that would not come back as it is */
  serialize(value: unknown): string;
  deserialize(text: string): unknown;
}

/**
 * The default serializer, on devalue. It keeps plain objects, arrays, Date, Map, Set, BigInt, RegExp, URL, typed arrays,
 * `undefined`, NaN, -0, Infinity, references to the same object, and errors with class name, message, code, cause and
 * stack. It refuses functions, symbols and instances of classes, naming the path.
 */
export class DefaultSerializer implements Serializer {
  serialize(value: unknown): string {
    try {
      return stringify(value, { Error: reduceError });
    } catch (error) {
      if (error instanceof RangeError) {
        throw new SerializationError('', 'cannot be saved: it is nested too deep', { cause: error });
      }
      if (!(error instanceof DevalueError)) {
        throw new SerializationError('', 'cannot be saved: it threw an error when it was read', { cause: error });
      }
      // It holds the value, and all that is around it.
      for (const name of ['value', 'root']) hide(error, name, undefined);
      throw new SerializationError(pathOf(error.path), `cannot be saved: ${explain(error)}`, { cause: error });
    }
  }

  deserialize(text: string): unknown {
    return parse(text, { Error: reviveError });
  }
}

type SavedError = Record<'name' | 'message' | 'stack' | 'code' | 'cause' | 'errors', unknown>;

/** What is kept of an error; nothing for what is none. What hangs on it besides (requests, sockets) is not kept. */
function reduceError(value: unknown): SavedError | false {
  if (!(value instanceof Error)) return false;
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
    if (cause instanceof Error) return cause;
    stringify(cause);
    return cause;
  } catch {
    return textOf(cause);
  }
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

function explain({ message }: Error): string {
  return message.replace(/^Cannot stringify /, 'it is or holds ');
}

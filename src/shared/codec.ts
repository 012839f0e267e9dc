import { SerializationError } from './serialization-error.js';
import { DefaultSerializer, type Serializer } from './serializer.js';

/** The name of a value, for messages. Pass a function if the name is costly to build. */
type Field = string | (() => string);

/**
 * Converts values to text and back. Most values of a run are small and flat. For such values, the platform's JSON is
 * five times faster than a serializer that must detect cycles. The first character of a text shows which of the two
 * wrote it: `j` for JSON, `s` for the serializer.
 */
export class Codec {
  readonly #mayUseJson: boolean;

  constructor(private readonly serializer: Serializer) {
    this.#mayUseJson = serializer instanceof DefaultSerializer;
  }

  /**
   * Writes a value as text.
   *
   * @param field - the name of the value, put in front of the path in messages. Default: the path alone
   * @throws {SerializationError} if the value would not be read back unchanged
   */
  encode(value: unknown, field?: Field): string {
    return within(field, '', () => {
      const text = this.#mayUseJson ? jsonOf(value) : undefined;
      return text === undefined ? `s${this.serializer.serialize(value)}` : `j${text}`;
    });
  }

  /**
   * Reads a value from its text.
   *
   * @param field - the name of the value, put in front of the path in messages. Default: the path alone
   * @param of - text put in front of the problem in messages, with a trailing space. Default: none
   * @throws {SerializationError} if the text cannot be read
   */
  decode(text: string, field?: Field, of = ''): unknown {
    return within(field, of, () => {
      const body = text.slice(1);
      return text.startsWith('j') ? fromJson(body) : this.serializer.deserialize(body);
    });
  }

  /** Like `decode`, but returns `undefined` for `undefined`. */
  decodeMaybe(text: string | undefined, field?: Field, of?: string): unknown {
    return text === undefined ? undefined : this.decode(text, field, of);
  }
}

/** Puts the name of a field in front of the path of a `SerializationError` thrown by `work`. */
function within<Answer>(field: Field | undefined, of: string, work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    if (field === undefined || !(error instanceof SerializationError)) throw error;
    const { path, problem, cause } = error;
    const name = typeof field === 'string' ? field : field();
    const joined = path === '' || path.startsWith('[') ? `${name}${path}` : `${name}.${path}`;
    throw new SerializationError(joined, `${of}${problem}`, { cause });
  }
}

/** Returns the JSON of a value, or `undefined` if JSON would not restore the value unchanged. */
function jsonOf(value: unknown): string | undefined {
  try {
    return isJson(value) || isFlatObject(value) ? JSON.stringify(value) : undefined;
  } catch {
    // Reading the value throws. The serializer reports the error with a path.
    return undefined;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SerializationError('', 'cannot be read: the text is damaged', { cause });
  }
}

/** Returns true if the value is a plain object or array that holds only primitives that JSON preserves. */
function isFlatObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return Object.keys(value).length === value.length && value.every(isJson);
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const key of Object.keys(value))
    if (key === '__proto__' || !isJson((value as Record<string, unknown>)[key])) return false;
  return true;
}

function isJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    default:
      return value === null;
  }
}

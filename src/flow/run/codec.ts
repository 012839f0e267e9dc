import { SerializationError } from '../errors.js';
import { DefaultSerializer, type Serializer } from './serializer.js';

/** The name of a value, for messages; a function where it is only made for them. */
type Field = string | (() => string);

/**
 * Values as text and back. Most values of a run are small and flat: for those the platform's JSON is five times faster
 * than a serializer that has to look for circles. The first character says which it was.
 */
export class Codec {
  readonly #mayUseJson: boolean;

  constructor(private readonly serializer: Serializer) {
    this.#mayUseJson = serializer instanceof DefaultSerializer;
  }

  /**
   * @param field - names the value in messages. Default: the path in it alone does
   * @throws {SerializationError} for a value that would not come back as it is
   */
  encode(value: unknown, field?: Field): string {
    return within(field, '', () => {
      const text = this.#mayUseJson ? jsonOf(value) : undefined;
      return text === undefined ? `s${this.serializer.serialize(value)}` : `j${text}`;
    });
  }

  /**
   * @param field - names the value in messages
   * @param of - says of what, with a space behind it. Default: nothing
   * @throws {SerializationError} for a text that cannot be read
   */
  decode(text: string, field?: Field, of = ''): unknown {
    return within(field, of, () => {
      const body = text.slice(1);
      return text.startsWith('j') ? fromJson(body) : this.serializer.deserialize(body);
    });
  }

  /** Like `decode`, for what may not be there. */
  decodeMaybe(text: string | undefined, field?: Field, of?: string): unknown {
    return text === undefined ? undefined : this.decode(text, field, of);
  }
}

/** Puts the name of a field in front of the path that an error has. */
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

/** A value as JSON, if JSON brings it back as it is. */
function jsonOf(value: unknown): string | undefined {
  try {
    return isJson(value) || isFlatObject(value) ? JSON.stringify(value) : undefined;
  } catch {
    // Reading it throws: the serializer refuses it.
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

/** If true, it is a plain object or array of primitives. */
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

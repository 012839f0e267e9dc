import { DefaultSerializer, type Serializer } from '../../flow/index.js';

/**
 * Values as text and back. Most values of a run are small and flat: for those the platform's JSON is five times faster
 * than a serializer that has to look for circles. The first character says which it was.
 */
export class Codec {
  readonly #mayUseJson: boolean;

  constructor(private readonly serializer: Serializer) {
    this.#mayUseJson = serializer instanceof DefaultSerializer;
  }

  /** @throws {SerializationError} for a value that would not come back as it is */
  encode(value: unknown): string {
    return this.#mayUseJson && isFlat(value) ? `j${JSON.stringify(value)}` : `s${this.serializer.serialize(value)}`;
  }

  decode(text: string): unknown {
    const body = text.slice(1);
    return text.startsWith('j') ? JSON.parse(body) : this.serializer.deserialize(body);
  }

  /** The same for what may not be there. */
  decodeMaybe(text: string | undefined): unknown {
    return text === undefined ? undefined : this.decode(text);
  }
}

/** If true, JSON brings a value back as it is: primitives, and plain objects and arrays of them. */
function isFlat(value: unknown): boolean {
  if (isJson(value)) return true;
  try {
    return isFlatObject(value);
  } catch {
    // Reading it throws: the serializer refuses it.
    return false;
  }
}

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

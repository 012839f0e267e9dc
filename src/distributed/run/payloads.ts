import { SerializationError } from '../../flow/index.js';
import type { Codec } from '../../flow/run/index.js';
import { cut } from '../../shared/text.js';
import { PayloadError } from '../errors.js';

/** Maximum number of characters of a key that a message quotes. */
const longestKey = 100;

/** Encodes values from callers as text and checks the size of the text. */
export class Payloads {
  constructor(
    private readonly codec: Codec,
    /** Maximum size of each text, in bytes. */
    private readonly most: number,
  ) {}

  /**
   * Encodes a value.
   *
   * @param field - the name of the value, for error messages
   * @throws {SerializationError} for a value that cannot be serialized
   * @throws {PayloadError} for a text that is too large
   */
  encode(value: unknown, field: string): string {
    const text = this.codec.encode(value, field);
    this.#limit(Buffer.byteLength(text), field);
    return text;
  }

  /** Encodes each key of a context. Limits the size of each key and of the whole context. */
  encodeContext(context: object): (readonly [key: string, text: string])[] {
    const values = Object.keys(context).map((key) => {
      const field = `context.${cut(key, longestKey)}`;
      return [key, this.encode(read(context, key, field), field)] as const;
    });
    const size = values.reduce((sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0);
    this.#limit(size, 'context');
    return values;
  }

  #limit(size: number, field: string): void {
    if (size > this.most) throw new PayloadError(field, size, this.most);
  }
}

/** Reads a key, which may have a getter that throws. */
function read(context: object, key: string, field: string): unknown {
  try {
    return (context as Readonly<Record<string, unknown>>)[key];
  } catch (cause) {
    throw new SerializationError(field, 'cannot be saved: it threw an error when it was read', { cause });
  }
}

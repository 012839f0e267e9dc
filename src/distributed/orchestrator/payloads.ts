import { SerializationError } from '../../flow/index.js';
import type { Codec } from '../../flow/run/index.js';
import { cut } from '../../shared/text.js';
import { PayloadError } from '../errors.js';

/** How many characters of a key a message names. */
const longestKey = 100;

/** What comes in at the door: as text, and not too large. */
export class Payloads {
  constructor(
    private readonly codec: Codec,
    /** How large each may be, in bytes. */
    private readonly most: number,
  ) {}

  /**
   * A value as text.
   *
   * @throws {SerializationError} that names the field
   * @throws {PayloadError} for what is too large
   */
  encode(value: unknown, field: string): string {
    const text = this.codec.encode(value, field);
    this.#limit(Buffer.byteLength(text), field);
    return text;
  }

  /** The same for each key of a context, and for all of them together. */
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

/** A key may be one that throws when it is read. */
function read(context: object, key: string, field: string): unknown {
  try {
    return (context as Readonly<Record<string, unknown>>)[key];
  } catch (cause) {
    throw new SerializationError(field, 'cannot be saved: it threw an error when it was read', { cause });
  }
}

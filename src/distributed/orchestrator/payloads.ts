import { SerializationError } from '../../flow/index.js';
import { PayloadError } from '../errors.js';
import type { Codec } from '../journal/codec.js';

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
    const text = this.#encode(value, field);
    this.#limit(Buffer.byteLength(text), field);
    return text;
  }

  /** The same for each key of a context, and for all of them together. */
  encodeContext(context: object): (readonly [key: string, text: string])[] {
    const entries = Object.entries(context);
    const values = entries.map(([key, value]) => [key, this.encode(value, `context.${key}`)] as const);
    const size = values.reduce((sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0);
    this.#limit(size, 'context');
    return values;
  }

  #encode(value: unknown, field: string): string {
    try {
      return this.codec.encode(value);
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
      const { path, problem, cause } = error;
      const joined = path === '' || path.startsWith('[') ? `${field}${path}` : `${field}.${path}`;
      throw new SerializationError(joined, problem, { cause });
    }
  }

  #limit(size: number, field: string): void {
    if (size > this.most) throw new PayloadError(field, size, this.most);
  }
}

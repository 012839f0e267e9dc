import { SerializationError } from '../../flow/index.js';
import { type Failure, plainError } from '../../flow/run/index.js';
import { cut } from '../../shared/text.js';
import { PayloadError } from '../errors.js';
import type { RunHandle } from '../run/run-handle.js';

/** How many characters of a key a message names. */
const longestKey = 100;

/** What a message calls a key of the context. */
export function fieldOf(key: string): string {
  return `context.${cut(key, longestKey)}`;
}

/** Values of an execution as texts, none of them larger than may be. */
export class ItemTexts {
  /** @param maxPayload - how large a text may be, in bytes */
  constructor(
    private readonly handle: RunHandle,
    private readonly maxPayload: number,
  ) {}

  /** An error can always be written: what cannot be, or is too large, in short texts. */
  writeError({ cause }: Failure<unknown>): string {
    const { codec } = this.handle;
    try {
      const text = codec.encode(cause);
      if (Buffer.byteLength(text) <= this.maxPayload) return text;
    } catch (error) {
      if (!(error instanceof SerializationError)) throw error;
    }
    const plain = plainError(cause);
    try {
      return codec.encode(plain);
    } catch {
      // Not even that, by a serializer of somebody's own.
      return codec.encode(`${plain.name}: ${plain.message}`);
    }
  }

  /** @throws {SerializationError} for what cannot be saved, or is too large; the node fails with it */
  write(value: unknown, path: string): string {
    const text = this.handle.codec.encode(value, path);
    this.check(text, path);
    return text;
  }

  check(text: string, path: string): void {
    const { maxPayload } = this;
    // A character takes one to three bytes of UTF-8.
    if (text.length * 3 <= maxPayload) return;
    const size = Buffer.byteLength(text);
    if (size <= maxPayload) return;
    const cause = new PayloadError(path, size, maxPayload);
    throw new SerializationError(path, `must be at most ${maxPayload} bytes as text, got ${size}`, { cause });
  }

  /** @throws {SerializationError} for a key of the context that is too large */
  checkKey(key: string, text: string): void {
    this.check(key + text, fieldOf(key));
  }
}

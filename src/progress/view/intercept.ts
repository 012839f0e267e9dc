import { stripVTControlCharacters } from 'node:util';
import type { Stream } from '../options.js';

/** Callbacks around every write to a stream. */
export interface Interceptor {
  before(): void;
  /** @param isLineOpen - true if the write ended without a line break, or `undefined` if this is unknown */
  after(isLineOpen: boolean | undefined): void;
}

/** An intercepted stream. */
export interface Intercepted {
  /** Writes without calling the interceptor. */
  write(text: string): void;
  release(): void;
}

type Write = (chunk: unknown, ...rest: unknown[]) => boolean;

/** Calls an interceptor around every write of other code to a stream. */
export function intercept(stream: Stream, interceptor: Interceptor): Intercepted {
  const isOwn = Object.hasOwn(stream, 'write');
  const original = stream.write as Write;
  let isActive = true;
  const write: Write = (...args) => {
    if (!isActive) return original.apply(stream, args);
    interceptor.before();
    let isLineOpen: boolean | undefined;
    try {
      const result = original.apply(stream, args);
      isLineOpen = leavesLineOpen(args[0]);
      return result;
    } finally {
      interceptor.after(isLineOpen);
    }
  };
  stream.write = write as Stream['write'];
  return {
    write: (text) => void original.call(stream, text),
    release: () => {
      isActive = false;
      // If another function has wrapped `write` in the meantime, that function still calls this one, so `write` is left
      // in place.
      if (stream.write !== write) return;
      if (isOwn) stream.write = original as Stream['write'];
      else Reflect.deleteProperty(stream, 'write');
    },
  };
}

function leavesLineOpen(chunk: unknown): boolean | undefined {
  if (chunk instanceof Uint8Array) return chunk.length === 0 ? undefined : chunk.at(-1) !== 10;
  const text = stripVTControlCharacters(String(chunk));
  return text === '' ? undefined : !text.endsWith('\n');
}

import { stripVTControlCharacters } from 'node:util';
import type { Stream } from '../options.js';

/** Who stands between a stream and those who write to it. */
export interface Interceptor {
  before(): void;
  /** @param isLineOpen - whether a line was left without its end; `undefined` where nothing says so */
  after(isLineOpen: boolean | undefined): void;
}

/** A stream that somebody stands in front of. */
export interface Intercepted {
  /** Writes past the interceptor. */
  write(text: string): void;
  release(): void;
}

type Write = (chunk: unknown, ...rest: unknown[]) => boolean;

/** Calls an interceptor around whatever others write to a stream. */
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
      // Somebody may have put a function of their own over it, which goes on calling it.
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

import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Terminal } from '../io.js';
import { jsonOf } from './json.js';

type Style = Parameters<typeof styleText>[0];

/** One of the two streams that a command writes to. Once it has failed, writes are dropped. */
export class Output {
  isColoured = false;
  #isClosed = false;

  /** @param onClosed - called with the first error of the stream: `EPIPE` if the reader closed the pipe */
  constructor(
    private readonly stream: Terminal,
    onClosed: (error: NodeJS.ErrnoException) => void,
  ) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      onClosed(error);
    });
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true;
  }

  /** How wide a line may be: the terminal's columns; no limit where there is none. */
  get width(): number {
    return this.isTerminal ? (this.stream.columns ?? 80) : Infinity;
  }

  /** Text as it is: it has been made harmless, and ends its lines itself. */
  text(text: string): void {
    if (!this.#isClosed) this.stream.write(text);
  }

  line(line = ''): void {
    this.text(`${line}\n`);
  }

  /** A value as indented JSON. */
  json(value: unknown): void {
    this.line(jsonOf(value, 2));
  }

  /** A value as one line of JSON. */
  jsonLine(value: unknown): void {
    this.line(jsonOf(value));
  }

  /** Gives text a colour, where there is one to be seen. Resets nothing else. */
  styled(style: Style, text: string): string {
    // Whether the stream is a terminal was decided already; Node would decide again, by the standard output alone.
    return this.isColoured ? styleText(style, text, { validateStream: false } as never) : text;
  }

  /** Resolves when everything was written, or has failed. */
  async flushed(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      // The error comes a moment after the write that has failed.
      this.stream.write('', () => setImmediate(resolve));
    });
  }

  /** Resolves when a slow reader has taken what was written. */
  async drained(): Promise<void> {
    if (this.#isClosed || !this.stream.writableNeedDrain) return;
    await once(this.stream, 'drain').catch(() => undefined);
  }
}

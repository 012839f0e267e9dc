import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Terminal } from '../io.js';
import { jsonOf } from './json.js';

type Style = Parameters<typeof styleText>[0];

/** A stream that a command writes to: standard output or standard error. After the first error, writes are dropped. */
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

  /** Maximum width of a line: the columns of the terminal, or `Infinity` without a terminal. */
  get width(): number {
    return this.isTerminal ? (this.stream.columns ?? 80) : Infinity;
  }

  /** Writes text unchanged. The caller has to make the text harmless and end its lines. */
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

  /** Colours text if the output is coloured. Does not reset other styles. */
  styled(style: Style, text: string): string {
    // Node's own check is skipped: it would only look at standard output, and this stream is known to be a terminal.
    return this.isColoured ? styleText(style, text, { validateStream: false } as never) : text;
  }

  /** Resolves when everything has been written, or writing has failed. */
  async flushed(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      // The error is emitted a moment after the failed write.
      this.stream.write('', () => setImmediate(resolve));
    });
  }

  /** Resolves when a slow reader has caught up. */
  async drained(): Promise<void> {
    if (this.#isClosed || !this.stream.writableNeedDrain) return;
    await once(this.stream, 'drain').catch(() => undefined);
  }
}

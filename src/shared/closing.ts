import { Deadline } from './deadline.js';
import { aCount, anObjectOf } from './validate.js';

/** Options of `close`. */
export interface CloseOptions {
  /**
   * Milliseconds that the closing may take: a whole number of at least 0, or Infinity. What is not closed by then is cut
   * off. Called again, `close` keeps to the earlier end. Default: 10000.
   */
  readonly timeout?: number | undefined;
}

const defaultTimeout = 10_000;

const readOptions = anObjectOf<CloseOptions>({ timeout: aCount });

/** Options of `close`, complete. @throws {ValidationError} for an option that is unknown or of the wrong kind */
export function readCloseOptions(options: CloseOptions = {}): { readonly timeout: number } {
  const { timeout = defaultTimeout } = readOptions(options);
  return { timeout };
}

/** Closes something once, however often it is asked to. A later, shorter `close` brings the end forward. */
export class Closing {
  readonly #deadline = new Deadline();
  #closed: Promise<void> | undefined = undefined;

  /** @param work - closes it: politely until the deadline, then at once */
  constructor(private readonly work: (deadline: Deadline) => Promise<void>) {}

  get hasBegun(): boolean {
    return this.#closed !== undefined;
  }

  /** @throws {ValidationError} for an option that is unknown or of the wrong kind; nothing has happened then */
  async close(options?: CloseOptions): Promise<void> {
    this.#deadline.limitTo(readCloseOptions(options).timeout);
    this.#closed ??= this.work(this.#deadline).finally(() => this.#deadline.cancel());
    return this.#closed;
  }
}

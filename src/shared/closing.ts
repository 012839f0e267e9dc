import { Deadline } from './deadline.js';
import { aCount, anObjectOf } from './validate.js';

/**
 * Options of `close`. Closing first waits for running work to end. When the timeout is reached, closing no longer waits
 * for that work.
 *
 * @example
 * await worker.close({ timeout: 30_000 });
 */
export interface CloseOptions {
  /**
   * Maximum duration of closing, in milliseconds: a whole number of at least 0, or Infinity. Anything still open after
   * that is cut off. If `close` is called several times, the earliest deadline applies. Default: 10000.
   */
  readonly timeout?: number | undefined;
}

const defaultTimeout = 10_000;

const readOptions = anObjectOf<CloseOptions>({ timeout: aCount });

/**
 * Validates options of `close` and fills in the defaults.
 *
 * @throws {ValidationError} if an option is unknown or has the wrong type
 */
export function readCloseOptions(options: CloseOptions = {}): { readonly timeout: number } {
  const { timeout = defaultTimeout } = readOptions(options);
  return { timeout };
}

/**
 * Closes a resource once, even if `close` is called several times. A later call with a shorter timeout brings the
 * deadline forward.
 */
export class Closing {
  readonly #deadline = new Deadline();
  #closed: Promise<void> | undefined = undefined;

  /** @param work - closes the resource: gracefully until the deadline, then at once */
  constructor(private readonly work: (deadline: Deadline) => Promise<void>) {}

  get hasBegun(): boolean {
    return this.#closed !== undefined;
  }

  /** @throws {ValidationError} if an option is unknown or has the wrong type; in that case, nothing has been closed */
  async close(options?: CloseOptions): Promise<void> {
    this.#deadline.limitTo(readCloseOptions(options).timeout);
    this.#closed ??= this.work(this.#deadline).finally(() => this.#deadline.cancel());
    return this.#closed;
  }
}

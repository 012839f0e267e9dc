import pTimeout from 'p-timeout';
import { LockedError } from '../directory-lock.js';
import { MissingPeerError } from '../peers.js';
import { EngineError } from './errors.js';
import { Once } from './once.js';

/**
 * Something that is opened once, when it is first needed, in bounded time. Where that fails, the next who needs it tries
 * again.
 */
export class Opening<Opened> {
  /** Told when the time is over: it ends the attempt, and gives what it has failed with so far. */
  onTimeout: () => unknown = () => undefined;
  readonly #once = new Once(() => this.#open());
  #attempt = new AbortController();
  #isClosed = false;

  /**
   * @param name - what it is and where, for errors
   * @param timeout - how long it may take, in milliseconds
   * @param open - rejects soon after its signal has aborted, and leaves nothing open then: it takes too long, or is not
   *   wanted any more
   */
  constructor(
    private readonly name: string,
    private readonly timeout: number,
    private readonly open: (signal: AbortSignal) => Promise<Opened>,
  ) {}

  /** @throws {EngineError} that says where it tried */
  get(): Promise<Opened> {
    if (this.#isClosed) return Promise.reject(this.#closed());
    return this.#once.get();
  }

  /** Lets nobody have it any more. Gives it, if it was opened; an attempt that is under way is given up. */
  async close(): Promise<Opened | undefined> {
    this.#isClosed = true;
    this.#attempt.abort(this.#closed());
    return this.#once.made();
  }

  async #open(): Promise<Opened> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    try {
      return await pTimeout(this.open(attempt.signal), {
        milliseconds: this.timeout,
        fallback: () => {
          const error = new EngineError(this.name, `did not answer within ${this.timeout} ms`, {
            cause: this.onTimeout(),
          });
          attempt.abort(error);
          throw error;
        },
      });
    } catch (error) {
      const isOurs = [EngineError, LockedError, MissingPeerError].some((Class) => error instanceof Class);
      throw isOurs ? error : new EngineError(this.name, 'cannot be opened', { cause: error });
    }
  }

  #closed(): EngineError {
    return new EngineError(this.name, 'was closed');
  }
}

import pTimeout from 'p-timeout';
import { Cancellation } from '../../kernel/cancellation.js';
import { LockedError } from '../../shared/directory-lock.js';
import { Once } from '../../shared/once.js';
import { MissingPeerError } from '../../shared/peers.js';
import { EngineError } from '../errors.js';
import { lateError } from './persistence.js';
import { reasonOf } from './reasons.js';

/** Milliseconds by which what bounds itself may be late: then the error says more. */
const grace = 500;

/**
 * Something that is opened once, when it is first needed, in bounded time. Where that fails, the next who needs it tries
 * again.
 */
export class Opening<Opened> {
  /** Told when the time is over: it ends the attempt, and gives why no connection could be made, if none could. */
  onTimeout: () => unknown = () => undefined;
  readonly #once = new Once(() => this.#open());
  readonly #end = new Cancellation([], true);

  /**
   * @param name - what it is and where, for errors
   * @param timeout - how long it may take, in milliseconds
   * @param open - given what aborts, with an `EngineError`, when nobody may have it any more: then it is to end soon
   */
  constructor(
    private readonly name: string,
    private readonly timeout: number,
    private readonly open: (end: Cancellation) => Promise<Opened>,
  ) {}

  /** @throws {EngineError} that says where it tried */
  get(): Promise<Opened> {
    if (this.#end.aborted) return Promise.reject(this.#end.reason);
    return this.#once.get();
  }

  /** Lets nobody have it any more. Gives it, if it was opened; an attempt that is under way is given up. */
  async close(): Promise<Opened | undefined> {
    this.#end.abort(new EngineError(this.name, 'was closed', { reason: 'closed' }));
    return this.#once.made();
  }

  async #open(): Promise<Opened> {
    try {
      return await pTimeout(this.open(this.#end), {
        milliseconds: this.timeout + grace,
        fallback: () => {
          throw lateError(this.name, this.timeout, this.onTimeout());
        },
      });
    } catch (error) {
      const isOurs = [EngineError, LockedError, MissingPeerError].some((Class) => error instanceof Class);
      if (isOurs) throw error;
      throw new EngineError(this.name, 'cannot be opened', { cause: error, reason: reasonOf(error, 'refused') });
    }
  }
}

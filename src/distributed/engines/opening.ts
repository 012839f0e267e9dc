import pTimeout from 'p-timeout';
import { Cancellation } from '../../kernel/cancellation.js';
import { LockedError } from '../../shared/directory-lock.js';
import { Once } from '../../shared/once.js';
import { MissingPeerError } from '../../shared/peers.js';
import { EngineError } from '../errors.js';
import { lateError } from './persistence.js';
import { reasonOf } from './reasons.js';

/** Milliseconds added to the limit, because an attempt may have its own time limits, whose errors say more. */
const grace = 500;

/** A resource that is opened when it is first used, within a time limit. If opening fails, the next use tries again. */
export class Opening<Opened> {
  /**
   * Called when the time limit is exceeded. Ends the attempt, and returns the reason why no connection could be made,
   * or `undefined` if the reason is unknown.
   */
  onTimeout: () => unknown = () => undefined;
  readonly #once = new Once(() => this.#open());
  readonly #end = new Cancellation([], true);

  /**
   * @param name - kind and address of the resource, for errors
   * @param timeout - time limit in milliseconds
   * @param open - opens the resource. Its argument aborts with an `EngineError` on `close()`, and the attempt must
   *   then end soon
   */
  constructor(
    private readonly name: string,
    private readonly timeout: number,
    private readonly open: (end: Cancellation) => Promise<Opened>,
  ) {}

  /** @throws {EngineError} if opening fails; the message names the address */
  get(): Promise<Opened> {
    if (this.#end.aborted) return Promise.reject(this.#end.reason);
    return this.#once.get();
  }

  /** Refuses further use, and aborts an attempt in progress. Returns the resource if it was opened. */
  async close(): Promise<Opened | undefined> {
    this.#end.abort(new EngineError(this.name, 'was closed: create a new engine', { reason: 'closed' }));
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

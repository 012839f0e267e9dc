import { EngineError } from '../../distributed/index.js';
import type { EngineView } from '../api/index.js';
import type { State } from './feed.js';

/** Milliseconds in which an engine answers that is well. */
const patience = 5_000;

/** Follows whether the engine answers. One that is asked and says nothing does not. */
export class EngineHealth {
  #answeredAt = Date.now();
  #problem: string | undefined;
  /** Since when an answer is waited for, on the monotonic clock. */
  #asked: number | undefined;

  /** @param redact - takes secrets out of what the engine says */
  constructor(private readonly redact: (text: string) => string) {}

  /** Follows a look at the engine. */
  async watch<Value>(look: Promise<Value>): Promise<Value> {
    this.#asked = performance.now();
    try {
      const value = await look;
      this.#problem = undefined;
      this.#answeredAt = Date.now();
      return value;
    } catch (error) {
      if (error instanceof EngineError) this.#problem = this.redact(error.message);
      throw error;
    } finally {
      this.#asked = undefined;
    }
  }

  get state(): State {
    const problem = this.#problem ?? (this.#isSilent ? `nothing was heard for ${patience / 1_000} seconds` : undefined);
    const isAnswering = problem === undefined;
    const value: EngineView = { isAnswering, since: this.#answeredAt, ...(isAnswering ? {} : { problem }) };
    return { value, mark: JSON.stringify([isAnswering, problem]) };
  }

  get #isSilent(): boolean {
    return this.#asked !== undefined && performance.now() - this.#asked > patience;
  }
}

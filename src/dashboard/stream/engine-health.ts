import type { EngineView } from '../api/index.js';
import { codeOf } from '../error-codes.js';
import type { State } from './feed.js';

/** Milliseconds within which a healthy engine answers. */
const patience = 5_000;

/** Tracks whether the engine answers. An engine that stays silent for too long counts as not answering. */
export class EngineHealth {
  #answeredAt = Date.now();
  #problem: string | undefined;
  /** Start of the request that is waiting for an answer, on the monotonic clock. */
  #asked: number | undefined;

  /** @param redact - masks secrets in messages of the engine */
  constructor(private readonly redact: (text: string) => string) {}

  /** Tracks a request to the engine. */
  async watch<Value>(look: Promise<Value>): Promise<Value> {
    this.#asked = performance.now();
    try {
      const value = await look;
      this.#problem = undefined;
      this.#answeredAt = Date.now();
      return value;
    } catch (error) {
      if (codeOf(error) === 'ERR_ENGINE') this.#problem = this.redact((error as Error).message);
      throw error;
    } finally {
      this.#asked = undefined;
    }
  }

  get state(): State {
    const problem = this.#problem ?? (this.#isSilent ? `no answer for ${patience / 1_000} seconds` : undefined);
    const isAnswering = problem === undefined;
    const value: EngineView = { isAnswering, since: this.#answeredAt, ...(isAnswering ? {} : { problem }) };
    return { value, mark: JSON.stringify([isAnswering, problem]) };
  }

  get #isSilent(): boolean {
    return this.#asked !== undefined && performance.now() - this.#asked > patience;
  }
}

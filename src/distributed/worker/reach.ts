import { isPassing } from '../run/patience.js';

/** How many ticks a sign of life may be without an answer. While the event loop is blocked, there are none. */
const mostTicks = 2;

/** Notices when the engine is away, by signs of life that fail or are not answered. */
export class Reach {
  #unanswered = 0;
  #isAsking = false;

  /** @param onAway - called at each sign of life that the engine does not take in time */
  constructor(private readonly onAway: () => void) {}

  /** Gives a sign of life. */
  async ask<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    this.#unanswered = 0;
    this.#isAsking = true;
    try {
      return await work();
    } catch (error) {
      if (isPassing(error)) this.onAway();
      throw error;
    } finally {
      this.#isAsking = false;
    }
  }

  /** Looks whether a sign of life is unanswered. */
  async tick(): Promise<void> {
    if (this.#isAsking && ++this.#unanswered === mostTicks) this.onAway();
  }
}

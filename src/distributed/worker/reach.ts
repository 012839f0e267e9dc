import { isPassing } from '../run/patience.js';

/**
 * Number of ticks after which an unanswered heartbeat counts as failed. While the event loop is blocked, there are no
 * ticks.
 */
const mostTicks = 2;

/** Detects that the engine is unreachable, because a heartbeat fails or is not answered. */
export class Reach {
  #unanswered = 0;
  #isAsking = false;

  /** @param onAway - called for each heartbeat that fails or is not answered in time */
  constructor(private readonly onAway: () => void) {}

  /** Sends a heartbeat. */
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

  /** Checks for an unanswered heartbeat. */
  async tick(): Promise<void> {
    if (this.#isAsking && ++this.#unanswered === mostTicks) this.onAway();
  }
}

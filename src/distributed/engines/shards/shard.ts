import type { Engine } from '../../contracts.js';
import { EngineError } from '../../errors.js';
import { inTime, SilenceError, within } from '../in-time.js';
import type { Place } from './placement.js';

/** Milliseconds that a shard gets to answer while it is away. */
const soon = 250;

/**
 * An engine as a part of a larger one, which must not wait for this part for long.
 *
 *     answers ◄──► away
 *
 * A shard is away from a question that fails or is not answered in time to the next answer. While it is away, questions
 * are given up soon, and are not sent at all while a late one is still on its way.
 */
export class Shard implements Place {
  #isAway = false;
  #late: Promise<void> | undefined = undefined;

  /**
   * @param timeout - milliseconds that the shard gets to answer a question
   */
  constructor(
    readonly engine: Engine,
    readonly position: number,
    readonly isOpen: boolean,
    private readonly timeout: number,
  ) {}

  /**
   * Asks the shard.
   *
   * @param question - a call that may be carried out after it was given up
   * @throws {EngineError} if the shard does not answer in time
   */
  async ask<Answer>(question: (engine: Engine) => Promise<Answer>): Promise<Answer> {
    try {
      if (this.#late !== undefined) await inTime(this.#late, within(soon));
      const asked = question(this.engine);
      const answer = await inTime(asked, within(this.#isAway ? soon : this.timeout), () => this.#expect(asked));
      this.#isAway = false;
      return answer;
    } catch (error) {
      const isLate = error instanceof SilenceError;
      this.#isAway = isLate || (error instanceof EngineError && error.isRetryable);
      throw isLate ? new EngineError(this.engine.name, 'does not answer', { reason: 'timeout', cause: error }) : error;
    }
  }

  /** Waits for a late answer in the background. */
  #expect(asked: Promise<unknown>): void {
    const answered = () => {
      this.#isAway = false;
    };
    this.#late = asked
      .then(answered, () => undefined)
      .finally(() => {
        this.#late = undefined;
      });
  }
}

/** Returns true if a shard has a run, and the error if the shard cannot tell. */
export async function answerOf(
  shard: Shard,
  has: (engine: Engine) => Promise<boolean>,
): Promise<boolean | EngineError> {
  try {
    return await shard.ask(has);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

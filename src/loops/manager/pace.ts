import type { Idle } from '../outcomes.js';
import type { Attention } from './attention.js';
import { Clock } from './clock.js';
import type { Ticks } from './schedule.js';
import { nextTurn } from './turns.js';

/** Milliseconds until a producer is asked again that had nothing and did not say when. */
export const idleDelay = 100;

/** How many times as long as at first a producer that fails is left alone at most. */
const mostBackoff = 100;

/** When a loop goes on: at the ticks of its schedule, and some time after its producer had nothing or has failed. */
export class Pace {
  #tick: number | undefined = undefined;
  #failures = 0;
  readonly #clock = new Clock();

  /**
   * @param ticks - of the schedule. Default: as fast as possible
   * @param backoff - milliseconds after a first failure
   */
  constructor(
    private readonly attention: Attention,
    private readonly ticks: Ticks | undefined,
    private readonly backoff: number,
  ) {}

  get missedTicks(): number {
    return this.ticks?.missed ?? 0;
  }

  get isScheduled(): boolean {
    return this.ticks !== undefined;
  }

  /** Waits for the next tick. @returns whether it is time: it may have been woken for something else */
  async tick(): Promise<boolean> {
    const ticks = this.ticks as Ticks;
    this.#tick ??= ticks.next(this.#clock.now());
    for (;;) {
      const left = ticks.left(this.#tick, this.#clock.now());
      if (left <= 0) break;
      await this.attention.sleep(left);
      if (this.attention.isWanted) return false;
    }
    this.#tick = undefined;
    return true;
  }

  /** An iteration has ended, or there was none. */
  ended(): void {
    this.ticks?.ended(this.#clock.now());
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
  }

  /** The producer had nothing. */
  idle({ delay }: Idle): Promise<void> {
    return delay === undefined && this.isScheduled ? nextTurn() : this.attention.sleep(delay ?? idleDelay);
  }

  /** The producer has failed: it is left alone, longer each time. */
  backOff(): Promise<void> {
    return this.attention.sleep(this.backoff * Math.min(2 ** (this.#failures - 1), mostBackoff));
  }
}

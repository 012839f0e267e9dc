import type { Idle } from '../outcomes.js';
import type { Attention } from './attention.js';
import { Clock } from './clock.js';
import type { Ticks } from './schedule.js';
import { nextTurn } from './turns.js';

/** Default delay of `idle()`, in milliseconds. */
export const idleDelay = 100;

/** Maximum back-off, as a multiple of the first back-off. */
const mostBackoff = 100;

/** The pace of a loop: the ticks of its schedule, and the delays after a producer returned no value or failed. */
export class Pace {
  #tick: number | undefined = undefined;
  #failures = 0;
  readonly #clock = new Clock();

  /**
   * @param ticks - ticks of the schedule. Default: as fast as possible
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

  /**
   * Waits for the next tick.
   *
   * @returns true at the tick; false if a request interrupted the wait
   */
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

  /** Registers that an iteration has ended, or that the producer returned no value. */
  ended(): void {
    this.ticks?.ended(this.#clock.now());
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
  }

  /** Waits after the producer returned no value. */
  idle({ delay }: Idle): Promise<void> {
    return delay === undefined && this.isScheduled ? nextTurn() : this.attention.sleep(delay ?? idleDelay);
  }

  /** Waits after the producer failed. The wait doubles with each consecutive failure, up to a limit. */
  backOff(): Promise<void> {
    return this.attention.sleep(this.backoff * Math.min(2 ** (this.#failures - 1), mostBackoff));
  }
}

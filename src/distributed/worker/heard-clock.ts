import { EngineClock } from '../engines/engine-clock.js';

/** An estimate of the engine's clock, corrected by each heartbeat. */
export class HeardClock {
  #clock: EngineClock | undefined = undefined;

  /** The engine's time in epoch milliseconds. Before the first heartbeat, the time of this machine. */
  get now(): number {
    return this.#clock?.now ?? Date.now();
  }

  /**
   * Sends a heartbeat and sets the clock to the engine's answer.
   *
   * @param ask - sends the heartbeat, and returns the engine's time
   * @returns the minimum by which this machine's clock is wrong, in milliseconds: positive if the clock is ahead,
   *   negative if it is behind
   */
  async heard(ask: () => Promise<number>): Promise<number> {
    const before = Date.now();
    const now = await ask();
    const after = Date.now();
    if (this.#clock === undefined) this.#clock = new EngineClock(now);
    else this.#clock.hear(now);
    // The engine read its clock at a time between `before` and `after`.
    return now < before ? before - now : Math.min(after - now, 0);
  }
}

import { EngineClock } from '../engines/engine-clock.js';

/** The engine's clock as it was heard with the last sign of life. */
export class HeardClock {
  #clock: EngineClock | undefined = undefined;

  /** In epoch milliseconds; by this machine's clock as long as nothing was heard. */
  get now(): number {
    return this.#clock?.now ?? Date.now();
  }

  /**
   * Hears the engine's clock.
   *
   * @param ask - gives a sign of life, which is answered with the engine's time
   * @returns by how many milliseconds this machine's clock is off, at least
   */
  async heard(ask: () => Promise<number>): Promise<number> {
    const before = Date.now();
    const now = await ask();
    const after = Date.now();
    if (this.#clock === undefined) this.#clock = new EngineClock(now);
    else this.#clock.hear(now);
    // The engine has read its clock somewhere between the two.
    return now < before ? before - now : Math.min(after - now, 0);
  }
}

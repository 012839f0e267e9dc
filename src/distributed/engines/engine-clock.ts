/**
 * The engine's clock, estimated as the time that the engine last reported plus the time that has passed since by the
 * monotonic clock. The wall clock of this machine is not used, because it may be wrong and may be changed at any time.
 */
export class EngineClock {
  #heard: number;
  #at = performance.now();

  /** @param time - the time that the engine has just reported, in epoch milliseconds */
  constructor(time: number) {
    this.#heard = time;
  }

  hear(time: number): void {
    this.#heard = time;
    this.#at = performance.now();
  }

  /** The estimated time in epoch milliseconds, with fractions. */
  get now(): number {
    return this.#heard + this.age;
  }

  /** Milliseconds since the engine last reported its time. */
  get age(): number {
    return performance.now() - this.#at;
  }
}

/** Milliseconds for which a reported time is used before the engine is asked again. */
const freshFor = 60_000;

/**
 * The engine's clock for callers that do not receive the engine's time with their answers. It asks the engine at most
 * once a minute.
 */
export class AskedClock {
  #clock: EngineClock | undefined = undefined;

  /** @param ask - returns the engine's time in epoch milliseconds */
  constructor(private readonly ask: () => Promise<number>) {}

  /** Returns the time in whole epoch milliseconds. */
  async now(): Promise<number> {
    if (this.#clock === undefined || this.#clock.age > freshFor) this.#clock = new EngineClock(await this.ask());
    return Math.ceil(this.#clock.now);
  }
}

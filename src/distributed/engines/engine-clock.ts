/**
 * The engine's clock as this program knows it: what was last heard of it, and what the monotonic clock has counted since.
 * The wall clock of this machine plays no part: it may be wrong, and may be set at any time.
 */
export class EngineClock {
  #heard: number;
  #at = performance.now();

  /** @param time - what the engine has just said, in epoch milliseconds */
  constructor(time: number) {
    this.#heard = time;
  }

  hear(time: number): void {
    this.#heard = time;
    this.#at = performance.now();
  }

  /** In epoch milliseconds, with fractions. */
  get now(): number {
    return this.#heard + this.age;
  }

  /** Milliseconds since it was last heard. */
  get age(): number {
    return performance.now() - this.#at;
  }
}

/** For how many milliseconds a clock that was read is gone by. */
const freshFor = 60_000;

/** The engine's clock for those who do not hear it anyway: it is asked now and then. */
export class AskedClock {
  #clock: EngineClock | undefined = undefined;

  /** @param ask - gives the engine's clock, in epoch milliseconds */
  constructor(private readonly ask: () => Promise<number>) {}

  /** In whole epoch milliseconds. */
  async now(): Promise<number> {
    if (this.#clock === undefined || this.#clock.age > freshFor) this.#clock = new EngineClock(await this.ask());
    return Math.ceil(this.#clock.now);
  }
}

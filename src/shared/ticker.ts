/**
 * Repeats work at an interval. A tick is skipped while the previous tick is running. The timer does not keep the
 * program alive.
 */
export class Ticker {
  #timer: NodeJS.Timeout | undefined = undefined;
  #ticking: Promise<void> | undefined = undefined;

  constructor(
    private readonly interval: number,
    private readonly work: () => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#ticking ??= this.#tick();
    }, this.interval);
    this.#timer.unref();
  }

  /** Stops the ticker. Resolves when the current tick has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ticking;
  }

  async #tick(): Promise<void> {
    try {
      await this.work();
    } catch (error) {
      this.onError(error);
    } finally {
      this.#ticking = undefined;
    }
  }
}

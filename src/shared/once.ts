/** A value that is created once, when it is first needed. If creating it fails, the next call tries again. */
export class Once<Made> {
  #making: Promise<Made> | undefined = undefined;

  constructor(private readonly make: () => Promise<Made>) {}

  get(): Promise<Made> {
    this.#making ??= this.make().catch((error) => {
      this.#making = undefined;
      throw error;
    });
    return this.#making;
  }

  /** Returns the value if it was created, else `undefined`. */
  async made(): Promise<Made | undefined> {
    return this.#making?.catch(() => undefined);
  }
}

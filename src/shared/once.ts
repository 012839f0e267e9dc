/** Something that is made once, when it is first needed. Where that fails, the next who needs it tries again. */
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

  /** What was made, if it was. */
  async made(): Promise<Made | undefined> {
    return this.#making?.catch(() => undefined);
  }
}

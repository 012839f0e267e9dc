type Call = () => Promise<unknown>;

/** How many pauses something waits for a call that does not come. */
const patience = 30;

/** How many later calls something waits for stillness at most: a program with timers may never be still, on a slow machine. */
const mostCalls = 100;

/** Calls of a program by number, so that some can be later than others. */
export class Lateness {
  calls = 0;
  /** Calls that the target has not answered yet, and those that others wait for. */
  readonly #answers = new Map<number, { readonly answered: Promise<void>; readonly resolve: () => void }>();

  /**
   * @param pause - a thirtieth of the time that something waits for a call that does not come
   * @param death - ends all waits for other calls
   */
  constructor(
    private readonly pause: Call,
    private readonly death: Promise<void>,
  ) {}

  /** @returns the number of the call */
  begin(): number {
    return ++this.calls;
  }

  end(number: number): void {
    this.#answers.delete(number);
  }

  /** Makes a call, and wakes what waits for its answer. */
  async heard(number: number, call: Call): Promise<unknown> {
    const { resolve } = this.#answerOf(number);
    try {
      return await call();
    } finally {
      resolve();
      this.#answers.delete(number);
    }
  }

  /** Waits until a call was answered, where it comes in time. */
  async after(number: number): Promise<void> {
    await Promise.race([this.#answerOf(number).answered, this.wait(), this.death]);
    if (number > this.calls) this.#answers.delete(number);
  }

  /** Waits as long as something waits for a call that does not come; for a part of that where a number is given. */
  async wait(part = patience): Promise<void> {
    const count = part === patience ? patience : part % patience;
    for (let pause = 0; pause < count; pause++) await this.pause();
  }

  /** Waits until all calls that are under way wait as this one does, or very many have come since. */
  async stillness(isOver: () => boolean, isHeld: () => boolean): Promise<void> {
    let most = this.calls + mostCalls;
    for (let still = 0, { calls } = this; still < patience && this.calls < most && !isOver(); still++) {
      await this.pause();
      if (isHeld()) most = this.calls + mostCalls;
      if (this.calls !== calls || isHeld()) still = 0;
      calls = this.calls;
    }
  }

  #answerOf(number: number) {
    let answer = this.#answers.get(number);
    if (answer === undefined) {
      let resolve: () => void = () => {};
      const answered = new Promise<void>((done) => {
        resolve = done;
      });
      answer = { answered, resolve };
      this.#answers.set(number, answer);
    }
    return answer;
  }
}

/** Waits so many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

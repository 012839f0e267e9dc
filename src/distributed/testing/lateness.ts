type Call = () => Promise<unknown>;

/** Number of pauses after which a call is assumed never to come. */
const patience = 30;

/**
 * Maximum number of further calls to wait for stillness. On a slow machine, a program with timers may never be still.
 */
const mostCalls = 100;

/** Numbers the calls of a program, so that a call can be delayed until after another call. */
export class Lateness {
  calls = 0;
  /** Calls that have not been answered yet or that another call waits for, by number. */
  readonly #answers = new Map<number, { readonly answered: Promise<void>; readonly resolve: () => void }>();

  /**
   * @param pause - waits for one pause; after thirty pauses, a call is assumed never to come
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

  /** Makes a call, and wakes the calls that wait for its answer. */
  async heard(number: number, call: Call): Promise<unknown> {
    const { resolve } = this.#answerOf(number);
    try {
      return await call();
    } finally {
      resolve();
      this.#answers.delete(number);
    }
  }

  /** Waits until a call has been answered, or is assumed never to come. */
  async after(number: number): Promise<void> {
    await Promise.race([this.#answerOf(number).answered, this.wait(), this.death]);
    if (number > this.calls) this.#answers.delete(number);
  }

  /**
   * Waits for thirty pauses.
   *
   * @param part - if given, the wait lasts `part` modulo thirty pauses
   */
  async wait(part = patience): Promise<void> {
    const count = part === patience ? patience : part % patience;
    for (let pause = 0; pause < count; pause++) await this.pause();
  }

  /** Waits until the program makes no further calls, or has made `mostCalls` further calls. */
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

/** Waits for the given number of turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

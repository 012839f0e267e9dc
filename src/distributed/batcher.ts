import { sendTogether } from './together.js';

interface Waiting<Call, Answer> {
  readonly call: Call;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** How many calls go together at most, and how many characters they may have together. */
const most = 100;
const mostText = 16 * 2 ** 20;

/**
 * Sends calls together that come at the same time: one statement and one transaction for many. While as many batches are
 * under way as may be, calls gather for the next.
 */
export class Batcher<Call, Answer> {
  #waiting: Waiting<Call, Answer>[] = [];
  #underWay = 0;
  #isScheduled = false;

  /**
   * @param width - how many batches may be under way
   * @param sizeOf - how many characters a call has. Default: none worth counting
   */
  constructor(
    private readonly send: (calls: readonly Call[]) => Promise<readonly Answer[]>,
    private readonly width: number,
    private readonly sizeOf: (call: Call) => number = () => 0,
  ) {}

  add(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // Whatever else is ready in this turn of the event loop goes along.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    });
  }

  #pump(): void {
    while (this.#underWay < this.width && this.#waiting.length > 0) {
      this.#underWay++;
      const batch = this.#waiting.splice(0, this.#fitting());
      void sendTogether(
        batch,
        (part) => this.#send(part),
        ({ reject }, error) => reject(error),
      ).finally(() => {
        this.#underWay--;
        this.#pump();
      });
    }
  }

  /** How many of those that wait can go together. */
  #fitting(): number {
    let size = 0;
    const end = this.#waiting.slice(0, most).findIndex(({ call }, index) => {
      size += this.sizeOf(call);
      return index > 0 && size > mostText;
    });
    return end === -1 ? most : end;
  }

  async #send(batch: readonly Waiting<Call, Answer>[]): Promise<void> {
    const answers = await this.send(batch.map(({ call }) => call));
    for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
  }
}

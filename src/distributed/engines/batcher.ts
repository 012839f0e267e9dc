import { longestDelay } from '../../shared/validate.js';
import { isForGood } from '../errors.js';
import { sendTogether } from './together.js';

/** How long a call may take. */
export interface CallLimit {
  /** In milliseconds, from when the call was added. */
  readonly milliseconds: number;
  /** What a call is told that takes longer, if no batch has failed before. */
  readonly late: () => unknown;
}

interface Waiting<Call, Answer> {
  readonly call: Call;
  /** When it is late, by the monotonic clock. */
  readonly end: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** How many calls go together at most, and how many characters they may have together. */
const most = 100;
const mostText = 16 * 2 ** 20;

/** Milliseconds by which a batch that is bounded itself may be late: then its own error says more. */
const grace = 500;

/**
 * Sends calls together that come at the same time: one statement and one transaction for many. While as many batches are
 * under way as may be, calls gather for the next; one that gathers for longer than it may take is not sent any more.
 */
export class Batcher<Call, Answer> {
  #waiting: Waiting<Call, Answer>[] = [];
  /** All that have no answer yet, the oldest first: one timer does for them. */
  readonly #open = new Set<Waiting<Call, Answer>>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #underWay = 0;
  #isScheduled = false;
  /** What the last batch has failed with, if it has. */
  #failure: unknown = undefined;

  /**
   * @param width - how many batches may be under way
   * @param sizeOf - how many characters a call has. Default: none worth counting
   * @param limit - how long a call may take, with the time for which it gathers. Default: any time
   */
  constructor(
    private readonly send: (calls: readonly Call[]) => Promise<readonly Answer[]>,
    private readonly width: number,
    private readonly sizeOf: (call: Call) => number = () => 0,
    private readonly limit: CallLimit = { milliseconds: Infinity, late: () => undefined },
  ) {}

  add(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const waiting = { call, resolve, reject, end: performance.now() + this.limit.milliseconds + grace };
      this.#waiting.push(waiting);
      this.#open.add(waiting);
      this.#timer ??= this.#watch(waiting);
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      // Whatever else is ready in this turn of the event loop goes along.
      setImmediate(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    });
  }

  #watch(oldest: Waiting<Call, Answer>): NodeJS.Timeout | undefined {
    const left = oldest.end - performance.now();
    return left > longestDelay ? undefined : setTimeout(() => this.#giveUpLate(), Math.max(0, left));
  }

  #giveUpLate(): void {
    this.#timer = undefined;
    const now = performance.now();
    this.#waiting = this.#waiting.filter(({ end }) => end > now);
    for (const waiting of this.#open) {
      if (waiting.end > now) break;
      this.#open.delete(waiting);
      waiting.reject(this.#failure ?? this.limit.late());
    }
    const [oldest] = this.#open;
    if (oldest !== undefined) this.#timer = this.#watch(oldest);
  }

  /** It has its answer. */
  #close(waiting: Waiting<Call, Answer>): void {
    this.#open.delete(waiting);
    if (this.#open.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #pump(): void {
    while (this.#underWay < this.width && this.#waiting.length > 0) {
      this.#underWay++;
      const batch = this.#waiting.splice(0, this.#fitting());
      void sendTogether(
        batch,
        (part) => this.#send(part),
        (waiting, error) => {
          this.#close(waiting);
          waiting.reject(error);
        },
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
    const answers = await this.send(batch.map(({ call }) => call)).catch((error) => {
      // What is wrong with one call is nothing to another.
      if (!isForGood(error)) this.#failure = error;
      throw error;
    });
    this.#failure = undefined;
    for (const [index, waiting] of batch.entries()) {
      this.#close(waiting);
      waiting.resolve(answers[index] as Answer);
    }
  }
}

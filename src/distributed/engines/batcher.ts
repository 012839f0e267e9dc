import { longestDelay } from '../../shared/validate.js';
import { isForGood } from '../errors.js';
import { sendTogether } from './together.js';

/** The time limit of a call. */
export interface CallLimit {
  /** Length of the limit in milliseconds, counted from the moment the call is added. */
  readonly milliseconds: number;
  /** Returns the error for a late call. Called only if no batch has failed since the last success. */
  readonly late: () => unknown;
}

interface Waiting<Call, Answer> {
  readonly call: Call;
  /** Time at which the call becomes late, by the monotonic clock. */
  readonly end: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Maximum number of calls in a batch, and maximum sum of their characters. */
const most = 100;
const mostText = 16 * 2 ** 20;

/** Milliseconds added to the limit, because a batch may have its own time limit, whose error says more. */
const grace = 500;

/**
 * Combines calls that are made at the same time into a batch: one statement and one transaction for many calls. While
 * the maximum number of batches is in flight, further calls gather for the next batch. A call that gathers for longer
 * than its time limit is not sent.
 */
export class Batcher<Call, Answer> {
  #waiting: Waiting<Call, Answer>[] = [];
  /** All calls without an answer, the oldest first. One timer serves all of them. */
  readonly #open = new Set<Waiting<Call, Answer>>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #underWay = 0;
  #isScheduled = false;
  /** The error of the last batch, if it failed. */
  #failure: unknown = undefined;

  /**
   * @param width - maximum number of batches in flight
   * @param sizeOf - returns the number of characters of a call. Default: 0 for each call
   * @param limit - the time limit of a call, including the time spent gathering. Default: none
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
      // Everything that becomes ready in this turn of the event loop joins the batch.
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

  /** Removes a call that has been answered. */
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

  /** Returns the number of waiting calls that the next batch can take. */
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
      // An error that the content of one call caused says nothing about other calls.
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

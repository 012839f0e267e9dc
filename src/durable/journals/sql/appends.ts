import { Deque } from '../../../shared/deque.js';
import type { JournalStatus } from '../../journal.js';

/**
 * Maximum number of statements in flight, and number of texts and of characters in a statement above which it takes no
 * further run.
 */
const width = 4;
const mostTexts = 1_000;
const mostText = 4 * 2 ** 20;

/** Texts that one owner appends. */
export interface Part<Owner> {
  readonly owner: Owner;
  /** Number of the first text in its run. */
  readonly first: number;
  readonly texts: readonly string[];
  readonly status: JournalStatus | undefined;
}

interface Waiting<Owner> {
  readonly part: Part<Owner>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends the texts of all open runs. Texts that arrive while statements are in flight gather for the next one, which
 * takes them from many runs. A run has one part at a time, so its texts are stored in their order.
 *
 * @param send - appends texts in one transaction. Resolves with the error for each part; `undefined` if it was stored
 */
export class Appends<Owner> {
  readonly #waiting = new Deque<Waiting<Owner>>();
  #inFlight = 0;
  #isScheduled = false;

  constructor(private readonly send: (parts: readonly Part<Owner>[]) => Promise<readonly unknown[]>) {}

  add(part: Part<Owner>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ part, resolve, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    });
  }

  #pump(): void {
    while (this.#inFlight < width && this.#waiting.size > 0) {
      this.#inFlight++;
      void this.#sendAll(this.#take()).finally(() => {
        this.#inFlight--;
        this.#pump();
      });
    }
  }

  #take(): readonly Waiting<Owner>[] {
    const taken: Waiting<Owner>[] = [];
    let [count, size] = [0, 0];
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      const { texts } = next.part;
      count += texts.length;
      for (const text of texts) size += text.length;
      if (taken.length > 0 && (count > mostTexts || size > mostText)) break;
      taken.push(next);
      this.#waiting.shift();
    }
    return taken;
  }

  async #sendAll(taken: readonly Waiting<Owner>[]): Promise<void> {
    const errors = await this.send(taken.map(({ part }) => part)).catch((error) => taken.map(() => error));
    for (const [index, { resolve, reject }] of taken.entries()) {
      if (errors[index] === undefined) resolve();
      else reject(errors[index]);
    }
  }
}

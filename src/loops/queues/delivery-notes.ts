import type { Message } from '../node.js';
import type { Deliveries } from './queue-store.js';

export interface DeliveryNotesOptions {
  /**
   * Records delivery counts so that they survive a crash of the program. If undefined, nothing is recorded, and every
   * delivery counts as recorded.
   */
  readonly deliver: ((deliveries: Deliveries) => Promise<void>) | undefined;
  /** Recorded delivery counts of the restored messages. */
  readonly known: Deliveries;
  readonly restored: readonly Message[];
  /** Returns true while nothing can be stored. A record that failed is then written again later. */
  readonly isHeld: () => boolean;
  /** Called when more messages may be delivered. */
  readonly onNoted: () => void;
}

/**
 * Number of deliveries that are recorded ahead of time, so that messages do not have to wait for the disk. Grows after
 * messages had to wait.
 */
const ahead = { fewest: 256, most: 8_192 };

/**
 * Records deliveries before they happen, so that a crash cannot hide a delivery. First deliveries are recorded in bulk
 * and ahead of time, repeated deliveries one by one. Only one record is written at a time. A reader that needs another
 * record waits until the current record has been written, and then asks again.
 */
export class DeliveryNotes {
  /** The highest message id that may have been delivered for the first time. */
  #lastTaken: number;
  /** The highest message id whose first delivery is recorded. */
  #noted: number;
  #isNoting = false;
  #ahead = ahead.fewest;
  /** If true, a message had to wait for the current record. */
  #hasWaited = false;
  /** Recorded counts of repeated deliveries, by message id. */
  readonly #counts: Map<number, number>;

  constructor(private readonly options: DeliveryNotesOptions) {
    const { deliver, known, restored } = options;
    this.#lastTaken = known.upTo;
    this.#counts = new Map(
      restored.flatMap(({ id }) => (known.counts.has(id) ? [[id, known.counts.get(id) as number]] : [])),
    );
    this.#noted = deliver === undefined ? Number.POSITIVE_INFINITY : known.upTo;
  }

  /** Returns the number of times that a restored message may have been delivered. */
  deliveriesOf(id: number): number {
    return this.#counts.get(id) ?? (id <= this.#lastTaken ? 1 : 0);
  }

  /** Records first deliveries of the messages that will follow `lastId`. */
  begin(lastId: number): void {
    this.#note(lastId + ahead.fewest);
  }

  /** Returns true if the first delivery of the message is recorded. */
  isFirstNoted(id: number): boolean {
    return id <= this.#noted;
  }

  /**
   * Like `isFirstNoted`, but also starts to record the first deliveries of this message and the following ones if
   * necessary.
   */
  noteFirst(id: number): boolean {
    if (id > this.#noted - this.#ahead / 2) this.#note(id + this.#ahead);
    if (id <= this.#noted) return true;
    this.#hasWaited = true;
    return false;
  }

  /** Returns true if the next delivery of an already delivered message is recorded. */
  isAgainNoted(id: number, deliveries: number): boolean {
    return this.#noted === Number.POSITIVE_INFINITY || (!this.#isNoting && this.#counts.get(id) === deliveries + 1);
  }

  /** Records the next delivery of an already delivered message, unless another record is being written. */
  noteAgain(id: number, deliveries: number): void {
    if (this.#isNoting) return;
    this.#counts.set(id, deliveries + 1);
    this.#note(this.#noted);
  }

  delivered(id: number): void {
    if (id > this.#lastTaken) this.#lastTaken = id;
  }

  removed(id: number): void {
    this.#counts.delete(id);
  }

  /** Removes records of deliveries that were made ahead of time but did not happen. */
  close(): void {
    if (Number.isFinite(this.#noted)) this.#note(this.#lastTaken);
  }

  #note(upTo: number): void {
    const { deliver, isHeld, onNoted } = this.options;
    if (this.#isNoting || deliver === undefined) return;
    this.#isNoting = true;
    const noted = (isNoted: boolean) => {
      this.#isNoting = false;
      // While nothing can be stored, readers wait until storing works again. Any other error of the log does not make
      // readers wait.
      if (!isNoted && isHeld()) return;
      this.#noted = upTo;
      this.#ahead = this.#hasWaited
        ? Math.min(this.#ahead * 2, ahead.most)
        : Math.max(Math.ceil(this.#ahead * 0.9), ahead.fewest);
      this.#hasWaited = false;
      onNoted();
    };
    deliver({ upTo, counts: new Map(this.#counts) }).then(
      () => noted(true),
      () => noted(false),
    );
  }
}

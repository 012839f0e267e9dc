import type { Message } from '../node.js';
import type { Deliveries } from './queue-log.js';

export interface DeliveryNotesOptions {
  /** Resolves when it is known after a crash of the program. Default: nothing is noted, and every delivery counts as noted. */
  readonly deliver: ((deliveries: Deliveries) => Promise<void>) | undefined;
  /** What is known of restored messages. */
  readonly known: Deliveries;
  readonly restored: readonly Message[];
  /** If true, nothing can be stored for now: a note that has failed is written again when that is over. */
  readonly isHeld: () => boolean;
  /** Called when more may be delivered. */
  readonly onNoted: () => void;
}

/** How many deliveries are noted ahead, so that no message waits for the disk: more where messages have had to wait. */
const ahead = { fewest: 256, most: 8_192 };

/**
 * What is noted of deliveries before they happen: of first ones many at a time and ahead, of others one by one. One note is
 * under way at a time: who needs another asks again when woken.
 */
export class DeliveryNotes {
  /** The highest number of which a first delivery may have happened. */
  #lastTaken: number;
  /** The highest number of which a first delivery is noted. */
  #noted: number;
  #isNoting = false;
  #ahead = ahead.fewest;
  /** If true, a message has waited for the note that is under way. */
  #hasWaited = false;
  /** Noted counts of messages that were delivered before. */
  readonly #counts: Map<number, number>;

  constructor(private readonly options: DeliveryNotesOptions) {
    const { deliver, known, restored } = options;
    this.#lastTaken = known.upTo;
    this.#counts = new Map(
      restored.flatMap(({ id }) => (known.counts.has(id) ? [[id, known.counts.get(id) as number]] : [])),
    );
    this.#noted = deliver === undefined ? Number.POSITIVE_INFINITY : known.upTo;
  }

  /** How often a restored message may have been delivered. */
  deliveriesOf(id: number): number {
    return this.#counts.get(id) ?? (id <= this.#lastTaken ? 1 : 0);
  }

  /** Notes first deliveries behind the last message that there has been. */
  begin(lastId: number): void {
    this.#note(lastId + ahead.fewest);
  }

  /** If true, the first delivery of the message is noted. */
  isFirstNoted(id: number): boolean {
    return id <= this.#noted;
  }

  /** Like `isFirstNoted`; looks to it that it soon is, for this message and those behind it. */
  noteFirst(id: number): boolean {
    if (id > this.#noted - this.#ahead / 2) this.#note(id + this.#ahead);
    if (id <= this.#noted) return true;
    this.#hasWaited = true;
    return false;
  }

  /** If true, it is noted that the message is delivered once more than it was. */
  isAgainNoted(id: number, deliveries: number): boolean {
    return this.#noted === Number.POSITIVE_INFINITY || (!this.#isNoting && this.#counts.get(id) === deliveries + 1);
  }

  /** Notes that the message is delivered once more than it was, unless another note is under way. */
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

  /** What was noted ahead, and did not happen, need not count. */
  close(): void {
    if (Number.isFinite(this.#noted)) this.#note(this.#lastTaken);
  }

  #note(upTo: number): void {
    const { deliver, isHeld, onNoted } = this.options;
    if (this.#isNoting || deliver === undefined) return;
    this.#isNoting = true;
    const noted = (isNoted: boolean) => {
      this.#isNoting = false;
      // While nothing can be stored readers wait, and are woken when that can be done again. A log that fails otherwise keeps
      // no messages from them.
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

import { Deque } from '../shared/deque.js';
import type { JournalOwner, JournalStatus } from './journal.js';

/** Maximum number of records and of characters that are written at once. A longer record is written alone. */
const mostRecords = 1_000;
const mostText = 2 ** 20;

/** A record that is to be written. */
export interface Writing {
  readonly text: string;
  /** Status of the run once the record is stored. Default: unchanged. */
  readonly status?: JournalStatus | undefined;
  /** Called when the record is durable. */
  stored(): void;
  /** Called if the record cannot be written, with what `onFailure` has returned. */
  refused?(error: Error): void;
}

/** Writes the records of a run in their order. Records that arrive during a write are written together. */
export class Writer {
  readonly #waiting = new Deque<Writing>();
  #writing: Promise<void> | undefined = undefined;
  #failure: Error | undefined = undefined;

  /** @param onFailure - called once, with what the owner has thrown. No record is written afterwards */
  constructor(
    private readonly owner: JournalOwner,
    private readonly onFailure: (thrown: unknown) => Error,
  ) {}

  add(writing: Writing): void {
    if (this.#failure !== undefined) {
      writing.refused?.(this.#failure);
      return;
    }
    this.#waiting.push(writing);
    // Records of the same turn are written together.
    this.#writing ??= Promise.resolve().then(() => this.#writeAll());
  }

  /** Resolves when no record is being written. Never rejects. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#take();
      try {
        await this.owner.append(
          batch.map(({ text }) => text),
          batch.at(-1)?.status,
        );
      } catch (thrown) {
        const error = this.onFailure(thrown);
        this.#failure = error;
        while (this.#waiting.size > 0) batch.push(this.#waiting.shift() as Writing);
        for (const writing of batch) writing.refused?.(error);
        break;
      }
      for (const writing of batch) writing.stored();
    }
    this.#writing = undefined;
  }

  /** Takes the next records: up to one with a status, because that is the status after all of them. */
  #take(): Writing[] {
    const batch: Writing[] = [];
    let length = 0;
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      length += next.text.length;
      if (batch.length > 0 && length > mostText) break;
      batch.push(next);
      this.#waiting.shift();
      if (next.status !== undefined || batch.length === mostRecords) break;
    }
    return batch;
  }
}

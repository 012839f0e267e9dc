import { setImmediate as turn } from 'node:timers/promises';

/** A single write: a value for a key or, without a value, the removal of the key. */
export interface Write {
  readonly key: readonly unknown[];
  readonly value: Buffer | undefined;
  /** If true, the key is not in the store yet. */
  readonly isNew: boolean;
}

export interface BatchesOptions {
  /** Writes all changes of a batch or none. */
  readonly commit: (writes: readonly Write[]) => Promise<void>;
  /** Returns the error to report for a failed commit. */
  readonly explain: (cause: unknown) => Promise<Error>;
  /** Resolves when another attempt makes sense, or when the signal aborts. */
  readonly untilRetry: (signal: AbortSignal) => Promise<void>;
  /** Called with the reason when writing fails, and with `undefined` when writing works again. */
  readonly onFailure: (failure: Error | undefined) => void;
}

/**
 * Writes in batches, one after the other. While a batch is being written, the next batch fills up. A batch that fails
 * is merged with later writes and retried as one batch, so that no write takes effect before an earlier write:
 *
 *     filling ─► being written ─► written
 *        ▲             │
 *        └── merged ───┘ failed; retried when there may be room
 */
export class Batches {
  #filling = new Map<string, Write>();
  #underWay: Deferred | undefined = undefined;
  #next = new Deferred();
  #running: Promise<void> | undefined = undefined;
  #failure: Error | undefined = undefined;
  readonly #ending = new AbortController();

  constructor(private readonly options: BatchesOptions) {}

  add(write: Write): void {
    this.#put(write);
    this.#running ??= this.#run();
  }

  /** Resolves when all writes so far are on disk. Rejects while writing fails; the writes are retried later. */
  async flushed(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#filling.size > 0) await this.#next.promise;
    else await this.#underWay?.promise;
  }

  /** Writes the remaining batch, with one more attempt after a failure, and then ends. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #put(write: Write): void {
    const name = JSON.stringify(write.key);
    const before = this.#filling.get(name);
    // A new key that is removed before it has been written needs no write.
    if (write.value === undefined && before?.isNew) this.#filling.delete(name);
    else this.#filling.set(name, before === undefined ? write : { ...write, isNew: before.isNew });
  }

  async #run(): Promise<void> {
    // All writes of one turn of the event loop form one batch.
    await turn();
    while (this.#filling.size > 0) {
      const isLast = this.#ending.signal.aborted;
      await this.#write();
      if (this.#failure === undefined) continue;
      if (isLast) break;
      await this.options.untilRetry(this.#ending.signal);
    }
    this.#running = undefined;
    if (this.#filling.size > 0) return;
    this.#become(undefined);
    this.#next.resolve();
    this.#next = new Deferred();
  }

  async #write(): Promise<void> {
    const batch = this.#filling;
    const underWay = this.#next;
    this.#filling = new Map();
    this.#next = new Deferred();
    this.#underWay = underWay;
    try {
      await this.options.commit([...batch.values()]);
      this.#become(undefined);
      underWay.resolve();
    } catch (cause) {
      const failure = await this.options.explain(cause);
      const later = this.#filling;
      this.#filling = batch;
      for (const write of later.values()) this.#put(write);
      this.#become(failure);
      underWay.reject(failure);
      this.#next.reject(failure);
      this.#next = new Deferred();
    }
    this.#underWay = undefined;
  }

  #become(failure: Error | undefined): void {
    const before = this.#failure;
    this.#failure = failure;
    if ((before === undefined) !== (failure === undefined)) this.options.onFailure(failure);
  }
}

class Deferred {
  resolve: () => void = () => {};
  reject: (error: Error) => void = () => {};
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });

  constructor() {
    // Prevents an unhandled rejection if nobody awaits the promise.
    this.promise.catch(() => undefined);
  }
}

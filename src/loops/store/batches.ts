import { setImmediate as turn } from 'node:timers/promises';

/** One write: of a value, or, without one, of its removal. */
export interface Write {
  readonly key: readonly unknown[];
  readonly value: Buffer | undefined;
  /** Whether nothing is stored under its key yet. */
  readonly isNew: boolean;
}

export interface BatchesOptions {
  /** Writes all or nothing. */
  readonly commit: (writes: readonly Write[]) => Promise<void>;
  /** The error that is told where a commit has failed. */
  readonly explain: (cause: unknown) => Promise<Error>;
  /** Resolves when it may be worth trying again, or the signal aborts. */
  readonly untilRetry: (signal: AbortSignal) => Promise<void>;
  /** Called when nothing can be written any more, with the reason, and without one when writing goes on. */
  readonly onFailure: (failure: Error | undefined) => void;
}

/**
 * Writes in batches, one after the other: while one is under way the next one fills up. A batch that fails is merged with what
 * has come meanwhile, and tried again as one, so that nothing takes effect before what came ahead of it:
 *
 *     filling ─► under way ─► written
 *        ▲           │
 *        └── merged ─┘ failed; tried again when there may be room
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

  /** Resolves when all that was added is written. Rejects where it cannot be written at the moment: it is tried again. */
  async flushed(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#filling.size > 0) await this.#next.promise;
    else await this.#underWay?.promise;
  }

  /** Tries to write what is left, once more where that has failed; then nothing is written any more. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #put(write: Write): void {
    const name = JSON.stringify(write.key);
    const before = this.#filling.get(name);
    // What is gone before it was written need not be written.
    if (write.value === undefined && before?.isNew) this.#filling.delete(name);
    else this.#filling.set(name, before === undefined ? write : { ...write, isNew: before.isNew });
  }

  async #run(): Promise<void> {
    // What is asked for in one turn of the event loop is written together.
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
    // Nobody has to wait for it.
    this.promise.catch(() => undefined);
  }
}

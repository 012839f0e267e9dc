import pTimeout from 'p-timeout';
import { type Cancellation, cancellationOf } from '../../kernel/cancellation.js';
import { currentScope } from '../../kernel/scope/process.js';
import type { Logger } from '../../shared/logger.js';
import { CheckpointError } from '../errors.js';
import type { CheckpointStore, Claim } from './store.js';

/** Maximum time, in milliseconds, that a store may take to answer after its run was aborted or has ended. */
const patience = 5_000;

/** The options of a hold. */
export interface HoldOptions {
  readonly signal?: AbortSignal | undefined;
  readonly logger: Logger;
}

/** Runs `work` while the run is held. The run is released when `work` settles. */
export async function holding<Value>(
  store: CheckpointStore,
  runId: string,
  options: HoldOptions,
  work: (hold: Hold) => Promise<Value>,
): Promise<Value> {
  const hold = new Hold(store, runId, options);
  try {
    await hold.take();
    return await work(hold);
  } finally {
    await hold.release();
  }
}

/** A writer's hold on a run in a store. */
export class Hold {
  #claim: Claim | undefined = undefined;
  #isOver = false;
  /** Pending while the run is being claimed again. */
  #renewing: Promise<void> | undefined = undefined;
  /** Pending while a snapshot is saved in parallel with entries. */
  #saving: Promise<void> | undefined = undefined;
  readonly #signal: Cancellation | undefined;
  readonly logger: Logger;

  constructor(
    readonly store: CheckpointStore,
    readonly runId: string,
    { signal, logger }: HoldOptions,
  ) {
    this.#signal = signal && cancellationOf(signal);
    this.logger = logger;
  }

  /**
   * Claims the run.
   *
   * @throws {LockedError} if another writer holds the run
   */
  async take(): Promise<void> {
    await this.answered(this.#take(), 'claim');
  }

  /**
   * Claims the run again. Writes with the former claim that have not reached the store yet will be refused there.
   *
   * @throws {LockedError} if another writer has claimed the run in the meantime
   */
  async renew(): Promise<void> {
    const before = this.#claim;
    const anew = async () => {
      await before?.release();
      await this.#take();
    };
    this.#renewing = anew();
    await this.answered(this.#renewing, 'claim');
  }

  async load() {
    return this.answered(this.store.load(this.runId), 'load');
  }

  async append(seq: number, text: string): Promise<void> {
    return this.answered(this.store.append(this.runId, seq, text, this.#token), `entry ${seq}`);
  }

  async save(snapshot: string, seq: number): Promise<void> {
    return this.answered(this.store.save(this.runId, snapshot, seq, this.#token), 'snapshot');
  }

  /**
   * Saves a snapshot while the run continues. If saving fails, the earlier entries stay in the store, so nothing is
   * lost.
   */
  async beside(save: () => Promise<void>): Promise<void> {
    this.#saving = (async () => save())().catch((error: unknown) => {
      if (!this.#isOver) this.#warn('a snapshot could not be saved; the run continues with the stored entries', error);
    });
    await this.#saving;
  }

  /**
   * Releases the run when the pending snapshot has been saved, at the latest after five seconds, and waits for the
   * release as long again. A snapshot that arrives at the store after the release is refused there.
   */
  async release(): Promise<void> {
    this.#isOver = true;
    const claim = this.#claim;
    if (claim === undefined) return;
    const late = { milliseconds: patience, message: `no answer for ${patience} ms` };
    if ((this.#saving ?? this.#renewing) !== undefined) {
      // A claim that arrives from now on is released by `#take`.
      const pending = Promise.all([this.#saving, this.#renewing?.catch(() => undefined)]);
      await pTimeout(pending, { ...late, fallback: () => undefined });
    }
    try {
      await pTimeout(claim.release(), late);
    } catch (error) {
      this.#warn('a run could not be released in its checkpoint store', error);
    }
  }

  /** Settles like `pending`, but rejects if `pending` has not settled five seconds after an abort of the run. */
  answered<Value>(pending: Promise<Value>, what: string): Promise<Value> {
    const sources = [currentScope()?.cancellation, this.#signal].filter((source) => source?.abortable === true);
    if (sources.length === 0) return pending;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = ({ reason }: Pick<Cancellation, 'reason'>) => {
        timer ??= setTimeout(() => reject(this.#unanswered(what, reason)), patience);
      };
      const settled =
        <Settled>(settle: (value: Settled) => void) =>
        (value: Settled) => {
          for (const source of sources) source?.removeEventListener('abort', onAbort);
          clearTimeout(timer);
          settle(value);
        };
      for (const source of sources) {
        if (source?.aborted) onAbort(source);
        else source?.addEventListener('abort', onAbort);
      }
      pending.then(settled(resolve), settled(reject));
    });
  }

  #unanswered(what: string, cause: unknown): CheckpointError {
    const problem = `was aborted, and its checkpoint store has not answered for ${patience} ms (${what})`;
    return new CheckpointError(this.runId, `${problem}; continue it once the store answers again`, { cause });
  }

  async #take(): Promise<void> {
    const claim = await this.store.claim(this.runId);
    this.#claim = claim;
    // The hold ended while the claim was pending.
    if (this.#isOver) await claim.release();
  }

  get #token(): string | undefined {
    return this.#claim?.token;
  }

  #warn(message: string, err: unknown): void {
    this.logger.warn(message, { runId: this.runId, err });
  }
}

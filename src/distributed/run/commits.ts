import { AsyncLocalStorage } from 'node:async_hooks';
import { runEndChannel } from '../../flow/run/index.js';
import type { Verdict } from '../contracts.js';
import { type EngineError, isForGood } from '../errors.js';
import { commitOf } from './batches.js';
import { CommitQueue, type EntryCommit, type Waiting } from './commit-queue.js';
import type { EarlyEntries, EarlyEntry } from './early-entries.js';

/** The state of a run's handle that its commits depend on. */
export interface Ground {
  readonly early: EarlyEntries;
  /** Returns the number of the last entry of the replica, including early entries. */
  latest(): number;
  /** Commits a batch and settles its commits, at once if the engine answers at once. */
  send(batch: readonly Waiting[]): Promise<void> | undefined;
  onTrouble(error: EngineError): void;
}

/** The circumstances of a commit, with the defaults of `Waiting` and `EntryCommit`. */
interface How {
  readonly early?: readonly EarlyEntry[] | undefined;
  readonly since?: number | undefined;
  readonly isEarly?: boolean;
}

/** The commits of one run. Early entries are sent with the first commit that is based on them, or alone. */
export class Commits {
  readonly #queue: CommitQueue;
  /** Settles when the early entries that were sent last have been confirmed or dropped. */
  #sent: Promise<unknown> = Promise.resolve();

  constructor(private readonly ground: Ground) {
    this.#queue = new CommitQueue(
      (batch) => ground.send(batch),
      (error) => ground.onTrouble(error),
    );
  }

  add(given: EntryCommit): Promise<Verdict> {
    const { early } = this.ground;
    const { basis, slot } = given;
    if (basis !== undefined && basis !== early.basis) return Promise.resolve('refused');
    if (early.size === 0) return this.#send(given);
    // A commit without a slot is never a duplicate. If its answer is lost, it would be refused beside its early entries.
    if (basis === undefined || slot === undefined) return this.#addAfterFlush(given);
    return early.hasHeld ? this.#sendWith(given, early.takeHeld()) : this.#send(given);
  }

  /**
   * Commits the entries that are held back.
   *
   * @returns false if they were dropped, so that their nodes have to be executed again
   */
  async flush(): Promise<boolean> {
    const { early } = this.ground;
    const { basis } = early;
    if (early.hasHeld) this.#follow(this.#sendEarly(early.takeHeld()));
    if (early.size > 0) await this.#sent;
    return basis === early.basis;
  }

  async #addAfterFlush(given: EntryCommit): Promise<Verdict> {
    const since = given.since ?? this.ground.latest();
    return (await this.flush()) || given.onlyIfNext !== true ? this.#send(given, { since }) : 'refused';
  }

  /** Sends an entry together with the early entries that it is based on. */
  async #sendWith(given: EntryCommit, early: readonly EarlyEntry[]): Promise<Verdict> {
    const sent = this.#send(given, { early });
    this.#follow(sent);
    try {
      return await sent;
    } catch (error) {
      if (!isForGood(error) || given.basis !== this.ground.early.basis) {
        this.ground.early.dropAny(early);
        throw error;
      }
      // Sent apart, the entries show which of them the engine refuses because of its content.
      this.#follow(this.#sendEarly(early));
      await this.#sent;
      return this.add(given);
    }
  }

  /** Sends early entries alone. If that fails, they are dropped. */
  #sendEarly(early: readonly EarlyEntry[]): Promise<unknown> {
    const { entry, commit, patience } = early.at(-1) as EarlyEntry;
    const { basis } = this.ground.early;
    return this.#enqueue({ entry, commit, patience, basis }, { early, isEarly: true }).catch((error) => {
      // The node has to learn that the engine refuses its result, so its end is not held back again.
      if (isForGood(error)) this.ground.early.isOff = true;
      this.ground.early.dropAny(early);
    });
  }

  #follow(sent: Promise<unknown>): void {
    this.#sent = sent.catch(() => {});
  }

  #send(given: EntryCommit, { early, since = given.since }: How = {}): Promise<Verdict> {
    const { entry, patience, basis } = given;
    return this.#enqueue({ entry, commit: commitOf(given), patience, basis }, { early, since });
  }

  #enqueue(
    { entry, commit, patience, basis }: Pick<Waiting, 'entry' | 'commit' | 'patience' | 'basis'>,
    { early, since = this.ground.latest(), isEarly = false }: How,
  ): Promise<Verdict> {
    const within = runEndChannel.hasSubscribers ? AsyncLocalStorage.snapshot() : undefined;
    return new Promise((resolve, reject) => {
      // Written out, since copies of objects of several shapes cost more than the rest of a commit in memory.
      this.#queue.add({ entry, commit, since, basis, early, isEarly, within, patience, resolve, reject });
    });
  }
}

import type { Cancellation } from '../../kernel/cancellation.js';
import type { Commit, Verdict } from '../contracts.js';
import { sendInParts } from '../engines/together.js';
import type { EngineError } from '../errors.js';
import type { Entry } from '../journal/entry.js';
import type { EarlyEntry } from './early-entries.js';
import { isPassing, type Patience, pauseAfter } from './patience.js';

/** An entry for the journal of a run, with the conditions of its commit. */
export interface EntryCommit extends Omit<Commit, 'text'> {
  readonly entry: Entry;
  /**
   * Retries the commit while the engine fails. Later commits of the run wait for the retried commit. Default: no
   * retries.
   */
  readonly patience?: Patience | undefined;
  /** The last entry of the replica from which the commit was derived. Default: the last entry at the call. */
  readonly since?: number | undefined;
  /**
   * The `basis` of the run's handle on which the execution began that makes the entry. On another basis the commit is
   * refused. Default: the entry does not depend on entries that are not committed yet.
   */
  readonly basis?: number | undefined;
}

/** A commit that waits for its verdict. */
export interface Waiting {
  readonly entry: Entry;
  readonly commit: Commit;
  /** The number of the last entry that was known when the commit was requested. */
  readonly since: number;
  readonly basis: number | undefined;
  /** Entries that are committed together with this one, directly before it. Undefined for most commits. */
  readonly early: readonly EarlyEntry[] | undefined;
  /** If true, the commit itself is the last of the early entries. */
  readonly isEarly: boolean;
  /** Calls a function in the async context of the request. Undefined if the ends of runs have no subscribers. */
  readonly within: (<Result>(call: () => Result) => Result) | undefined;
  readonly patience: Patience | undefined;
  /** The error of the last attempt, if the commit is being retried. */
  readonly failure?: EngineError;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

/** Maximum number of commits in a batch, and maximum number of characters of their texts. */
const mostAtOnce = 200;
const mostText = 8 * 2 ** 20;

/**
 * Sends the commits of one run, in the order in which they were requested. While a batch is being sent, further commits
 * are collected for the next batch. If many nodes of a run end at once, this costs only one round trip.
 */
export class CommitQueue {
  readonly #waiting: Waiting[] = [];
  #isCommitting = false;
  /** Number of consecutive batches that have failed. */
  #failures = 0;

  /**
   * @param send - commits a batch and settles its commits, at once or when its promise resolves; or rejects or throws
   * @param onTrouble - called with the first error of a series of retries
   */
  constructor(
    private readonly send: (batch: readonly Waiting[]) => Promise<void> | undefined,
    private readonly onTrouble: (error: EngineError) => void,
  ) {}

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#commitNext();
  }

  /** Sends the next batch, unless a batch is already being sent. */
  #commitNext(): void {
    if (this.#isCommitting || this.#waiting.length === 0) return;
    this.#isCommitting = true;
    const batch = this.#waiting.splice(0, this.#fitting()).filter(isWanted);
    try {
      const sent = this.send(batch);
      if (sent === undefined) this.#sent();
      else
        sent.then(
          () => this.#sent(),
          (error) => this.#failed(batch, error),
        );
    } catch (error) {
      this.#failed(batch, error);
    }
  }

  #sent(): void {
    this.#failures = 0;
    this.#goOn();
  }

  #failed(batch: readonly Waiting[], error: unknown): void {
    void this.#tryAgain(batch, error).then(() => this.#goOn());
  }

  #goOn(): void {
    this.#isCommitting = false;
    this.#commitNext();
  }

  /** Handles a failed batch. Commits with patience return to the front of the queue; all other commits reject. */
  async #tryAgain(batch: readonly Waiting[], failure: unknown): Promise<void> {
    const again: Waiting[] = [];
    const until: Cancellation[] = [];
    const send = async (batch: readonly Waiting[]) => {
      // A commit must not overtake an earlier commit that is being retried.
      if (again[0]?.failure !== undefined) throw again[0].failure;
      await this.send(batch);
    };
    const refuse = (waiting: Waiting, error: unknown) => {
      const { patience } = waiting;
      if (patience === undefined || patience.until.aborted || !isPassing(error)) return waiting.reject(error);
      if (this.#failures === 0 && again.length === 0) this.onTrouble(error);
      patience.onFailure?.(error);
      again.push({ ...waiting, failure: error });
      until.push(patience.until);
    };
    await sendInParts(batch, failure, send, refuse);
    this.#failures = again.length > 0 ? this.#failures + 1 : 0;
    if (again.length === 0) return;
    this.#waiting.unshift(...again);
    await pauseAfter(this.#failures, until);
  }

  /**
   * Returns the number of waiting commits that the next batch can take. A commit with early entries ends its batch,
   * because later commits may depend on its verdict.
   */
  #fitting(): number {
    let size = 0;
    const end = this.#waiting.slice(0, mostAtOnce).findIndex(({ commit }, index) => {
      size += commit.text.length;
      return index > 0 && (size > mostText || this.#waiting[index - 1]?.early !== undefined);
    });
    return end === -1 ? mostAtOnce : end;
  }
}

/** Returns true unless the commit is being retried and its patience has ended. Such a commit is rejected. */
function isWanted({ failure, patience, reject }: Waiting): boolean {
  if (failure === undefined || patience?.until.aborted === false) return true;
  reject(failure);
  return false;
}

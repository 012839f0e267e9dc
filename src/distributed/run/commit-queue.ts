import type { Cancellation } from '../../kernel/cancellation.js';
import type { Commit, Verdict } from '../contracts.js';
import { sendInParts } from '../engines/together.js';
import type { EngineError } from '../errors.js';
import type { Entry } from '../journal/entry.js';
import { isPassing, type Patience, pauseAfter } from './patience.js';

/** An entry to be added, if the run allows it. */
export interface EntryCommit extends Omit<Commit, 'text'> {
  readonly entry: Entry;
  /** Tries it again while the engine cannot do it; nothing that is asked for later comes before it. Default: none. */
  readonly patience?: Patience | undefined;
}

/** A commit that waits for its verdict. */
export interface Waiting {
  readonly entry: Entry;
  readonly commit: Commit;
  /** The entry that was the last when it was asked for. */
  readonly since: number;
  /** Calls a function in the context of the commit; undefined if nobody listens to the ends of runs. */
  readonly within: (<Result>(call: () => Result) => Result) | undefined;
  readonly patience: Patience | undefined;
  /** The failure after which it is tried again. */
  readonly failure?: EngineError;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

/** How many commits go together at most, and how many characters they may have together. */
const mostAtOnce = 200;
const mostText = 8 * 2 ** 20;

/**
 * Commits of one run, in the order in which they are asked for. What is committed while a commit is under way goes together
 * in the next, so that many nodes of one run that end at once cost one trip and are told of each other's entries once.
 */
export class CommitQueue {
  readonly #waiting: Waiting[] = [];
  #isCommitting = false;
  /** How many trips have failed since the last that did not. */
  #failures = 0;

  /**
   * @param send - commits a batch and settles it, or rejects; never throws
   * @param onTrouble - called with a failure after which commits are tried again, the first of several
   */
  constructor(
    private readonly send: (batch: readonly Waiting[]) => Promise<void>,
    private readonly onTrouble: (error: EngineError) => void,
  ) {}

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#commitNext();
  }

  /** One trip at a time: what comes meanwhile goes together in the next. */
  #commitNext(): void {
    if (this.#isCommitting || this.#waiting.length === 0) return;
    this.#isCommitting = true;
    const batch = this.#waiting.splice(0, this.#fitting()).filter(isWanted);
    this.send(batch).then(
      () => {
        this.#failures = 0;
        this.#goOn();
      },
      (error) => void this.#tryAgain(batch, error).then(() => this.#goOn()),
    );
  }

  #goOn(): void {
    this.#isCommitting = false;
    this.#commitNext();
  }

  /** What the engine could not do stays first, where somebody has patience. */
  async #tryAgain(batch: readonly Waiting[], failure: unknown): Promise<void> {
    const again: Waiting[] = [];
    const until: Cancellation[] = [];
    const send = async (batch: readonly Waiting[]) => {
      // Nothing overtakes what is tried again.
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

  /** How many of those that wait can go together. */
  #fitting(): number {
    let size = 0;
    const end = this.#waiting.slice(0, mostAtOnce).findIndex(({ commit }, index) => {
      size += commit.text.length;
      return index > 0 && size > mostText;
    });
    return end === -1 ? mostAtOnce : end;
  }
}

/** Commits that failed before are given up once nobody has patience with them. */
function isWanted({ failure, patience, reject }: Waiting): boolean {
  if (failure === undefined || patience?.until.aborted === false) return true;
  reject(failure);
  return false;
}

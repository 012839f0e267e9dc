import type { Cancellation } from '../../kernel/cancellation.js';
import { callAfter, type LongTimer } from '../../shared/long-timer.js';
import type { Engine, StatusChange } from '../contracts.js';
import { firstOf } from '../engines/persistence.js';

/** Milliseconds to wait for the subscription before the status of a run is read for the first time. */
const soon = 1_000;

/**
 * Milliseconds before a failed subscription is tried again: the first pause, and the longest. The pause doubles each
 * time.
 */
const firstPause = 1_000;
const longestPause = 30_000;

/** A pending wait for a change: `changed` resolves when the run may have changed, or when `cancel` is called. */
export interface NextChange {
  readonly changed: Promise<void>;
  readonly cancel: () => void;
}

/**
 * Waits for runs to change. A notification of the engine ends a wait early, and a timer ends it in any case, so waiting
 * also works while the subscription fails. A failed subscription is tried again.
 */
export class StatusWatch {
  readonly #waiting = new Map<string, Set<() => void>>();
  #subscribed: Promise<() => void> | undefined = undefined;
  #trying: LongTimer | undefined = undefined;
  #pause = firstPause;
  #users = 0;

  constructor(private readonly engine: Engine) {}

  /**
   * Subscribes to changes, and waits up to a second for the subscription. If subscribing takes longer, all waits are
   * woken once when it succeeds. The subscription counts its users and ends with its last user, so that an orchestrator
   * without pending waits costs the engine nothing.
   *
   * @param until - ends the wait for the subscription
   * @returns a function that ends this use of the subscription
   */
  async open(until: Cancellation): Promise<() => void> {
    this.#users++;
    const subscribed = this.#subscription();
    if (!until.aborted) await firstOf([subscribed], soon, until).catch(() => undefined);
    return () => {
      if (--this.#users === 0) this.#unsubscribe();
    };
  }

  /**
   * Waits until a run may have changed: the engine sent a notification, the given milliseconds have passed, or `until`
   * has aborted. The caller must cancel a wait that is no longer needed.
   */
  next(runId: string, milliseconds: number, until: Cancellation): NextChange {
    let wake = () => {};
    const changed = new Promise<void>((resolve) => {
      wake = () => {
        timer.cancel();
        until.removeEventListener('abort', wake);
        const waiting = this.#waiting.get(runId);
        waiting?.delete(wake);
        if (waiting?.size === 0) this.#waiting.delete(runId);
        resolve();
      };
    });
    const timer = callAfter(milliseconds, wake);
    until.addEventListener('abort', wake);
    const waiting = this.#waiting.get(runId) ?? new Set();
    this.#waiting.set(runId, waiting.add(wake));
    if (until.aborted) wake();
    return { changed, cancel: wake };
  }

  /**
   * Returns the current subscription, or starts one. A failure is not reported, because a timer also ends each wait.
   */
  #subscription(): Promise<() => void> {
    if (this.#subscribed !== undefined) return this.#subscribed;
    const subscribed = this.engine.subscribe((change) => this.#onChange(change));
    this.#subscribed = subscribed;
    subscribed.then(
      // Changes made before the subscription were missed, so all waits are woken once.
      () => {
        this.#pause = firstPause;
        if (this.#subscribed === subscribed) this.#wakeAll();
      },
      () => {
        if (this.#subscribed === subscribed) this.#trying = callAfter(this.#pause, () => this.#tryAgain());
      },
    );
    return subscribed;
  }

  #tryAgain(): void {
    this.#pause = Math.min(2 * this.#pause, longestPause);
    this.#subscribed = undefined;
    this.#subscription();
  }

  #wakeAll(): void {
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) wake();
  }

  #unsubscribe(): void {
    const subscribed = this.#subscribed;
    this.#subscribed = undefined;
    this.#trying?.cancel();
    subscribed?.then((end) => end()).catch(() => undefined);
  }

  #onChange({ runId }: StatusChange): void {
    for (const wake of [...(this.#waiting.get(runId) ?? [])]) wake();
  }
}

import { Cancellation, cancellationOf } from '../../kernel/cancellation.js';
import { callAfter, type LongTimer } from '../../shared/long-timer.js';
import type { Engine, StatusChange } from '../contracts.js';
import { firstOf } from '../engines/persistence.js';

/** Milliseconds for which a subscription is waited for before the first look at a run. */
const soon = 1_000;

/** Milliseconds after which a subscription that has failed is tried again: at first, and at most. */
const firstPause = 1_000;
const longestPause = 30_000;

/** A change that is waited for. */
export interface NextChange {
  readonly changed: Promise<void>;
  readonly cancel: () => void;
}

/**
 * Waits for runs to change: woken by the engine where it tells of it, and by a clock where it does not. Where the engine cannot
 * be subscribed to, the clock is enough, and it is tried again now and then.
 */
export class StatusWatch {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #end = new Cancellation([], true);
  #subscribed: Promise<() => void> | undefined = undefined;
  #trying: LongTimer | undefined = undefined;
  #pause = firstPause;
  #users = 0;

  /** @param closed - closes this when it aborts. Default: none */
  constructor(
    private readonly engine: Engine,
    private readonly closed?: AbortSignal | undefined,
  ) {}

  /**
   * Makes sure that changes are told of from now on, if the engine can do so soon: else those that wait are woken as soon as
   * it does. The subscription has as many users as have opened it, and ends with the last: an orchestrator that nobody waits
   * with costs the engine nothing.
   *
   * @param until - whoever opens it waits no longer
   * @returns what ends the use
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
   * Waits until a run may have changed: it was told so, or the time is over, or `until` has aborted. Where nobody waits any
   * more, it is to be cancelled.
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
   * Gives what aborts with a signal, or, with an `AbortError`, when this is closed. Whoever has asked for it closes it. All that
   * wait with a signal share one listener on it.
   */
  until(signal?: AbortSignal): Cancellation {
    const signals = [this.closed, signal].filter((one) => one !== undefined);
    const until = new Cancellation([this.#end, ...signals.map(cancellationOf)], true);
    for (const { aborted, reason } of signals) if (aborted) until.abort(reason);
    return until;
  }

  /** Ends all waiting. */
  close(): void {
    this.#end.abort(new DOMException('the orchestrator was closed', 'AbortError'));
  }

  /** The subscription that there is, or a new one. Of a failure nobody hears: whoever waits asks the engine, too. */
  #subscription(): Promise<() => void> {
    if (this.#subscribed !== undefined) return this.#subscribed;
    const subscribed = this.engine.subscribe((change) => this.#onChange(change));
    this.#subscribed = subscribed;
    subscribed.then(
      // What has changed before is not told of.
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

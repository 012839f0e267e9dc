import { Cancellation, cancellationOf, untilAborted } from '../../cancellation.js';
import { callAfter } from '../../long-timer.js';
import type { Engine, StatusChange } from '../contracts.js';

/** A change that is waited for. */
export interface NextChange {
  readonly changed: Promise<void>;
  readonly cancel: () => void;
}

/** Waits for runs to change: woken by the engine where it tells of it, and by a clock where it does not. */
export class StatusWatch {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #end = new Cancellation([], true);
  #subscribed: Promise<() => void> | undefined = undefined;
  #users = 0;

  constructor(private readonly engine: Engine) {}

  /**
   * Makes sure that changes are told of from now on. The subscription has as many users as have opened it, and ends with the
   * last: an orchestrator that nobody waits with costs the engine nothing.
   *
   * @param until - whoever opens it waits no longer
   * @returns what ends the use
   */
  async open(until: Cancellation): Promise<() => void> {
    this.#users++;
    this.#subscribed ??= this.#subscribe();
    try {
      await untilAborted(until, this.#subscribed);
    } catch (error) {
      if (!until.aborted) {
        this.#users--;
        throw error;
      }
    }
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
    const until = new Cancellation([this.#end, signal && cancellationOf(signal)], true);
    if (signal?.aborted) until.abort(signal.reason);
    return until;
  }

  /** Ends all waiting. */
  close(): void {
    this.#end.abort(new DOMException('the orchestrator was closed', 'AbortError'));
  }

  #subscribe(): Promise<() => void> {
    const subscribed = this.engine.subscribe((change) => this.#onChange(change));
    subscribed.catch(() => {
      if (this.#subscribed === subscribed) this.#subscribed = undefined;
    });
    return subscribed;
  }

  #unsubscribe(): void {
    const subscribed = this.#subscribed;
    this.#subscribed = undefined;
    subscribed?.then((end) => end()).catch(() => undefined);
  }

  #onChange({ runId }: StatusChange): void {
    for (const wake of [...(this.#waiting.get(runId) ?? [])]) wake();
  }
}

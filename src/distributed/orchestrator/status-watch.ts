import { cancellationOf } from '../../cancellation.js';
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
  #isClosed = false;
  #subscribed: Promise<() => void> | undefined = undefined;
  #users = 0;

  constructor(private readonly engine: Engine) {}

  /**
   * Makes sure that changes are told of from now on. The subscription has as many users as have opened it, and ends with the
   * last: an orchestrator that nobody waits with costs the engine nothing.
   *
   * @returns what ends the use
   */
  async open(): Promise<() => void> {
    this.#users++;
    this.#subscribed ??= this.engine.subscribe((change) => this.#onChange(change));
    const subscribed = this.#subscribed;
    try {
      await subscribed;
    } catch (error) {
      this.#users--;
      if (this.#subscribed === subscribed) this.#subscribed = undefined;
      throw error;
    }
    return () => {
      if (--this.#users === 0) this.#unsubscribe();
    };
  }

  /**
   * Waits until a run may have changed: it was told so, or the time is over, or the signal has aborted, or this is closed.
   * Where nobody waits any more, it is to be cancelled.
   */
  next(runId: string, milliseconds: number, signal?: AbortSignal): NextChange {
    // All that wait with a signal share one listener on it.
    const cancellation = signal && cancellationOf(signal);
    let wake = () => {};
    const changed = new Promise<void>((resolve) => {
      wake = () => {
        timer.cancel();
        cancellation?.removeEventListener('abort', wake);
        const waiting = this.#waiting.get(runId);
        waiting?.delete(wake);
        if (waiting?.size === 0) this.#waiting.delete(runId);
        resolve();
      };
    });
    const timer = callAfter(milliseconds, wake);
    cancellation?.addEventListener('abort', wake);
    const waiting = this.#waiting.get(runId) ?? new Set();
    this.#waiting.set(runId, waiting.add(wake));
    if (signal?.aborted || this.#isClosed) wake();
    return { changed, cancel: wake };
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws {DOMException} named `AbortError` once it is closed */
  throwIfClosed(): void {
    if (this.#isClosed) throw new DOMException('the orchestrator was closed', 'AbortError');
  }

  /** Wakes all that wait. */
  close(): void {
    this.#isClosed = true;
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) wake();
  }

  #unsubscribe(): void {
    const subscribed = this.#subscribed;
    this.#subscribed = undefined;
    void subscribed?.then((end) => end());
  }

  #onChange({ runId }: StatusChange): void {
    for (const wake of [...(this.#waiting.get(runId) ?? [])]) wake();
  }
}

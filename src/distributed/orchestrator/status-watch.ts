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

  constructor(private readonly engine: Engine) {}

  /** Makes sure that changes are told of from now on. */
  async open(): Promise<void> {
    this.#subscribed ??= this.engine.subscribe((change) => this.#onChange(change));
    try {
      await this.#subscribed;
    } catch (error) {
      this.#subscribed = undefined;
      throw error;
    }
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

  async close(): Promise<void> {
    this.#isClosed = true;
    const unsubscribe = await this.#subscribed;
    unsubscribe?.();
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) wake();
  }

  #onChange({ runId }: StatusChange): void {
    for (const wake of [...(this.#waiting.get(runId) ?? [])]) wake();
  }
}

import { setMaxListeners } from 'node:events';
import { cancellationOf } from '../../cancellation.js';
import { callAfter } from '../../long-timer.js';
import type { Engine, StatusChange } from '../contracts.js';
import { unless } from '../unless.js';

/** A change that is waited for. */
export interface NextChange {
  readonly changed: Promise<void>;
  readonly cancel: () => void;
}

/** Waits for runs to change: woken by the engine where it tells of it, and by a clock where it does not. */
export class StatusWatch {
  readonly #waiting = new Map<string, Set<() => void>>();
  #subscribed: Promise<void> | undefined = undefined;
  #unsubscribe: (() => void) | undefined = undefined;
  readonly #end = new AbortController();

  constructor(private readonly engine: Engine) {
    setMaxListeners(0, this.#end.signal);
  }

  /**
   * Makes sure that changes are told of from now on.
   *
   * @throws {DOMException} named `AbortError` when it is closed before
   */
  async open(): Promise<void> {
    this.throwIfClosed();
    if (this.#unsubscribe !== undefined) return;
    this.#subscribed ??= this.#subscribe();
    await unless(this.#end.signal, this.#subscribed);
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
    if (signal?.aborted || this.isClosed) wake();
    return { changed, cancel: wake };
  }

  get isClosed(): boolean {
    return this.#end.signal.aborted;
  }

  /** @throws {DOMException} named `AbortError` once it is closed */
  throwIfClosed(): void {
    this.#end.signal.throwIfAborted();
  }

  /** An engine that does not answer is not waited for. */
  close(): void {
    this.#end.abort(new DOMException('the orchestrator was closed', 'AbortError'));
    this.#unsubscribe?.();
    for (const waiting of [...this.#waiting.values()]) for (const wake of [...waiting]) wake();
  }

  async #subscribe(): Promise<void> {
    try {
      const unsubscribe = await this.engine.subscribe((change) => this.#onChange(change));
      if (this.isClosed) unsubscribe();
      else this.#unsubscribe = unsubscribe;
    } catch (error) {
      this.#subscribed = undefined;
      throw error;
    }
  }

  #onChange({ runId }: StatusChange): void {
    for (const wake of [...(this.#waiting.get(runId) ?? [])]) wake();
  }
}

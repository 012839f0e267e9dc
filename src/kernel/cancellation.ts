import { setMaxListeners } from 'node:events';
import { isPromiseLike } from '../shared/promise-like.js';
import { TimeoutError } from './errors.js';

type Listener = (cancellation: Cancellation) => void;

const none: readonly Cancellation[] = [];

/**
 * What one abort reaches: a run, a group of siblings, one attempt. Cancellations form a tree; an abort goes down it.
 *
 * It has `aborted`, `reason` and the `abort` event of an `AbortSignal`, and stands in for one: a controller costs more than
 * all the rest of a task, so a real one is made only when somebody reads `signal`.
 * One that can never be aborted (`abortable` is false) need not be listened to at all.
 *
 * Whoever creates one closes or releases it: until then its sources know it, and its timer runs.
 */
export class Cancellation {
  aborted = false;
  /** Whether what it was made for is over. */
  closed = false;
  reason: unknown = undefined;
  /** Whether it can be aborted: by itself, or because a source can. */
  readonly abortable: boolean;
  /** The error of its own limit, once that has struck. */
  expired: TimeoutError | undefined = undefined;
  /** The number of functions that its abort has cut short and that have not settled yet. */
  stragglers = 0;
  #sources: readonly Cancellation[] = none;
  #follow: Listener | undefined = undefined;
  readonly #onListeners: ((count: number | undefined) => void) | undefined;
  #listeners: Set<Listener> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param onListeners - told how many listen to it whenever that changes */
  constructor(
    sources: readonly (Cancellation | undefined)[],
    abortable: boolean,
    onListeners?: (count: number | undefined) => void,
  ) {
    this.#onListeners = onListeners;
    // Most have none: a completion hook runs under one of its own.
    if (sources.length > 0) this.#followAll(sources.filter((source) => source?.abortable === true) as Cancellation[]);
    this.abortable = abortable || this.#sources.length > 0;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // Any number of parallel tasks may listen to it; more than ten are no leak.
      setMaxListeners(0, this.#controller.signal);
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener(this);
    this.#controller?.abort(reason);
  }

  /**
   * Aborts it with a `TimeoutError` after the given milliseconds, less those that are used up.
   *
   * @param waited - the milliseconds that were spent waiting, for the error. Default: none
   */
  limit(subject: string, milliseconds: number, used = 0, waited?: () => number | undefined): void {
    this.#timer = setTimeout(
      () => {
        this.expired = new TimeoutError(subject, milliseconds, waited?.());
        this.abort(this.expired);
      },
      Math.max(0, milliseconds - used),
    );
  }

  close(): void {
    this.#end();
    this.#unlink();
  }

  /**
   * Closes it, but for what outlives it: what was started in it and is still pending, and a signal that was handed out
   * and is still held (the body of a response is read after the attempt that fetched it). An abort of the sources has
   * to end these too. The signal is held weakly, so that nothing piles up.
   */
  release(): void {
    this.#end();
    if (!this.#listeners?.size) this.#unlink();
    if (this.#controller === undefined || this.aborted) return;
    bySignal.set(this.#controller.signal, this);
    const held = new WeakRef(this);
    const follow: Listener = ({ reason }) => held.deref()?.abort(reason);
    for (const source of this.#sources) {
      source.addEventListener('abort', follow);
      unheld.register(this, () => source.removeEventListener('abort', follow));
    }
  }

  /** Counts work that its abort has cut short, until the work settles. */
  leave(work: PromiseLike<unknown>): void {
    const settled = () => {
      this.stragglers--;
    };
    this.stragglers++;
    work.then(settled, settled);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: Listener): void {
    if (!this.abortable) return;
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    this.#onListeners?.(this.#listeners.size);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    this.#listeners?.delete(listener);
    this.#onListeners?.(this.#listeners?.size);
    if (this.closed && !this.#listeners?.size) this.#unlink();
  }

  #followAll(sources: readonly Cancellation[]): void {
    const follow: Listener = ({ reason }) => this.abort(reason);
    this.#sources = sources;
    this.#follow = follow;
    for (const source of sources) {
      source.addEventListener('abort', follow);
      if (source.aborted) this.abort(source.reason);
    }
  }

  #end(): void {
    this.closed = true;
    clearTimeout(this.#timer);
    // On Node 20 a timer keeps the asynchronous context that it was made in, such as the run before this one.
    this.#timer = undefined;
  }

  #unlink(): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.#follow as Listener);
  }
}

/** Keeps a cancellation for as long as somebody holds its signal. */
const bySignal = new WeakMap<AbortSignal, Cancellation>();
const unheld = new FinalizationRegistry<() => void>((forget) => forget());

/**
 * The cancellation that follows a caller's signal. All runs with that signal share it, and so its one listener, which is
 * there only while it is listened to: a signal that outlives the runs keeps nothing of them.
 */
export function cancellationOf(signal: AbortSignal): Cancellation {
  if (signal instanceof Cancellation) return signal;
  const known = bySignal.get(signal);
  if (known !== undefined) return known;
  const onAbort = () => cancellation.abort(signal.reason);
  const cancellation = new Cancellation([], true, (listeners) => {
    if (listeners) signal.addEventListener('abort', onAbort, { once: true });
    else signal.removeEventListener('abort', onAbort);
  });
  bySignal.set(signal, cancellation);
  return cancellation;
}

/**
 * Settles like `pending`, or rejects with the reason as soon as `cancellation` is aborted.
 *
 * @param leave - called with work that the abort has cut short. Default: counts it as a straggler
 */
export function untilAborted(
  cancellation: Cancellation,
  pending: unknown,
  leave?: (work: Promise<unknown>) => void,
): unknown {
  if (!cancellation.abortable || !(isPromiseLike(pending) || cancellation.aborted)) return pending;
  return new Promise((resolve, reject) => {
    const work = Promise.resolve(pending);
    const onAbort = () => {
      reject(cancellation.reason);
      if (leave === undefined) cancellation.leave(work);
      else leave(work);
    };
    const ended = (settle: (value: unknown) => void) => (value: unknown) => {
      cancellation.removeEventListener('abort', onAbort);
      settle(value);
    };
    cancellation.addEventListener('abort', onAbort);
    if (cancellation.aborted) onAbort();
    work.then(ended(resolve), ended(reject));
  });
}

import { setMaxListeners } from 'node:events';
import { isPromiseLike } from '../shared/promise-like.js';
import { TimeoutError } from './errors.js';

type Listener = (cancellation: Cancellation) => void;

const none: readonly Cancellation[] = [];

/** Time that a task has spent waiting, for the error of a limit. */
export interface Waited {
  readonly milliseconds: number;
  /** Describes in words what the task waited for. */
  readonly reason: string;
}

/**
 * The scope of an abort: a run, a group of siblings, or one attempt. Cancellations form a tree, and an abort spreads to
 * all descendants.
 *
 * A cancellation stands in for an `AbortSignal` and has its `aborted`, `reason` and `abort` event. A real controller
 * costs more than the rest of a task, so one is created only when `signal` is read. A cancellation that can never be
 * aborted (`abortable` is false) needs no listeners.
 *
 * The code that creates a cancellation must close or release it. Until then, its sources hold a reference to it, and
 * its timer runs.
 */
export class Cancellation {
  aborted = false;
  /** If true, the work for which the cancellation was created has ended. */
  closed = false;
  reason: unknown = undefined;
  /** If true, the cancellation can be aborted, directly or through a source. */
  readonly abortable: boolean;
  /** The error of the cancellation's own limit, once that limit has been reached. */
  expired: TimeoutError | undefined = undefined;
  /** The group to which the work belongs. Its limit counts for `remaining`, although its aborts come by another way. */
  limitedBy: Cancellation | undefined = undefined;
  /** Number of interrupted functions that have not settled yet. */
  stragglers = 0;
  /**
   * Deadline of the cancellation's own limit, on the monotonic clock. Infinity if there is no limit, and after the end.
   */
  #deadline = Infinity;
  #sources: readonly Cancellation[] = none;
  #follow: Listener | undefined = undefined;
  readonly #onListeners: ((count: number | undefined) => void) | undefined;
  #listeners: Set<Listener> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param onListeners - called with the number of listeners whenever the number changes */
  constructor(
    sources: readonly (Cancellation | undefined)[],
    abortable: boolean,
    onListeners?: (count: number | undefined) => void,
  ) {
    this.#onListeners = onListeners;
    // The check only saves time, because the cancellation of a completion hook has no sources.
    if (sources.length > 0) this.#followAll(sources.filter((source) => source?.abortable === true) as Cancellation[]);
    this.abortable = abortable || this.#sources.length > 0;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // Many parallel tasks may listen to the signal, so more than ten listeners are not a leak.
      setMaxListeners(0, this.#controller.signal);
      if (this.aborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /**
   * Milliseconds until the nearest limit of this cancellation or its sources. 0 after an abort, Infinity for no limit.
   */
  get remaining(): number {
    if (this.aborted) return 0;
    const own = Math.max(0, this.#deadline - performance.now());
    const group = this.limitedBy?.remaining ?? Infinity;
    return Math.min(own, group, ...this.#sources.map(({ remaining }) => remaining));
  }

  /** @param given - the reason. `null` and `undefined` become an `AbortError`, so that callers always catch a value */
  abort(given: unknown): void {
    if (this.aborted) return;
    const reason = given ?? new DOMException('This operation was aborted', 'AbortError');
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener(this);
    this.#controller?.abort(reason);
  }

  /**
   * Aborts with a `TimeoutError` after the given milliseconds, minus the time already used.
   *
   * @param waited - returns the time spent waiting, for the error. Default: none
   */
  limit(subject: string, milliseconds: number, used = 0, waited?: () => Waited | undefined): void {
    const delay = Math.max(0, milliseconds - used);
    this.announce(delay);
    this.#timer = setTimeout(() => {
      const wait = waited?.();
      this.expired = new TimeoutError(subject, milliseconds, wait?.milliseconds, wait?.reason);
      this.abort(this.expired);
    }, delay);
  }

  /** Counts a limit in `remaining` that other code enforces, after the given milliseconds. Aborts nothing itself. */
  announce(milliseconds: number): void {
    this.#deadline = performance.now() + milliseconds;
  }

  close(): void {
    this.#end();
    this.#unlink();
  }

  /**
   * Closes the cancellation, but still forwards later aborts of its sources. These aborts must reach pending work that
   * was started under the cancellation, and a signal that was handed out: the body of a response, for example, is read
   * after the attempt that fetched it. The signal is held weakly, so nothing accumulates.
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

  /** Counts interrupted work as a straggler until the work settles. */
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
    this.#deadline = Infinity;
    clearTimeout(this.#timer);
    // On Node 20, a timer retains the asynchronous context in which it was created, such as an earlier run, so the
    // reference to the timer must be dropped.
    this.#timer = undefined;
  }

  #unlink(): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.#follow as Listener);
  }
}

/** Sets limits that hold over all lives of a recorded run. */
export interface Limiter {
  limit(cancellation: Cancellation, name: string, timeout: number): void;
}

/**
 * Limits a cancellation. Infinity means no limit.
 *
 * @param limiter - sets the limit. Default: the cancellation itself
 */
export function limit(cancellation: Cancellation, name: string, timeout: number, limiter?: Limiter): void {
  if (timeout === Infinity) return;
  if (limiter === undefined) cancellation.limit(name, timeout);
  else limiter.limit(cancellation, name, timeout);
}

/** Keeps a cancellation alive while its signal is referenced. */
const bySignal = new WeakMap<AbortSignal, Cancellation>();
const unheld = new FinalizationRegistry<() => void>((forget) => forget());

/**
 * Returns the cancellation that follows a caller's signal. All runs with this signal share the cancellation and its
 * single listener. The listener exists only while the cancellation has listeners, so a signal that outlives its runs
 * keeps no reference to them.
 */
export function cancellationOf(signal: AbortSignal): Cancellation {
  if (signal instanceof Cancellation) return signal;
  const cancellation = bySignal.get(signal) ?? following(signal);
  if (signal.aborted) cancellation.abort(signal.reason);
  return cancellation;
}

function following(signal: AbortSignal): Cancellation {
  const onAbort = () => cancellation.abort(signal.reason);
  const cancellation = new Cancellation([], true, (listeners) => {
    if (listeners) signal.addEventListener('abort', onAbort, { once: true });
    else signal.removeEventListener('abort', onAbort);
  });
  bySignal.set(signal, cancellation);
  return cancellation;
}

/**
 * Settles like `pending`, or rejects with the abort reason as soon as `cancellation` is aborted.
 *
 * @param leave - called with the interrupted work. Default: counts the work as a straggler
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

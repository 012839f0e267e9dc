import { randomUUID } from 'node:crypto';
import type { Cancellation } from '../kernel/cancellation.js';
import { Lane, type Places, type Rules } from '../kernel/lane.js';
import { detached } from '../kernel/process.js';
import { MissingPeerError } from '../shared/peers.js';
import { LimitStoreError } from './errors.js';
import type { Leases } from './leases.js';
import type { LimitStore, SharedPlace } from './store.js';

/** Shortest and longest delay before the store is asked again, in milliseconds. */
const shortest = 20;
const longest = 1_000;

interface Setting {
  readonly name: string;
  readonly store: LimitStore;
  readonly lease: number;
  readonly leases: Leases;
  /** If true, attempts fail when the store cannot be reached. */
  readonly fails: boolean;
}

/**
 * The queue of this program for a limit that several programs share. Attempts pass a door one at a time, in order of
 * arrival, and the attempt at the door asks the store until it gets a place. The delay before the next request is the
 * one that the store returned, or else grows with each refusal. A random part is added to the delay, so that programs
 * do not ask in step.
 */
export class SharedLane implements Places {
  /**
   * Places in the order in which they were taken. The places are interchangeable, so an attempt may release any of
   * them.
   */
  readonly #places: SharedPlace[] = [];
  readonly #door: Lane;
  /** Ends the current delay. */
  #wake: (() => void) | undefined = undefined;
  /** End of the pause known to this program, on the monotonic clock. */
  #openAt = 0;

  constructor(
    private readonly setting: Setting,
    private readonly rules: Rules,
    private readonly key: string,
    private readonly onIdle?: () => void,
  ) {
    this.#door = new Lane({ concurrency: 1, rate: Infinity, per: 0 });
  }

  get running(): number {
    return this.#places.length;
  }

  get waiting(): number {
    return this.#door.running + this.#door.waiting;
  }

  get isIdle(): boolean {
    return this.running === 0 && this.waiting === 0 && this.#openAt <= performance.now();
  }

  take(): boolean {
    return false;
  }

  async wait(cost: number, cancellation: Cancellation): Promise<void> {
    if (!this.#door.take(0)) await this.#door.wait(0, cancellation);
    try {
      for (let refusals = 0; ; refusals++) {
        cancellation.throwIfAborted();
        const delay = await this.#ask(cost, cancellation);
        if (delay === 0) return;
        const known = Number.isFinite(delay) ? delay : Math.min(longest, shortest * 2 ** refusals);
        await this.#pause(Math.min(known, longest) * (1 + Math.random() / 4), cancellation);
      }
    } finally {
      this.#door.leave();
      this.#rest();
    }
  }

  started(): void {}

  leave(): void {
    const place = this.#places.shift();
    if (place !== undefined) this.#release(place);
    this.#wake?.();
    this.#rest();
  }

  cancel(): void {
    this.leave();
  }

  pause(milliseconds: number): void {
    this.#openAt = Math.max(this.#openAt, performance.now() + milliseconds);
    const { name, store } = this.setting;
    // The local pause applies even if the store cannot be reached.
    store.pause(name, this.key, milliseconds).catch(() => {});
  }

  /**
   * Asks the store once for a place.
   *
   * @returns 0 if the place was granted, otherwise the milliseconds to wait, or Infinity if the time is not known
   */
  async #ask(cost: number, cancellation: Cancellation): Promise<number> {
    const paused = this.#openAt - performance.now();
    if (paused > 0) return paused;
    const { name, store, lease, fails } = this.setting;
    const place: SharedPlace = { limit: name, key: this.key, id: randomUUID() };
    const asked = store.take({ ...place, ...this.rules, cost, lease });
    try {
      const delay = await untilAborted(asked, cancellation);
      if (delay === 0) {
        this.#places.push(place);
        if (this.rules.concurrency < Infinity) this.setting.leases.add(place);
      }
      return delay;
    } catch (error) {
      if (cancellation.aborted) {
        // The store may still grant the place after the abort, and the place must then be released.
        asked.then((delay) => delay === 0 && this.#release(place)).catch(() => {});
        throw cancellation.reason;
      }
      // Waiting does not help if a package is missing.
      if (error instanceof MissingPeerError) throw error;
      if (fails) throw new LimitStoreError(name, { cause: error });
      return Infinity;
    }
  }

  #release(place: SharedPlace): void {
    if (this.rules.concurrency === Infinity) return;
    this.setting.leases.delete(place);
    // A place that cannot be released becomes free when its lease expires.
    this.setting.store.release(place).catch(() => {});
  }

  #pause(delay: number, cancellation: Cancellation): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        cancellation.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = detached(() => setTimeout(done, delay));
      cancellation.addEventListener('abort', done);
      this.#wake = done;
    });
  }

  #rest(): void {
    if (this.running === 0 && this.waiting === 0) this.onIdle?.();
  }
}

/** Settles like `pending`, or rejects when the cancellation is aborted. */
function untilAborted<Value>(pending: Promise<Value>, cancellation: Cancellation): Promise<Value> {
  if (!cancellation.abortable) return pending;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancellation.reason);
    cancellation.addEventListener('abort', onAbort);
    pending.then(resolve, reject).finally(() => cancellation.removeEventListener('abort', onAbort));
  });
}

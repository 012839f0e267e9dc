import { createHash, randomUUID } from 'node:crypto';
import { type Cancellation, untilAborted } from '../kernel/cancellation.js';
import { type Attempt, Lane, type Places, type Rules } from '../kernel/policies/lane.js';
import { detached } from '../kernel/scope/process.js';
import { MissingPeerError } from '../shared/peers.js';
import { isClean } from '../shared/text.js';
import { LimitStoreError, StoreError } from './errors.js';
import type { Leases } from './leases.js';
import type { LimitStore, SharedPlace } from './store.js';

/** Shortest and longest delay before the store is asked again, in milliseconds. */
const shortest = 20;
const longest = 1_000;

/** Maximum number of characters of a name or key that is stored as it is. Postgres bounds the entries of an index. */
const longestText = 200;

interface Setting {
  readonly name: string;
  readonly store: LimitStore;
  readonly lease: number;
  readonly leases: Leases;
  /** Called when the store cannot be reached. If true, the attempt fails instead of waiting. */
  readonly fails: (error: LimitStoreError) => boolean;
}

/** A request for a place, repeated until it is granted. */
interface Request {
  readonly place: SharedPlace;
  readonly cost: number;
  /** Time of the first question, on the monotonic clock. */
  readonly began: number;
}

/**
 * The queue of this program for a limit that several programs share. Attempts pass a door one at a time, in order of
 * arrival, and the attempt at the door asks the store until it gets a place. The delay before the next request is the
 * one that the store returned, or else grows with each refusal. A random part is added to the delay, so that programs
 * do not ask in step.
 *
 *     wait() ── door ── asks ── granted ─┬─ started() ── leave()
 *                 │       │              └─ cancel(): the cost leaves the window again
 *                 └───────┴─ abort, or a store that cannot be used: a place that it may still grant is released
 */
export class SharedLane implements Places {
  /** Places in which no attempt has started yet. Those of the same cost are interchangeable. */
  readonly #granted: Request[] = [];
  /** The other places, in the order in which attempts started. They are interchangeable. */
  readonly #started: SharedPlace[] = [];
  readonly #door: Lane;
  readonly #limit: string;
  readonly #key: string;
  /** Ends the current delay. */
  #wake: (() => void) | undefined = undefined;
  /** End of the pause known to this program, on the monotonic clock. */
  #openAt = 0;
  #arrivals = 0;
  /** The last failure of the store, and the number of attempts that it applies to: all that were waiting. */
  #failure: { readonly error: unknown; readonly arrivals: number } | undefined = undefined;

  constructor(
    private readonly setting: Setting,
    private readonly rules: Rules,
    key: string,
    private readonly onIdle?: () => void,
  ) {
    this.#limit = storable(setting.name);
    this.#key = storable(key);
    this.#door = new Lane({ concurrency: 1, rate: Infinity, per: 0 });
  }

  get running(): number {
    return this.#granted.length + this.#started.length;
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

  async wait<Waiting extends Attempt>(attempt: Waiting): Promise<Waiting> {
    const { cost, scope } = attempt;
    const arrival = this.#arrivals++;
    if (!this.#door.take(0)) await this.#door.wait({ cost: 0, scope });
    try {
      // While the store is silent, each question takes seconds, so attempts that waited meanwhile ask no question.
      if (this.#failure !== undefined && arrival < this.#failure.arrivals) throw this.#failure.error;
      await this.#pass(cost, scope.cancellation);
      return attempt;
    } finally {
      this.#door.leave();
      this.#rest();
    }
  }

  started(cost: number): void {
    const index = this.#granted.findLastIndex((request) => request.cost === cost);
    const [request] = index < 0 ? [] : this.#granted.splice(index, 1);
    if (request !== undefined) this.#started.push(request.place);
  }

  leave(): void {
    const place = this.#started.shift() ?? this.#granted.shift()?.place;
    if (place !== undefined) this.#release(place);
    this.#left();
  }

  /** Of the places with the same cost, the oldest is released, because its cost leaves the window first anyway. */
  cancel(cost: number): void {
    const index = this.#granted.findIndex((request) => request.cost === cost);
    const [request] = index < 0 ? [] : this.#granted.splice(index, 1);
    if (request !== undefined) this.#release(request.place, cost);
    this.#left();
  }

  pause(milliseconds: number): void {
    this.#openAt = Math.max(this.#openAt, performance.now() + milliseconds);
    // The local pause applies even if the store cannot be reached.
    this.setting.store.pause(this.#limit, this.#key, milliseconds).catch(() => {});
  }

  /** Asks the store until it grants a place. */
  async #pass(cost: number, cancellation: Cancellation): Promise<void> {
    const place = { limit: this.#limit, key: this.#key, id: randomUUID() };
    const request: Request = { place, cost, began: performance.now() };
    let answer: Promise<number> | undefined;
    try {
      for (let refusals = 0; ; refusals++) {
        cancellation.throwIfAborted();
        let delay = this.#openAt - performance.now();
        if (delay <= 0) {
          answer = this.#ask(request);
          delay = (await untilAborted(cancellation, answer, () => {})) as number;
          if (delay === 0) return this.#take(request);
        }
        const known = Number.isFinite(delay) ? delay : Math.min(longest, shortest * 2 ** refusals);
        await this.#pause(Math.min(known, longest) * (1 + Math.random() / 4), cancellation);
      }
    } catch (thrown) {
      // The store may have granted the place, or may still grant it.
      answer?.catch(() => {}).then(() => this.#release(place, cost));
      throw thrown;
    }
  }

  /**
   * Asks the store once for a place.
   *
   * @returns 0 if the place was granted, otherwise the milliseconds to wait, or Infinity if the time is not known
   */
  async #ask({ place, cost, began }: Request): Promise<number> {
    const { name, store, lease, fails } = this.setting;
    try {
      return await store.take({ ...place, ...this.rules, cost, lease, waited: performance.now() - began });
    } catch (cause) {
      // Waiting does not help if a package is missing, or if the server refuses this program.
      const error = cause instanceof MissingPeerError ? cause : new LimitStoreError(name, { cause });
      const isFinal = error === cause || (cause instanceof StoreError && cause.isFinal);
      if (!isFinal && !fails(error as LimitStoreError)) return Infinity;
      this.#failure = { error, arrivals: this.#arrivals };
      throw error;
    }
  }

  #take(request: Request): void {
    this.#granted.push(request);
    if (this.rules.concurrency < Infinity) this.setting.leases.add(request.place);
  }

  /** @param refund - the cost to give back, because no attempt has started in the place. Default: 0 */
  #release(place: SharedPlace, refund = 0): void {
    if (this.rules.concurrency === Infinity && refund === 0) return;
    const { store, leases } = this.setting;
    // A place that cannot be released becomes free when its lease expires.
    const release = () => store.release(place, refund).catch(() => {});
    const renewal = leases.delete(place);
    if (renewal === undefined) release();
    else renewal.then(release);
  }

  #left(): void {
    this.#wake?.();
    this.#rest();
  }

  #pause(delay: number, cancellation: Cancellation): Promise<void> {
    if (cancellation.aborted) return Promise.resolve();
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

/** Returns a text that every store can hold, and that is the same for all programs: the text itself, or its hash. */
function storable(text: string): string {
  if (text.length <= longestText && isClean(text)) return text;
  return `sha256:${createHash('sha256').update(JSON.stringify(text)).digest('hex')}`;
}

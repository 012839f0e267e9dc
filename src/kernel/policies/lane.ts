import { longestDelay } from '../../shared/validate.js';
import { detached, type Scope } from '../scope/process.js';

/** Rules of a limit, with the defaults filled in. Infinity switches a rule off. */
export interface Rules {
  readonly concurrency: number;
  readonly rate: number;
  readonly per: number;
}

/** An attempt that may have to wait for a place. */
export interface Attempt {
  readonly cost: number;
  readonly scope: Scope;
}

/** The queue and the places of a limit, or of one key of a limit. `Lane` keeps them in memory. */
export interface Places {
  /** Number of attempts that have a place. */
  readonly running: number;
  /** Number of attempts that wait for a place. */
  readonly waiting: number;
  /** If true, the object can be discarded and created again later. */
  readonly isIdle: boolean;
  /** Takes a place if the attempt may start immediately. Returns false if the attempt has to wait. */
  take(cost: number): boolean;
  /**
   * Resolves with the attempt when the place is taken. Rejects with the abort reason, or if no place can be obtained.
   */
  wait<Waiting extends Attempt>(attempt: Waiting): Promise<Waiting>;
  /** Records that an attempt has started. */
  started(cost: number): void;
  /** Releases a place. */
  leave(): void;
  /** Releases a place in which no attempt has started. */
  cancel(cost: number): void;
  /** Pauses the limit: no attempt starts for the given milliseconds. */
  pause(milliseconds: number): void;
}

/**
 * Creates the places of a limit.
 *
 * @param key - the key, or `undefined` for a limit without keys
 * @param onIdle - called when nothing is running or waiting any more
 */
export type MakePlaces = (rules: Rules, key: string | undefined, onIdle?: () => void) => Places;

/** Attempts that started at the same time. */
interface Start {
  readonly at: number;
  cost: number;
  next: Start | undefined;
}

/** A waiting attempt. */
interface Waiter {
  readonly attempt: Attempt;
  /** Called when the attempt gets its place. */
  readonly resolve: (attempt: never) => void;
  /** Called when the task is aborted. Not set if the task cannot be aborted. */
  readonly onAbort: (() => void) | undefined;
  hasPlace: boolean;
  before: Waiter | undefined;
  next: Waiter | undefined;
}

/**
 * The queue and the window of a limit, or of one key of a limit.
 *
 *     take() ── true ─────────────┐
 *       └ false ─ wait() ─ place ─┴─ started() ─ leave()
 *                   │      └ abort ─ cancel()
 *                   └ abort ─ leaves the queue
 *
 * Taking a place reserves its cost. The cost enters the window only when the attempt has started, because the window is
 * exact only if no attempt starts later than its entry says.
 *
 * Waiting attempts start in order of arrival: the first attempt waits until there is room for its cost, and no later
 * attempt overtakes it. Queue and window are linked lists, so every step takes constant time. At most one timer runs,
 * and only while attempts wait.
 */
export class Lane implements Places {
  running = 0;
  waiting = 0;
  /** Total cost of the attempts in the window and of the attempts that have a place but have not started yet. */
  #used = 0;
  #firstStart: Start | undefined = undefined;
  #lastStart: Start | undefined = undefined;
  #first: Waiter | undefined = undefined;
  #last: Waiter | undefined = undefined;
  /** End of the pause, on the monotonic clock. */
  #openAt = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** The attempt that the timer is set for. */
  #armedFor: Waiter | undefined = undefined;

  /** @param onIdle - called when nothing is running or waiting any more */
  constructor(
    private readonly rules: Rules,
    private readonly onIdle?: () => void,
  ) {}

  /** If true, nothing is running or waiting, the window is empty and the lane is not paused. */
  get isIdle(): boolean {
    if (this.running > 0 || this.waiting > 0 || this.#isPaused()) return false;
    this.#expire();
    return this.#firstStart === undefined;
  }

  /** Takes a place if there is room and no attempt is waiting. */
  take(cost: number): boolean {
    if (this.waiting > 0 || !this.#fits(cost)) return false;
    this.#reserve(cost);
    return true;
  }

  /** Resolves with the attempt when the place is taken. Rejects with the abort reason. */
  wait<Waiting extends Attempt>(attempt: Waiting): Promise<Waiting> {
    const { cancellation } = attempt.scope;
    return new Promise((resolve, reject) => {
      const onAbort = cancellation.abortable
        ? () => {
            // The same abort may have reached another attempt first and thereby freed a place for this attempt.
            if (waiter.hasPlace) return;
            this.#remove(waiter);
            reject(cancellation.reason);
            this.#pump();
          }
        : undefined;
      const before = this.#last;
      const waiter: Waiter = { attempt, resolve, onAbort, hasPlace: false, before, next: undefined };
      if (onAbort !== undefined) cancellation.addEventListener('abort', onAbort);
      if (before === undefined) this.#first = waiter;
      else before.next = waiter;
      this.#last = waiter;
      this.waiting++;
      if (waiter === this.#first) this.#arm();
    });
  }

  /** Adds a started attempt to the window, and removes those that have left it. */
  started(cost: number): void {
    if (this.rules.rate === Infinity) return;
    const at = performance.now();
    this.#expire(at);
    const last = this.#lastStart;
    if (last?.at === at) last.cost += cost;
    else {
      this.#lastStart = { at, cost, next: undefined };
      if (last === undefined) this.#firstStart = this.#lastStart;
      else last.next = this.#lastStart;
    }
    if (this.waiting > 0) this.#arm();
  }

  /** Releases a place. */
  leave(): void {
    this.running--;
    if (this.waiting > 0) this.#pump();
    else if (this.running === 0) this.onIdle?.();
  }

  /** Releases a place in which no attempt has started. */
  cancel(cost: number): void {
    this.#used -= cost;
    // The first waiting attempt may start earlier than its timer says.
    this.#armedFor = undefined;
    this.leave();
  }

  /** Pauses the lane: no attempt starts for the given milliseconds. */
  pause(milliseconds: number): void {
    this.#openAt = Math.max(this.#openAt, performance.now() + milliseconds);
  }

  #reserve(cost: number): void {
    this.running++;
    this.#used += cost;
  }

  #fits(cost: number): boolean {
    const { concurrency, rate } = this.rules;
    if (this.running >= concurrency || this.#isPaused()) return false;
    if (this.#used + cost > rate) this.#expire();
    return this.#used + cost <= rate;
  }

  #isPaused(): boolean {
    if (this.#openAt > 0 && this.#openAt <= performance.now()) this.#openAt = 0;
    return this.#openAt > 0;
  }

  /** Removes the attempts that have left the window. */
  #expire(now = performance.now()): void {
    const until = now - this.rules.per;
    while (this.#firstStart !== undefined && this.#firstStart.at <= until) {
      this.#used -= this.#firstStart.cost;
      this.#firstStart = this.#firstStart.next;
    }
    if (this.#firstStart === undefined) this.#lastStart = undefined;
  }

  /** Gives places to the first waiting attempts while there is room. */
  #pump(): void {
    for (let first = this.#first; first !== undefined && this.#fits(first.attempt.cost); first = this.#first) {
      const { attempt, onAbort, resolve } = first;
      this.#remove(first);
      this.#reserve(attempt.cost);
      first.hasPlace = true;
      if (onAbort !== undefined) attempt.scope.cancellation.removeEventListener('abort', onAbort);
      resolve(attempt as never);
    }
    this.#arm();
    if (this.waiting === 0 && this.running === 0) this.onIdle?.();
  }

  #remove({ before, next }: Waiter): void {
    if (before === undefined) this.#first = next;
    else before.next = next;
    if (next === undefined) this.#last = before;
    else next.before = before;
    this.waiting--;
  }

  /** Sets the timer for the first waiting attempt, if the attempt waits for the window or for the end of a pause. */
  #arm(): void {
    if (this.#timer !== undefined && this.#armedFor === this.#first) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = this.#first;
    const due = this.#dueTime();
    if (due === Infinity) return;
    const delay = Math.min(Math.max(1, Math.ceil(due - performance.now())), longestDelay);
    this.#timer = detached(() => setTimeout(() => this.#fire(), delay));
  }

  #fire(): void {
    this.#timer = undefined;
    this.#pump();
  }

  /** Returns the time at which the first waiting attempt may start, or Infinity if another attempt has to end first. */
  #dueTime(): number {
    const { concurrency, rate, per } = this.rules;
    if (this.#first === undefined || this.running >= concurrency) return Infinity;
    let due = this.#openAt;
    let missing = this.#used + this.#first.attempt.cost - rate;
    for (let start = this.#firstStart; start !== undefined && missing > 0; start = start.next) {
      missing -= start.cost;
      due = Math.max(due, start.at + per);
    }
    // The missing room belongs to attempts that are about to start. They set the timer once they have started.
    return missing > 0 ? Infinity : due;
  }
}

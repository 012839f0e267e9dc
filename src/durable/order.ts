import { Deque } from '../shared/deque.js';
import type { History } from './history.js';

/** Number of turns of the event loop without a new call after which the code is taken to wait. */
const quietTurns = 2;
/** Maximum number of outcomes that are handed out in one turn of the event loop. */
const mostATurn = 64;

/** A new outcome. */
export interface Ready {
  handOut(): void;
}

/**
 * Hands outcomes out, one at a time, in the order in which they were recorded. Between two of them, all code that the
 * first has resumed runs until it waits again. So the code sees the same order in every life.
 *
 *     next in order is asked for ──► handed out
 *     a later one is asked for ────► handed out after two quiet turns, because the code may wait for something else
 *     none is asked for ───────────► after two quiet turns, calls without a record pass the gate and are executed
 *     only patient ones are ───────► nothing, until the code has asked for the outcomes before them
 */
export class Order {
  /** New outcomes that are durable, in order. */
  #ready = new Deque<Ready>();
  #gates: (() => void)[] = [];
  #onCaughtUp: (() => void)[] = [];
  #quiet = 0;
  #turns = 0;
  #isLulled = false;
  /** If true, an outcome was handed out in the present turn of the event loop. */
  #isBusy = false;
  #isStopped = false;
  /**
   * If true, the code that runs now was begun or resumed by the recording, and has not waited for anything else since. So it
   * makes the same calls here in every life, whatever else the code waits for.
   */
  isResumed = false;

  constructor(private readonly history: History) {}

  /** If true, calls are executed at once. */
  get isLive(): boolean {
    return this.history.isOver && this.#gates.length === 0;
  }

  /** Notes that the code is about to be begun or resumed. */
  resume(): void {
    if (this.isResumed) return;
    this.isResumed = true;
    queueMicrotask(this.#waited);
  }

  /** Notes that the code has called something. */
  asked(): void {
    this.#quiet = 0;
    if (this.history.waiting > 0) this.#plan();
  }

  /** Resolves when all that is recorded and asked for has been handed out. */
  gate(): Promise<void> {
    return new Promise((resolve) => {
      this.#quiet = 0;
      this.#gates.push(resolve);
      if (this.#isStopped) this.stop();
      else this.#plan();
    });
  }

  /** Calls `work` once all that is recorded has been handed out. */
  whenCaughtUp(work: () => void): void {
    if (this.history.isCaughtUp) work();
    else this.#onCaughtUp.push(work);
  }

  /** Hands out a new outcome, after all outcomes before it. Calls arrive in the order of the records. */
  add(outcome: Ready): void {
    if (this.#isBusy || this.#ready.size > 0 || !this.history.isOver) {
      this.#ready.push(outcome);
      this.#plan();
      return;
    }
    this.#busy();
    this.resume();
    outcome.handOut();
  }

  /** Opens all gates, and hands out nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#ready = new Deque();
    this.#onCaughtUp = [];
    const gates = this.#gates;
    this.#gates = [];
    for (const open of gates) open();
  }

  #busy(): void {
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(this.#rest);
  }

  /** The microtasks of the code come first, also those that it adds meanwhile. */
  readonly #waited = () => process.nextTick(this.#waits);

  readonly #waits = () => {
    this.isResumed = false;
  };

  readonly #rest = () => {
    this.#isBusy = false;
  };

  readonly #turn = () => {
    this.#turns--;
    if (this.#isStopped) return;
    if (this.#isNextAsked) this.#handOut();
    this.#plan();
  };

  readonly #lull = () => {
    this.#isLulled = false;
    if (this.#isStopped) return;
    if (++this.#quiet >= quietTurns) {
      if (this.history.waiting === 0 && this.#ready.size === 0) this.#open();
      else if (!this.#handOut()) return;
    }
    this.#plan();
  };

  get #isNextAsked(): boolean {
    const { first } = this.history;
    return first === undefined ? this.#ready.size > 0 : first.isClaimed;
  }

  #plan(): void {
    if (this.#isNextAsked) {
      const wanted = Math.min(mostATurn, this.history.waiting + this.#ready.size);
      for (; this.#turns < wanted; this.#turns++) setImmediate(this.#turn);
      return;
    }
    const isAsked = this.history.waiting + this.#ready.size + this.#gates.length > 0;
    if (!isAsked || this.#isLulled) return;
    this.#isLulled = true;
    setImmediate(this.#lull);
  }

  /** Returns false if the outcomes that are left have to wait. */
  #handOut(): boolean {
    const entry = this.history.next;
    if (entry === undefined && this.history.waiting > 0) return false;
    this.#quiet = 0;
    this.resume();
    if (entry === undefined) {
      this.#ready.shift()?.handOut();
      return true;
    }
    this.history.remove(entry);
    this.#busy();
    if (entry.outcome !== undefined) entry.receiver?.receive(entry.outcome);
    if (this.#onCaughtUp.length > 0 && this.history.isCaughtUp) for (const work of this.#onCaughtUp.splice(0)) work();
    return true;
  }

  /** Lets the calls pass that were waiting, in their order. */
  #open(): void {
    const gates = this.#gates;
    this.#gates = [];
    for (const open of gates) open();
  }
}

import { Deque } from '../shared/deque.js';
import type { JournalSignal } from './journal.js';
import { valueOfText } from './values.js';

/** A signal as it is written: a name and a value, or the request to cancel the run. */
export type SignalText = { readonly name: string; readonly value: string } | { readonly cancel: true };

/** A signal that was taken from the inbox. */
export interface TakenSignal {
  readonly number: number;
  readonly value: unknown;
}

/** The signals of a run that nobody has waited for yet, and the waits that no signal has reached yet, by name. */
export class Inbox {
  readonly #signals = new Map<string, Deque<TakenSignal>>();
  readonly #waits = new Map<string, Set<(signal: TakenSignal) => void>>();
  /** Numbers of the signals that are known here, except those that are done. */
  readonly #known = new Set<number>();
  #done = 0;

  /**
   * @param consumed - numbers of the signals that earlier lives have consumed
   * @param onCancel - called when the run is to be cancelled
   */
  constructor(
    private readonly consumed: ReadonlySet<number>,
    private readonly onCancel: () => void,
  ) {}

  add({ number, text }: JournalSignal): void {
    if (number <= this.#done || this.#known.has(number)) return;
    this.#known.add(number);
    if (this.consumed.has(number)) return;
    const signal = JSON.parse(text) as SignalText;
    if ('cancel' in signal) {
      this.onCancel();
      return;
    }
    const { name, value } = signal;
    const [wait] = this.#waits.get(name) ?? [];
    const taken = { number, value: valueOfText(value) };
    if (wait !== undefined) {
      wait(taken);
      return;
    }
    const signals = this.#signals.get(name) ?? new Deque();
    this.#signals.set(name, signals);
    signals.push(taken);
  }

  /**
   * Takes the first signal of a name, now or as soon as one arrives.
   *
   * @returns a function that ends the wait
   */
  take(name: string, onSignal: (signal: TakenSignal) => void): () => void {
    const first = this.#signals.get(name)?.shift();
    if (first !== undefined) {
      onSignal(first);
      return () => {};
    }
    const waits = this.#waits.get(name) ?? new Set();
    this.#waits.set(name, waits);
    const take = (signal: TakenSignal) => {
      waits.delete(take);
      onSignal(signal);
    };
    waits.add(take);
    return () => waits.delete(take);
  }

  /**
   * Forgets the first signals, as far as nobody waits for them any more.
   *
   * @returns the number of the last of them, and those of later signals that are not needed either
   */
  settle(): { readonly done: number; readonly consumed: readonly number[] } {
    const waiting = new Set<number>();
    for (const signals of this.#signals.values()) for (const { number } of signals) waiting.add(number);
    const known = [...this.#known].sort((a, b) => a - b);
    const first = known.find((number) => waiting.has(number)) ?? Infinity;
    for (const number of known) {
      if (number >= first) break;
      this.#known.delete(number);
      this.#done = number;
    }
    return { done: this.#done, consumed: known.filter((number) => number > first && !waiting.has(number)) };
  }

  /** Forgets the waits of an incarnation that has ended. */
  forget(): void {
    this.#waits.clear();
  }
}

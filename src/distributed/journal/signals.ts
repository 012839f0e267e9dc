import { digestOf, type WaitEnd } from '../../flow/run/index.js';
import type { RunEntry } from './entry.js';

/**
 * The answer to a signal:
 *
 * - `delivered`: a node was waiting for the event and continues with its payload;
 * - `kept`: no node waits for the event yet, so the payload is kept for the next node that does. A sub-flow or a batch in
 *   progress may wait for any event next;
 * - `too-late`: the waits for the event have ended or expired, or the run has ended, so the payload is dropped;
 * - `dropped`: no node waits for the event yet, and 1,000 payloads are kept for it already, so this one is dropped;
 * - `duplicate`: a signal with this id was sent before, or, for signals without an id, the last wait for the event has
 *   ended by an equal payload, so this one does not count.
 */
export type SignalOutcome = 'delivered' | 'kept' | 'too-late' | 'dropped' | 'duplicate';

/**
 * Maximum number of payloads stored per event while no node waits for the event, and of answers. Further payloads are
 * dropped, and the oldest answers are forgotten.
 */
const most = 1_000;

/** A payload as text. A text alone was sent as it is, and no schema is still to be applied. */
export type Payload = string | (Pick<SignalEntry, 'unchecked' | 'sent'> & { readonly text: string });

type SignalEntry = Extract<RunEntry, { type: 'signal' }>;

export function payloadOf({ payload: text, unchecked, sent }: SignalEntry): Payload {
  return unchecked === undefined && sent === undefined ? text : { text, unchecked, sent };
}

/** Returns the end of a wait that a payload ends at the given time. */
export function endBy(event: string, payload: Payload, time: number): WaitEnd<string> {
  const { text, unchecked, sent = digestOf(text) } = typeof payload === 'string' ? { text: payload } : payload;
  return { events: { [event]: text }, time, unchecked, sent: { [event]: sent } };
}

/** Payloads of events for which no node has waited yet. */
export class Signals {
  readonly #payloads = new Map<string, Payload[]>();
  /** The answers to the latest signals, by the id of the signal. */
  readonly #answers = new Map<string, SignalOutcome>();

  constructor(saved: readonly (readonly [event: string, payloads: readonly Payload[]])[] = []) {
    for (const [event, payloads] of saved) this.#payloads.set(event, [...payloads]);
  }

  /** Keeps a payload. Returns false if there is no room for it. */
  keep(event: string, payload: Payload): boolean {
    const payloads = this.#payloads.get(event) ?? [];
    if (payloads.length >= most) return false;
    this.#payloads.set(event, [...payloads, payload]);
    return true;
  }

  /**
   * Removes and returns the oldest payload of the first listed event that has a payload; `undefined` if no event has
   * one.
   */
  take(events: readonly string[]): { readonly event: string; readonly payload: Payload } | undefined {
    const event = events.find((one) => this.#payloads.has(one));
    if (event === undefined) return undefined;
    const [payload, ...rest] = this.#payloads.get(event) as [Payload, ...Payload[]];
    if (rest.length === 0) this.#payloads.delete(event);
    else this.#payloads.set(event, rest);
    return { event, payload };
  }

  answer(id: string, outcome: SignalOutcome): void {
    this.#answers.set(id, outcome);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > most && oldest !== undefined) this.#answers.delete(oldest);
  }

  answerTo(id: string): SignalOutcome | undefined {
    return this.#answers.get(id);
  }

  save(): [event: string, payloads: readonly Payload[]][] {
    return [...this.#payloads];
  }
}

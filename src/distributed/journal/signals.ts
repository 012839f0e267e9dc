/** Maximum number of payloads stored per event while no node waits for the event. Further payloads are dropped. */
const most = 1_000;

/** Payloads, as texts, of events for which no node has waited yet. */
export class Signals {
  readonly #payloads = new Map<string, string[]>();

  constructor(saved: readonly (readonly [event: string, payloads: readonly string[]])[] = []) {
    for (const [event, payloads] of saved) this.#payloads.set(event, [...payloads]);
  }

  keep(event: string, payload: string): void {
    const payloads = this.#payloads.get(event) ?? [];
    if (payloads.length < most) this.#payloads.set(event, [...payloads, payload]);
  }

  /**
   * Removes and returns the oldest payload of the first listed event that has a payload; `undefined` if no event has
   * one.
   */
  take(events: readonly string[]): { readonly event: string; readonly payload: string } | undefined {
    const event = events.find((one) => this.#payloads.has(one));
    if (event === undefined) return undefined;
    const [payload, ...rest] = this.#payloads.get(event) as [string, ...string[]];
    if (rest.length === 0) this.#payloads.delete(event);
    else this.#payloads.set(event, rest);
    return { event, payload };
  }

  save(): [event: string, payloads: readonly string[]][] {
    return [...this.#payloads];
  }
}

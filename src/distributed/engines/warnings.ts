type Listener = (warning: Error) => void;

/** The warnings of an engine. Each warning is reported once to each listener, including listeners added later. */
export class Warnings {
  readonly #given: Error[] = [];
  readonly #listeners = new Set<Listener>();

  warn(warning: Error): void {
    // An engine that is opened again would repeat its warnings.
    if (this.#given.some(({ message }) => message === warning.message)) return;
    this.#given.push(warning);
    for (const listener of this.#listeners) listener(warning);
  }

  /** Reports all past and future warnings to a listener. Returns a function that removes the listener. */
  listen(listener: Listener): () => void {
    for (const warning of this.#given) listener(warning);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

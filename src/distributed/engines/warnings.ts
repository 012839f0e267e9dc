type Listener = (warning: Error) => void;

/** Keeps what an engine has to say to whoever works on it: each warning is told to each listener once. */
export class Warnings {
  readonly #given: Error[] = [];
  readonly #listeners = new Set<Listener>();

  warn(warning: Error): void {
    // An engine that is opened again finds the same.
    if (this.#given.some(({ message }) => message === warning.message)) return;
    this.#given.push(warning);
    for (const listener of this.#listeners) listener(warning);
  }

  /** @returns what ends it */
  listen(listener: Listener): () => void {
    for (const warning of this.#given) listener(warning);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

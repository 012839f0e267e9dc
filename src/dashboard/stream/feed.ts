import type { StreamEvents } from '../api/index.js';

/** A state to send. */
export interface State {
  readonly value: unknown;
  /**
   * Changes if and only if there is something new to send. Parts that change constantly, such as ages, are not
   * included.
   */
  readonly mark: string;
}

/** Minimum number of milliseconds between two looks. */
const pace = 250;

/**
 * Looks at a state when it may have changed, and sends it if it has. Looks run one at a time and are rate-limited. A
 * failed look does not prevent the next look.
 */
export class Feed {
  #last: { readonly text: string; readonly mark: string } | undefined = undefined;
  #lookedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isLooking = false;
  #isWanted = false;
  #isClosed = false;

  /**
   * @param look - returns the state, or `undefined` if the state is unknown
   * @param tell - called with the new state, as JSON text
   * @param onError - called with the error of a failed look
   */
  constructor(
    readonly name: keyof StreamEvents,
    private readonly look: () => Promise<State | undefined> | State | undefined,
    private readonly tell: (state: string) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** The state that was sent last, as JSON text. */
  get last(): string | undefined {
    return this.#last?.text;
  }

  /** Requests a look, because the state may have changed. */
  touch(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    if (this.#isLooking) {
      this.#isWanted = true;
      return;
    }
    const wait = Math.max(0, this.#lookedAt + pace - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, wait);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#lookedAt = performance.now();
    try {
      const state = await this.look();
      if (state !== undefined && state.mark !== this.#last?.mark && !this.#isClosed) this.#take(state);
    } catch (error) {
      this.onError(error);
    }
    this.#isLooking = false;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.touch();
  }

  #take({ value, mark }: State): void {
    const text = JSON.stringify(value);
    this.#last = { text, mark };
    this.tell(text);
  }
}

import type { StreamEvents } from '../api/index.js';

/** How something stands. */
export interface State {
  readonly value: unknown;
  /** Differs where there is something to be told; parts that change by themselves are none of it. */
  readonly mark: string;
}

/** Milliseconds between two looks at least. */
const pace = 250;

/**
 * Looks at something when it may have changed, one look after the other and not too often, and tells of it when it has.
 * A look that fails is made up for by the next.
 */
export class Feed {
  #last: { readonly text: string; readonly mark: string } | undefined = undefined;
  #lookedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isLooking = false;
  #isWanted = false;
  #isClosed = false;

  /**
   * @param look - says how it stands; nothing where that cannot be told
   * @param tell - gets it as text
   * @param onError - told of looks that have failed
   */
  constructor(
    readonly name: keyof StreamEvents,
    private readonly look: () => Promise<State | undefined> | State | undefined,
    private readonly tell: (state: string) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** How it stood last, as text. */
  get last(): string | undefined {
    return this.#last?.text;
  }

  /** It may have changed. */
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

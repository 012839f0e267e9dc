import { NotFoundError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopStore } from '../store/contracts.js';

/** What is done with a dead letter that is replayed. */
export type Replayer = (letter: DeadLetter) => void | Promise<void>;

/** Called with each letter that had to make room, when it is gone. */
export type DropListener = (letter: DeadLetter) => void;

/**
 * What was in nodes when they failed, the newest last. A bounded number is kept: the oldest make room, are counted, and are
 * told of.
 */
export class DeadLetters {
  readonly #letters = new Map<number, DeadLetter>();
  readonly #replaying = new Set<number>();
  #lastId = 0;
  #dropped = 0;

  constructor(
    private readonly capacity: number,
    private readonly replayer: Replayer,
    private readonly store: () => LoopStore | undefined,
    private readonly onDropped: DropListener,
  ) {}

  /** How many there are. */
  get size(): number {
    return this.#letters.size;
  }

  /** How many were dropped, since there was no room. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param filter - of which loop. Default: of all */
  list({ loopId }: { readonly loopId?: string | undefined } = {}): DeadLetter[] {
    return [...this.#letters.values()].filter((letter) => loopId === undefined || letter.loopId === loopId);
  }

  /**
   * Tries again what has failed: the message goes back into its queue; without one, the value goes to the node again. What
   * cannot be replayed now (its loop does not run) stays.
   *
   * @param id - which. Default: all
   * @returns how many were replayed
   * @throws {NotFoundError} where there is none with this id
   * @throws {LoopStateError} where the loop of the one does not run
   */
  async replay(id?: number): Promise<number> {
    if (id !== undefined) {
      await this.#replay(this.#get(id));
      return 1;
    }
    let replayed = 0;
    for (const letter of this.list()) {
      try {
        await this.#replay(letter);
        replayed++;
      } catch {
        // It is still there.
      }
    }
    return replayed;
  }

  /** @throws {NotFoundError} where there is none with this id */
  remove(id: number): void {
    this.#get(id);
    this.#letters.delete(id);
    this.store()?.removeDeadLetter(id);
  }

  add(given: Omit<DeadLetter, 'id'>): DeadLetter {
    const letter = { ...given, id: ++this.#lastId };
    this.#letters.set(letter.id, letter);
    this.store()?.putDeadLetter(letter);
    this.#makeRoom();
    return letter;
  }

  restore(letters: readonly DeadLetter[]): void {
    for (const letter of letters) this.#letters.set(letter.id, letter);
    this.#makeRoom();
    this.#lastId = letters.reduce((last, { id }) => Math.max(last, id), this.#lastId);
  }

  #makeRoom(): void {
    for (const oldest of this.#letters.values()) {
      if (this.#letters.size <= this.capacity) return;
      this.#dropped++;
      this.remove(oldest.id);
      this.onDropped(oldest);
    }
  }

  #get(id: number): DeadLetter {
    const letter = this.#letters.get(id);
    if (letter === undefined) throw new NotFoundError('dead letter', String(id));
    return letter;
  }

  async #replay(letter: DeadLetter): Promise<void> {
    // Who waits for room in the queue has it in hand: nobody else is to do it once more.
    if (this.#replaying.has(letter.id)) throw new NotFoundError('dead letter', String(letter.id));
    this.#replaying.add(letter.id);
    try {
      await this.replayer(letter);
      if (this.#letters.has(letter.id)) this.remove(letter.id);
    } finally {
      this.#replaying.delete(letter.id);
    }
  }
}

import { NotFoundError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopStore } from '../store/contracts.js';

/** Replays one dead letter. */
export type Replayer = (letter: DeadLetter) => void | Promise<void>;

/** Called with each dead letter that was deleted because the capacity was reached. */
export type DropListener = (letter: DeadLetter) => void;

/**
 * The inputs of failed nodes, oldest first. The number of dead letters is limited by `deadLetterCapacity`. When the
 * limit is exceeded, the oldest dead letter is deleted, counted and reported. Available as
 * `WorkflowOrchestrator.deadLetters`.
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

  /** Number of dead letters. */
  get size(): number {
    return this.#letters.size;
  }

  /** Number of dead letters that were deleted because the capacity was reached. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Lists dead letters, oldest first.
   *
   * @param filter - `loopId`: only dead letters of this loop. Default: all
   */
  list({ loopId }: { readonly loopId?: string | undefined } = {}): DeadLetter[] {
    return [...this.#letters.values()].filter((letter) => loopId === undefined || letter.loopId === loopId);
  }

  /**
   * Replays dead letters. If a dead letter has a message, the message goes back into its queue; otherwise the value
   * goes to the failed node again. Replayed dead letters are removed. Dead letters that cannot be replayed because
   * their loop is not running are kept.
   *
   * @param id - id of the dead letter. Default: all
   * @returns the number of replayed dead letters
   * @throws {NotFoundError} if there is no dead letter with this id, or its replay is already in progress
   * @throws {LoopStateError} if the loop of this dead letter is not running
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
        // The dead letter is kept.
      }
    }
    return replayed;
  }

  /**
   * Deletes a dead letter, including its copy in the store.
   *
   * @throws {NotFoundError} if there is no dead letter with this id
   */
  remove(id: number): void {
    this.#get(id);
    this.#letters.delete(id);
    this.store()?.removeDeadLetter(id);
  }

  /** Adds a dead letter under a new id, and deletes the oldest dead letter if the capacity is exceeded. */
  add(given: Omit<DeadLetter, 'id'>): DeadLetter {
    const letter = { ...given, id: ++this.#lastId };
    this.#letters.set(letter.id, letter);
    this.store()?.putDeadLetter(letter);
    this.#makeRoom();
    return letter;
  }

  /** Adds the dead letters of the store. */
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
    // A replay of this dead letter is still waiting for room in the queue. A second replay would push the message
    // twice.
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

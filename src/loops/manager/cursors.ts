import { Iteration } from './iteration.js';

/** The cursors that a producer saves. A cursor is stored when its iteration and all iterations before it have ended. */
export class Cursors {
  /** Iterations with a cursor that is not stored yet, in order. */
  readonly #open: Iteration[] = [];

  /** @param keep - stores a cursor */
  constructor(private readonly keep: (value: unknown) => void) {}

  /**
   * Saves a cursor for an iteration.
   *
   * @param iteration - the iteration in which the cursor was saved. Default: none, for a cursor saved between two
   *   iterations
   */
  save(value: unknown, iteration: Iteration = overAlready()): void {
    if (iteration.hasEnded && this.#open.length === 0) {
      this.keep(value);
      return;
    }
    if (iteration.cursor === undefined) this.#add(iteration);
    iteration.cursor = { value };
  }

  /** Discards the cursor of an iteration whose producer failed. */
  drop(iteration: Iteration): void {
    if (iteration.cursor !== undefined) this.#open.pop();
    iteration.cursor = undefined;
  }

  /**
   * Stores the cursors of ended iterations, up to the first iteration that has not ended. After a restart, the loop
   * repeats that iteration and all later ones.
   */
  ended(): void {
    while (this.#open[0]?.hasEnded) this.keep(this.#open.shift()?.cursor?.value);
  }

  #add(iteration: Iteration): void {
    // If several ended iterations are waiting for an earlier iteration, only the last cursor is needed.
    if (this.#open.at(-1)?.hasEnded && this.#open.at(-2)?.hasEnded) this.#open.splice(-2, 1);
    this.#open.push(iteration);
  }
}

/** Creates an ended iteration for a cursor that was saved between two iterations. */
function overAlready(): Iteration {
  const iteration = new Iteration(0, () => {});
  iteration.end();
  return iteration;
}

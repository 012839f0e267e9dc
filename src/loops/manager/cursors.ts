import { Iteration } from './iteration.js';

/** Where the producer has got to, which counts when its iteration has ended, and all before it. */
export class Cursors {
  /** Iterations with a cursor, in order. */
  readonly #open: Iteration[] = [];

  /** @param keep - what is done with a cursor that counts */
  constructor(private readonly keep: (value: unknown) => void) {}

  /** @param iteration - the one that is under way. Default: there is none, it was saved between two */
  save(value: unknown, iteration: Iteration = overAlready()): void {
    if (iteration.hasEnded && this.#open.length === 0) {
      this.keep(value);
      return;
    }
    if (iteration.cursor === undefined) this.#add(iteration);
    iteration.cursor = { value };
  }

  /** The producer has not got to where it wanted to. */
  drop(iteration: Iteration): void {
    if (iteration.cursor !== undefined) this.#open.pop();
    iteration.cursor = undefined;
  }

  /** One that has ended early waits for those before it: after a restart they are repeated, and it with them. */
  ended(): void {
    while (this.#open[0]?.hasEnded) this.keep(this.#open.shift()?.cursor?.value);
  }

  #add(iteration: Iteration): void {
    // Of those that have ended, and wait for one before them, the last says all.
    if (this.#open.at(-1)?.hasEnded && this.#open.at(-2)?.hasEnded) this.#open.splice(-2, 1);
    this.#open.push(iteration);
  }
}

/** What is saved between two iterations has its place among them, and nothing to wait for. */
function overAlready(): Iteration {
  const iteration = new Iteration(0, () => {});
  iteration.end();
  return iteration;
}

import type { MaybePromise } from '../contracts.js';
import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';

/**
 * The current iterations (`turns`) of a run's loops at the time of one job. Once a job has read an iteration, the job
 * keeps it, even if other jobs start the next iteration in the meantime.
 *
 * An iteration is written as its number, counted from 0, after the iteration of the surrounding loop: `2.0` is the
 * first iteration of an inner loop in the third iteration of the outer loop. Outside loops, the iteration is empty.
 */
export class Turns {
  readonly #known = new Map<number, string>();

  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
  ) {}

  /**
   * Returns the iteration of a loop. If the iteration is known, which is the usual case, it is returned synchronously.
   */
  of(loop: number): MaybePromise<string> {
    return loop < 0 ? '' : (this.#known.get(loop) ?? this.#find(loop));
  }

  async #find(loop: number): Promise<string> {
    const around = await this.of(this.#parentOf(loop));
    const number = await this.store.latest(this.#counter(loop, around), (turn) =>
      this.#step(loop, nested(around, turn)),
    );
    const turn = nested(around, number);
    this.#known.set(loop, turn);
    return turn;
  }

  /** Returns a copy in which a loop and the loops around it are in the given iteration. */
  at(loop: number, turn: string): Turns {
    const turns = new Turns(this.plan, this.store);
    for (let at = loop, left = turn; at >= 0; at = this.#parentOf(at), left = outerOf(left)) turns.#known.set(at, left);
    return turns;
  }

  /** Starts the next iteration of a loop. Repeating the call has no effect. */
  async repeated(loop: number): Promise<Turns> {
    const turn = await this.of(loop);
    const around = outerOf(turn);
    const next = nested(around, numberOf(turn) + 1);
    await this.store.count(this.#counter(loop, around), this.#step(loop, next), 'begun');
    return this.at(loop, next);
  }

  /** Returns the keys that record the iteration of a loop. */
  keysOf(loop: number, turn: string): string[] {
    return [this.#counter(loop, outerOf(turn)), this.#step(loop, turn)];
  }

  #parentOf(loop: number): number {
    return this.plan.loops[loop]?.parent ?? -1;
  }

  #counter(loop: number, around: string): string {
    return this.store.key('turn', around, nameOf(this.plan, loop));
  }

  #step(loop: number, turn: string): string {
    return this.store.key('turn', turn, nameOf(this.plan, loop));
  }
}

const names = new WeakMap<Plan, readonly string[]>();

/**
 * Returns the name of a loop, which is the id of one of its headers. The number of a loop cannot serve as its name,
 * because it depends on the declaration order.
 */
export function nameOf(plan: Plan, loop: number): string {
  const known =
    names.get(plan) ?? plan.loops.map(({ headers }) => headers.map((node) => plan.idOf(node)).sort()[0] ?? '');
  names.set(plan, known);
  return known[loop] as string;
}

/** Returns true if the iteration is the first since its loop was entered. */
export function isFirst(turn: string): boolean {
  return numberOf(turn) === 0;
}

/** Returns the previous iteration of the same loop. The given iteration must not be the first. */
export function before(turn: string): string {
  return nested(outerOf(turn), numberOf(turn) - 1);
}

/** Returns the iteration of the surrounding loop. */
export function outerOf(turn: string): string {
  return turn.slice(0, Math.max(turn.lastIndexOf('.'), 0));
}

/** Returns true if an iteration of a loop is the same as `other` or a later one. */
export function isSince(turn: string, other: string): boolean {
  const others = other.split('.');
  for (const [at, number] of turn.split('.').entries()) {
    if (number !== others[at]) return Number(number) > Number(others[at]);
  }
  return true;
}

function nested(around: string, turn: number): string {
  return around === '' ? String(turn) : `${around}.${turn}`;
}

function numberOf(turn: string): number {
  return Number(turn.slice(turn.lastIndexOf('.') + 1));
}

import type { MaybePromise } from '../contracts.js';
import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';

/**
 * The turns that the loops of a run are in, as one job sees them: what it has once looked at stays so for it, whatever
 * others do meanwhile.
 *
 * A turn is written as its number, from 0, behind that of the loop around: `2.0` is the first turn of an inner loop in the
 * third turn of the outer. Outside of loops it is empty.
 */
export class Turns {
  readonly #known = new Map<number, string>();

  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
  ) {}

  /** At once for what is known: most of a job's keys are of turns that it has looked at. */
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

  /** The turns as they were when a loop was in the given one. */
  at(loop: number, turn: string): Turns {
    const turns = new Turns(this.plan, this.store);
    for (let at = loop, left = turn; at >= 0; at = this.#parentOf(at), left = outerOf(left)) turns.#known.set(at, left);
    return turns;
  }

  /** Begins the next turn of a loop. Done twice, it changes nothing. */
  async repeated(loop: number): Promise<Turns> {
    const turn = await this.of(loop);
    const around = outerOf(turn);
    const next = nested(around, numberOf(turn) + 1);
    await this.store.count(this.#counter(loop, around), this.#step(loop, next), 'begun');
    return this.at(loop, next);
  }

  /** The keys that say which turn a loop is in. */
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

/** A loop is called by a node, for its number depends on the order of the nodes. */
export function nameOf(plan: Plan, loop: number): string {
  const known =
    names.get(plan) ?? plan.loops.map(({ headers }) => headers.map((node) => plan.idOf(node)).sort()[0] ?? '');
  names.set(plan, known);
  return known[loop] as string;
}

/** Whether a turn is the first of its loop since that was entered. */
export function isFirst(turn: string): boolean {
  return numberOf(turn) === 0;
}

/** The turn before one that is not the first. */
export function before(turn: string): string {
  return nested(outerOf(turn), numberOf(turn) - 1);
}

/** The turn of the loop around. */
export function outerOf(turn: string): string {
  return turn.slice(0, Math.max(turn.lastIndexOf('.'), 0));
}

/** Whether a turn of a loop is the other one, or came later. */
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

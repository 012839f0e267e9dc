import type { MaybePromise } from '../contracts.js';
import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';

/**
 * The current turns of a run's loops, as one job sees them. A turn stays the same for the job once it has been read,
 * whatever other jobs do in the meantime.
 *
 * A turn is written as its number, from 0, behind the turn of the surrounding loop: `2.0` is the first turn of an inner
 * loop in the third turn of the outer loop. Outside of loops the turn is empty.
 */
export class Turns {
  readonly #known = new Map<number, string>();

  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
  ) {}

  /** The turn of a loop. Returned synchronously if known, which is the usual case. */
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

  /** A copy in which a loop and the loops around it are in the given turn. */
  at(loop: number, turn: string): Turns {
    const turns = new Turns(this.plan, this.store);
    for (let at = loop, left = turn; at >= 0; at = this.#parentOf(at), left = outerOf(left)) turns.#known.set(at, left);
    return turns;
  }

  /** Starts the next turn of a loop. Repeating the call has no effect. */
  async repeated(loop: number): Promise<Turns> {
    const turn = await this.of(loop);
    const around = outerOf(turn);
    const next = nested(around, numberOf(turn) + 1);
    await this.store.count(this.#counter(loop, around), this.#step(loop, next), 'begun');
    return this.at(loop, next);
  }

  /** The keys that record the turn of a loop. */
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

/** The name of a loop: the id of one of its headers. Numbers of loops depend on the declaration order. */
export function nameOf(plan: Plan, loop: number): string {
  const known =
    names.get(plan) ?? plan.loops.map(({ headers }) => headers.map((node) => plan.idOf(node)).sort()[0] ?? '');
  names.set(plan, known);
  return known[loop] as string;
}

/** If true, the turn is the first one since its loop was entered. */
export function isFirst(turn: string): boolean {
  return numberOf(turn) === 0;
}

/** The previous turn of the same loop. The given turn must not be the first one. */
export function before(turn: string): string {
  return nested(outerOf(turn), numberOf(turn) - 1);
}

/** The turn of the surrounding loop. */
export function outerOf(turn: string): string {
  return turn.slice(0, Math.max(turn.lastIndexOf('.'), 0));
}

/** If true, a turn of a loop is the same as `other`, or came later. */
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

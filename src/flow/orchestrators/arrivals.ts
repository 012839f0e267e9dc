import type { Serializer } from '../../shared/serializer.js';
import type { JoinStrategy } from '../blueprint.js';
import { runsAfterFailure } from '../plan/join.js';
import type { Plan } from '../plan/plan.js';
import type { WorkflowState } from '../run/state.js';
import { arcsKept, type Decisions } from './decisions.js';
import type { RemoteKeys } from './remote-keys.js';
import { before, isFirst } from './turns.js';

/** The arcs that made a node ready, and the values that these arcs pass on. */
export interface Arrivals {
  /** The arcs that made the node ready; `undefined` if the store has no record of them. */
  readonly arcs: readonly number[] | undefined;
  /** Values by arc, in serialized form. */
  readonly passed: ReadonlyMap<number, string>;
}

/**
 * Returns true if the context holds the whole input of the node: at most one arc leads to the node, this arc was taken,
 * and the output that it passes on is still in the context.
 */
export function isSimple(plan: Plan, node: number): boolean {
  const { from, arcs } = plan.into;
  const first = from[node] as number;
  const count = (from[node + 1] as number) - first;
  if (runsAfterFailure(plan.joinOf[node] as JoinStrategy)) return false;
  return count === 0 || (count === 1 && plan.awaited[node] === 1 && arcsKept(plan)[arcs[first] as number] === 0);
}

/** Looks up the arcs and values that make up a node's input in the coordination store. */
export class ArrivalFinder {
  readonly #plan: Plan;

  constructor(
    private readonly keys: RemoteKeys,
    private readonly decisions: Decisions,
  ) {
    this.#plan = keys.plan;
  }

  async find(node: number): Promise<Arrivals> {
    const turn = await this.keys.turnOf(node);
    const isAgain = this.keys.isHeader(node) && !isFirst(turn);
    const arcs = await this.#arrived(this.keys.arcsInto(node, { back: isAgain }), isAgain ? before(turn) : undefined);
    const passed = new Map<number, string>();
    for (const arc of arcs ?? []) {
      if (arcsKept(this.#plan)[arc] === 0) continue;
      const text = await this.#passedBy(arc, isAgain ? before(turn) : undefined);
      if (text !== undefined) passed.set(arc, text);
    }
    return { arcs, passed };
  }

  /** @param again - for the header of a repeated loop, the iteration that led to the current iteration */
  async #arrived(arcs: readonly number[], again: string | undefined): Promise<readonly number[] | undefined> {
    const [only] = arcs;
    const target = only === undefined ? undefined : (this.#plan.arcTarget[only] as number);
    const isTaken = target === undefined || !runsAfterFailure(this.#plan.joinOf[target] as JoinStrategy);
    if (arcs.length < 2 && isTaken) return arcs;
    const keyOf = async (arc: number) =>
      again === undefined ? this.keys.along('fanin', arc) : this.keys.again(arc, again);
    const found = await Promise.all(arcs.map(async (arc) => this.keys.store.get(await keyOf(arc))));
    if (found.every((value) => value === undefined)) return undefined;
    const untaken: readonly (string | undefined)[] = [undefined, 'refused', 'lost'];
    return arcs.filter((_, at) => !untaken.includes(found[at]));
  }

  async #passedBy(arc: number, again: string | undefined): Promise<string | undefined> {
    const { arcSource, arcTarget } = this.#plan;
    const turn = await this.#turnOfSource(arc, again);
    if (turn === undefined) return undefined;
    const passed = (await this.decisions.completionOf(arcSource[arc] as number, turn))?.passed ?? {};
    const target = this.#plan.idOf(arcTarget[arc] as number);
    return Object.hasOwn(passed, target) ? passed[target] : undefined;
  }

  /** Returns the iteration in which the source of an arc took the arc. */
  async #turnOfSource(arc: number, again: string | undefined): Promise<string | undefined> {
    if (again !== undefined) return this.keys.store.get(this.keys.again(arc, again));
    if ((this.#plan.exitOf[arc] as number) >= 0) return this.keys.store.get(await this.keys.along('exit', arc));
    return this.keys.turnOf(this.#plan.arcSource[arc] as number);
  }
}

/** Stores the arcs and values found for a node in a state, so that the node's input can be resolved from the state. */
export function remember(state: WorkflowState, node: number, { arcs, passed }: Arrivals, serializer: Serializer): void {
  if (arcs === undefined) state.arrivals.delete(node);
  else state.arrivals.set(node, new Set(arcs));
  for (const [arc, text] of passed) state.memory.passed.set(arc, serializer.deserialize(text));
}

import {
  ArcsByEnds,
  fromOrder,
  type Order,
  orderOf,
  type Plan,
  type SavedPosition,
  toOrder,
} from '../../flow/plan/index.js';
import type { NodeEntry } from './entry.js';

/**
 * The values that arcs pass on, by source id, then by target id. In runs started by versions up to 0.6, by arc number.
 */
export type SavedPassed =
  | readonly (readonly [arc: number, text: string])[]
  | Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The fields of an entry that record the taken arcs and the values that they pass on. */
type ArcsOfEntry = Pick<Extract<NodeEntry, { type: 'completed' }>, 'targets' | 'arcs' | 'passed'>;

/**
 * The names of nodes and arcs in everything that an engine stores about a run: journals, jobs, slots. Programs that
 * share a run may declare its nodes in different orders. Therefore a node is stored by its place in an order that
 * depends only on the ids, and an arc by the ids of its ends. In runs started by versions up to 0.6, nodes and arcs are
 * stored by their numbers in the order of declaration.
 */
export class Numbering {
  readonly #order: Order | undefined;
  #ends: ArcsByEnds | undefined = undefined;

  /**
   * @param byIds - if false, nodes and arcs are stored by their numbers in the order of declaration
   * @param isOrdered - if true, nodes that become ready together are sorted by place
   */
  constructor(
    private readonly plan: Plan,
    private readonly byIds: boolean,
    private readonly isOrdered: boolean,
  ) {
    const order = byIds ? orderOf(plan) : undefined;
    this.#order = order?.isDeclared === false ? order : undefined;
  }

  placeOf(node: number): number {
    return this.#order === undefined ? node : (this.#order.places[node] as number);
  }

  nodeAt(place: number): number {
    return this.#order === undefined ? place : (this.#order.nodes[place] as number);
  }

  /** Sorts nodes by place if the run is ordered, so that all programs agree on which node comes first. */
  inOrder(nodes: readonly number[]): readonly number[] {
    if (!this.isOrdered || nodes.length < 2) return nodes;
    return nodes.toSorted((one, other) => this.placeOf(one) - this.placeOf(other));
  }

  /** Converts a list with one number per node from the order of declaration to the order of places. */
  toPlaces(byNode: Int32Array): number[] {
    return this.#order === undefined ? [...byNode] : Array.from(this.#order.nodes, (node) => byNode[node] as number);
  }

  fromPlaces(byPlace: readonly number[]): Int32Array {
    const byNode = new Int32Array(this.plan.nodeCount);
    for (const [place, value] of byPlace.entries()) byNode[this.nodeAt(place)] = value;
    return byNode;
  }

  toSaved(position: SavedPosition): SavedPosition {
    return this.#order === undefined ? position : toOrder(this.plan, position);
  }

  fromSaved(position: SavedPosition | undefined): SavedPosition | undefined {
    return this.#order === undefined || position === undefined ? position : fromOrder(this.plan, position);
  }

  /** Returns the fields of an entry that record arcs. */
  writeArcs(
    arcs: readonly number[] | undefined,
    passed: readonly (readonly [arc: number, text: string])[],
  ): ArcsOfEntry {
    const named = passed.map(([arc, text]) => [this.byIds ? this.#targetOf(arc) : arc, text] as const);
    return {
      ...(this.byIds ? { targets: arcs?.map((arc) => this.#targetOf(arc)) } : { arcs }),
      passed: named.length === 0 ? undefined : named,
    };
  }

  /** Returns the arcs that an entry takes, or `undefined` for all. */
  arcsOf(nodeId: string, { targets, arcs }: ArcsOfEntry): readonly number[] | undefined {
    return targets?.map((target) => this.#arcOf(nodeId, target)) ?? arcs;
  }

  /** Returns the values that the arcs of an entry pass on. */
  passedOf(nodeId: string, { passed = [] }: ArcsOfEntry): (readonly [arc: number, text: string])[] {
    return passed.map(([target, text]) => [typeof target === 'number' ? target : this.#arcOf(nodeId, target), text]);
  }

  writePassed(passed: ReadonlyMap<number, string>): SavedPassed {
    if (!this.byIds) return [...passed];
    // The objects have no prototype, because a node may be called `constructor` or `toString`.
    const bySource = Object.create(null) as Record<string, Record<string, string>>;
    for (const [arc, text] of passed) {
      const source = this.plan.idOf(this.plan.arcSource[arc] as number);
      bySource[source] ??= Object.create(null) as Record<string, string>;
      bySource[source][this.#targetOf(arc)] = text;
    }
    return bySource;
  }

  *readPassed(passed: SavedPassed = []): Generator<readonly [arc: number, text: string]> {
    if (isByNumber(passed)) yield* passed;
    else
      for (const [source, byTarget] of Object.entries(passed))
        for (const [target, text] of Object.entries(byTarget)) yield [this.#arcOf(source, target), text];
  }

  #targetOf(arc: number): string {
    return this.plan.idOf(this.plan.arcTarget[arc] as number);
  }

  #arcOf(source: string, target: string): number {
    this.#ends ??= new ArcsByEnds(this.plan);
    return this.#ends.arcOf(source, target);
  }
}

function isByNumber(passed: SavedPassed): passed is readonly (readonly [arc: number, text: string])[] {
  return Array.isArray(passed);
}

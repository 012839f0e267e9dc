import type { SavedPosition } from './marks.js';
import type { Plan } from './plan.js';

/**
 * The nodes and arcs of a plan in canonical order, which depends only on ids and not on the order of declaration. Nodes
 * are sorted by id; arcs are sorted by the place of their source, then by the place of their target. Checkpoints store
 * a run in this order.
 */
export interface Order {
  /** The number of the node at each place. */
  readonly nodes: Int32Array;
  /** The place of each node, by the number of the node. */
  readonly places: Int32Array;
  /** The number of the arc at each place. */
  readonly arcs: Int32Array;
  /** If true, the plan's own numbering is already in canonical order. */
  readonly isDeclared: boolean;
}

const orders = new WeakMap<Plan, Order>();

export function orderOf(plan: Plan): Order {
  const known = orders.get(plan);
  if (known !== undefined) return known;
  const order = makeOrder(plan);
  orders.set(plan, order);
  return order;
}

function makeOrder(plan: Plan): Order {
  const { nodeCount, outFrom, arcTarget } = plan;
  const nodes = Int32Array.from({ length: nodeCount }, (_, node) => node);
  nodes.sort((one, other) => (plan.idOf(one) < plan.idOf(other) ? -1 : 1));
  const places = new Int32Array(nodeCount);
  for (const [place, node] of nodes.entries()) places[node] = place;
  const arcs = new Int32Array(arcTarget.length);
  const byTarget = (one: number, other: number) => targetPlace(one) - targetPlace(other);
  const targetPlace = (arc: number) => places[arcTarget[arc] as number] as number;
  let count = 0;
  for (const node of nodes) {
    const first = count;
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) arcs[count++] = arc;
    arcs.subarray(first, count).sort(byTarget);
  }
  const isDeclared = nodes.every((node, place) => node === place) && arcs.every((arc, place) => arc === place);
  return { nodes, places, arcs, isDeclared };
}

/** Converts a position from the numbering of the plan to canonical order, for a checkpoint. */
export function toOrder(plan: Plan, position: SavedPosition): SavedPosition {
  const { nodes, places, arcs, isDeclared } = orderOf(plan);
  if (isDeclared) return position;
  const { visits, asides } = position;
  return {
    nodes: Array.from(nodes, (node) => position.nodes[node]).join(''),
    arcs: Array.from(arcs, (arc) => position.arcs[arc]).join(''),
    visits: visits && Array.from(nodes, (node) => visits[node] as number),
    ...(asides && { asides: asides.map((node) => places[node] as number) }),
  };
}

/** Converts a position of a checkpoint from canonical order to the numbering of the plan. */
export function fromOrder(plan: Plan, position: SavedPosition): SavedPosition {
  const { nodes, arcs, isDeclared } = orderOf(plan);
  if (isDeclared) return position;
  const { visits, asides } = position;
  const byNode = new Array<string>(nodes.length);
  const byArc = new Array<string>(arcs.length);
  const visitsByNode = visits === undefined ? undefined : new Array<number>(nodes.length);
  for (const [place, node] of nodes.entries()) {
    byNode[node] = position.nodes[place] as string;
    if (visitsByNode !== undefined) visitsByNode[node] = visits?.[place] as number;
  }
  for (const [place, arc] of arcs.entries()) byArc[arc] = position.arcs[place] as string;
  return {
    nodes: byNode.join(''),
    arcs: byArc.join(''),
    visits: visitsByNode,
    ...(asides && { asides: asides.map((place) => nodes[place] as number) }),
  };
}

/** Finds arcs by the ids of their source and target. Returns -1 if there is no such arc. */
export class ArcsByEnds {
  readonly #byTarget = new Map<string, ReadonlyMap<string, number>>();

  constructor(private readonly plan: Plan) {}

  arcOf(source: string, target: string): number {
    let arcs = this.#byTarget.get(source);
    if (arcs === undefined) {
      arcs = this.#from(this.plan.indexOf(source));
      this.#byTarget.set(source, arcs);
    }
    return arcs.get(target) ?? -1;
  }

  #from(node: number): Map<string, number> {
    const { plan } = this;
    const arcs = new Map<string, number>();
    if (node < 0) return arcs;
    for (let arc = plan.outFrom[node] as number; arc < (plan.outFrom[node + 1] as number); arc++) {
      arcs.set(plan.idOf(plan.arcTarget[arc] as number), arc);
    }
    return arcs;
  }
}

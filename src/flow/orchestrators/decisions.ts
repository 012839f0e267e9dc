import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';

/** How a node has ended. Nodes are named, for their numbers depend on the order of the nodes. */
export interface Decision {
  readonly failed?: true;
  /** The action that it has chosen. */
  readonly action?: string | undefined;
  /** Where its arcs lead that are taken. Default: all are. */
  readonly taken?: readonly string[];
  /** What arcs pass on that is not simply what the context has under the node's id, written by the serializer. */
  readonly passed?: Readonly<Record<string, string>>;
}

/** `decided` is what a node itself has come to, `recovered` what its fallback has in its place. */
export type DecisionKind = 'decided' | 'recovered';

/** How nodes have ended: set down once, before anything follows from it. */
export class Decisions {
  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
  ) {}

  async find(kind: DecisionKind, node: number, turn: string): Promise<Decision | undefined> {
    const text = await this.store.get(this.#key(kind, node, turn));
    return text === undefined ? undefined : (JSON.parse(text) as Decision);
  }

  /** Sets down how a node has ended. Gives what holds: the first that was set down. */
  async decide(kind: DecisionKind, node: number, turn: string, decision: Decision): Promise<Decision> {
    const isFirst = await this.store.set(this.#key(kind, node, turn), JSON.stringify(decision));
    return isFirst ? decision : ((await this.find(kind, node, turn)) ?? decision);
  }

  /** What a node or its fallback has completed with. */
  async completionOf(node: number, turn: string): Promise<Decision | undefined> {
    const decided = await this.find('decided', node, turn);
    const found = decided?.failed ? await this.find('recovered', node, turn) : decided;
    return found?.failed ? undefined : found;
  }

  #key(kind: DecisionKind, node: number, turn: string): string {
    return this.store.key(kind, turn, this.plan.idOf(node));
  }
}

/** The arcs of a node that are taken. */
export function arcsTaken(plan: Plan, node: number, { taken }: Decision): Set<number> {
  const [from, end] = [plan.outFrom[node] as number, plan.outFrom[node + 1] as number];
  const arcs = Array.from({ length: end - from }, (_, at) => from + at);
  if (taken === undefined) return new Set(arcs);
  const targets = new Set(taken);
  return new Set(arcs.filter((arc) => targets.has(plan.idOf(plan.arcTarget[arc] as number))));
}

const kept = new WeakMap<Plan, Uint8Array>();

/**
 * 1 for each arc of which it has to be kept what it passes on: the context does not have it, or will not have it any
 * more when its target begins.
 */
export function arcsKept(plan: Plan): Uint8Array {
  const known = kept.get(plan);
  if (known !== undefined) return known;
  const found = Uint8Array.from(plan.arcTarget, (target, arc) => {
    const headers = plan.loops[plan.backOf[arc] as number]?.headers.length ?? 0;
    const isOverwritten = headers > 1 || (headers === 1 && plan.arcSource[arc] === target);
    return isOverwritten || (plan.exitOf[arc] as number) >= 0 ? 1 : 0;
  });
  for (let node = 0; node < plan.nodeCount; node++) {
    for (const { arc, edge } of plan.outgoing(node)) if (edge.transform !== undefined) found[arc] = 1;
  }
  kept.set(plan, found);
  return found;
}

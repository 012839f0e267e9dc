import type { Plan } from '../plan/plan.js';
import type { RunStore } from './run-store.js';

/** The recorded end of a node. Nodes are identified by id, because node numbers depend on the declaration order. */
export interface Decision {
  /** If true, the node has failed. */
  readonly failed?: true;
  /** The action that the node has chosen. */
  readonly action?: string | undefined;
  /** The ids of the target nodes whose arcs are taken. Default: all arcs are taken. */
  readonly taken?: readonly string[];
  /** The serialized values that arcs pass on, by target node. Outputs that stay in the context are left out. */
  readonly passed?: Readonly<Record<string, string>>;
}

/**
 * The kind of a decision: `decided` records how a node itself has ended, and `recovered` records how it has ended with
 * the result of its fallback.
 */
export type DecisionKind = 'decided' | 'recovered';

/** Records how nodes have ended. Each decision is written exactly once, before any of its consequences. */
export class Decisions {
  constructor(
    private readonly plan: Plan,
    private readonly store: RunStore,
  ) {}

  async find(kind: DecisionKind, node: number, turn: string): Promise<Decision | undefined> {
    const text = await this.store.get(this.#key(kind, node, turn));
    return text === undefined ? undefined : (JSON.parse(text) as Decision);
  }

  /**
   * Records how a node has ended. Returns the decision that is in effect, which is the decision that was recorded
   * first.
   */
  async decide(kind: DecisionKind, node: number, turn: string, decision: Decision): Promise<Decision> {
    const isFirst = await this.store.set(this.#key(kind, node, turn), JSON.stringify(decision));
    return isFirst ? decision : ((await this.find(kind, node, turn)) ?? decision);
  }

  /**
   * Returns the decision of a node that has completed, either by itself or through its fallback. Returns `undefined`
   * for any other node.
   */
  async completionOf(node: number, turn: string): Promise<Decision | undefined> {
    const decided = await this.find('decided', node, turn);
    const found = decided?.failed ? await this.find('recovered', node, turn) : decided;
    return found?.failed ? undefined : found;
  }

  #key(kind: DecisionKind, node: number, turn: string): string {
    return this.store.key(kind, turn, this.plan.idOf(node));
  }
}

/** Returns the arcs of a node that are taken. */
export function arcsTaken(plan: Plan, node: number, { taken }: Decision): Set<number> {
  const [from, end] = [plan.outFrom[node] as number, plan.outFrom[node + 1] as number];
  const arcs = Array.from({ length: end - from }, (_, at) => from + at);
  if (taken === undefined) return new Set(arcs);
  const targets = new Set(taken);
  return new Set(arcs.filter((arc) => targets.has(plan.idOf(plan.arcTarget[arc] as number))));
}

const kept = new WeakMap<Plan, Uint8Array>();

/**
 * Returns an array with a 1 for each arc whose value must be recorded, because the context does not contain the value
 * or may lose it before the target starts.
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

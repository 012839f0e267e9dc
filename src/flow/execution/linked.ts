import type { EdgeDefinition, NodeDefinition } from '../blueprint.js';
import type { MaybePromise, NodeExecutor } from '../contracts.js';
import type { NodeResult } from '../node-result.js';
import type { Plan } from '../plan/plan.js';
import type { Merges } from '../run/merge.js';
import type { Context } from '../run/result.js';
import type { Source } from './paths.js';

/** What decides on an edge, or transforms what it passes on. */
export type EdgeFunction = (result: NodeResult, context: Context) => MaybePromise<unknown>;

/** What nodes and edges use, found and checked. */
export interface Links {
  /** Parameters of the flow, for all its nodes. */
  readonly params: Readonly<Record<string, unknown>>;
  /** How keys of the context are merged, of those that have a function for it. */
  readonly merges: Merges;
  /** Makes the executor of a node. */
  executorOf(node: NodeDefinition): NodeExecutor;
  /** How inputs are mapped, of the nodes whose inputs are. */
  readonly inputs: ReadonlyMap<string, Source>;
  readonly conditions: ReadonlyMap<EdgeDefinition, EdgeFunction>;
  readonly transforms: ReadonlyMap<EdgeDefinition, EdgeFunction>;
  /** The flows of the nodes that are one, or a batch of one. */
  readonly flows: ReadonlyMap<string, () => LinkedFlow>;
}

/** A plan, with what its nodes and edges use. */
export class LinkedFlow {
  readonly #executors: (NodeExecutor | undefined)[];
  #arcs: ReadonlyMap<EdgeDefinition, number> | undefined = undefined;

  constructor(
    readonly plan: Plan,
    readonly links: Links,
  ) {
    this.#executors = new Array(plan.nodeCount);
  }

  nodeOf(nodeId: string): number {
    const node = this.plan.indexOf(nodeId);
    if (node < 0) throw new RangeError(`"${nodeId}" is no node of "${this.plan.id}"`);
    return node;
  }

  /** What executes a node; made when it is first needed. */
  executorOf(nodeId: string): NodeExecutor {
    const node = this.nodeOf(nodeId);
    this.#executors[node] ??= this.links.executorOf(this.plan.nodes[node] as NodeDefinition);
    return this.#executors[node] as NodeExecutor;
  }

  /** The arc that an edge is part of. */
  arcOf(edge: EdgeDefinition): number {
    this.#arcs ??= this.#collectArcs();
    return this.#arcs.get(edge) as number;
  }

  #collectArcs(): Map<EdgeDefinition, number> {
    const arcs = new Map<EdgeDefinition, number>();
    for (let node = 0; node < this.plan.nodeCount; node++) {
      for (const { edge, arc } of this.plan.outgoing(node)) arcs.set(edge, arc);
    }
    return arcs;
  }
}

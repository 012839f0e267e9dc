import type { EdgeDefinition, NodeDefinition } from '../blueprint.js';
import type { MaybePromise, NodeExecutor } from '../contracts.js';
import type { FlowSchemas } from '../node.js';
import type { NodeResult } from '../node-result.js';
import type { Plan } from '../plan/plan.js';
import type { Merges } from '../run/merge.js';
import type { Context } from '../run/result.js';
import type { Source } from './paths.js';

/** A condition or a transform of an edge. */
export type EdgeFunction = (result: NodeResult, context: Context) => MaybePromise<unknown>;

/** The resolved and checked code and settings that the nodes and edges of a flow use. */
export interface Links {
  /** The parameters of the flow, shared by all its nodes. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Merge functions by context key. */
  readonly merges: Merges;
  /** The schemas of the values that come from outside, and of the output. */
  readonly schemas: FlowSchemas;
  /** Makes the executor of a node. */
  executorOf(node: NodeDefinition): NodeExecutor;
  /** Input mappings by node id, for nodes that have one. */
  readonly inputs: ReadonlyMap<string, Source>;
  readonly conditions: ReadonlyMap<EdgeDefinition, EdgeFunction>;
  readonly transforms: ReadonlyMap<EdgeDefinition, EdgeFunction>;
  /** The sub-flows that nodes run, directly or as the worker of a batch, by node id. */
  readonly flows: ReadonlyMap<string, () => LinkedFlow>;
}

/** A plan together with the resolved code and settings that its nodes and edges use. */
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
    if (node < 0) throw new RangeError(`"${nodeId}" is not a node of "${this.plan.id}"`);
    return node;
  }

  /** Returns the executor of a node, which is made on first use. */
  executorOf(nodeId: string): NodeExecutor {
    const node = this.nodeOf(nodeId);
    this.#executors[node] ??= this.links.executorOf(this.plan.nodes[node] as NodeDefinition);
    return this.#executors[node] as NodeExecutor;
  }

  /** Returns the arc that an edge is part of. */
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

import type { NodeDefinition, WorkflowBlueprint } from '../blueprint.js';
import { type NextNode, type Outgoing, planOf } from '../plan/plan.js';
import { Position } from '../plan/position.js';

/** A node that is ready to be executed. */
export interface ReadyNode {
  readonly nodeId: string;
  readonly nodeDef: NodeDefinition;
  /** Number of the visit, from 1. */
  readonly visit: number;
}

/** Where a run is in its plan, by node ids: what is ready, and what follows from how nodes end. */
export class GraphTraverser {
  readonly #blueprint: WorkflowBlueprint;
  readonly position: Position;

  /**
   * @param blueprint - what is run; it is not changed
   * @param position - where the run is. Default: at its start
   * @throws {BlueprintError} that lists everything that is wrong with the blueprint
   */
  constructor(blueprint: WorkflowBlueprint, position: Position = new Position(planOf(blueprint))) {
    this.#blueprint = blueprint;
    this.position = position;
  }

  /** Whether any node is ready. */
  hasMoreWork(): boolean {
    return this.position.hasReady;
  }

  /** Takes the nodes that are ready; they count as running until they are marked. */
  getReadyNodes(): ReadyNode[] {
    const { plan } = this.position;
    return this.position.take().map((node) => ({
      nodeId: plan.idOf(node),
      nodeDef: plan.nodes[node] as NodeDefinition,
      visit: this.position.visitOf(node),
    }));
  }

  /** The blueprint that is run. */
  getDynamicBlueprint(): WorkflowBlueprint {
    return this.#blueprint;
  }

  getAllNodeIds(): ReadonlySet<string> {
    return this.position.plan.nodeIds;
  }

  /** The nodes that stand in for others; they need not run. */
  getFallbackNodeIds(): ReadonlySet<string> {
    return this.position.plan.fallbackIds;
  }

  /**
   * Sets what is ready, in place of what is. What was decided holds: nodes that are completed or skipped, and fallbacks
   * that nobody needs, are left out.
   */
  setFrontier(nodeIds: Iterable<string>): void {
    this.position.setReady(this.#nodes(nodeIds));
  }

  /** Takes nodes for completed. Where it is not known which of their edges were followed, all count as followed. */
  setCompletedNodes(nodeIds: Iterable<string>): void {
    this.position.adopt(this.#nodes(nodeIds));
  }

  /**
   * A node has completed.
   *
   * @param next - what `determineNextNodes` gave for it. Default: all its edges are followed
   */
  markNodeCompleted(nodeId: string, next?: readonly NextNode[]): void {
    const node = this.#node(nodeId);
    this.position.complete(node, next && arcsOf(this.position.plan.outgoing(node), next));
    this.position.letGo();
  }

  /** A node has failed. With a fallback, that is ready now. */
  markNodeFailed(nodeId: string): void {
    this.position.fail(this.#node(nodeId));
  }

  /** A node waits for something outside. */
  markNodeAwaiting(nodeId: string): void {
    this.position.await(this.#node(nodeId));
    this.position.letGo();
  }

  #nodes(nodeIds: Iterable<string>): number[] {
    return [...nodeIds].map((nodeId) => this.#node(nodeId));
  }

  #node(nodeId: string): number {
    const node = this.position.plan.indexOf(nodeId);
    if (node < 0) throw new RangeError(`"${nodeId}" is no node of "${this.#blueprint.id}"`);
    return node;
  }
}

/** The arcs that are taken, each of all edges to one target; `undefined` for all of them, which is what follows most nodes. */
export function arcsOf(outgoing: readonly Outgoing[], next: readonly NextNode[]): readonly number[] | undefined {
  if (next === outgoing || next.length === outgoing.length) return undefined;
  const arcs = new Set<number>();
  for (const followed of next) {
    const { arc = outgoing.find(({ edge }) => edge.target === followed.edge.target)?.arc } =
      followed as Partial<Outgoing>;
    if (arc !== undefined) arcs.add(arc);
  }
  return [...arcs];
}

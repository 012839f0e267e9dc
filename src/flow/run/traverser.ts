import type { NodeDefinition, WorkflowBlueprint } from '../blueprint.js';
import { type NextNode, type Outgoing, planOf } from '../plan/plan.js';
import { Position } from '../plan/position.js';

/**
 * A node that is ready to be executed, as returned by `GraphTraverser.getReadyNodes`: its id, its definition in the
 * blueprint, and the number of the visit.
 */
export interface ReadyNode {
  /** Id of the node. */
  readonly nodeId: string;
  /** The definition of the node in the blueprint. */
  readonly nodeDef: NodeDefinition;
  /** The number of this visit to the node, counted from 1. Greater than 1 in repeated iterations of a loop. */
  readonly visit: number;
}

/**
 * Tracks the position of a run in its graph by node ids: which nodes are ready, and what follows when a node completes,
 * fails or waits. Orchestrators take ready nodes from the traverser, execute them, and mark how they ended. The
 * traverser itself executes nothing.
 *
 * @example
 * const traverser = new GraphTraverser(blueprint);
 * while (traverser.hasMoreWork()) {
 *   for (const { nodeId } of traverser.getReadyNodes()) traverser.markNodeCompleted(nodeId);
 * }
 */
export class GraphTraverser {
  readonly #blueprint: WorkflowBlueprint;
  /** The position of the run, in which nodes are identified by number. */
  readonly position: Position;

  /**
   * @param blueprint - the graph to run; it is not changed
   * @param position - the position of the run. Default: the start
   * @throws {BlueprintError} if the blueprint is faulty; the error lists all faults
   */
  constructor(blueprint: WorkflowBlueprint, position: Position = new Position(planOf(blueprint))) {
    this.#blueprint = blueprint;
    this.position = position;
  }

  /** Returns true if at least one node is ready. */
  hasMoreWork(): boolean {
    return this.position.hasReady;
  }

  /**
   * Takes all nodes that are ready. Their status is `running` until they are marked as completed, failed or awaiting.
   */
  getReadyNodes(): ReadyNode[] {
    const { plan } = this.position;
    return this.position.take().map((node) => ({
      nodeId: plan.idOf(node),
      nodeDef: plan.nodes[node] as NodeDefinition,
      visit: this.position.visitOf(node),
    }));
  }

  /** Returns the blueprint of the run. */
  getDynamicBlueprint(): WorkflowBlueprint {
    return this.#blueprint;
  }

  /** Returns the ids of all nodes of the blueprint. */
  getAllNodeIds(): ReadonlySet<string> {
    return this.position.plan.nodeIds;
  }

  /** Returns the ids of the nodes that are fallbacks of other nodes. A run may complete without executing them. */
  getFallbackNodeIds(): ReadonlySet<string> {
    return this.position.plan.fallbackIds;
  }

  /**
   * Replaces the set of ready nodes. Earlier decisions remain in effect: completed and skipped nodes, and fallbacks
   * that no failed node needs, are left out.
   *
   * @throws {RangeError} if an id is not in the blueprint
   */
  setFrontier(nodeIds: Iterable<string>): void {
    this.position.setReady(this.#nodes(nodeIds));
  }

  /**
   * Adds completed nodes. All of their edges for which no decision is recorded are treated as followed.
   *
   * @throws {RangeError} if an id is not in the blueprint
   */
  setCompletedNodes(nodeIds: Iterable<string>): void {
    this.position.adopt(this.#nodes(nodeIds));
  }

  /**
   * Marks a node as completed. Nodes that depend on it may become ready or be skipped.
   *
   * @param next - the followed edges, as returned by `determineNextNodes`. Default: all edges
   * @throws {RangeError} if the id is not in the blueprint
   */
  markNodeCompleted(nodeId: string, next?: readonly NextNode[]): void {
    const node = this.#node(nodeId);
    this.position.complete(node, next && arcsOf(this.position.plan.outgoing(node), next));
    this.position.letGo();
  }

  /**
   * Marks a node as failed. If the node has a fallback, the fallback becomes ready.
   *
   * @throws {RangeError} if the id is not in the blueprint
   */
  markNodeFailed(nodeId: string): void {
    this.position.fail(this.#node(nodeId));
    this.position.letGo();
  }

  /**
   * Marks a node as waiting for an event or for a point in time.
   *
   * @throws {RangeError} if the id is not in the blueprint
   */
  markNodeAwaiting(nodeId: string): void {
    this.position.await(this.#node(nodeId));
    this.position.letGo();
  }

  #nodes(nodeIds: Iterable<string>): number[] {
    return [...nodeIds].map((nodeId) => this.#node(nodeId));
  }

  #node(nodeId: string): number {
    const node = this.position.plan.indexOf(nodeId);
    if (node < 0) throw new RangeError(`"${nodeId}" is not a node of "${this.#blueprint.id}"`);
    return node;
  }
}

/**
 * Returns the arcs that belong to the followed edges. One arc represents all edges from the node to one target. Returns
 * `undefined` if all arcs are taken, which is the usual case.
 */
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

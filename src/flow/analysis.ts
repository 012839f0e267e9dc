import type { Graph } from './blueprint.js';
import { type Arcs, add, adjacency, findLoops, some, stronglyConnected } from './plan/loops.js';
import { startsOf } from './start-node.js';

/**
 * The shape of a graph, as returned by `analyze`: starts, ends, cycles and the longest path. All lists hold node ids.
 */
export interface Analysis {
  /**
   * The nodes that a run starts with: those without predecessors, or the first node of the graph if every node has a
   * predecessor.
   */
  readonly startNodeIds: readonly string[];
  /**
   * The nodes without successors. Fallbacks are not included, because the node that a fallback replaces determines what
   * follows.
   */
  readonly terminalNodeIds: readonly string[];
  /** The cycles of the graph. Each strongly connected component is listed as one cycle, with all its nodes. */
  readonly cycles: readonly (readonly string[])[];
  /** The nodes that cannot be reached from a start along edges and fallbacks. */
  readonly unreachableNodeIds: readonly string[];
  /**
   * The longest sequence of nodes in which each node directly follows the previous one. Edges that lead back in a cycle
   * are ignored.
   */
  readonly longestPath: readonly string[];
  /** If true, the graph has no cycles. */
  readonly isDag: boolean;
}

/**
 * Analyses the shape of a graph without running it. Edges whose source or target does not exist are ignored;
 * `FlowRuntime.validate` reports such edges.
 *
 * @param graph - a graph or a blueprint; it is not changed
 * @returns starts, ends, cycles, unreachable nodes and the longest path, by node id
 */
export function analyze(graph: Graph): Analysis {
  const ids = graph.nodes.map(({ id }) => id);
  const index = new Map(ids.map((id, at) => [id, at]));
  const edges = graph.edges.filter(({ source, target }) => index.has(source) && index.has(target));
  const numbers = (end: 'source' | 'target') => Int32Array.from(edges, (edge) => index.get(edge[end]) as number);
  const arcs = { nodeCount: ids.length, source: numbers('source'), target: numbers('target') };
  const named = (nodes: readonly number[]) => nodes.map((node) => ids[node] as string);

  const startNodeIds = startsOf(graph);
  const starts = startNodeIds.map((id) => index.get(id) as number);
  const cycles = stronglyConnected(arcs).map(named);
  const fallbacks = graph.nodes.map(({ config }) => index.get(config?.fallback ?? '') ?? -1);
  const standIns = new Set(fallbacks);
  const sources = new Set(arcs.source);
  return {
    startNodeIds,
    terminalNodeIds: ids.filter((_, node) => !sources.has(node) && !standIns.has(node)),
    cycles,
    unreachableNodeIds: named(unreachable(arcs, starts, fallbacks)),
    longestPath: named(longestPath(arcs, starts)),
    isDag: cycles.length === 0,
  };
}

function unreachable(arcs: Arcs, starts: readonly number[], fallbacks: readonly number[]): number[] {
  const out = adjacency(arcs.nodeCount, arcs.source);
  const reached = new Set(starts);
  // The loop also visits the nodes that its body adds to the set.
  for (const node of reached) {
    some(out, node, (arc) => {
      reached.add(arcs.target[arc] as number);
    });
    if ((fallbacks[node] as number) >= 0) reached.add(fallbacks[node] as number);
  }
  return Array.from({ length: arcs.nodeCount }, (_, node) => node).filter((node) => !reached.has(node));
}

/** Finds the longest path in topological order, ignoring the arcs that lead back in a loop. */
function longestPath(arcs: Arcs, starts: readonly number[]): number[] {
  const { nodeCount, target } = arcs;
  const backOf = findLoops(arcs, starts)?.backOf;
  const leadsOn = (arc: number) => backOf === undefined || (backOf[arc] as number) < 0;
  const out = adjacency(nodeCount, arcs.source);
  const missing = new Int32Array(nodeCount);
  for (const [arc, node] of target.entries()) if (leadsOn(arc)) add(missing, node, 1);
  const length = new Int32Array(nodeCount).fill(1);
  const before = new Int32Array(nodeCount).fill(-1);
  const sorted = Array.from(missing.keys()).filter((node) => missing[node] === 0);
  let last = sorted[0];
  for (const node of sorted) {
    if (last === undefined || (length[node] as number) > (length[last] as number)) last = node;
    some(out, node, (arc) => {
      const next = target[arc] as number;
      if (!leadsOn(arc)) return;
      if ((length[node] as number) >= (length[next] as number)) {
        length[next] = (length[node] as number) + 1;
        before[next] = node;
      }
      if (add(missing, next, -1) === 0) sorted.push(next);
    });
  }
  const path: number[] = [];
  for (let node = last ?? -1; node >= 0; node = before[node] as number) path.push(node);
  return path.reverse();
}

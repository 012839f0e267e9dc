import type { Graph } from './blueprint.js';
import { type Arcs, add, adjacency, findLoops, some, stronglyConnected } from './plan/loops.js';
import { startsOf } from './start-node.js';

/** The shape of a graph, by node ids. */
export interface Analysis {
  /** Where a run starts: the nodes that nothing leads to; of a graph that is one cycle, the first. */
  readonly startNodeIds: readonly string[];
  /** Nodes that lead nowhere. A fallback ends where the node does that it stands in for. */
  readonly terminalNodeIds: readonly string[];
  /** Parts of the graph that repeat. */
  readonly cycles: readonly (readonly string[])[];
  /** Nodes that no start leads to, nor a node that they are the fallback of. */
  readonly unreachableNodeIds: readonly string[];
  /** The most nodes that follow one another, without going back in a cycle. */
  readonly longestPath: readonly string[];
  readonly isDag: boolean;
}

/** Looks at the shape of a graph. Edges from or to nodes that there are not are left out: `validate` lists those. */
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
  // The set grows while it is walked.
  for (const node of reached) {
    some(out, node, (arc) => {
      reached.add(arcs.target[arc] as number);
    });
    if ((fallbacks[node] as number) >= 0) reached.add(fallbacks[node] as number);
  }
  return Array.from({ length: arcs.nodeCount }, (_, node) => node).filter((node) => !reached.has(node));
}

/** By the order in which arcs lead on, once those that lead back are left out. */
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

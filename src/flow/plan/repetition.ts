import type { Graph, NodeDefinition } from '../blueprint.js';
import type { Fault } from '../errors.js';
import type { Parts } from './connect.js';
import {
  type Adjacency,
  type Arcs,
  add,
  adjacency,
  deepestLoop,
  findLoops,
  type Loop,
  type Loops,
  some,
  stronglyConnected,
} from './loops.js';

/** A loop, with the data that a run needs. */
export interface PlannedLoop extends Loop {
  /**
   * The number of members that must settle before an iteration ends: the nodes that are not in an inner loop, plus the
   * inner loops.
   */
  readonly members: number;
  /** The arcs that leave this loop but none of the loops around it. */
  readonly exits: readonly number[];
}

/** The start nodes of a graph, and its loops. */
export interface Repetition {
  readonly starts: readonly number[];
  readonly loops: readonly PlannedLoop[];
  readonly loopOf: Int32Array;
  readonly backOf: Int32Array;
  readonly exitOf: Int32Array;
}

/**
 * Finds the starts and the loops of a graph. Reports nodes that cannot be reached from a start, and loops without an
 * exit.
 */
export function repetition(graph: Graph, parts: Parts, faults: Fault[]): Repetition | undefined {
  const arcs = withFallbacks(parts);
  const starts = startsOf(graph.nodes, parts);
  const out = outOf(parts, arcs);
  if (isAcyclic(arcs, out, starts))
    return { starts, loops: [], ...noLoops(graph.nodes.length, parts.arcTarget.length) };

  for (const node of unreached(arcs, out, starts)) {
    const { id } = graph.nodes[node] as NodeDefinition;
    faults.push({ message: `"${id}" cannot be reached from the start of the flow`, nodeId: id });
  }
  for (const ids of endless(graph, parts)) {
    const message = `the cycle through ${listed(ids)} has no exit: each of its edges is always followed`;
    faults.push({ message, nodeId: ids[0] as string });
  }
  const found = findLoops(arcs, starts, parts.fallbackOf);
  if (found === undefined) faults.push({ message: `cycles are nested deeper than ${deepestLoop}` });
  else checkFallbacks(graph, parts, found, faults);
  if (faults.length > 0 || found === undefined) return undefined;
  const exitOf = exitsOf(parts, found);
  const backOf = found.backOf.slice(0, parts.arcTarget.length);
  return { starts, loops: planLoops(found, exitOf), loopOf: found.loopOf, backOf, exitOf };
}

function noLoops(nodeCount: number, arcCount: number) {
  const none = new Int32Array(arcCount).fill(-1);
  return { loopOf: new Int32Array(nodeCount).fill(-1), backOf: none, exitOf: none };
}

/** Returns the arcs of the graph, plus one arc from each node to its fallback. */
function withFallbacks({ index, fallbackOf, owners, arcSource, arcTarget }: Parts): Arcs {
  const nodeCount = index.size;
  if (owners.size === 0) return { nodeCount, source: arcSource, target: arcTarget };
  const having = Array.from(fallbackOf.keys()).filter((node) => (fallbackOf[node] as number) >= 0);
  const source = Int32Array.from([...arcSource, ...having]);
  const target = Int32Array.from([...arcTarget, ...having.map((node) => fallbackOf[node] as number)]);
  return { nodeCount, source, target };
}

/** Returns the arcs by source. Without fallbacks, arcs are numbered by their source. */
function outOf({ owners, outFrom }: Parts, { nodeCount, source }: Arcs): Adjacency {
  if (owners.size > 0) return adjacency(nodeCount, source);
  const arcs = new Int32Array(source.length);
  for (let arc = 0; arc < arcs.length; arc++) arcs[arc] = arc;
  return { from: outFrom, arcs };
}

/** Returns the nodes that have no predecessor except themselves, or the first node if there are none. */
function startsOf(nodes: readonly NodeDefinition[], { into, arcSource, owners }: Parts): number[] {
  const starts: number[] = [];
  for (let node = 0; node < nodes.length; node++) {
    if (!owners.has(node) && !hasPredecessor(node, into, arcSource)) starts.push(node);
  }
  if (starts.length > 0) return starts;
  const first = nodes.findIndex((_, node) => !owners.has(node));
  return first < 0 ? [] : [first];
}

function hasPredecessor(node: number, { from, arcs }: Adjacency, arcSource: Int32Array): boolean {
  for (let at = from[node] as number; at < (from[node + 1] as number); at++) {
    if (arcSource[arcs[at] as number] !== node) return true;
  }
  return false;
}

/**
 * Returns true if the graph has a topological order (Kahn 1962). In this case, there are no loops, and every node is
 * reached.
 */
function isAcyclic({ nodeCount, target }: Arcs, out: Adjacency, starts: readonly number[]): boolean {
  const missing = new Int32Array(nodeCount);
  for (let arc = 0; arc < target.length; arc++) add(missing, target[arc] as number, 1);
  const sorted = starts.filter((start) => missing[start] === 0);
  for (let at = 0; at < sorted.length; at++) {
    const node = sorted[at] as number;
    for (let index = out.from[node] as number; index < (out.from[node + 1] as number); index++) {
      const next = target[out.arcs[index] as number] as number;
      if (add(missing, next, -1) === 0) sorted.push(next);
    }
  }
  return sorted.length === nodeCount;
}

function unreached({ nodeCount, target }: Arcs, out: Adjacency, starts: readonly number[]): number[] {
  const reached = new Uint8Array(nodeCount);
  const queue = [...starts];
  for (const start of starts) reached[start] = 1;
  for (let at = 0; at < queue.length; at++) {
    some(out, queue[at] as number, (arc) => {
      const next = target[arc] as number;
      if (reached[next] === 0) queue.push(next);
      reached[next] = 1;
    });
  }
  return Array.from(reached.keys()).filter((node) => reached[node] === 0);
}

/** Returns the nodes of each cycle whose edges are always followed, in the order of the graph. */
function endless({ nodes, edges }: Graph, { index }: Parts): string[][] {
  const chooses = new Set(edges.filter(({ action }) => action !== undefined).map(({ source }) => source));
  const followed = edges.filter(({ source, condition }) => condition === undefined && !chooses.has(source));
  const numbers = (end: 'source' | 'target') => Int32Array.from(followed, (edge) => index.get(edge[end]) as number);
  const cycles = stronglyConnected({ nodeCount: nodes.length, source: numbers('source'), target: numbers('target') });
  return cycles.map((cycle) => cycle.sort((a, b) => a - b).map((node) => (nodes[node] as NodeDefinition).id));
}

/** Maximum number of nodes of a cycle that a message names. The remaining nodes are only counted. */
const mostNamed = 10;

function listed(ids: readonly string[]): string {
  const names = ids.slice(0, mostNamed).map((id) => `"${id}"`);
  const rest = ids.length - names.length;
  if (rest > 0) return `${names.join(', ')} and ${rest} more`;
  const last = names.pop();
  return names.length === 0 ? `${last}` : `${names.join(', ')} and ${last}`;
}

/**
 * Reports fallbacks whose owners (the nodes that they replace on failure) are in different loops. A fallback is
 * repeated with its owners, so all owners must be in one loop.
 */
function checkFallbacks({ nodes }: Graph, { owners }: Parts, { loopOf }: Loops, faults: Fault[]): void {
  for (const [fallback, of] of owners) {
    if (new Set(of.map((owner) => loopOf[owner])).size === 1) continue;
    const { id } = nodes[fallback] as NodeDefinition;
    faults.push({ message: `"${id}" is the fallback of nodes in different loops`, nodeId: id });
  }
}

/** Returns, for each arc, the outermost loop that contains the source but not the target, or -1 if there is none. */
function exitsOf({ arcSource, arcTarget }: Parts, { loops, loopOf }: Loops): Int32Array {
  const contains = (outer: number, inner: number) => {
    const { depth } = loops[outer] as Loop;
    let loop = inner;
    while (loop >= 0 && (loops[loop] as Loop).depth > depth) loop = (loops[loop] as Loop).parent;
    return loop === outer;
  };
  return arcSource.map((source, arc) => {
    const inner = loopOf[arcTarget[arc] as number] as number;
    let left = -1;
    let loop = loopOf[source] as number;
    while (loop >= 0 && !contains(loop, inner)) {
      left = loop;
      loop = (loops[loop] as Loop).parent;
    }
    return left;
  });
}

function planLoops({ loops, loopOf }: Loops, exitOf: Int32Array): PlannedLoop[] {
  const members = new Int32Array(loops.length);
  const exits = loops.map((): number[] => []);
  for (const loop of loopOf) if (loop >= 0) add(members, loop, 1);
  for (const { parent } of loops) if (parent >= 0) add(members, parent, 1);
  for (const [arc, loop] of exitOf.entries()) exits[loop]?.push(arc);
  return loops.map((loop, index) => ({
    ...loop,
    members: members[index] as number,
    exits: exits[index] as number[],
  }));
}

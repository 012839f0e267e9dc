import type { EdgeDefinition, Graph, NodeDefinition } from '../blueprint.js';
import type { Fault } from '../errors.js';
import { type Adjacency, adjacency } from './loops.js';

/** A graph as numbers: the nodes, arcs and fallbacks of a plan. */
export interface Parts {
  readonly index: ReadonlyMap<string, number>;
  readonly fallbackOf: Int32Array;
  readonly owners: ReadonlyMap<number, readonly number[]>;
  readonly arcSource: Int32Array;
  readonly arcTarget: Int32Array;
  readonly outFrom: Int32Array;
  readonly into: Adjacency;
  readonly edgesBySource: Adjacency;
  readonly arcOfEdge: Int32Array;
  /** For each node, 1 if its edges have neither actions nor conditions nor transforms, otherwise 0. */
  readonly isPlain: Uint8Array;
}

/**
 * Numbers the nodes and combines edges into arcs. Reports edges and fallbacks that lead to unknown nodes, and ids that
 * are used twice.
 */
export function connect(graph: Graph, faults: Fault[]): Parts {
  const { nodes, edges } = graph;
  const index = indexOf(nodes, faults);
  const source = new Int32Array(edges.length);
  const target = new Int32Array(edges.length);
  const isPlain = new Uint8Array(nodes.length).fill(1);
  for (let at = 0; at < edges.length; at++) {
    const edge = edges[at] as EdgeDefinition;
    source[at] = endOf(edge, 'source', at, index, faults);
    target[at] = endOf(edge, 'target', at, index, faults);
    if ((edge.action ?? edge.condition ?? edge.transform) !== undefined) isPlain[source[at] as number] = 0;
    const transformed = edge.transform === undefined ? undefined : index.get(edge.target);
    if (transformed !== undefined) checkTransform(nodes[transformed] as NodeDefinition, at, faults);
  }
  const { fallbackOf, owners } = fallbacksOf(nodes, index, target, faults);

  const edgesBySource = adjacency(nodes.length, source);
  const arcOfEdge = new Int32Array(edges.length);
  const arcSource = new Int32Array(edges.length);
  const arcTarget = new Int32Array(edges.length);
  const outFrom = new Int32Array(nodes.length + 1);
  const lastArcTo = new Int32Array(nodes.length).fill(-1);
  let count = 0;
  for (let node = 0; node < nodes.length; node++) {
    const first = count;
    outFrom[node] = first;
    for (let at = edgesBySource.from[node] as number; at < (edgesBySource.from[node + 1] as number); at++) {
      const edge = edgesBySource.arcs[at] as number;
      const to = target[edge] as number;
      let arc = lastArcTo[to] as number;
      if (arc < first) {
        arc = count++;
        lastArcTo[to] = arc;
        arcSource[arc] = node;
        arcTarget[arc] = to;
      }
      arcOfEdge[edge] = arc;
    }
  }
  outFrom[nodes.length] = count;
  const arcTargets = arcTarget.subarray(0, count);
  const into = adjacency(nodes.length, arcTargets);
  const arcSources = arcSource.subarray(0, count);
  return {
    index,
    fallbackOf,
    owners,
    arcSource: arcSources,
    arcTarget: arcTargets,
    outFrom,
    into,
    edgesBySource,
    arcOfEdge,
    isPlain,
  };
}

/** Reports a transform whose value the target would ignore. */
function checkTransform({ id, uses, params, inputs }: NodeDefinition, at: number, faults: Fault[]): void {
  const field = `edges[${at}].transform`;
  if (inputs !== undefined) {
    faults.push({ message: `${field} must be left out: "${id}" has inputs of its own`, nodeId: id });
  } else if (uses === 'wait' && params?.timeout === undefined) {
    const message = `${field} must be left out: "${id}" is a wait without a timeout, which ignores its input`;
    faults.push({ message, nodeId: id });
  }
}

function indexOf(nodes: readonly NodeDefinition[], faults: Fault[]): Map<string, number> {
  const index = new Map<string, number>();
  for (let at = 0; at < nodes.length; at++) {
    const { id } = nodes[at] as NodeDefinition;
    if (index.has(id)) faults.push({ message: `nodes[${at}].id "${id}" is also the id of another node`, nodeId: id });
    else index.set(id, at);
  }
  return index;
}

function endOf(
  edge: EdgeDefinition,
  end: 'source' | 'target',
  at: number,
  index: ReadonlyMap<string, number>,
  faults: Fault[],
): number {
  const node = index.get(edge[end]);
  if (node === undefined)
    faults.push({ message: `edges[${at}].${end} "${edge[end]}" is not a node`, nodeId: edge[end] });
  return node ?? 0;
}

function fallbacksOf(
  nodes: readonly NodeDefinition[],
  index: ReadonlyMap<string, number>,
  targets: Int32Array,
  faults: Fault[],
) {
  const fallbackOf = new Int32Array(nodes.length).fill(-1);
  const owners = new Map<number, number[]>();
  for (let at = 0; at < nodes.length; at++) {
    const { id, config } = nodes[at] as NodeDefinition;
    if (config?.fallback === undefined) continue;
    const fallback = index.get(config.fallback);
    const field = `nodes[${at}].config.fallback`;
    if (fallback === undefined) faults.push({ message: `${field} "${config.fallback}" is not a node`, nodeId: id });
    else if (fallback === at) faults.push({ message: `${field} of "${id}" must be another node`, nodeId: id });
    else {
      fallbackOf[at] = fallback;
      const known = owners.get(fallback);
      if (known === undefined) owners.set(fallback, [at]);
      else known.push(at);
    }
  }
  const led = owners.size === 0 ? new Set<number>() : new Set(targets);
  for (const fallback of owners.keys()) {
    const { id } = nodes[fallback] as NodeDefinition;
    if (led.has(fallback)) faults.push({ message: `"${id}" is a fallback, so no edge may lead to it`, nodeId: id });
  }
  return { fallbackOf, owners };
}

/**
 * Returns the part of a graph that is consistent: unique nodes, and the edges and fallbacks that refer to existing
 * nodes.
 */
export function soundPartOf({ id, nodes, edges }: Graph): Graph {
  const byId = new Map<string, NodeDefinition>();
  for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, node);
  const targets = new Set(edges.map(({ target }) => target));
  const withSoundFallback = (node: NodeDefinition): NodeDefinition => {
    const { fallback } = node.config ?? {};
    if (fallback === undefined) return node;
    const isSound = byId.has(fallback) && fallback !== node.id && !targets.has(fallback);
    return isSound ? node : { ...node, config: { ...node.config, fallback: undefined } };
  };
  return {
    id,
    nodes: [...byId.values()].map(withSoundFallback),
    edges: edges.filter(({ source, target }) => byId.has(source) && byId.has(target)),
  };
}

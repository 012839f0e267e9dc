/**
 * Graphs as data, in the form that `FlowRuntime.run` takes. Every node is listed after its predecessors, and the last
 * node is the sink. `more` is added to each edge, for example a condition.
 *
 * @typedef {{ id: string, uses: 'work', inputs?: string }} GraphNode
 * @typedef {{ source: string, target: string, condition?: string }} GraphEdge
 * @typedef {{ id: string, nodes: readonly GraphNode[], edges: readonly GraphEdge[] }} Graph
 */

/** A chain of nodes. */
export function chain(size, more) {
  return graphOf('chain', size, more, (index) => (index === 0 ? [] : [index - 1]));
}

/** A source, a sink, and all other nodes side by side between them. */
export function fan(size, more) {
  const middles = Array.from({ length: size - 2 }, (_, index) => index + 1);
  return graphOf('fan', size, more, (index) => {
    if (index === 0) return [];
    return index === size - 1 ? middles : [0];
  });
}

/** Layers of up to a hundred nodes. Each node follows three nodes of the previous layer. */
export function layers(size, more) {
  const width = Math.min(100, size / 10);
  return graphOf('layers', size, more, (index) => {
    const layer = Math.floor(index / width);
    if (layer === 0) return [];
    return [0, 1, 2].map((offset) => (layer - 1) * width + ((index + offset) % width));
  });
}

/** Ten nodes in layers of one, two, four, two and one. The input of the first is `seed` from the context. */
export function diamond() {
  const predecessors = [[], [0], [0], [1], [1], [2], [2], [3, 4], [5, 6], [7, 8]];
  const graph = graphOf('diamond', predecessors.length, {}, (index) => predecessors[index]);
  graph.nodes[0].inputs = 'seed';
  return graph;
}

function graphOf(id, size, more, predecessorsOf) {
  const nodes = Array.from({ length: size }, (_, index) => ({ id: `n${index}`, uses: 'work' }));
  const edges = nodes.flatMap((node, index) =>
    predecessorsOf(index).map((source) => ({ source: `n${source}`, target: node.id, ...more })),
  );
  return { id, nodes, edges };
}

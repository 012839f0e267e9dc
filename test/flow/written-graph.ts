import type { ModelEdge, ModelGraph, ModelNode } from './model-loops.js';

/**
 * Reads a graph from a line of edges: `a>b`, `a>b:action`, `a>b?condition`. Nodes are declared in the order in which
 * they first appear.
 */
export function graph(line: string, config: Readonly<Record<string, Omit<ModelNode, 'id'>>> = {}): ModelGraph {
  const edges = line.split(' ').map((text): ModelEdge => {
    const { source, target, action, condition } =
      /^(?<source>\w+)>(?<target>\w+)(:(?<action>\w+))?(\?(?<condition>\w+))?$/.exec(text)?.groups ?? {};
    if (!source || !target) throw new Error(`not an edge: ${text}`);
    return { source, target, ...(action && { action }), ...(condition && { condition }) };
  });
  const linked = edges.flatMap(({ source, target }) => [source, target]);
  const ids = new Set([...linked, ...Object.values(config).flatMap(({ fallback }) => fallback ?? [])]);
  return { edges, nodes: [...ids].map((id) => ({ id, ...config[id] })) };
}

import { Graph as LayeredGraph, layout } from '@dagrejs/dagre';
import { type Arrangement, gapsOf, margin, type Point, type Sketch } from './arrangement.js';

interface Placed extends Partial<Point> {
  readonly points: readonly Point[];
}

/** Arranges a graph with few crossings, using Dagre. Dagre is recursive, and slow for many nodes. */
export function arrangedByDagre({ sizes, edges, direction, isDense }: Sketch): Arrangement {
  const layered = new LayeredGraph({ multigraph: true });
  const gaps = gapsOf(isDense);
  layered.setGraph({
    rankdir: direction,
    nodesep: gaps.nodes,
    ranksep: gaps.layers,
    edgesep: 12,
    marginx: margin,
    marginy: margin,
    ranker: isDense ? 'tight-tree' : 'network-simplex',
  });
  for (const [index, { width, height }] of sizes.entries()) layered.setNode(`n${index}`, { width, height });
  for (const [index, { source, target, label }] of edges.entries()) {
    layered.setEdge(`n${source}`, `n${target}`, { ...label, labelpos: 'c' }, `e${index}`);
  }
  layout(layered);
  const { width = 0, height = 0 } = layered.graph() as { width?: number; height?: number };
  return {
    width: Number.isFinite(width) ? width : 0,
    height: Number.isFinite(height) ? height : 0,
    nodes: sizes.map((_, index) => {
      const { x = 0, y = 0 } = layered.node(`n${index}`) as Partial<Point>;
      return { x, y };
    }),
    edges: edges.map(({ source, target }, index) => {
      const { points, x, y } = layered.edge(`n${source}`, `n${target}`, `e${index}`) as Placed;
      return { points, ...(x !== undefined && y !== undefined ? { label: { x, y } } : {}) };
    }),
  };
}

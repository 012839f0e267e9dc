import type { EdgeView } from '../api/index.js';
import type { Arrangement, Point, Sketch } from './arrangement.js';
import { arrangedByDagre } from './dagre.js';
import type { Graph } from './graph.js';
import { arrangedInLayers } from './layers.js';
import { shortened, visible, widthOf } from './text.js';

/** Positions of everything, in pixels from the top left corner. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** If true, the graph has so many nodes that each is drawn with a single line of text. */
  readonly isDense: boolean;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export interface PlacedNode {
  readonly id: string;
  /** The id, shortened to fit into the node. */
  readonly label: string;
  /** Centre of the node. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge {
  /** Unique among the edges. */
  readonly key: string;
  readonly edge: EdgeView;
  /** SVG path of the edge. */
  readonly path: string;
  /** The label with the position of its centre. */
  readonly label?: { readonly text: string; readonly x: number; readonly y: number; readonly width: number };
}

export interface LayoutOptions {
  /**
   * Available space in pixels. The graph runs from left to right or from top to bottom, whichever fits better. Default:
   * 960 × 480.
   */
  readonly room?: { readonly width: number; readonly height: number } | undefined;
}

/** Above this number of nodes, each node has a single line of text. */
const manyNodes = 48;
export const fontSize = 13;
export const labelSize = 11;

/** Above this number of nodes, Dagre is not used: it would take too long and recurse too deeply. */
const tooMany = 600;

/** Places the nodes in layers, so that edges run in one direction. Edges from or to missing nodes are left out. */
export function layoutOf(graph: Graph, { room = { width: 960, height: 480 } }: LayoutOptions = {}): Layout {
  const isDense = graph.nodes.length > manyNodes;
  const keys = new Map(graph.nodes.map(({ id }, index) => [id, index]));
  const edges = graph.edges.filter(({ source, target }) => keys.has(source) && keys.has(target));
  const nodes = graph.nodes.map(({ id }) => ({ id, ...sizeOf(id, isDense) }));
  const direction = directionOf(graph, edges, room, isDense);
  const sketch: Sketch = {
    sizes: nodes,
    edges: edges.map((edge) => ({
      source: keys.get(edge.source) as number,
      target: keys.get(edge.target) as number,
      label: labelBox(edge),
    })),
    direction,
    isDense,
  };
  const arranged = nodes.length > tooMany ? arrangedInLayers(sketch) : inOrder(arrangedByDagre(sketch), direction);
  return {
    width: arranged.width,
    height: arranged.height,
    isDense,
    nodes: nodes.map((node, index) => ({ ...node, ...(arranged.nodes[index] as Point) })),
    edges: edges.map((edge, index) => placed(`e${index}`, edge, arranged.edges[index] as Arrangement['edges'][number])),
  };
}

/** Mirrors an arrangement in which most neighbours within a layer are in reverse order. */
function inOrder(arranged: Arrangement, direction: Sketch['direction']): Arrangement {
  const [along, across] = direction === 'LR' ? (['x', 'y'] as const) : (['y', 'x'] as const);
  const last = new Map<number, number>();
  let balance = 0;
  for (const node of arranged.nodes) {
    const layer = Math.round(node[along]);
    const before = last.get(layer);
    if (before !== undefined) balance += Math.sign(node[across] - before);
    last.set(layer, node[across]);
  }
  if (balance >= 0) return arranged;
  const extent = direction === 'LR' ? arranged.height : arranged.width;
  const mirrored = (point: Point): Point => ({ ...point, [across]: extent - point[across] });
  return {
    ...arranged,
    nodes: arranged.nodes.map(mirrored),
    edges: arranged.edges.map(({ points, label }) => ({
      points: points.map(mirrored),
      ...(label && { label: mirrored(label) }),
    })),
  };
}

function placed(key: string, edge: EdgeView, { points, label }: Arrangement['edges'][number]): PlacedEdge {
  const text = labelOf(edge);
  const hasLabel = text !== undefined && label !== undefined;
  return {
    key,
    edge,
    path: pathOf(points),
    ...(hasLabel ? { label: { text, ...label, width: labelWidth(text) } } : {}),
  };
}

function sizeOf(id: string, isDense: boolean) {
  const label = shortened(visible(id), isDense ? 24 : 28);
  const width = Math.ceil(widthOf(label) * fontSize) + (isDense ? 44 : 52);
  return { label, width: Math.max(width, isDense ? 88 : 184), height: isDense ? 30 : 48 };
}

function labelOf({ label, isFallback }: EdgeView): string | undefined {
  if (label !== undefined) return shortened(visible(label), 32);
  return isFallback ? 'fallback' : undefined;
}

function labelWidth(text: string): number {
  return Math.ceil(widthOf(text) * labelSize) + 12;
}

function labelBox(edge: EdgeView): { readonly width: number; readonly height: number } {
  const text = labelOf(edge);
  return text === undefined ? { width: 0, height: 0 } : { width: labelWidth(text), height: 18 };
}

/**
 * Chooses the direction in which the graph is shown larger. Nodes are wide and low, so left to right is usually better.
 */
function directionOf(
  graph: Graph,
  edges: readonly EdgeView[],
  room: { readonly width: number; readonly height: number },
  isDense: boolean,
): 'LR' | 'TB' {
  const { layers, breadth } = extentOf(graph, edges);
  const [width, height] = isDense ? [150, 40] : [200, 76];
  const across = Math.min(room.width / (layers * (width + 36)), room.height / (breadth * height), 1);
  const down = Math.min(room.width / (breadth * width), room.height / (layers * (height + 30)), 1);
  return across >= down ? 'LR' : 'TB';
}

/** Number of layers, and of nodes in the fullest layer. Only an estimate if the graph has cycles. */
function extentOf({ nodes }: Graph, edges: readonly EdgeView[]): { readonly layers: number; readonly breadth: number } {
  const layerOf = new Map<string, number>();
  const targets = new Map<string, string[]>();
  const incoming = new Map(nodes.map(({ id }) => [id, 0]));
  for (const { source, target } of edges) {
    const known = targets.get(source);
    if (known === undefined) targets.set(source, [target]);
    else known.push(target);
    incoming.set(target, (incoming.get(target) ?? 0) + 1);
  }
  const starts = nodes.filter(({ id }) => incoming.get(id) === 0);
  let layer = (starts.length > 0 ? starts : nodes.slice(0, 1)).map(({ id }) => id);
  for (const id of layer) layerOf.set(id, 0);
  for (let depth = 1; layer.length > 0; depth++) {
    layer = [...new Set(layer.flatMap((id) => targets.get(id) ?? []))].filter((id) => !layerOf.has(id));
    for (const id of layer) layerOf.set(id, depth);
  }
  const counts = new Map<number, number>();
  for (const depth of layerOf.values()) counts.set(depth, (counts.get(depth) ?? 0) + 1);
  return {
    layers: Math.max(1, counts.size),
    breadth: [...counts.values()].reduce((most, count) => Math.max(most, count), 1),
  };
}

/** A smooth curve through the points, straight at both ends, so that arrowheads point in the right direction. */
function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  let path = `M${at(first)}`;
  for (const [index, point] of rest.entries()) {
    const next = rest[index + 1];
    path += next === undefined ? `L${at(point)}` : `Q${at(point)} ${at(middle(point, next))}`;
  }
  return path;
}

function middle(one: Point, other: Point): Point {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}

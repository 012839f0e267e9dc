import { Graph as LayeredGraph, layout } from '@dagrejs/dagre';
import type { EdgeView } from '../api.js';
import type { Graph } from './graph.js';
import { shortened, visible, widthOf } from './text.js';

/** Where everything is, in pixels from the top left corner. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Whether nodes have one line only: there are many. */
  readonly isDense: boolean;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export interface PlacedNode {
  readonly id: string;
  /** As much of its id as there is room for. */
  readonly label: string;
  /** Of its middle. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedEdge {
  /** Unique among the edges. */
  readonly key: string;
  readonly edge: EdgeView;
  /** An SVG path. */
  readonly path: string;
  /** Where its label is. */
  readonly label?: { readonly text: string; readonly x: number; readonly y: number; readonly width: number };
}

export interface LayoutOptions {
  /** Of the room that there is, in pixels; the graph runs from left to right or downwards, whichever fits better. */
  readonly room?: { readonly width: number; readonly height: number } | undefined;
}

/** From here on nodes have one line only. */
const manyNodes = 48;
const margin = 16;
export const fontSize = 13;
export const labelSize = 11;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Places the nodes in layers, so that edges lead one way. Edges from or to nodes that are not there are left out. */
export function layoutOf(graph: Graph, { room = { width: 960, height: 480 } }: LayoutOptions = {}): Layout {
  const isDense = graph.nodes.length > manyNodes;
  const sizes = new Map(graph.nodes.map(({ id }) => [id, sizeOf(id, isDense)]));
  const edges = graph.edges.filter(({ source, target }) => sizes.has(source) && sizes.has(target));
  const layered = new LayeredGraph({ multigraph: true });
  layered.setGraph({
    rankdir: directionOf(graph, edges, room, isDense),
    nodesep: isDense ? 10 : 24,
    ranksep: isDense ? 36 : 52,
    edgesep: 12,
    marginx: margin,
    marginy: margin,
    ranker: isDense ? 'tight-tree' : 'network-simplex',
  });
  // Ids are any text; in there they could be read as something else.
  const keys = new Map(graph.nodes.map(({ id }, index) => [id, `n${index}`]));
  const keyOf = (id: string) => keys.get(id) ?? '';
  for (const [id, { width, height }] of sizes) layered.setNode(keyOf(id), { width, height });
  for (const [index, edge] of edges.entries()) {
    layered.setEdge(keyOf(edge.source), keyOf(edge.target), { ...labelBox(edge), labelpos: 'c' }, `e${index}`);
  }
  layout(layered);
  const { width = 0, height = 0 } = layered.graph() as { width?: number; height?: number };
  return {
    width: Number.isFinite(width) ? width : 0,
    height: Number.isFinite(height) ? height : 0,
    isDense,
    nodes: [...sizes].map(([id, size]) => ({ id, ...size, ...pointOf(layered.node(keyOf(id))) })),
    edges: edges.map((edge, index) => {
      const name = `e${index}`;
      return placed(name, edge, layered.edge(keyOf(edge.source), keyOf(edge.target), name) as PlacedByLayout);
    }),
  };
}

interface PlacedByLayout extends Partial<Point> {
  readonly points: readonly Point[];
}

function placed(key: string, edge: EdgeView, { points, x, y }: PlacedByLayout): PlacedEdge {
  const text = labelOf(edge);
  const hasLabel = text !== undefined && x !== undefined && y !== undefined;
  return { key, edge, path: pathOf(points), ...(hasLabel ? { label: { text, x, y, width: labelWidth(text) } } : {}) };
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

/** Nodes are wide and low, so that what runs beside each other stands better one below the other, as long as it fits. */
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

/** How many layers there are, and how many nodes the fullest has; roughly, where there are circles. */
function extentOf({ nodes }: Graph, edges: readonly EdgeView[]): { readonly layers: number; readonly breadth: number } {
  const layerOf = new Map<string, number>();
  const targets = new Map<string, string[]>();
  const incoming = new Map(nodes.map(({ id }) => [id, 0]));
  for (const { source, target } of edges) {
    targets.set(source, [...(targets.get(source) ?? []), target]);
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
  return { layers: Math.max(1, counts.size), breadth: Math.max(1, ...counts.values()) };
}

/** A smooth curve through the points: straight at both ends, so that arrowheads sit right. */
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

function pointOf({ x = 0, y = 0 }: Partial<Point>): Point {
  return { x, y };
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
}

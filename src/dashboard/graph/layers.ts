import { type Arrangement, gapsOf, margin, type Point, type Sketch } from './arrangement.js';

/**
 * Arranges graphs of any size quickly and without recursion. The layer of a node is the length of the longest path to
 * it. Within a layer, nodes are placed close to their predecessors. Long edges may run through nodes. The arrangement
 * is computed from top to bottom; for left to right, the axes are swapped.
 */
export function arrangedInLayers(sketch: Sketch): Arrangement {
  const { direction } = sketch;
  const isTurned = direction === 'LR';
  const upright: Sketch = isTurned
    ? {
        ...sketch,
        sizes: sketch.sizes.map(turnedSize),
        edges: sketch.edges.map((edge) => ({ ...edge, label: turnedSize(edge.label) })),
      }
    : sketch;
  const { width, height, nodes, edges } = arrangedDownwards(upright);
  if (!isTurned) return { width, height, nodes, edges };
  return {
    width: height,
    height: width,
    nodes: nodes.map(turned),
    edges: edges.map(({ points, label }) => ({ points: points.map(turned), ...(label && { label: turned(label) }) })),
  };
}

function arrangedDownwards({ sizes, edges, isDense }: Sketch): Arrangement {
  const gaps = gapsOf(isDense);
  const ways = waysIn(sizes.length, edges);
  const layerOf = layersOf(sizes.length, ways);
  const layers = ordered(layerOf, ways);
  const x = columnsOf(layers, ways, sizes, gaps.nodes);
  const { y, bottom } = rowsOf(layers, layerOf, { sizes, edges, gap: gaps.layers });
  const nodes = sizes.map((_, index) => ({ x: x[index] as number, y: y[index] as number }));
  const right = sizes.reduce((most, { width }, index) => Math.max(most, (x[index] as number) + width / 2), 0);
  return {
    width: sizes.length === 0 ? 0 : right + margin,
    height: bottom + margin,
    nodes,
    edges: edges.map(({ source, target, label }) => {
      const points = pointsOf(nodes, sizes, source, target);
      return { points, ...(label.width > 0 && { label: middleOf(points) }) };
    }),
  };
}

interface Ways {
  /** Neighbours of each node, without the edges that lead back. */
  readonly next: readonly (readonly number[])[];
  readonly before: readonly (readonly number[])[];
}

/** Drops the edges that close a cycle. Uses a depth-first search. */
function waysIn(count: number, edges: Sketch['edges']): Ways {
  const all: number[][] = Array.from({ length: count }, () => []);
  for (const { source, target } of edges) (all[source] as number[]).push(target);
  const next: number[][] = Array.from({ length: count }, () => []);
  const before: number[][] = Array.from({ length: count }, () => []);
  // 0: not visited, 1: on the current path, 2: finished.
  const marks = new Uint8Array(count);
  const tried = new Uint32Array(count);
  for (let start = 0; start < count; start++) {
    const way = marks[start] === 0 ? [start] : [];
    while (way.length > 0) {
      const node = way.at(-1) as number;
      marks[node] = 1;
      const target = (all[node] as number[])[tried[node] as number];
      if (target === undefined) {
        marks[node] = 2;
        way.pop();
        continue;
      }
      tried[node] = (tried[node] as number) + 1;
      if (marks[target] === 1) continue;
      (next[node] as number[]).push(target);
      (before[target] as number[]).push(node);
      if (marks[target] === 0) way.push(target);
    }
  }
  return { next, before };
}

/** The length of the longest path to each node. */
function layersOf(count: number, { next, before }: Ways): Uint32Array {
  const layerOf = new Uint32Array(count);
  const missing = Uint32Array.from(before, (sources) => sources.length);
  const ready = [...missing.keys()].filter((node) => missing[node] === 0);
  for (let at = 0; at < ready.length; at++) {
    const node = ready[at] as number;
    for (const target of next[node] as readonly number[]) {
      layerOf[target] = Math.max(layerOf[target] as number, (layerOf[node] as number) + 1);
      missing[target] = (missing[target] as number) - 1;
      if (missing[target] === 0) ready.push(target);
    }
  }
  return layerOf;
}

/** Orders the nodes of each layer: each close to the mean position of its neighbours, otherwise in the given order. */
function ordered(layerOf: Uint32Array, { next, before }: Ways): number[][] {
  const layers: number[][] = [];
  for (const [node, layer] of layerOf.entries()) {
    layers[layer] ??= [];
    layers[layer].push(node);
  }
  const place = new Float64Array(layerOf.length);
  const settle = (layer: readonly number[]) => {
    for (const [at, node] of layer.entries()) place[node] = (at + 0.5) / layer.length;
  };
  for (const layer of layers) settle(layer);
  const sort = (layer: number[], linked: Ways['next']) => {
    const wish = new Map(
      layer.map((node) => [node, mean(linked[node] as readonly number[], place) ?? place[node] ?? 0]),
    );
    layer.sort((one, other) => (wish.get(one) as number) - (wish.get(other) as number));
    settle(layer);
  };
  for (let sweep = 0; sweep < 3; sweep++) {
    for (const layer of layers) sort(layer, before);
    for (const layer of [...layers].reverse()) sort(layer, next);
  }
  for (const layer of layers) sort(layer, before);
  return layers;
}

/** Horizontal positions: each node as close below its predecessors as its neighbours in the layer allow. */
function columnsOf(layers: readonly number[][], { before }: Ways, sizes: Sketch['sizes'], gap: number): Float64Array {
  const x = new Float64Array(sizes.length);
  let least = Infinity;
  for (const layer of layers) {
    let end = -Infinity;
    let shift = 0;
    for (const [at, node] of layer.entries()) {
      const { width } = sizes[node] as (typeof sizes)[number];
      const wish = mean(before[node] as readonly number[], x) ?? at * (width + gap);
      x[node] = Math.max(wish, end + gap + width / 2);
      end = (x[node] as number) + width / 2;
      shift += (x[node] as number) - wish;
    }
    for (const node of layer) {
      x[node] = (x[node] as number) - shift / layer.length;
      least = Math.min(least, (x[node] as number) - (sizes[node] as (typeof sizes)[number]).width / 2);
    }
  }
  return x.map((at) => at - least + margin);
}

interface Rows extends Pick<Sketch, 'sizes' | 'edges'> {
  readonly gap: number;
}

/** Vertical positions of the layers, with room for the labels between them. */
function rowsOf(layers: readonly number[][], layerOf: Uint32Array, { sizes, edges, gap }: Rows) {
  const labels = new Float64Array(layers.length);
  for (const { source, target, label } of edges) {
    const layer = Math.min(layerOf[source] as number, layerOf[target] as number);
    labels[layer] = Math.max(labels[layer] as number, label.height);
  }
  const y = new Float64Array(sizes.length);
  let top = margin;
  let bottom = 0;
  for (const [index, layer] of layers.entries()) {
    const height = layer.reduce((most, node) => Math.max(most, (sizes[node] as (typeof sizes)[number]).height), 0);
    for (const node of layer) y[node] = top + height / 2;
    bottom = top + height;
    top = bottom + gap + (labels[index] as number);
  }
  return { y, bottom };
}

/**
 * Corners of an edge: from the lower side of the source to the upper side of the target. An edge that leads back runs
 * to the right of both nodes.
 */
function pointsOf(nodes: readonly Point[], sizes: Sketch['sizes'], from: number, to: number): readonly Point[] {
  const [source, target] = [nodes[from] as Point, nodes[to] as Point];
  const [sourceSize, targetSize] = [sizes[from], sizes[to]] as [Sketch['sizes'][number], Sketch['sizes'][number]];
  const bend = 16;
  if (source.y < target.y) {
    const begin = { x: source.x, y: source.y + sourceSize.height / 2 };
    const end = { x: target.x, y: target.y - targetSize.height / 2 };
    return [begin, { x: begin.x, y: begin.y + bend }, { x: end.x, y: end.y - bend }, end];
  }
  const begin = { x: source.x + sourceSize.width / 2, y: source.y + sourceSize.height / 4 };
  const end = { x: target.x + targetSize.width / 2, y: target.y - targetSize.height / 4 };
  const side = Math.max(begin.x, end.x) + bend / 2;
  return [begin, { x: side, y: begin.y }, { x: side, y: end.y }, end];
}

function middleOf(points: readonly Point[]): Point {
  const [one, other] = [points[1], points[2]] as [Point, Point];
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}

function mean(nodes: readonly number[], places: Float64Array): number | undefined {
  if (nodes.length === 0) return undefined;
  return nodes.reduce((sum, node) => sum + (places[node] as number), 0) / nodes.length;
}

function turned({ x, y }: Point): Point {
  return { x: y, y: x };
}

function turnedSize({ width, height }: { readonly width: number; readonly height: number }) {
  return { width: height, height: width };
}

/**
 * The visible part of a graph: the graph's point `x`, `y` is at the top left corner of the picture, enlarged by
 * `scale`.
 */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const smallest = 0.04;
const largest = 2.5;
/** Minimum scale at which text can be read. */
const readable = 0.5;

/** Shows the whole graph, centred and not enlarged. */
export function showingAll(graph: Size, room: Size): Camera {
  const scale = clamp(Math.min(room.width / graph.width, room.height / graph.height, 1));
  return centredAt({ x: graph.width / 2, y: graph.height / 2 }, scale, room);
}

/** Shows the whole graph if its text can be read at that scale, otherwise the area around a point. */
export function beginningAt(point: Point, graph: Size, room: Size): Camera {
  const all = showingAll(graph, room);
  if (all.scale >= readable) return all;
  return kept(centredAt(point, Math.max(all.scale, 0.75), room), graph, room);
}

export function centredAt({ x, y }: Point, scale: number, { width, height }: Size): Camera {
  return { x: x - width / scale / 2, y: y - height / scale / 2, scale };
}

/** Zooms the camera. The point `at` of the picture stays in its place. */
export function zoomedAt({ x, y, scale }: Camera, factor: number, at: Point): Camera {
  const next = clamp(scale * factor);
  return { x: x + at.x / scale - at.x / next, y: y + at.y / scale - at.y / next, scale: next };
}

export function movedBy({ x, y, scale }: Camera, dx: number, dy: number): Camera {
  return { x: x - dx / scale, y: y - dy / scale, scale };
}

/** Moves the camera as little as possible to make a part visible. */
export function revealing(camera: Camera, part: Point & Size, room: Size, margin = 24): Camera {
  const [width, height] = [room.width / camera.scale, room.height / camera.scale];
  const space = margin / camera.scale;
  const x = shifted(camera.x, width, part.x - part.width / 2 - space, part.x + part.width / 2 + space);
  const y = shifted(camera.y, height, part.y - part.height / 2 - space, part.y + part.height / 2 + space);
  return { ...camera, x, y };
}

/** Limits the camera, so that no unnecessary space is shown beside the graph. */
function kept(camera: Camera, graph: Size, room: Size): Camera {
  const along = (at: number, extent: number, seen: number) => {
    return extent <= seen ? (extent - seen) / 2 : Math.min(Math.max(at, 0), extent - seen);
  };
  const { x, y, scale } = camera;
  return { x: along(x, graph.width, room.width / scale), y: along(y, graph.height, room.height / scale), scale };
}

function shifted(at: number, seen: number, begin: number, end: number): number {
  if (begin < at || end - begin > seen) return begin;
  return end > at + seen ? end - seen : at;
}

function clamp(scale: number): number {
  return Math.min(largest, Math.max(smallest, Number.isFinite(scale) ? scale : 1));
}

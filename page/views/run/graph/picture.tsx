import type { RefObject } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { NodeView, RunDetail } from '../../../../src/dashboard/api/index.js';
import { type Layout, layoutOf, type PlacedNode } from '../../../../src/dashboard/graph/layout.js';
import { Button } from '../../../parts/button.js';
import { useStable } from '../../../parts/stable.js';
import {
  beginningAt,
  type Camera,
  centredAt,
  movedBy,
  type Point,
  revealing,
  type Size,
  showingAll,
  zoomedAt,
} from './camera.js';
import { Edges } from './edges.js';
import { useGestures } from './gestures.js';
import { Minimap } from './minimap.js';
import { nextNode } from './neighbours.js';
import { NodeShape } from './node-shape.js';
import { useSize } from './size.js';

type Graph = NonNullable<RunDetail['graph']>;

interface GraphPictureProps {
  /** The element around the picture and the panel of a node. Its size limits both. */
  readonly section: RefObject<HTMLElement>;
  readonly graph: Graph;
  readonly selected: string | undefined;
  readonly onSelect: (node: string | undefined) => void;
}

/** Minimum scale at which names are drawn. Below this scale, names could not be read. */
const farScale = 0.34;
const step = 1.3;

export function GraphPicture({ section, graph, selected, onSelect }: GraphPictureProps) {
  const frame = useRef<HTMLDivElement>(null);
  const picture = useRef<SVGSVGElement>(null);
  const room = useSize(frame);
  const width = useSize(section)?.width;
  const layout = useLayoutOf(graph, room && width !== undefined ? { ...room, width } : undefined);
  const start = useMemo(() => startIn(layout, graph), [layout, graph]);
  const [camera, setCamera] = useCamera(layout, room, graph);
  const [focused, setFocused] = useState<string>();
  const nodes = useMemo(() => new Map(graph.nodes.map((node) => [node.id, node])), [graph]);
  const change = useCallback(
    (apply: (camera: Camera) => Camera) => setCamera((last) => last && apply(last)),
    [setCamera],
  );
  useGestures(picture, change);

  const middle = { x: (room?.width ?? 0) / 2, y: (room?.height ?? 0) / 2 };
  const zoom = (factor: number) => change((last) => zoomedAt(last, factor, middle));
  const showAll = () => layout && room && setCamera(showingAll(layout, room));
  const select = useStable(onSelect);
  const focus = useStable((id: string) => {
    const placed = layout?.nodes.find((node) => node.id === id);
    if (placed && room) change((last) => revealing(last, placed, room));
    setFocused(id);
  });
  // The panel of a node takes space from the picture, so the node is moved back into view.
  useEffect(() => {
    const placed = layout?.nodes.find((node) => node.id === selected);
    if (placed && room) change((last) => revealing(last, placed, room));
  }, [selected, layout, room, change]);
  const goTo = (placed: PlacedNode | undefined) => {
    if (layout === undefined || placed === undefined) return;
    picture.current?.querySelector<SVGElement>(`[data-index="${layout.nodes.indexOf(placed)}"]`)?.focus();
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow !== undefined && event.shiftKey) change((last) => movedBy(last, -arrow[0] * 80, -arrow[1] * 80));
    else if (arrow !== undefined && layout) goTo(nextNode(layout.nodes, focused ?? selected, arrow));
    else if (event.key === 'Home') goTo(start);
    else if (event.key === 'End') goTo(layout?.nodes.at(-1));
    else if (event.key === '+' || event.key === '=') zoom(step);
    else if (event.key === '-') zoom(1 / step);
    else if (event.key === '0') showAll();
    else return;
    event.preventDefault();
  };
  const entry = focused ?? selected ?? start?.id;
  return (
    <div class="graph" ref={frame}>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing is no fieldset */}
      <svg
        ref={picture}
        class={`graph-picture${camera !== undefined && camera.scale < farScale ? ' is-far' : ''}`}
        role="group"
        aria-label={`Graph of ${graph.nodes.length} nodes. Arrow keys move between them`}
        onKeyDown={press}
        onClick={(event) => {
          if (event.target === picture.current) onSelect(undefined);
        }}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path class="graph-arrow" d="M1 1l6 3l-6 3z" />
          </marker>
        </defs>
        {layout && camera && (
          <g transform={`translate(${-camera.x * camera.scale} ${-camera.y * camera.scale}) scale(${camera.scale})`}>
            <Edges layout={layout} nodes={nodes} />
            {layout.nodes.map((placed, index) => (
              <NodeShape
                key={placed.id}
                index={index}
                placed={placed}
                node={nodes.get(placed.id)}
                isDense={layout.isDense}
                isSelected={placed.id === selected}
                isEntry={placed.id === entry}
                onSelect={select}
                onFocus={focus}
              />
            ))}
          </g>
        )}
      </svg>
      {layout && camera && room && (
        <Minimap
          layout={layout}
          nodes={nodes}
          camera={camera}
          room={room}
          onMove={(point) => change((last) => centredAt(point, last.scale, room))}
        />
      )}
      <div class="graph-tools">
        <Button icon="plus" label="Zoom in" onClick={() => zoom(step)} />
        <Button icon="minus" label="Zoom out" onClick={() => zoom(1 / step)} />
        <Button icon="fit" label="Show all" onClick={showAll} />
        <Button icon="start" label="Go to the start" onClick={() => goTo(start)} />
      </div>
    </div>
  );
}

const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * Lays out the graph. The layout is kept while only statuses change, and computed again if the available space changes.
 */
function useLayoutOf(graph: Graph, room: Size | undefined): Layout | undefined {
  const shape = JSON.stringify([graph.nodes.map(({ id }) => id), graph.edges]);
  const format = room && [Math.round(room.width / 160), Math.round(room.height / 160)].join();
  return useMemo(() => (room === undefined ? undefined : layoutOf(graph, { room })), [shape, format]);
}

function useCamera(layout: Layout | undefined, room: Size | undefined, graph: Graph) {
  const state = useState<Camera>();
  const [camera, setCamera] = state;
  const last = useRef<Layout | undefined>(undefined);
  useEffect(() => {
    if (layout === undefined || room === undefined || last.current === layout) return;
    last.current = layout;
    setCamera(beginningAt(interestIn(layout, graph), layout, room));
  }, [layout, room, graph, setCamera]);
  return [camera, setCamera] as const;
}

const interest: readonly NodeView['status'][] = ['failed', 'running', 'retrying', 'awaiting', 'queued'];

/** The centre of the initial view: a node with current activity, or else the start of the graph. */
function interestIn(layout: Layout, graph: Graph): Point {
  const statuses = new Map(graph.nodes.map(({ id, status }) => [id, status]));
  const rank = ({ id }: { readonly id: string }) => {
    const at = interest.indexOf(statuses.get(id) ?? 'pending');
    return at < 0 ? interest.length : at;
  };
  const [first] = [...layout.nodes].sort((one, other) => rank(one) - rank(other));
  return (first !== undefined && rank(first) < interest.length ? first : startIn(layout, graph)) ?? { x: 0, y: 0 };
}

/** The start of the graph: the first node without incoming edges. */
function startIn(layout: Layout | undefined, { edges }: Graph): PlacedNode | undefined {
  const targets = new Set(edges.map(({ target }) => target));
  return layout?.nodes.find(({ id }) => !targets.has(id)) ?? layout?.nodes[0];
}

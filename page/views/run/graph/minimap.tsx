import type { NodeView } from '../../../../src/dashboard/api/index.js';
import { toneOf } from '../../../../src/dashboard/graph/appearance.js';
import type { Layout } from '../../../../src/dashboard/graph/layout.js';
import type { Camera, Point, Size } from './camera.js';

interface MinimapProps {
  readonly layout: Layout;
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly camera: Camera;
  readonly room: Size;
  readonly onMove: (point: Point) => void;
}

const most: Size = { width: 180, height: 120 };

/**
 * A minimap with the visible area outlined; hidden if the whole graph fits. For mouse and touch only, because keys move
 * between nodes.
 */
export function Minimap({ layout, nodes, camera, room, onMove }: MinimapProps) {
  const seen = { width: room.width / camera.scale, height: room.height / camera.scale };
  const showsAll = seen.width >= layout.width * 0.98 && seen.height >= layout.height * 0.98;
  if (showsAll) return null;
  const scale = Math.min(most.width / layout.width, most.height / layout.height);
  const width = Math.max(24, layout.width * scale);
  const height = Math.max(24, layout.height * scale);
  const move = (event: PointerEvent) => {
    if (event.buttons !== 1 || !(event.currentTarget instanceof Element)) return;
    const { left, top } = event.currentTarget.getBoundingClientRect();
    onMove({ x: (event.clientX - left) / scale, y: (event.clientY - top) / scale });
  };
  return (
    <svg class="minimap" width={width} height={height} aria-hidden="true" onPointerDown={move} onPointerMove={move}>
      {layout.nodes.map((node) => (
        <rect
          key={node.id}
          class={`minimap-node tone-${toneOf[nodes.get(node.id)?.status ?? 'pending']}`}
          x={(node.x - node.width / 2) * scale}
          y={(node.y - node.height / 2) * scale}
          width={Math.max(1.5, node.width * scale)}
          height={Math.max(1.5, node.height * scale)}
        />
      ))}
      <rect
        class="minimap-frame"
        x={camera.x * scale}
        y={camera.y * scale}
        width={seen.width * scale}
        height={seen.height * scale}
        rx={2}
      />
    </svg>
  );
}

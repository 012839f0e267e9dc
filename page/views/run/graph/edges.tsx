import type { NodeView } from '../../../../src/dashboard/api/index.js';
import type { Layout } from '../../../../src/dashboard/graph/layout.js';
import { visible } from '../../../../src/dashboard/graph/text.js';

interface EdgesProps {
  readonly layout: Layout;
  readonly nodes: ReadonlyMap<string, NodeView>;
}

/** Statuses of targets whose incoming edges have not been followed. */
const idle: ReadonlySet<NodeView['status'] | undefined> = new Set(['pending', 'unreached', 'skipped'] as const);

export function Edges({ layout: { edges }, nodes }: EdgesProps) {
  return (
    <>
      {edges.map(({ key, path, edge }) => {
        const isIdle = idle.has(nodes.get(edge.target)?.status);
        return (
          <path
            key={key}
            class={`edge${edge.isFallback ? ' is-fallback' : ''}${isIdle ? ' is-idle' : ''}`}
            d={path}
            marker-end="url(#arrow)"
          />
        );
      })}
      {edges.map(({ key, label, edge }) => {
        if (label === undefined) return null;
        const { x, y, width, text } = label;
        return (
          <g key={key} class="edge-label">
            <title>{visible(edge.label ?? text)}</title>
            <rect x={x - width / 2} y={y - 9} width={width} height={18} rx={9} />
            <text x={x} y={y + 4}>
              {text}
            </text>
          </g>
        );
      })}
    </>
  );
}

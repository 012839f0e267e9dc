import type { NodeView } from '../../../../src/dashboard/api/index.js';
import { signOf, signs, toneOf, wordOf } from '../../../../src/dashboard/graph/appearance.js';
import type { PlacedNode } from '../../../../src/dashboard/graph/layout.js';
import { shortened, visible } from '../../../../src/dashboard/graph/text.js';
import { formatDuration } from '../../../format.js';
import { memo } from '../../../parts/memo.js';

interface NodeShapeProps {
  readonly index: number;
  readonly placed: PlacedNode;
  readonly node: NodeView | undefined;
  readonly isDense: boolean;
  readonly isSelected: boolean;
  /** If true, the Tab key reaches this node. */
  readonly isEntry: boolean;
  readonly onSelect: (node: string) => void;
  readonly onFocus: (node: string) => void;
}

function Shape(props: NodeShapeProps) {
  const { index, placed, node, isDense, isSelected, isEntry, onSelect, onFocus } = props;
  const { id, x, y, width, height, label } = placed;
  const status = node?.status ?? 'pending';
  const left = x - width / 2;
  const top = y - height / 2;
  const below = node === undefined ? '' : secondLine(node);
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onSelect(id);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: there are no buttons in a drawing
    <g
      class={`node tone-${toneOf[status]} is-${status}${isSelected ? ' is-selected' : ''}`}
      data-index={index}
      data-node={id}
      data-status={status}
      role="button"
      tabIndex={isEntry ? 0 : -1}
      aria-pressed={isSelected}
      onClick={() => onSelect(id)}
      onKeyDown={press}
      onFocus={() => onFocus(id)}
    >
      <title>{`${visible(id)}: ${below}`}</title>
      <rect class="node-box" x={left} y={top} width={width} height={height} rx={8} />
      <g transform={`translate(${left + 12} ${y - 8})`}>
        <path class="node-sign" d={signs[signOf[status]]} />
      </g>
      <text class="node-name" x={left + 36} y={isDense ? y + 4.5 : y - 2}>
        {label}
      </text>
      {!isDense && (
        <text class="node-below" x={left + 36} y={y + 14}>
          {below}
        </text>
      )}
    </g>
  );
}

/** Memoised, because hundreds of nodes may be drawn while the camera moves. */
export const NodeShape = memo(Shape);

/** The status of a node in a few words. */
function secondLine({ status, kind, attempts, duration: took, event }: NodeView): string {
  const more =
    status === 'awaiting' && event !== undefined
      ? shortened(visible(event), 12)
      : attempts > 1
        ? `${attempts} attempts`
        : took > 0
          ? formatDuration(took)
          : kind === 'function'
            ? ''
            : kind;
  return more === '' ? wordOf(status) : `${wordOf(status)} · ${more}`;
}

import { visible } from '../../../../src/dashboard/graph/text.js';
import { formatDuration } from '../../../format.js';
import { lookOf } from '../../../parts/looks.js';
import { Name } from '../../../parts/text.js';
import type { Bar, Row } from './rows.js';

interface TimelineRowProps {
  readonly row: Row;
  readonly y: number;
  readonly gutter: number;
  readonly begin: number;
  /** Pixels per millisecond. */
  readonly scale: number;
  readonly now: number;
  readonly shown: string | undefined;
  readonly onShow: (bar: Bar) => void;
}

export function TimelineRow({ row, y, gutter, begin, scale, now, shown, onShow }: TimelineRowProps) {
  const { nodeId, bars, gaps } = row;
  const left = (time: number) => `${gutter + (time - begin) * scale}px`;
  return (
    <div class="timeline-row" style={{ transform: `translateY(${y}px)` }}>
      <span class="timeline-name" style={{ width: `${gutter}px` }}>
        <Name class="is-mono">{nodeId}</Name>
      </span>
      {gaps.map(({ from, until }) => (
        <span
          key={from}
          class="timeline-gap"
          style={{ left: left(from), width: `${Math.max(0, until - from) * scale}px` }}
        />
      ))}
      {bars.map((bar) => {
        const { key, attempt, from, until } = bar;
        const took = (until ?? now) - from;
        const text = `${visible(nodeId)}, attempt ${attempt.attempt}: ${attempt.status}, ${formatDuration(took)}`;
        return (
          <button
            key={key}
            type="button"
            class={`timeline-bar tone-${lookOf(attempt.status).tone} is-${attempt.status}`}
            style={{ left: left(from), width: `${Math.max(3, took * scale)}px` }}
            aria-label={text}
            aria-pressed={shown === key}
            title={text}
            onMouseEnter={() => onShow(bar)}
            onFocus={() => onShow(bar)}
            onClick={() => onShow(bar)}
          />
        );
      })}
    </div>
  );
}

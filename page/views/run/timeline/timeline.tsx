import { useMemo, useRef, useState } from 'preact/hooks';
import type { RunDetail } from '../../../../src/dashboard/api/index.js';
import { counted, formatDuration } from '../../../format.js';
import { Button } from '../../../parts/button.js';
import { Empty } from '../../../parts/states.js';
import { Status } from '../../../parts/status.js';
import { useMoments } from '../../../state/clock.js';
import { useSize } from '../graph/size.js';
import { Details } from './details.js';
import { type Bar, rowsOf, spanOf, tickLabel, ticksOf } from './rows.js';
import { TimelineRow } from './timeline-row.js';

const rowHeight = 28;
const axisHeight = 32;
const mostHeight = 640;
/** Number of rows that are drawn above and below the visible ones. */
const beyond = 8;
const mostZoom = 4_096;

/** A chart of all executions: a row per node, a bar per attempt. */
export function Timeline({ detail }: { readonly detail: RunDetail }) {
  const { attempts, run } = detail;
  const rows = useMemo(() => rowsOf(attempts), [attempts]);
  const isLive = run.finishedAt === undefined && attempts.some(({ duration: took }) => took === undefined);
  const now = useMoments(isLive);
  if (rows.length === 0) {
    return (
      <Empty icon="clock" title="Nothing was executed yet">
        <p>Each execution of a node appears here as it begins.</p>
      </Empty>
    );
  }
  return <Chart rows={rows} now={now} detail={detail} />;
}

interface ChartProps {
  readonly rows: ReturnType<typeof rowsOf>;
  readonly now: number;
  readonly detail: RunDetail;
}

function Chart({ rows, now, detail }: ChartProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const [zoom, setZoom] = useState(1);
  const [top, setTop] = useState(0);
  const [shown, setShown] = useState<Bar>();
  const gutter = (size?.width ?? 0) < 560 ? 116 : 208;
  const { begin, end } = spanOf(rows, now);
  const room = Math.max(120, (size?.width ?? 800) - gutter - 24);
  const width = room * zoom;
  const scale = width / (end - begin);
  const first = Math.max(0, Math.floor(top / rowHeight) - beyond);
  const last = Math.ceil((top + (size?.height ?? mostHeight)) / rowHeight) + beyond;
  const zoomBy = (factor: number) => {
    const next = Math.min(mostZoom, Math.max(1, zoom * factor));
    const element = scroller.current;
    setZoom(next);
    if (element === null) return;
    const middle = (element.scrollLeft + room / 2) / width;
    requestAnimationFrame(() => element.scrollTo({ left: middle * room * next - room / 2 }));
  };
  return (
    <div class="timeline">
      <div class="timeline-head">
        <p class="muted">
          {counted(detail.attempts.length, 'attempt')} of {counted(rows.length, 'node')} in{' '}
          {formatDuration(end - begin)}
          {detail.attempts.length >= 1_000 && '; the newest are shown'}
        </p>
        <Legend detail={detail} />
        <div class="timeline-tools">
          <Button icon="minus" label="Zoom out" isDisabled={zoom <= 1} onClick={() => zoomBy(0.5)} />
          <Button icon="plus" label="Zoom in" isDisabled={zoom >= mostZoom} onClick={() => zoomBy(2)} />
          <Button icon="fit" label="Show all" isDisabled={zoom === 1} onClick={() => setZoom(1)} />
        </div>
      </div>
      <section
        class="timeline-scroller"
        ref={scroller}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it
        tabIndex={0}
        aria-label="Timeline of attempts"
        style={{ height: `${Math.min(mostHeight, rows.length * rowHeight + axisHeight + 14)}px` }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <div
          class="timeline-sheet"
          style={{ width: `${gutter + width + 24}px`, height: `${rows.length * rowHeight + axisHeight}px` }}
        >
          <div class="timeline-axis" aria-hidden="true">
            {ticksIn(end - begin, width, scroller.current, room).map((time) => (
              <span key={time} class="timeline-tick number" style={{ left: `${gutter + time * scale}px` }}>
                {tickLabel(time)}
              </span>
            ))}
          </div>
          {rows.slice(first, last).map((row, index) => (
            <TimelineRow
              key={row.nodeId}
              row={row}
              y={axisHeight + (first + index) * rowHeight}
              gutter={gutter}
              begin={begin}
              scale={scale}
              now={now}
              shown={shown?.key}
              onShow={setShown}
            />
          ))}
        </div>
      </section>
      <Details bar={shown} now={now} begin={begin} runId={detail.run.runId} />
    </div>
  );
}

/** The visible ticks. A chart that is much wider than the screen has many more. */
function ticksIn(span: number, width: number, element: HTMLElement | null, room: number): readonly number[] {
  const left = element?.scrollLeft ?? 0;
  return ticksOf(span, width).filter((time) => {
    const x = (time / span) * width;
    return x >= left - room && x <= left + 2 * room;
  });
}

/** A legend of the bar colours. Each bar also has its status as text. */
function Legend({ detail: { attempts } }: { readonly detail: RunDetail }) {
  const statuses = [...new Set(attempts.map(({ status }) => status))].sort();
  return (
    <div class="timeline-legend">
      {statuses.map((status) => (
        <Status key={status} status={status} />
      ))}
    </div>
  );
}

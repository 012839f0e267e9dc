import type { EventView, RunDetail } from '../../../src/dashboard/api/index.js';
import { visible } from '../../../src/dashboard/graph/text.js';
import { clockTime, counted, exact, formatDuration } from '../../format.js';
import { Button } from '../../parts/button.js';
import { Scroll } from '../../parts/scroll.js';
import { Empty, Failed, Skeleton } from '../../parts/states.js';
import { Id, Name } from '../../parts/text.js';
import { useEvents } from './event-log.js';

export function EventsSection({ detail: { run } }: { readonly detail: RunDetail }) {
  const { events, hasMore, error, isLoading, readMore } = useEvents(run.runId);
  if (isLoading) return <Skeleton rows={8} />;
  if (events.length === 0 && error !== undefined) return <Failed error={error} onRetry={() => void readMore()} />;
  if (events.length === 0) {
    return (
      <Empty icon="inbox" title="No events yet">
        <p>Events of the run appear here as they happen.</p>
      </Empty>
    );
  }
  return (
    <div class="events">
      <Scroll class="sheet is-scrolling" label="Events">
        <table class="table is-dense">
          <thead>
            <tr>
              <th>Time</th>
              <th class="is-right">After</th>
              <th>Event</th>
              <th>Node</th>
              <th>Details</th>
              <th>Worker</th>
            </tr>
          </thead>
          <tbody>
            {events.map((event) => (
              <EventRow key={event.seq} event={event} begin={run.startAt} />
            ))}
          </tbody>
        </table>
      </Scroll>
      <footer class="events-end">
        <span class="muted">
          {counted(events.length, 'event')} from the begin{hasMore ? '' : '; new ones appear as they happen'}
        </span>
        {hasMore && <Button onClick={() => void readMore()}>Show more</Button>}
      </footer>
    </div>
  );
}

function EventRow({ event, begin }: { readonly event: EventView; readonly begin: number }) {
  const { time, type, nodeId, attempt, workerId, duration: took, detail } = event;
  return (
    <tr>
      <td class="number" title={exact(time)}>
        {clockTime(time)}
      </td>
      <td class="is-right number muted">{time < begin ? '' : `+${formatDuration(time - begin)}`}</td>
      <td>
        <span class="is-strong">{visible(type)}</span>
      </td>
      <td>{nodeId !== undefined && <Name class="is-mono">{nodeId}</Name>}</td>
      <td class="is-wide">
        {attempt !== undefined && attempt > 1 && <span class="muted">attempt {attempt} </span>}
        {took !== undefined && <span class="number muted">{formatDuration(took)} </span>}
        {detail !== undefined && <Name>{detail}</Name>}
      </td>
      <td class="is-id muted">{workerId !== undefined && <Id>{workerId}</Id>}</td>
    </tr>
  );
}

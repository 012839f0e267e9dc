import { visible } from '../../../../src/dashboard/graph/text.js';
import { exact, formatDuration } from '../../../format.js';
import { Status } from '../../../parts/status.js';
import { Id, Name } from '../../../parts/text.js';
import { hrefOf } from '../../../state/route.js';
import type { Bar } from './rows.js';

interface DetailsProps {
  readonly bar: Bar | undefined;
  readonly now: number;
  readonly begin: number;
  readonly runId: string;
}

/** Details of the attempt under the pointer. The space is reserved in advance, so that the page does not jump. */
export function Details({ bar, now, begin, runId }: DetailsProps) {
  if (bar === undefined) {
    return (
      <p class="timeline-details muted">Point at a bar, or move to it with the Tab key, for details of an attempt.</p>
    );
  }
  const { attempt, from, until } = bar;
  const { nodeId, visit, status, workerId, error } = attempt;
  return (
    <div class="timeline-details">
      <Status status={status} />
      <a href={hrefOf({ view: 'runs', runId, section: 'graph', query: { node: nodeId } })}>
        <Name class="is-mono">{nodeId}</Name>
      </a>
      <span class="muted">
        attempt {attempt.attempt}
        {visit > 1 && `, visit ${visit}`}
      </span>
      <span class="number">{formatDuration((until ?? now) - from)}</span>
      <span class="muted number" title={exact(from)}>
        begun after {formatDuration(from - begin)}
      </span>
      {workerId !== undefined && (
        <span class="muted">
          on <Id>{workerId}</Id>
        </span>
      )}
      {error !== undefined && (
        <span class="timeline-error tone-ink-red">
          {visible(error.name)}: {visible(error.message.slice(0, 400))}
        </span>
      )}
    </div>
  );
}

import type { AttemptView, NodeView, RunDetail } from '../../../../src/dashboard/api/index.js';
import { counted, formatDuration } from '../../../format.js';
import { Button } from '../../../parts/button.js';
import { ErrorTree } from '../../../parts/error.js';
import { Status } from '../../../parts/status.js';
import { Ago, Id, Name, Took } from '../../../parts/text.js';
import { Value } from '../../../parts/value.js';

interface NodePanelProps {
  readonly node: NodeView;
  readonly detail: RunDetail;
  readonly onClose: () => void;
}

const mostAttempts = 50;

/** Details of a node. */
export function NodePanel({ node, detail, onClose }: NodePanelProps) {
  const { id, kind, status, attempts, event, since, until, output } = node;
  const own = detail.attempts.filter(({ nodeId }) => nodeId === id);
  return (
    <aside class="panel" aria-label="Node">
      <header class="panel-head">
        <h2>
          <Name class="is-mono">{id}</Name>
        </h2>
        <Button icon="close" label="Close" kind="quiet" onClick={onClose} />
      </header>
      <div class="panel-body">
        <p class="panel-status">
          <Status status={status} />
          <span class="muted">
            {kind}
            {attempts > 0 && ` · ${counted(attempts, 'attempt')}`}
            {node.duration > 0 && ` · ${formatDuration(node.duration)}`}
          </span>
        </p>
        {event !== undefined && status === 'awaiting' && (
          <p>
            Waits for <Name class="is-strong">{event}</Name>
            {since !== undefined && (
              <>
                {' for '}
                <Took from={since} until={undefined} />
              </>
            )}
          </p>
        )}
        {until !== undefined && status === 'awaiting' && (
          <p>
            {kind === 'wait' ? 'Expires' : 'Continues'} <Ago time={until} />
          </p>
        )}
        <Value heading="h3" title="Output" value={output} absent={absences[status] ?? 'None yet.'} />
        <Attempts attempts={own} isOver={detail.run.finishedAt !== undefined} />
      </div>
    </aside>
  );
}

/** Text shown when an ended node has no output. */
const absences: Partial<Record<NodeView['status'], string>> = {
  completed: 'The node returned nothing.',
  unreached: 'The node was not reached.',
  skipped: 'The node was skipped.',
  failed: 'The node failed.',
  cut: 'The run ended before the node did.',
};

interface AttemptsProps {
  readonly attempts: readonly AttemptView[];
  readonly isOver: boolean;
}

function Attempts({ attempts, isOver }: AttemptsProps) {
  const shown = attempts.slice(-mostAttempts).reverse();
  return (
    <section class="attempts" aria-label="Attempts">
      <h3>Attempts</h3>
      {shown.length === 0 && (
        <p class="muted">{isOver ? 'The node was not executed.' : 'The node has not been executed yet.'}</p>
      )}
      {attempts.length > shown.length && <p class="notice">The newest {mostAttempts} are shown.</p>}
      <ol class="attempt-list">
        {shown.map((attempt) => (
          <Attempt key={`${attempt.visit}/${attempt.attempt}/${attempt.startedAt}`} attempt={attempt} />
        ))}
      </ol>
    </section>
  );
}

function Attempt({ attempt: view }: { readonly attempt: AttemptView }) {
  const { visit, attempt, status, startedAt, duration: took, workerId, error } = view;
  return (
    <li class="attempt">
      <div class="attempt-head">
        <Status status={status} />
        <span class="muted">
          #{attempt}
          {visit > 1 && `, visit ${visit}`}
        </span>
        <span class="attempt-took">
          <Took from={startedAt} until={took === undefined ? undefined : startedAt + took} />
        </span>
      </div>
      <p class="attempt-place muted">
        <Ago time={startedAt} />
        {workerId !== undefined && (
          <>
            {' on '}
            <Id>{workerId}</Id>
          </>
        )}
      </p>
      {error !== undefined && <ErrorTree error={error} />}
    </li>
  );
}

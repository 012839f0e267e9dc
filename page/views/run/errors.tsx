import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { ErrorTree } from '../../parts/error.js';
import { Empty } from '../../parts/states.js';
import { Status } from '../../parts/status.js';
import { Ago, Id, Name } from '../../parts/text.js';

const mostShown = 200;

/** The errors of a run, newest first. */
export function ErrorsSection({ detail: { errors } }: { readonly detail: RunDetail }) {
  if (errors.length === 0) {
    return (
      <Empty icon="check" title="No errors">
        <p>Every attempt so far has completed.</p>
      </Empty>
    );
  }
  const shown = errors.slice(-mostShown).reverse();
  return (
    <>
      {errors.length > shown.length && <p class="notice">The newest {mostShown} are shown.</p>}
      <ul class="letters">
        {shown.map(({ nodeId, visit, attempt, time, workerId, isFinal, error }) => (
          <li key={`${visit}/${attempt}/${nodeId}/${time}`} class="card failure">
            <header class="failure-head">
              <Status status={isFinal ? 'failed' : 'retrying'} />
              <Name class="is-strong is-mono">{nodeId}</Name>
              <span class="muted">
                attempt {attempt}
                {visit > 1 && `, visit ${visit}`}
              </span>
              <span class="failure-end muted">
                <Id>{workerId}</Id>
                <Ago time={time} />
              </span>
            </header>
            <ErrorTree error={error} />
          </li>
        ))}
      </ul>
    </>
  );
}

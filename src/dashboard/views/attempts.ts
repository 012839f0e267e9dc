import type { PendingWork, RunError, RunMetrics } from '../../distributed/index.js';
import type { AttemptView, RunDetail } from '../api.js';
import type { Redactor } from '../redaction/redactor.js';
import { errorView } from '../redaction/views.js';

/** How many are shown. */
const most = 1_000;

type FailureView = RunDetail['errors'][number];

/** What has gone wrong, with what was thrown. */
export function failureViews(errors: readonly RunError[], redactor: Redactor): FailureView[] {
  return errors.map(({ nodeId, visit, attempt, time, workerId, isFinal, error }) => ({
    nodeId,
    visit,
    attempt,
    time,
    workerId,
    isFinal,
    error: errorView(error, redactor),
  }));
}

/**
 * Executions of nodes in order of their begin: those that have ended, and those that are under way.
 *
 * @param now - when those have begun of which nobody has said it: they are under way for less than a moment
 */
export function attemptViews(
  { steps }: RunMetrics,
  pending: readonly PendingWork[],
  failures: readonly FailureView[],
  now: number,
): AttemptView[] {
  const errors = new Map(failures.map((failure) => [keyOf(failure), failure.error]));
  const ended = steps.map((step): AttemptView => {
    const { nodeId, visit, attempt, status, workerId, time, duration } = step;
    const error = errors.get(keyOf(step));
    return { nodeId, visit, attempt, status, startedAt: time - duration, duration, workerId, ...(error && { error }) };
  });
  const running = pending
    // The timer of a node that waits is in the queue too, and is no attempt.
    .filter(({ state, attempt }) => state === 'active' && attempt > 0)
    .map(({ nodeId, visit, attempt, workerId, startedAt = now }): AttemptView => {
      return { nodeId, visit, attempt, status: 'running', startedAt, ...(workerId === undefined ? {} : { workerId }) };
    });
  return [...ended, ...running].sort((one, other) => one.startedAt - other.startedAt).slice(-most);
}

function keyOf({ nodeId, visit, attempt }: Pick<AttemptView, 'nodeId' | 'visit' | 'attempt'>): string {
  return JSON.stringify([nodeId, visit, attempt]);
}

import type { PendingWork, RunError, RunMetrics } from '../../distributed/index.js';
import type { AttemptView, RunDetail } from '../api/index.js';
import type { Redactor } from '../redaction/redactor.js';
import { errorView } from '../redaction/views.js';

type FailureView = RunDetail['errors'][number];

/** Converts the errors of a run. */
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

interface Known {
  readonly pending: readonly PendingWork[];
  readonly failures: readonly FailureView[];
  /** Start time of executions that have only just started, so that their start has not been reported yet. */
  readonly now: number;
  readonly finishedAt: number | undefined;
}

/** The finished and the running executions of nodes, in the order of their start. */
export function attemptViews(
  { steps }: RunMetrics,
  { pending, failures, now, finishedAt }: Known,
): readonly AttemptView[] {
  const errors = errorsOf(steps, failures);
  const ends = waitEnds(steps, finishedAt);
  const ended = steps.map((step): AttemptView => {
    const { nodeId, visit, attempt, status, workerId, time } = step;
    const error = errors.get(step);
    const startedAt = time - step.duration;
    const end = status === 'awaiting' ? ends.get(step) : time;
    const took = end === undefined ? {} : { duration: end - startedAt };
    return { nodeId, visit, attempt, status, startedAt, ...took, workerId, ...(error && { error }) };
  });
  const running = pending
    // The timer of a waiting node is in the queue, too, but is not an attempt.
    .filter(({ state, attempt }) => state === 'active' && attempt > 0)
    .map(({ nodeId, visit, attempt, workerId, startedAt = now }): AttemptView => {
      return { nodeId, visit, attempt, status: 'running', startedAt, ...(workerId === undefined ? {} : { workerId }) };
    });
  return [...ended, ...running].sort((one, other) => one.startedAt - other.startedAt);
}

type Step = RunMetrics['steps'][number];

/**
 * The errors of failed steps. When a failed run is retried, its attempts are counted from 1 again, so several steps may
 * have the same key: their errors are assigned in order, from the last to the first.
 */
function errorsOf(steps: readonly Step[], failures: readonly FailureView[]): ReadonlyMap<Step, FailureView['error']> {
  const left = new Map<string, FailureView[]>();
  for (const failure of failures) left.set(keyOf(failure), [...(left.get(keyOf(failure)) ?? []), failure]);
  const errors = new Map<Step, FailureView['error']>();
  for (const step of steps.toReversed()) {
    const failure = step.status === 'failed' || step.status === 'retrying' ? left.get(keyOf(step))?.pop() : undefined;
    if (failure !== undefined) errors.set(step, failure.error);
  }
  return errors;
}

/** End times of waits: the next step of the node, or else the end of the run. */
function waitEnds(steps: readonly Step[], finishedAt: number | undefined): ReadonlyMap<Step, number | undefined> {
  const ends = new Map<Step, number | undefined>();
  const waiting = new Map<string, Step>();
  for (const step of steps) {
    const before = waiting.get(step.nodeId);
    if (before !== undefined) ends.set(before, step.time - step.duration);
    waiting.delete(step.nodeId);
    if (step.status !== 'awaiting') continue;
    waiting.set(step.nodeId, step);
    ends.set(step, finishedAt);
  }
  return ends;
}

function keyOf({ nodeId, visit, attempt }: Pick<AttemptView, 'nodeId' | 'visit' | 'attempt'>): string {
  return JSON.stringify([nodeId, visit, attempt]);
}

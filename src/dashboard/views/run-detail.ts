import type { DistributedOrchestrator, PendingWork, RunInfo } from '../../distributed/index.js';
import type { WorkflowBlueprint, WorkflowResult } from '../../flow/index.js';
import type { RunDetail } from '../api/index.js';
import { codeOf } from '../error-codes.js';
import { maybeView, valueView } from '../redaction/views.js';
import { attemptViews, failureViews } from './attempts.js';
import { awaitedEvents, edgeViews, expectedBy, nodeViews } from './nodes.js';
import { longestError, runSummary } from './runs.js';
import { fleetOf, type Watched } from './watched.js';

/** Maximum number of attempts in a view. */
const mostAttempts = 1_000;

/** Data that requires the graph of the run. */
interface Inside {
  readonly blueprint: WorkflowBlueprint;
  readonly result: WorkflowResult;
  readonly pending: readonly PendingWork[];
}

/**
 * Returns everything the page shows about a run. Without the blueprint, the parts that need the graph are left out.
 *
 * @throws {RunNotFoundError} if the run does not exist
 */
export async function runDetail(watched: Watched, runId: string): Promise<RunDetail> {
  const { redactor, clock } = watched;
  const orchestrator = fleetOf(watched);
  const run = await orchestrator.run(runId);
  const [inside, errors, metrics, given] = await Promise.all([
    insideOf(orchestrator, run),
    orchestrator.errors(runId),
    orchestrator.metrics(runId),
    orchestrator.input(runId),
    clock.ask(orchestrator, runId),
  ]);
  const { steps: _, ...costs } = metrics;
  const failures = failureViews(errors, redactor);
  const input = maybeView(given, redactor);
  const output = maybeView(run.output, redactor);
  const { finishedAt } = run;
  const pending = inside?.pending ?? [];
  const attempts = attemptViews(metrics, { pending, failures, now: clock.now, finishedAt });
  const known = inside && { ...inside, attempts, isOver: finishedAt !== undefined };
  const awaiting = known === undefined ? [] : awaitedEvents(known);
  const expects = known && expectedBy(known.blueprint, awaiting, redactor);
  return {
    run: runSummary(run, redactor, longestError),
    time: clock.now,
    ...(known && {
      graph: { nodes: nodeViews(known.blueprint, known, redactor), edges: edgeViews(known.blueprint, redactor) },
      context: valueView(known.result.context, redactor),
    }),
    attempts: attempts.slice(-mostAttempts),
    ...(input && { input }),
    ...(output && { output }),
    errors: failures,
    metrics: costs,
    awaiting,
    ...(expects && { expects }),
  };
}

async function insideOf(
  orchestrator: DistributedOrchestrator,
  { runId, workflow, version }: RunInfo,
): Promise<Inside | undefined> {
  try {
    const [blueprint, result, pending] = await Promise.all([
      orchestrator.blueprint(workflow, version),
      orchestrator.result(runId),
      orchestrator.pendingWork(runId),
    ]);
    return { blueprint, result, pending };
  } catch (error) {
    if (codeOf(error) === 'ERR_WORKFLOW_NOT_FOUND') return undefined;
    throw error;
  }
}

import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { OrchestratorBuilder } from '../orchestrator/builder.js';
import type { DistributedOrchestrator } from '../orchestrator/orchestrator.js';
import type { RunInfo, RunStatus } from '../run-info.js';
import type { WorkerOptions } from '../worker/options.js';
import { DistributedWorker } from '../worker/worker.js';
import type { Workflow } from '../workflows/workflows.js';
import { newId, type Suite, until } from './suite.js';

/** A fleet for one test: an orchestrator and two workers. */
export interface Fleet {
  readonly orchestrator: DistributedOrchestrator;
  readonly workers: readonly DistributedWorker[];
  /** Starts a run and waits until it has ended. */
  finish(context?: object, input?: unknown): Promise<RunInfo>;
}

/**
 * Runs a test with a fleet that has one worker on each of the two engines. Fails if any job is left in the queue when
 * the test ends.
 */
export async function withFleet(
  { engine, other }: Suite,
  workflows: readonly Workflow[],
  test: (fleet: Fleet) => Promise<void>,
  options: Partial<WorkerOptions> = {},
): Promise<void> {
  const builder = new OrchestratorBuilder().engine(engine);
  for (const workflow of workflows) builder.workflow(workflow);
  const orchestrator = builder.build();
  const workers = [engine, other].map((one) => startable(one, workflows, options));
  await Promise.all(workers.map((worker) => worker.start()));
  const finish = async (context: object = {}, input?: unknown) => {
    const runId = await orchestrator.startRun(context, input);
    return orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
  };
  const isDone = async () =>
    assert.deepEqual(await engine.queue.depth(), { waiting: 0, delayed: 0, active: 0 }, 'nothing is left in the queue');
  try {
    await test({ orchestrator, workers, finish });
    // A second start of a run may queue its jobs after the run has ended, so the workers get time to take them.
    await until(isDone);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop({ deadline: 1_000 })));
    await orchestrator.close();
  }
  await isDone();
}

/** Waits until a run has the given status. */
export async function reaches(orchestrator: DistributedOrchestrator, runId: string, status: RunStatus): Promise<void> {
  await until(async () => assert.equal(await orchestrator.status(runId), status));
}

function startable(engine: Engine, workflows: readonly Workflow[], options: Partial<WorkerOptions>): DistributedWorker {
  const id = newId('worker');
  return new DistributedWorker({
    id,
    concurrency: 20,
    // The time is long enough that no lock expires on a busy machine, because the tests count executions.
    lockDuration: 60_000,
    watchInterval: 100,
    ...options,
    engine,
    workflows,
  });
}

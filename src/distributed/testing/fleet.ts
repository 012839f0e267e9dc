import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { OrchestratorBuilder } from '../orchestrator/builder.js';
import type { DistributedOrchestrator } from '../orchestrator/orchestrator.js';
import type { RunInfo, RunStatus } from '../run-info.js';
import type { WorkerOptions } from '../worker/options.js';
import { DistributedWorker } from '../worker/worker.js';
import type { Workflow } from '../workflows/workflows.js';
import { newId, type Suite, until } from './suite.js';

/** An orchestrator and two workers for some flows. */
export interface Fleet {
  readonly orchestrator: DistributedOrchestrator;
  readonly workers: readonly DistributedWorker[];
  /** Starts a run and waits until it is over. */
  finish(context?: object, input?: unknown): Promise<RunInfo>;
}

/** Runs a test with a fleet: one worker on the engine, one on the other. In the end nothing may be left in the queue. */
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
    // Of two starts of one run the later may be enqueued when that is over: the workers take it, if they are let.
    await until(isDone);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop({ deadline: 1_000 })));
    await orchestrator.close();
  }
  await isDone();
}

/** Resolves when a run has a status. */
export async function reaches(orchestrator: DistributedOrchestrator, runId: string, status: RunStatus): Promise<void> {
  await until(async () => assert.equal(await orchestrator.status(runId), status));
}

function startable(engine: Engine, workflows: readonly Workflow[], options: Partial<WorkerOptions>): DistributedWorker {
  const id = newId('worker');
  return new DistributedWorker({
    id,
    concurrency: 20,
    // No lock expires where a machine is busy: each execution counts.
    lockDuration: 60_000,
    watchInterval: 100,
    ...options,
    engine,
    workflows,
  });
}

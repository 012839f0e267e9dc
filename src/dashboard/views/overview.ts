import type { DistributedOrchestrator } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import { version } from '../../shared/version.js';
import type { Overview } from '../api/index.js';
import type { Watched } from './watched.js';

export async function overviewOf({ distributed, loops, clock, title, hasActions }: Watched): Promise<Overview> {
  const fleet = distributed && (await fleetOverview(distributed));
  if (distributed !== undefined) await clock.measure(distributed);
  return {
    title,
    version,
    time: clock.now,
    hasActions,
    ...(fleet && { distributed: fleet }),
    ...(loops && { loops: loopsOverview(loops) }),
  };
}

async function fleetOverview(orchestrator: DistributedOrchestrator): Promise<NonNullable<Overview['distributed']>> {
  const { engine } = orchestrator;
  const [workflows, runs, queue, workers] = await Promise.all([
    orchestrator.listWorkflows(),
    orchestrator.countRuns(),
    engine.queue.depth(),
    orchestrator.liveness(),
  ]);
  const alive = workers.filter((worker) => worker.alive).length;
  return { engine: engine.name, workflows, runs, queue, workers: { alive, silent: workers.length - alive } };
}

function loopsOverview(orchestrator: WorkflowOrchestrator): NonNullable<Overview['loops']> {
  const { loops, deadLetters } = orchestrator.metrics();
  return {
    status: orchestrator.health().status,
    running: loops.filter(({ state }) => state === 'running').length,
    total: loops.length,
    iterationsPerSecond: loops.reduce((sum, loop) => sum + loop.iterationsPerSecond, 0),
    deadLetters,
  };
}

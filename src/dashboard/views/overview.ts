import type { DistributedOrchestrator, EngineError } from '../../distributed/index.js';
import type { WorkflowOrchestrator } from '../../loops/index.js';
import { version } from '../../shared/version.js';
import type { Overview } from '../api/index.js';
import { codeOf } from '../error-codes.js';
import type { Redactor } from '../redaction/redactor.js';
import type { Watched } from './watched.js';

export async function overviewOf({
  distributed,
  loops,
  clock,
  redactor,
  title,
  hasActions,
}: Watched): Promise<Overview> {
  const fleet = distributed && (await fleetOverview(distributed, redactor));
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

async function fleetOverview(
  orchestrator: DistributedOrchestrator,
  redactor: Redactor,
): Promise<NonNullable<Overview['distributed']>> {
  const { engine } = orchestrator;
  /** The error of each shard that does not answer, by the name of its engine. */
  const missing = new Map<string, string>();
  const onError = (error: Error) => {
    const { message } = error;
    missing.set(codeOf(error) === 'ERR_ENGINE' ? (error as EngineError).engine : message, redactor.text(message));
  };
  const [workflows, runs, queue, workers] = await Promise.all([
    orchestrator.listWorkflows(),
    orchestrator.countRuns({ onError }),
    engine.queue.depth(onError),
    orchestrator.liveness({ onError }),
  ]);
  const alive = workers.filter((worker) => worker.alive).length;
  const silent = workers.length - alive;
  return {
    engine: engine.name,
    workflows,
    runs,
    queue,
    workers: { alive, silent },
    ...(missing.size > 0 && { missing: [...missing.values()] }),
  };
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

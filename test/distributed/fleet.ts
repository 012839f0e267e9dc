import {
  DistributedWorker,
  memory,
  OrchestratorBuilder,
  type RunInfo,
  type WorkerOptions,
} from 'orchestrator/distributed';
import type { FlowRuntime } from 'orchestrator/flow';
import { afterEach } from 'vitest';

type Workflow = WorkerOptions['workflows'][number];

export interface FleetOptions extends Partial<Omit<WorkerOptions, 'workflows'>> {
  /** Number of workers. Default: 1. */
  readonly workers?: number;
  /** The runtime of the orchestrator and of the workers. */
  readonly runtime?: FlowRuntime | undefined;
}

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Creates an orchestrator and workers in memory, which end after the test. */
export async function fleetOf(workflows: Workflow | readonly Workflow[], options: FleetOptions = {}) {
  const { workers: count = 1, engine = memory(), runtime, ...rest } = options;
  const all = [workflows].flat() as readonly Workflow[];
  const builder = new OrchestratorBuilder().engine(engine);
  if (runtime !== undefined) builder.runtime(runtime);
  for (const workflow of all) builder.workflow(workflow);
  const orchestrator = builder.build();
  const newWorker = async (more: Partial<WorkerOptions> = {}) => {
    const worker = new DistributedWorker({ watchInterval: 50, runtime, ...rest, ...more, workflows: all, engine });
    ends.push(() => worker.stop({ deadline: 100 }));
    await worker.start();
    return worker;
  };
  const workers = await Promise.all(Array.from({ length: count }, () => newWorker()));
  ends.push(() => orchestrator.close());
  const finish = async (context: object = {}, input?: unknown, start = {}): Promise<RunInfo> => {
    const runId = await orchestrator.startRun(context, input, start);
    return orchestrator.waitForCompletion(runId, { signal: AbortSignal.timeout(60_000) });
  };
  return { engine, orchestrator, workers, worker: workers[0] as DistributedWorker, newWorker, finish };
}

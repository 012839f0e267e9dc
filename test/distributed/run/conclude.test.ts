import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { conclude } from '../../../src/distributed/run/conclude.js';
import { openRun } from '../../../src/distributed/run/run-handles.js';
import { activeStatuses } from '../../../src/distributed/run-info.js';
import { Workflows } from '../../../src/distributed/workflows/workflows.js';

const flow = new Flow('f').sleep('sleep', { duration: 1 }).node('after', () => 1, { after: 'sleep' });

it.each(Array.from({ length: 30 }, (_, at) => at))(
  'a wait that ends while the run is concluded does not leave the run waiting, %i steps later',
  async (steps) => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().engine(engine).workflow(flow).build();
    await orchestrator.startRun({}, undefined, { runId: 'run' });
    const handle = await openRun(engine, new Workflows([flow], new FlowRuntime()), 'run');
    const of = { node: 'sleep', visit: 1, round: 1, job: 'job', worker: 'w', ms: 0, attempt: 1 };
    const wait = { nodeId: 'sleep', event: 'sleep', until: Date.now(), visit: 1 } as never;
    await handle.commit({ entry: { type: 'awaiting', ...of, waits: [wait] }, during: activeStatuses });
    const entry = { type: 'due', node: 'sleep', round: 1, job: 'job' } as const;
    const due = handle.commit({ entry, during: activeStatuses, becomes: { status: 'running' } });
    for (let step = 0; step < steps; step++) await undefined;
    await Promise.all([due, conclude(handle)]);
    expect(handle.status).toBe('running');
    await orchestrator.close();
  },
);

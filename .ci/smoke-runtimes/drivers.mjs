// Claims about loops, fleets and tools that hold on every runtime, in the event loop and in memory.

import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { createDashboard } from 'orchestrator/dashboard';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { logTo } from 'orchestrator/telemetry';
import { flow, sleep } from './claims.mjs';

export const loops = {
  async 'loops in the event loop pass messages, and stop'() {
    const numbers = [];
    let next = 0;
    const workflow = new WorkflowOrchestrator().load({
      queues: { numbers: { capacity: 4 } },
      loops: [
        new Loop('count').producer('next', () => (next < 10 ? ++next : done)).push('out', 'numbers'),
        new Loop('collect').read('in', 'numbers').blocking('add', (number) => void numbers.push(number)),
      ],
    });
    await workflow.start();
    while (numbers.length < 10) await sleep(1);
    const { abandoned, messages } = await workflow.stop();
    await workflow.close();
    assert.deepEqual([numbers, abandoned, messages], [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0, 0]);
  },
};

export const fleets = {
  async 'a fleet in memory runs the same flow'() {
    const engine = memory();
    const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow], concurrency: 4 });
    await worker.start();
    const runId = await fleet.startRun({ limit: 3, items: [1, 2, 3] });
    await fleet.signal(runId, 'approval', 'yes');
    const { status, output } = await fleet.waitForCompletion(runId);
    assert.deepEqual([status, output], ['completed', { approval: 'yes' }]);
    await worker.stop();
    await fleet.close();
  },
};

export const tools = {
  async 'a dashboard shows its page and a fleet'() {
    const engine = memory();
    const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    await fleet.startRun({ limit: 1 });
    const dashboard = createDashboard({ distributed: fleet });
    const page = await dashboard.fetch(new Request('http://localhost/'));
    assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
    const overview = await (await dashboard.fetch(new Request('http://localhost/api/overview'))).json();
    assert.equal(overview.distributed.runs.running, 1);
    await dashboard.close();
    await fleet.close();
    await engine.close();
  },

  async 'tasks are logged'() {
    const lines = [];
    const stop = logTo({ debug() {}, warn() {}, error() {}, info: (message) => lines.push(message) });
    await new Orchestrator().action(() => 1, { name: 'seen' })();
    stop();
    assert.match(lines.join('\n'), /^task seen completed/m);
  },
};

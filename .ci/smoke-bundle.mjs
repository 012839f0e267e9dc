// Checks the package when bundled into one file, as ESM and as CommonJS.

import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { createDashboard } from 'orchestrator/dashboard';
import { DistributedWorker, memory, OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { showProgress } from 'orchestrator/progress';
import { logTo } from 'orchestrator/telemetry';

async function main() {
  assert.equal(await new Orchestrator().run(() => 1), 1);

  const flow = new Flow('f')
    .node('a', () => 1)
    .node('b', (n) => n + 1)
    .edge('a', 'b');
  const engine = memory();
  const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const worker = new DistributedWorker({ engine, workflows: [flow] });
  await worker.start();
  assert.equal((await fleet.waitForCompletion(await fleet.startRun({}))).output, 2);
  await worker.stop();
  await assert.rejects(redis('redis://127.0.0.1:1').open(), /npm install bullmq ioredis/);

  const dashboard = createDashboard({ distributed: fleet });
  const page = await dashboard.fetch(new Request('http://localhost/page.js'));
  assert.equal(page.status, 200);
  await dashboard.close();

  let sum = 0;
  const numbers = [1, 2, 3];
  const loop = new Loop('l').producer('next', () => numbers.shift() ?? done).blocking('add', (n) => (sum += n));
  const loops = new WorkflowOrchestrator().load({ loops: [loop] });
  await loops.start();
  await loops.ended();
  await loops.close();
  assert.equal(sum, 6);

  showProgress({ interactive: false }).stop();
  logTo(console)();
}

main().then(
  () => console.log('smoke: a bundle'),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

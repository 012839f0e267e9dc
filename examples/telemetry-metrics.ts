// Metrics of all processes and tasks, and of loops and their queues, on an endpoint for Prometheus.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';
import { Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { prometheusEndpoint } from 'orchestrator/telemetry';

const endpoint = await prometheusEndpoint({ port: 0 }); // Any free port; the default is 9464.
console.log(`Metrics are at ${endpoint.url}`);

const orchestrator = new Orchestrator({ name: 'import', retry: { retries: 2, minTimeout: 1 } });
let outages = 1;
const load = orchestrator.action(async function load(page: number) {
  if (outages-- > 0) throw new Error('no answer');
  return page;
});
await orchestrator.run(() => orchestrator.map([1, 2, 3], load));

const workflow = new WorkflowOrchestrator().load({
  queues: { rows: { capacity: 100 } },
  loops: [new Loop('save').read('take', 'rows').blocking('write', () => undefined)],
});
const stopObserving = endpoint.observe(workflow);
await workflow.start();
for (const row of [1, 2, 3]) await workflow.queue('rows').push(row);
await workflow.stop();

const text = await (await fetch(endpoint.url)).text();
const figures = text
  .split('\n')
  .filter((line) => /^orchestrator_(task_(attempts|retries)|loop_queue_acknow)/.test(line));
console.log(figures.join('\n'));
assert.match(text, /^orchestrator_task_attempts_total\{orchestrator_task_name="load".*\} 4$/m);
assert.match(text, /^orchestrator_task_retries_total\{.*error_type="Error".*\} 1$/m);
assert.match(text, /^orchestrator_task_duration_count\{orchestrator_task_name="load".*"completed".*\} 3$/m);
assert.match(text, /^orchestrator_loop_queue_acknowledged_total\{messaging_destination_name="rows".*\} 3$/m);

stopObserving();
await workflow.close();
await endpoint.close();

// A new version of a flow while runs of the old version are still active. Workers know both versions: runs end in the
// version in which they started, and new runs get the new version.
import assert from 'node:assert/strict';
import { DistributedOrchestrator, DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

const first = new Flow('greeting', { version: '1' })
  .wait('name')
  .node('greet', (name: string) => `Good day, ${name}`, { after: 'name' });

const second = new Flow('greeting', { version: '2' })
  .wait('name')
  .node('greet', (name: string) => `Hello, ${name}`, { after: 'name' })
  .node('ask', (greeting) => `${greeting}! How are you?`, { after: 'greet' });

const engine = memory();

// Yesterday.
const old = new DistributedOrchestrator({ engine, workflows: [first] });
const underWay = await old.start('greeting');

// Today, workers are updated first: they know both versions.
const worker = new DistributedWorker({ engine, workflows: [first, second] });
await worker.start();

// Programs that start runs are updated second. By default, a run gets the version that is listed last.
const orchestrator = new DistributedOrchestrator({ engine, workflows: [first, second] });
const newer = await orchestrator.start('greeting');
const older = await orchestrator.start(first);

const outputs: unknown[] = [];
for (const { id } of [underWay, newer, older]) {
  await orchestrator.signal(id, 'name', 'Ada');
  const { version, output } = await orchestrator.waitForCompletion(id);
  console.log(`version ${version}: ${output}`);
  outputs.push(output);
}
assert.deepEqual(outputs, ['Good day, Ada', 'Hello, Ada! How are you?', 'Good day, Ada']);

// When no run of the old version is active any more, the version can be removed from the workers.
const { runs } = await orchestrator.listRuns({
  workflow: 'greeting',
  version: '1',
  status: ['scheduled', 'running', 'awaiting', 'paused'],
});
assert.equal(runs.length, 0);

await worker.stop();
await old.close();
await orchestrator.close();
await engine.close();

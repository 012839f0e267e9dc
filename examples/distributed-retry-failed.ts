// A failed run is retried from the point of failure: completed nodes are not repeated. All errors are recorded with the
// worker on which they happened.
import assert from 'node:assert/strict';
import { defineFleet, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

let baked = 0;
let isOvenBroken = true;

const flow = new Flow('bread')
  .node('knead', () => {
    baked++;
    return 'dough';
  })
  .node(
    'bake',
    (dough) => {
      if (isOvenBroken) throw new Error('the oven is broken');
      return `bread of ${dough}`;
    },
    // Each retry is a separate job in the queue. It survives the worker, and occupies none while it waits.
    { after: 'knead', retry: { retries: 1, minTimeout: 20 } },
  );

const fleet = defineFleet({ engine: memory(), workflows: [flow] });
const orchestrator = fleet.orchestrator();
await fleet.worker({ id: 'baker' }).start();

const { id } = await orchestrator.start(flow);
const failed = await orchestrator.waitForCompletion(id);
const errors = await orchestrator.errors(id);
console.log(failed.status, failed.error);
console.log(errors.map(({ nodeId, attempt, isFinal, workerId }) => ({ nodeId, attempt, isFinal, workerId })));
assert.equal(failed.status, 'failed');
assert.deepEqual(
  errors.map(({ attempt, isFinal, workerId }) => [attempt, isFinal, workerId]),
  [
    [1, false, 'baker'],
    [2, true, 'baker'],
  ],
);

// After the oven has been repaired, the run is retried.
isOvenBroken = false;
await orchestrator.retry(id);
const { status, output } = await orchestrator.waitForCompletion(id);
console.log(status, output);
assert.equal(status, 'completed');
assert.equal(output, 'bread of dough');
assert.equal(baked, 1);

await fleet.close();

// A flow that runs in this program also runs on a fleet, if one option of its call is changed.
import assert from 'node:assert/strict';
import { DistributedExecutor, DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow, withAction } from 'orchestrator/flow';

const flow = new Flow<{ orderId: string }>('order')
  .node('fetch', async (_input, { context }) => ({ id: context.orderId, total: 120 }), { retry: 3 })
  .node('check', (order) => withAction(order.total > 100 ? 'large' : 'small', order), { after: 'fetch' })
  .node('call', ({ id }) => `customer of ${id} was called`, { after: { check: 'large' } })
  .node('charge', ({ id }) => `${id} was charged`, { after: { check: 'small' } });

// In this program.
const here = await flow.run({ orderId: '42' });

// The fleet: an engine and any number of workers, usually on other machines.
const engine = memory();
const worker = new DistributedWorker({ engine, workflows: [flow] });
await worker.start();

// On the fleet.
const there = await flow.run({ orderId: '42' }, { executor: new DistributedExecutor(engine) });

console.log(there.status, there.output);
assert.equal(there.status, 'completed');
assert.deepEqual(there.output, here.output);
assert.deepEqual(there.context, here.context);
assert.deepEqual([...there.completed].sort(), [...here.completed].sort());
assert.deepEqual(there.skipped, here.skipped);

await worker.stop();
await engine.close();

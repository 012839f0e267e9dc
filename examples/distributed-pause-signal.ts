// Runs can be controlled: one waits for an answer from outside, one is paused and resumed, one is cancelled while it
// works.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { defineFleet, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

const approval = new Flow<{ trip: string }>('approval')
  .node('ask', (_input, { context }) => `May I go to ${context.trip}?`)
  .wait('answer', { after: 'ask', event: 'answered' })
  .node('book', ({ by }: { by: string }, { context }) => `${context.trip}, approved by ${by}`, { after: 'answer' });

// Works until its signal aborts.
const endless = new Flow('endless').node('work', async (_input, { signal }) => {
  await once(signal, 'abort');
  signal.throwIfAborted();
});

const fleet = defineFleet({ engine: memory(), workflows: [approval, endless] });
const orchestrator = fleet.orchestrator();

// Paused before a worker exists: nothing starts, and the work is kept.
const { id } = await orchestrator.start(approval, { context: { trip: 'Paris' } });
await orchestrator.pause(id);
await fleet.worker().start();
assert.equal(await orchestrator.status(id), 'paused');
assert.deepEqual(
  (await orchestrator.pendingWork(id)).map(({ nodeId }) => nodeId),
  ['ask'],
);

await orchestrator.resume(id);
// A waiting run needs no worker, connection or timer, for a second or for a year.
for await (const { status } of orchestrator.events(id)) if (status === 'awaiting') break;
console.log(await orchestrator.status(id));

await orchestrator.signal(id, 'answered', { by: 'Ada' });
const { status, output } = await orchestrator.waitForCompletion(id);
console.log(status, output);
assert.equal(output, 'Paris, approved by Ada');

// Signalling an event that nothing in the workflow waits for is an error.
await assert.rejects(orchestrator.signal(id, 'anwsered'), { code: 'ERR_VALIDATION' });

const working = await orchestrator.start(endless);
await orchestrator.cancel(working.id, 'nobody needs it');
const cancelled = await orchestrator.waitForCompletion(working.id);
console.log(cancelled.status, cancelled.error);
assert.equal(cancelled.status, 'cancelled');
assert.equal(cancelled.error, 'nobody needs it');

await fleet.close();

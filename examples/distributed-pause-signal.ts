// Runs are in your hands: one waits for an answer from outside, one is put on hold and goes on, one is cancelled while it
// works.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

const approval = new Flow<{ trip: string }>('approval')
  .node('ask', (_input, { context }) => `May I go to ${context.trip}?`)
  .wait('answer', { event: 'answered' })
  .node('book', ({ by }: { by: string }, { context }) => `${context.trip}, approved by ${by}`)
  .edge('ask', 'answer')
  .edge('answer', 'book');

// Works until its signal aborts.
const endless = new Flow('endless').node('work', async (_input, { signal }) => {
  await once(signal, 'abort');
  signal.throwIfAborted();
});

const engine = memory();
const orchestrator = new OrchestratorBuilder().workflow(approval).workflow(endless).engine(engine).build();
const worker = new DistributedWorker({ engine, workflows: [approval, endless] });

// Paused before a worker is there: nothing starts, and the work is kept.
const runId = await orchestrator.startRun({ trip: 'Paris' });
await orchestrator.pause(runId);
await worker.start();
assert.equal(await orchestrator.status(runId), 'paused');
assert.deepEqual(
  (await orchestrator.pendingWork(runId)).map(({ nodeId }) => nodeId),
  ['ask'],
);

await orchestrator.resume(runId);
// It takes no worker, no connection and no timer while it waits, for a second or for a year.
for await (const { status } of orchestrator.events(runId)) if (status === 'awaiting') break;
console.log(await orchestrator.status(runId));

await orchestrator.signal(runId, 'answered', { by: 'Ada' });
const { status, output } = await orchestrator.waitForCompletion(runId);
console.log(status, output);
assert.equal(output, 'Paris, approved by Ada');

// An event that nothing in the workflow waits for is a mistake.
await assert.rejects(orchestrator.signal(runId, 'anwsered'), { code: 'ERR_VALIDATION' });

const working = await orchestrator.startRun({}, undefined, { workflow: 'endless' });
await orchestrator.cancel(working, 'nobody needs it');
const cancelled = await orchestrator.waitForCompletion(working);
console.log(cancelled.status, cancelled.error);
assert.equal(cancelled.status, 'cancelled');
assert.equal(cancelled.error, 'nobody needs it');

await worker.stop();
await orchestrator.close();
await engine.close();

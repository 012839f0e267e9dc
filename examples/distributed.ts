// The smallest fleet: an engine that all programs share, an orchestrator that starts runs, and a worker that executes
// their nodes. With memory() all three are in one program. With another engine, each may be on its own machine, and the
// fleet is defined in a module that all programs import.
import assert from 'node:assert/strict';
import { defineFleet, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

interface Letter {
  name: string;
}

const flow = new Flow<Letter>('letter')
  .node('greet', (_input, { context }) => `Dear ${context.name}`)
  .node('thank', async (greeting) => `${greeting}, thank you for the marmalade.`, { after: 'greet' })
  .node('sign', (text) => `${text} Yours, P.`, { after: 'thank' });

const fleet = defineFleet({ engine: memory(), workflows: [flow] });

// The program that starts and manages runs.
const orchestrator = fleet.orchestrator();

// The program that does the work. Start as many of them as needed.
const worker = fleet.worker({ concurrency: 50 });
await worker.start();

const { id } = await orchestrator.start(flow, { context: { name: 'Aunt Lucy' } });
const run = await orchestrator.waitForCompletion(id);

console.log(`${run.status}: ${run.output}`);
assert.equal(run.status, 'completed');
assert.equal(run.output, 'Dear Aunt Lucy, thank you for the marmalade. Yours, P.');
assert.equal((await orchestrator.context(id)).greet, 'Dear Aunt Lucy');

// With an id of its own, a start can be repeated: there is only one run.
const request = { id: 'letter to Lucy', context: { name: 'Aunt Lucy' } };
assert.equal((await orchestrator.start(flow, request)).existed, false);
assert.equal((await orchestrator.start('letter', request)).existed, true);
await orchestrator.waitForCompletion('letter to Lucy');
const { runs } = await orchestrator.listRuns({ status: 'completed', workflow: 'letter' });
console.log(runs.map(({ runId, status }) => `${runId} ${status}`));
assert.equal(runs.length, 2);

// Workers finish their current nodes, waiting ends, connections are closed.
await fleet.close({ timeout: 5_000 });

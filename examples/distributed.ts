// The smallest fleet: an engine that everybody shares, an orchestrator that starts runs, a worker that executes their
// nodes. On memory() all three are in one program; on another engine each may be on a machine of its own.
import assert from 'node:assert/strict';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

interface Letter {
  name: string;
}

const flow = new Flow<Letter>('letter')
  .node('greet', (_input, { context }) => `Dear ${context.name}`)
  .node('thank', async (greeting: string) => `${greeting}, thank you for the marmalade.`)
  .node('sign', (text: string) => `${text} Yours, P.`)
  .edge('greet', 'thank')
  .edge('thank', 'sign');

const engine = memory();

// Whoever starts runs, and looks after them.
const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();

// Whoever does the work: as many of these as there is work.
const worker = new DistributedWorker({ engine, workflows: [flow], concurrency: 50 });
await worker.start();

const runId = await orchestrator.startRun({ name: 'Aunt Lucy' });
const run = await orchestrator.waitForCompletion(runId);

console.log(`${run.status}: ${run.output}`);
assert.equal(run.status, 'completed');
assert.equal(run.output, 'Dear Aunt Lucy, thank you for the marmalade. Yours, P.');
assert.equal((await orchestrator.context(runId)).greet, 'Dear Aunt Lucy');

// A start with an id of one's own can be repeated: there is one run.
await orchestrator.startRun({ name: 'Aunt Lucy' }, undefined, { runId: 'letter to Lucy' });
await orchestrator.startRun({ name: 'Aunt Lucy' }, undefined, { runId: 'letter to Lucy' });
await orchestrator.waitForCompletion('letter to Lucy');
const { runs } = await orchestrator.listRuns({ status: 'completed', workflow: 'letter' });
console.log(runs.map(({ runId, status }) => `${runId} ${status}`));
assert.equal(runs.length, 2);

await worker.stop();
await orchestrator.close();
await engine.close();

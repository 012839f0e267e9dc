// The events of a run, as they happen. Events arrive in the order in which they were committed and are numbered, so
// that a reader can continue after the last event that it has seen.
import assert from 'node:assert/strict';
import { defineFleet, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

const flow = new Flow('train')
  .node('leave', () => 'Ghent')
  .node(
    'change',
    (town, { attempt }) => {
      if (attempt === 1) throw new Error('the connection was missed');
      return `${town}, Bruges`;
    },
    { after: 'leave', retry: { retries: 2, minTimeout: 10 } },
  )
  .node('arrive', (towns) => `${towns}, Ostend`, { after: 'change' });

const fleet = defineFleet({ engine: memory(), workflows: [flow] });
const orchestrator = fleet.orchestrator();
await fleet.worker().start();

const { id } = await orchestrator.start(flow);
const seen: string[] = [];
let last = 0;
for await (const { seq, type, nodeId = 'the run', output, error } of orchestrator.events(id)) {
  const what = error instanceof Error ? error.message : (output ?? '');
  console.log(`${seq} ${nodeId} ${type} ${what}`);
  seen.push(`${nodeId} ${type}`);
  last = seq;
  // The reader leaves here. The run continues.
  if (type === 'retrying') break;
}
for await (const { type, nodeId = 'the run' } of orchestrator.events(id, { after: last })) {
  seen.push(`${nodeId} ${type}`);
}
console.log(seen);
assert.deepEqual(seen, ['leave completed', 'change retrying', 'change completed', 'arrive completed']);

// Metrics of the same run.
const { attempts, completed, retries, steps } = await orchestrator.metrics(id);
console.log({ attempts, completed, retries });
assert.deepEqual({ attempts, completed, retries }, { attempts: 4, completed: 3, retries: 1 });
assert.equal(steps.length, 4);

await fleet.close();

// A durable engine without a server: Postgres inside this program, with its data in a directory. A waiting run is still
// there when the directory is opened again, by this program or another one.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DistributedOrchestrator, defineFleet, pglite } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';

const flow = new Flow<{ seed: string }>('garden')
  .node('sow', (_input, { context }) => `${context.seed} was sown`)
  .wait('rain', { after: 'sow' })
  .node('harvest', (rain: string, { context }) => `${context.seed} after ${rain}`, { after: 'rain' });

/** Opens the directory, like a program at its start, and closes it again. */
async function open<Result>(
  data: string,
  work: (orchestrator: DistributedOrchestrator) => Promise<Result>,
): Promise<Result> {
  const fleet = defineFleet({ engine: pglite(data), workflows: [flow] });
  try {
    await fleet.worker().start();
    return await work(fleet.orchestrator());
  } finally {
    await fleet.close();
  }
}

const directory = await mkdtemp(join(tmpdir(), 'garden-'));
const data = join(directory, 'data');
try {
  await open(data, async (orchestrator) => {
    await orchestrator.start(flow, { id: 'bed 1', context: { seed: 'cress' } });
    for await (const { status } of orchestrator.events('bed 1')) if (status === 'awaiting') break;
  });
  console.log('closed, and opened again');
  const { status, output } = await open(data, async (orchestrator) => {
    assert.equal(await orchestrator.status('bed 1'), 'awaiting');
    await orchestrator.signal('bed 1', 'rain', 'a shower');
    return orchestrator.waitForCompletion('bed 1');
  });
  console.log(status, output);
  assert.equal(output, 'cress after a shower');
} finally {
  await rm(directory, { recursive: true });
}

// With a checkpoint store, a run is saved after each node and each item of a batch. If the program ends half-way,
// another one continues the run by its id, from the files. Completed work is not repeated.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CheckpointError, FileCheckpointStore, Flow, type NodeArgs } from 'orchestrator/flow';

interface House {
  walls: string[];
  paint?: string[];
}

const directory = await mkdtemp(join(tmpdir(), 'flow-checkpoint-'));
const done: string[] = [];
const powerCut = new AbortController();

function paint(wall: string, { signal }: NodeArgs): string {
  if (done.length === 3) powerCut.abort(new Error('the lights went out'));
  signal.throwIfAborted();
  done.push(wall);
  return `${wall} is blue`;
}

const flow = new Flow<House>('house')
  .node('scrape', () => done.push('scrape'))
  .batch('paint', paint, { after: 'scrape', items: 'walls', concurrency: 1 })
  .node('sweep', () => done.push('sweep'), { after: 'paint' });

try {
  const walls = ['north', 'east', 'south', 'west'];
  const checkpoint = new FileCheckpointStore(directory);
  const cut = await flow.run({ walls }, { id: 'house-7', checkpoint, signal: powerCut.signal });
  console.log(cut.status, cut.cutShort, done);
  assert.equal(cut.status, 'cancelled');
  assert.deepEqual(cut.cutShort, ['paint']);
  assert.deepEqual(done, ['scrape', 'north', 'east']);

  // Another store on the same directory, as in another program. A crash would leave the same files.
  const files = new FileCheckpointStore(directory);
  assert.deepEqual(await files.list(), ['house-7']);
  const continued = await flow.continue('house-7', { checkpoint: files });
  console.log(continued.status, done);
  assert.equal(continued.status, 'completed');
  assert.deepEqual(done, ['scrape', 'north', 'east', 'south', 'west', 'sweep']);
  assert.deepEqual(
    continued.context.paint,
    walls.map((wall) => `${wall} is blue`),
  );

  // A checkpoint stays until it is deleted, so that a run with this id is not started again by mistake.
  await assert.rejects(flow.run({ walls }, { id: 'house-7', checkpoint: files }), CheckpointError);
  await files.delete('house-7');
  await assert.rejects(flow.continue('house-7', { checkpoint: files }), CheckpointError);
} finally {
  await rm(directory, { recursive: true });
}

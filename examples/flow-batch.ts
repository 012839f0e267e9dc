// A batch calls its worker for each item of an array, with limited concurrency, and collects the outputs in order.
// Retry and timeout apply to a single item. A failed item fails the node after all other items are done.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ParallelError } from 'orchestrator';
import { Flow, type NodeArgs } from 'orchestrator/flow';

let running = 0;
let most = 0;
let calls = 0;

async function develop(photo: string, { index, attempt }: NodeArgs): Promise<string> {
  calls++;
  most = Math.max(most, ++running);
  await sleep(photo.length);
  running--;
  if (index === 2 && attempt === 1) throw new Error('the light was on');
  return photo.toUpperCase();
}

const flow = new Flow<{ film: { photos: string[] } }>('darkroom')
  .batch('develop', develop, { items: 'film.photos', concurrency: 3, retry: { retries: 1, minTimeout: 1 } })
  .node('album', (photos) => photos.join(' '), { after: 'develop' });

const film = { photos: ['pier', 'dunes', 'harbour', 'lighthouse', 'marina', 'airfield'] };
const result = await flow.run({ film });
console.log(result.output, `- at most ${most} at a time`);
assert.equal(result.output, 'PIER DUNES HARBOUR LIGHTHOUSE MARINA AIRFIELD');
assert.equal(most, 3);
assert.equal(calls, 7, 'one was developed twice');

// If items finally fail, the error lists them, together with the outputs of the completed items.
const strict = new Flow<{ numbers: number[] }>('roots').batch(
  'root',
  (number: number) => {
    if (number < 0) throw new RangeError(`${number} has none`);
    return Math.sqrt(number);
  },
  { items: 'numbers' },
);
const failed = await strict.run({ numbers: [4, -1, 9] });
const cause = failed.errors[0]?.cause;
assert.equal(failed.status, 'failed');
assert.ok(cause instanceof ParallelError);
console.log(cause.message);
assert.deepEqual(
  cause.results.map(({ status }: { status: string }) => status),
  ['fulfilled', 'rejected', 'fulfilled'],
);

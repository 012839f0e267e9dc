import { readFileSync, truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileJournal } from '../../dist/durable/index.js';
import { Orchestrator } from '../../dist/index.js';
import { inFolder, quick, send } from '../distributed/section.mjs';
import { megabytes, rate, ratio } from '../figures.mjs';
import { medianOf } from '../median.mjs';

// Steps of durable scopes in files, beside lines that are appended and synced by hand in the same samples.

const group = 'Durable scopes, in files';
const inOrder = quick ? 200 : 3_000;
const atOnce = quick ? 2_000 : 100_000;
const samples = quick ? 1 : 3;

const orchestrator = new Orchestrator();
const add = orchestrator.action('add', async (count) => count + 1);
let runs = 0;

const figures = await inFolder(async (folder) => {
  const found = { byHand: [], chain: [], ratio: [], map: [], replay: [], heap: [] };
  for (let sample = 0; sample <= samples; sample++) {
    const byHand = await stepsPerSecond(inOrder, () => appendByHand(join(folder, `by-hand-${sample}`)));
    const chain = await stepsPerSecond(inOrder, () => chainIn(folder));
    const id = `map-${++runs}`;
    const map = await stepsPerSecond(atOnce, () => mapIn(folder, id));
    reopen(folder, id);
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    const replay = await stepsPerSecond(atOnce, () => mapIn(folder, id));
    globalThis.gc();
    const heap = (process.memoryUsage().heapUsed - before) / 1e6;
    if (sample === 0 && !quick) continue;
    for (const [key, value] of Object.entries({ byHand, chain, ratio: chain / byHand, map, replay, heap }))
      found[key].push(value);
  }
  const median = (key) => medianOf(found[key]);
  const most = `${atOnce.toLocaleString('en')} steps`;
  return [
    rate('file.byHand', group, 'lines appended and synced by hand', median('byHand')),
    rate('file.chain', group, 'steps, one after the other', median('chain')),
    ratio('file.ratio', group, 'of these two', median('ratio'), { atLeast: 0.85 }),
    rate('file.map', group, `${most} of a map without a limit`, median('map'), { atLeast: 40_000 }),
    rate('file.replay', group, `${most}, replayed`, median('replay'), { atLeast: 50_000 }),
    megabytes('file.heap', group, 'left in the heap by the replay', median('heap'), { atMost: 1 }),
  ];
});
send(figures);

async function stepsPerSecond(steps, work) {
  const start = performance.now();
  await work();
  return (steps * 1e3) / (performance.now() - start);
}

/** The least work that makes a line survive a loss of power: append and sync it. A line is as long as a record. */
async function appendByHand(path) {
  const line = `${'x'.repeat(114)}\n`;
  const file = await open(path, 'a');
  try {
    for (let index = 0; index < inOrder; index++) {
      await file.write(line);
      await file.datasync();
    }
  } finally {
    await file.close();
  }
}

async function chainIn(folder) {
  const journal = fileJournal(join(folder, 'runs'));
  const count = await orchestrator.run(
    async () => {
      let count = 0;
      for (let step = 0; step < inOrder; step++) count = await add(count);
      return count;
    },
    { id: `chain-${++runs}`, journal },
  );
  await journal.close();
  if (count !== inOrder) throw new Error(`expected ${inOrder}, got ${count}`);
}

/** Maps all items, of which all that are recorded are replayed. */
async function mapIn(folder, id) {
  const journal = fileJournal(join(folder, 'runs'));
  const sum = await orchestrator.run(
    async () => {
      const items = Array.from({ length: atOnce }, (_, index) => index);
      return (await orchestrator.map(items, add)).reduce((total, each) => total + each, 0);
    },
    { id, journal },
  );
  await journal.close();
  if (sum !== (atOnce * (atOnce + 1)) / 2) throw new Error(`the sum is ${sum}`);
}

/** Removes the end of a run from its file, as if the program had been killed before. */
function reopen(folder, id) {
  const path = join(folder, 'runs', `${id}.journal`);
  const text = readFileSync(path, 'utf8');
  const end = text.lastIndexOf('\n', text.length - 2) + 1;
  truncateSync(path, Buffer.byteLength(text.slice(0, end)));
}

import pMap from 'p-map';
import pg from 'pg';
import { sqlJournal } from '../../dist/durable/index.js';
import { Orchestrator } from '../../dist/index.js';
import { medianOfRuns, postgresUrl, quick, send } from '../distributed/section.mjs';
import { rate } from '../figures.mjs';

// Durable scopes of ten steps that do nothing, in one process, with a journal on Postgres.

const group = 'Durable scopes, on Postgres';
const steps = 10;
const underWay = 200;
const runs = quick ? 20 : 600;
const alone = quick ? 3 : 50;

const orchestrator = new Orchestrator();
const add = orchestrator.action('add', async (count) => count + 1);
const pool = new pg.Pool({ connectionString: postgresUrl });
const journal = sqlJournal(pool);
let ids = 0;
send([
  rate(
    'ours.steps',
    group,
    `steps, ${underWay} runs at once`,
    await medianOfRuns(() => stepsPerSecond(runs, underWay)),
    {
      atLeast: 2_500,
    },
  ),
  rate('ours.alone', group, 'steps, one run at a time', await medianOfRuns(() => stepsPerSecond(alone, 1)), {
    atLeast: 700,
  }),
]);

function count(id) {
  return orchestrator.run(
    async () => {
      let count = 0;
      for (let step = 0; step < steps; step++) count = await add(count);
      return count;
    },
    { id, journal },
  );
}

async function stepsPerSecond(number, concurrency) {
  const start = performance.now();
  const names = Array.from({ length: number }, () => `run-${++ids}`);
  const counts = await pMap(names, count, { concurrency });
  const duration = performance.now() - start;
  if (counts.some((each) => each !== steps)) throw new Error('a run gave a wrong result');
  return (number * steps * 1e3) / duration;
}

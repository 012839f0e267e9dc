import { DBOS } from '@dbos-inc/dbos-sdk';
import pMap from 'p-map';
import { medianOfRuns, postgresUrl, quick, send } from '../distributed/section.mjs';
import { rate } from '../figures.mjs';

// The same as postgres.mjs with DBOS: workflows of ten steps that do nothing, in one process.

const group = 'Durable scopes, on Postgres';
const steps = 10;
const underWay = 200;
const runs = quick ? 20 : 600;
const alone = quick ? 3 : 50;

const silent = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, () => {}]));
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: postgresUrl, logger: silent });
const workflow = DBOS.registerWorkflow(count, { name: 'count' });
await DBOS.launch();
send([
  rate(
    'dbos.steps',
    group,
    `steps of DBOS, ${underWay} workflows at once`,
    await medianOfRuns(() => stepsPerSecond(runs, underWay)),
  ),
  rate(
    'dbos.alone',
    group,
    'steps of DBOS, one workflow at a time',
    await medianOfRuns(() => stepsPerSecond(alone, 1)),
  ),
]);

async function count() {
  let count = 0;
  for (let step = 0; step < steps; step++) count = await DBOS.runStep(async () => count + 1, { name: `step-${step}` });
  return count;
}

async function stepsPerSecond(number, concurrency) {
  const start = performance.now();
  const counts = await pMap(Array.from({ length: number }), () => workflow(), { concurrency });
  const duration = performance.now() - start;
  if (counts.some((each) => each !== steps)) throw new Error('DBOS gave a wrong result');
  return (number * steps * 1e3) / duration;
}

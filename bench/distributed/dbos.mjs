import { DBOS } from '@dbos-inc/dbos-sdk';
import pMap from 'p-map';
import { latency, rate } from '../figures.mjs';
import { medianOfRuns, postgresUrl, quick, send } from './section.mjs';

// DBOS on Postgres: workflows of ten steps that do nothing, started and executed by one process.

const group = 'DBOS, Postgres';
const steps = 10;
const underWay = 100;
const workflows = quick ? 20 : 200;
const alone = quick ? 3 : 50;

const silent = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, () => {}]));
DBOS.setConfig({ name: 'bench', systemDatabaseUrl: postgresUrl, logger: silent });
const workflow = DBOS.registerWorkflow(countTo, { name: 'countTo' });
await DBOS.launch();
const name = `ten steps, ${underWay} workflows under way`;
send([
  rate('dbos.postgres.steps', group, name, await medianOfRuns(stepsPerSecond)),
  latency('dbos.postgres.alone', group, 'ten steps, one workflow alone', await medianOfRuns(timeAlone)),
]);

async function countTo(value) {
  let count = value;
  for (let step = 0; step < steps; step++) count = await DBOS.runStep(async () => count + 1, { name: `step-${step}` });
  return count;
}

async function stepsPerSecond() {
  const start = performance.now();
  const counts = await pMap(
    Array.from({ length: workflows }, (_, value) => value),
    (value) => workflow(value),
    { concurrency: underWay },
  );
  const duration = performance.now() - start;
  if (counts.some((count, value) => count !== value + steps)) throw new Error('DBOS gave a wrong result');
  return (workflows * steps * 1e3) / duration;
}

/** Mean milliseconds per workflow, with workflows run one after another. */
async function timeAlone() {
  const start = performance.now();
  for (let value = 0; value < alone; value++) await workflow(value);
  return (performance.now() - start) / alone;
}

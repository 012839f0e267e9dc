import { Redis } from 'ioredis';
import pg from 'pg';
import { bytes, latency } from '../figures.mjs';
import { medianOf } from '../median.mjs';
import { completion, startAll } from './driver.mjs';
import { words } from './engines.mjs';
import { withFleet } from './fleet.mjs';
import { full, postgresUrl, quick, redisUrl, send } from './section.mjs';
import { chainOfThree, rare } from './workflows.mjs';

// Many finished runs: the time to query them, and the space they take. One run in a hundred belongs to another
// workflow.

const [name] = process.argv.slice(2);
const runs = quick ? 200 : full ? 100_000 : 10_000;
const calls = quick ? 10 : 200;
const group = `${runs.toLocaleString('en')} finished runs of three nodes`;
const below = { below: 10 };
const sizes = { redis: usedMemory, postgres: relationSize, memory: usedHeap };

send(await withFleet(name, 1, measure));

async function measure(orchestrator, [worker]) {
  await finish(orchestrator, worker, { [chainOfThree.name]: 10, [rare.name]: 10 });
  const before = await sizes[name]();
  const runIds = await finish(orchestrator, worker, { [rare.name]: runs / 100, [chainOfThree.name]: runs * 0.99 });
  const size = ((await sizes[name]()) - before) / runs;
  const list = (workflow) => () => orchestrator.listRuns({ status: 'completed', workflow });
  const anyRun = () => orchestrator.status(runIds[Math.floor(Math.random() * runs)]);
  const of = (text) => `${words[name]}, ${text}`;
  return [
    latency(
      `history.${name}.list`,
      group,
      of('listRuns by status and workflow'),
      await timeOf(list(chainOfThree.name)),
      below,
    ),
    latency(`history.${name}.rare`, group, of('listRuns of the rare workflow'), await timeOf(list(rare.name)), below),
    latency(`history.${name}.status`, group, of('status'), await timeOf(anyRun), below),
    bytes(`history.${name}.bytes`, group, of('size of one run'), size),
  ];
}

/** Runs each workflow the given number of times and returns the ids of all runs. */
async function finish(orchestrator, worker, workflows) {
  await worker.reset();
  await worker.start({ concurrency: 100 });
  const runIds = [];
  for (const [workflow, count] of Object.entries(workflows)) {
    runIds.push(...(await startAll(orchestrator, workflow, count)));
  }
  await completion(orchestrator, { workers: [worker], runs: runIds.length });
  await worker.stop();
  return runIds;
}

/** The median duration of sequential calls. */
async function timeOf(call) {
  const times = [];
  for (let index = 0; index < calls; index++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return medianOf(times);
}

async function usedMemory() {
  const client = new Redis(redisUrl);
  const info = await client.info('memory');
  await client.quit();
  return Number(/used_memory:(\d+)/.exec(info)[1]);
}

/** Size of all tables with their indexes. */
async function relationSize() {
  const client = new pg.Client(postgresUrl);
  await client.connect();
  const { rows } = await client.query(
    `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bytes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
  );
  await client.end();
  return Number(rows[0].bytes);
}

/** Size of the heap after a collection. */
async function usedHeap() {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

import { GCProfiler } from 'node:v8';
import { Redis } from 'ioredis';
import { DistributedWorker } from '../../dist/distributed/index.js';
import { bytes, count, duration } from '../figures.mjs';
import { medianOf } from '../median.mjs';
import { startAll } from './driver.mjs';
import { withEngine } from './engines.mjs';
import { quick, redisUrl, send } from './section.mjs';
import { chainOfForty, chainOfOne, chainOfTen, counted, fanOf50, workflows } from './workflows.mjs';

// What a run and a node cost, on Redis: the engine and the worker are in this process, and all runs are started before
// the worker. Unlike a rate, these figures hardly depend on how busy the machine is. Chains of several lengths show what
// a run costs and what each of its nodes adds.

const samples = quick ? 1 : 5;
const shapes = [
  { key: 'chain-1', text: 'chains of one', workflow: chainOfOne.name, nodes: 1, runs: quick ? 20 : 2_000 },
  { key: 'chain-10', text: 'chains of ten', workflow: chainOfTen.name, nodes: 10, runs: quick ? 20 : 1_000 },
  { key: 'chain-40', text: 'chains of forty', workflow: chainOfForty.name, nodes: 40, runs: quick ? 5 : 250 },
  { key: 'fan', text: 'fans of fifty', workflow: fanOf50.name, nodes: 52, runs: quick ? 4 : 200 },
  {
    key: 'fan-single',
    text: 'fans of fifty, a job for each node',
    workflow: fanOf50.name,
    nodes: 52,
    runs: quick ? 4 : 100,
    nodesPerJob: 1,
  },
];
/** The parts of a budget, with their units and their words. */
const parts = {
  cpu: { figure: duration, text: 'CPU time of the program' },
  server: { figure: duration, text: 'CPU time of the server' },
  scripts: { figure: count, text: 'scripts' },
  sent: { figure: bytes, text: 'sent' },
  received: { figure: bytes, text: 'received' },
  allocated: { figure: bytes, text: 'allocated' },
};

const client = new Redis(redisUrl);
send(await withEngine('redis', measure));

async function measure(engine, orchestrator) {
  const figures = [];
  for (const shape of shapes) {
    const taken = [];
    for (let sample = 0; sample <= samples; sample++) taken.push(await budgetOf(engine, orchestrator, shape));
    const group = `What a node costs on Redis, ${shape.text}`;
    for (const [part, { figure, text }] of Object.entries(parts)) {
      const value = medianOf(taken.slice(1).map((budget) => budget[part]));
      figures.push(figure(`budget.redis.${shape.key}.${part}`, group, text, value));
    }
  }
  return figures;
}

/** Returns the parts of the budget, divided by the number of nodes. The first sample only warms up. */
async function budgetOf(engine, orchestrator, { workflow, nodes, runs, nodesPerJob }) {
  await startAll(orchestrator, workflow, runs);
  Object.assign(counted, { nodes: 0, ends: 0 });
  const worker = new DistributedWorker({ engine, workflows, concurrency: 100, nodesPerJob });
  globalThis.gc();
  await client.config('RESETSTAT');
  const collections = new GCProfiler();
  const used = process.memoryUsage().heapUsed;
  collections.start();
  const serverBefore = await serverTime();
  const cpu = process.cpuUsage();
  await worker.start();
  while (counted.ends < runs) await new Promise(setImmediate);
  while ((await orchestrator.listRuns({ status: 'running', limit: 1 })).runs.length > 0);
  const { user, system } = process.cpuUsage(cpu);
  const allocated = allocatedIn(collections.stop(), used, process.memoryUsage().heapUsed);
  const serverAfter = await serverTime();
  const [commands, stats] = await Promise.all([client.info('commandstats'), client.info('stats')]);
  await worker.stop();
  const budget = {
    cpu: (user + system) * 1e3,
    server: (serverAfter - serverBefore) * 1e9,
    scripts: sumOf(commands, /cmdstat_evalsha:calls=(\d+)/g),
    sent: sumOf(stats, /total_net_input_bytes:(\d+)/g),
    received: sumOf(stats, /total_net_output_bytes:(\d+)/g),
    allocated,
  };
  return Object.fromEntries(Object.entries(budget).map(([part, value]) => [part, value / (runs * nodes)]));
}

/** CPU time that the server has taken so far, in seconds. */
async function serverTime() {
  return sumOf(await client.info('cpu'), /used_cpu_(?:user|sys):([\d.]+)/g);
}

/** Bytes that were allocated: what each collection has found, without what the one before it has left. */
function allocatedIn({ statistics }, before, after) {
  let left = before;
  let allocated = 0;
  for (const { beforeGC, afterGC } of statistics) {
    allocated += Math.max(0, beforeGC.heapStatistics.usedHeapSize - left);
    left = afterGC.heapStatistics.usedHeapSize;
  }
  return allocated + Math.max(0, after - left);
}

function sumOf(text, pattern) {
  return [...text.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0);
}

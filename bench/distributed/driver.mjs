import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';

const unsuccessful = ['failed', 'cancelled', 'stalled'];
const unfinished = ['scheduled', 'running', 'awaiting', 'paused'];

/**
 * Runs a workflow many times and gives the milliseconds that it takes.
 *
 * @param {object} sample
 * @param {import('./fleet.mjs').BenchWorker[]} sample.workers not started
 * @param {string} sample.workflow
 * @param {number} sample.nodes of one run
 * @param {number} sample.runs
 * @param {number} sample.concurrency of each worker
 * @param {'before' | 'during'} sample.start whether all runs are started before the workers, and time is taken from the
 * workers' start; else the workers are there and idle, and it is taken from the first start of a run
 */
export async function timeOfRuns(orchestrator, { workers, workflow, nodes, runs, concurrency, start: when }) {
  const startWorkers = () => Promise.all(workers.map((worker) => worker.start({ concurrency })));
  const startRuns = () => startAll(orchestrator, workflow, runs);
  const [first, second] = when === 'before' ? [startRuns, startWorkers] : [startWorkers, startRuns];
  await first();
  await Promise.all(workers.map((worker) => worker.reset()));
  globalThis.gc();
  const start = performance.now();
  await second();
  await completion(orchestrator, { workers, runs });
  const duration = performance.now() - start;
  const { runs: bad } = await orchestrator.listRuns({ status: unsuccessful, limit: 1 });
  if (bad.length > 0) throw new Error(`expected all runs to complete, one has ${bad[0].status}: ${bad[0].error}`);
  const counts = await countsOf(workers);
  if (counts.nodes !== runs * nodes) throw new Error(`executed ${counts.nodes} nodes, expected ${runs * nodes}`);
  await Promise.all(workers.map((worker) => worker.stop()));
  return duration;
}

/** Starts runs, a hundred at a time. */
export async function startAll(orchestrator, workflow, runs) {
  const values = Array.from({ length: runs }, (_, value) => value);
  return pMap(values, (value) => orchestrator.startRun({ value }, value, { workflow }), { concurrency: 100 });
}

/**
 * Waits for the last run. The workers are asked how many last nodes they have executed, which the server does not
 * notice; only then it is asked until no run is unfinished.
 */
export async function completion(orchestrator, { workers, runs }) {
  while ((await countsOf(workers)).ends < runs) await delay(2);
  const query = { status: unfinished, limit: 1 };
  while ((await orchestrator.listRuns(query)).runs.length > 0) await delay(1);
}

async function countsOf(workers) {
  const counts = await Promise.all(workers.map((worker) => worker.counts()));
  const sumOf = (key) => counts.reduce((sum, count) => sum + count[key], 0);
  return { nodes: sumOf('nodes'), ends: sumOf('ends') };
}

import { setTimeout as delay } from 'node:timers/promises';
import pMap from 'p-map';

const unsuccessful = ['failed', 'cancelled', 'stalled'];
const unfinished = ['scheduled', 'running', 'awaiting', 'paused'];

/**
 * Runs a workflow many times and returns the time in milliseconds.
 *
 * @param {object} sample
 * @param {import('./fleet.mjs').BenchWorker[]} sample.workers stopped workers
 * @param {string} sample.workflow id of the workflow
 * @param {number} sample.nodes number of nodes per run
 * @param {number} sample.runs number of runs
 * @param {number} sample.concurrency concurrency of each worker
 * @param {'before' | 'during'} sample.start `before`: all runs are started before the workers, and the time counts from
 *   the start of the workers. `during`: the workers are started and idle, and the time counts from the start of the
 *   first run
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

/** Starts runs, up to a hundred at a time. */
export async function startAll(orchestrator, workflow, runs) {
  const values = Array.from({ length: runs }, (_, value) => value);
  return pMap(values, (value) => orchestrator.startRun({ value }, value, { workflow }), { concurrency: 100 });
}

/**
 * Waits for the last run. First polls the workers for the number of executed last nodes, which puts no load on the
 * server, and only then polls the server until no run is unfinished. Workers are asked again after half of the time
 * that the rest will take, so that the questions take none of their time.
 */
export async function completion(orchestrator, { workers, runs }) {
  const start = performance.now();
  for (;;) {
    const { ends } = await countsOf(workers);
    if (ends >= runs) break;
    const rest = ends === 0 ? 40 : ((performance.now() - start) / ends) * (runs - ends);
    await delay(Math.max(2, Math.min(100, rest / 2)));
  }
  const query = { status: unfinished, limit: 1 };
  while ((await orchestrator.listRuns(query)).runs.length > 0) await delay(1);
}

async function countsOf(workers) {
  const counts = await Promise.all(workers.map((worker) => worker.counts()));
  const sumOf = (key) => counts.reduce((sum, count) => sum + count[key], 0);
  return { nodes: sumOf('nodes'), ends: sumOf('ends') };
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { DistributedWorker } from '../../dist/distributed/index.js';
import { shared, withEngine } from './engines.mjs';
import { counted, workflows } from './workflows.mjs';

/**
 * A worker that can be started and stopped, in this process or in a separate one. `counts` returns the number of nodes
 * executed since `reset`.
 *
 * @typedef {object} BenchWorker
 * @property {(options: { concurrency: number }) => Promise<void>} start
 * @property {() => Promise<void>} stop
 * @property {() => Promise<void>} reset
 * @property {() => Promise<{ nodes: number, ends: number }>} counts
 * @property {() => Promise<void>} close
 */

/** A worker in this process, for engines that only one process can use. */
export function localWorker(engine) {
  let worker;
  return {
    start: async ({ concurrency }) => {
      worker = new DistributedWorker({ engine, workflows, concurrency });
      await worker.start();
    },
    stop: () => worker.stop(),
    reset: async () => {
      Object.assign(counted, { nodes: 0, ends: 0 });
      globalThis.gc();
    },
    counts: async () => ({ ...counted }),
    close: async () => {},
  };
}

/** A worker in a separate process. */
async function remoteWorker(engine) {
  const child = fork(new URL('worker.mjs', import.meta.url), [engine], { execArgv: process.execArgv });
  const calls = new Map();
  let last = 0;
  child.on('message', ({ id, result, error }) => {
    if (id === undefined) return;
    const { resolve, reject } = calls.get(id);
    calls.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  child.once('exit', (code) => {
    for (const { reject } of calls.values()) reject(new Error(`a worker ended with code ${code}`));
  });
  const command = (name) => (options) =>
    new Promise((resolve, reject) => {
      calls.set(++last, { resolve, reject });
      child.send({ id: last, name, options });
    });
  await once(child, 'message', { signal: AbortSignal.timeout(30_000) });
  return {
    start: command('start'),
    stop: command('stop'),
    reset: command('reset'),
    counts: command('counts'),
    close: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** Calls `work` with an orchestrator and the given number of workers, which are closed afterwards. */
export function withFleet(name, count, work) {
  return withEngine(name, async (engine, orchestrator) => {
    const workers = [];
    try {
      for (let index = 0; index < count; index++) {
        workers.push(name in shared ? await remoteWorker(name) : localWorker(engine));
      }
      return await work(orchestrator, workers);
    } finally {
      for (const worker of workers) await worker.close();
    }
  });
}

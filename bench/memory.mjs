import { getEventListeners } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { limit, Orchestrator } from '../dist/index.js';

const quick = process.argv.includes('--quick');
const tasks = quick ? 20_000 : 1_000_000;
const runs = quick ? 500 : 10_000;
const waiters = quick ? 5_000 : 100_000;
const keys = quick ? 20_000 : 1_000_000;

process.send([
  await growthOf('with hooks', {}),
  await growthOf('with hooks, retry and timeout', { retry: 3, timeout: 1_000 }),
  await growthByWaiters(),
  await growthByKeys(),
  await listenersLeft(),
]);

/** Growth of the heap in one run, which is still open at the end of the measurement. */
async function growthOf(policy, options) {
  let seen = 0;
  const count = () => {
    seen++;
  };
  const orchestrator = new Orchestrator().onTaskBegin(count).onTaskCompletion(count);
  const action = orchestrator.action(async (value) => ({ value }), options);
  const bytes = await orchestrator.run(async () => {
    await repeat(action, tasks / 10);
    const before = await heapUsed();
    await repeat(action, tasks);
    return (await heapUsed()) - before;
  });
  if (seen !== 2.2 * tasks) throw new Error(`expected ${2.2 * tasks} calls of hooks, got ${seen}`);
  return growth(`heap growth after ${tasks.toLocaleString('en')} tasks in one run, ${policy}`, bytes, 10);
}

function growth(name, bytes, below) {
  const value = bytes / 1e6;
  return { name, value, text: `${value.toFixed(2)} MB`, target: { below } };
}

/** Growth of the heap by tasks that have all waited for one limit at the same time. */
async function growthByWaiters() {
  const shared = limit({ concurrency: 5 });
  const orchestrator = new Orchestrator();
  const action = orchestrator.action(async (value) => ({ value }), { limit: shared });
  const bytes = await orchestrator.run(async () => {
    await wait();
    const before = await heapUsed();
    await wait();
    return (await heapUsed()) - before;
  });
  const name = `heap growth after ${waiters.toLocaleString('en')} tasks have waited for one limit`;
  return growth(name, bytes, 1);

  async function wait() {
    const pending = Array.from({ length: waiters + 5 }, (_, index) => action(index));
    if (shared.waiting !== waiters) throw new Error(`expected ${waiters} waiting tasks, got ${shared.waiting}`);
    await Promise.all(pending);
  }
}

/** Growth of the heap by the keys of one limit, once the windows of all keys have ended. */
async function growthByKeys() {
  const orchestrator = new Orchestrator();
  const perKey = limit({ concurrency: 1, rate: 5, per: 1_000, key: (value) => value });
  const action = orchestrator.action(async (value) => ({ value }), { limit: perKey });
  const bytes = await orchestrator.run(async () => {
    await repeat(action, keys / 100);
    await forgotten();
    const before = await heapUsed();
    await repeat(action, keys);
    await forgotten();
    return (await heapUsed()) - before;
  });
  return growth(`heap growth after ${keys.toLocaleString('en')} keys of one limit, when all are idle`, bytes, 1);

  /** Keys are forgotten at the latest one window after their own window has ended. */
  function forgotten() {
    return setTimeout(2_500);
  }
}

async function repeat(action, times) {
  for (let index = 1; index <= times; index++) {
    await action(index);
    if (index % 1_000 === 0) await setImmediate();
  }
}

async function heapUsed() {
  await setImmediate();
  globalThis.gc();
  await setImmediate();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/**
 * Listeners left on a signal by many runs, ten at a time: some complete, some fail, some have a timeout, some read
 * their own signal.
 */
async function listenersLeft() {
  const { signal } = new AbortController();
  const orchestrator = new Orchestrator();
  const kinds = [
    orchestrator.action(async () => {}),
    orchestrator.action(async () => orchestrator.signal.aborted, { timeout: 1_000 }),
    orchestrator.action(async () => setImmediate(), { retry: 3 }),
    orchestrator.action(async () => {
      throw new Error('expected');
    }),
  ];
  let most = 0;
  for (let index = 0; index < runs; index += 10) {
    const pending = Array.from({ length: 10 }, (_, offset) =>
      orchestrator.run(kinds[(index + offset) % kinds.length], { signal }),
    );
    most = Math.max(most, getEventListeners(signal, 'abort').length);
    await Promise.allSettled(pending);
  }
  if (most === 0) throw new Error('expected the runs to listen to their signal');
  const name = `listeners left by ${runs.toLocaleString('en')} runs with one signal (at most ${most} at a time)`;
  const value = getEventListeners(signal, 'abort').length;
  return { name, value, text: `${value}`, target: { atMost: 0 } };
}

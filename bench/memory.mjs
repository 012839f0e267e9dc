import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Orchestrator } from '../dist/index.js';

const quick = process.argv.includes('--quick');
const tasks = quick ? 20_000 : 1_000_000;
const runs = quick ? 500 : 10_000;

process.send([
  await growthOf('with hooks', {}),
  await growthOf('with hooks, retry and timeout', { retry: 3, timeout: 1_000 }),
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
  const name = `heap growth after ${tasks.toLocaleString('en')} tasks in one run, ${policy}`;
  const value = bytes / 1e6;
  return { name, value, text: `${value.toFixed(2)} MB`, target: { below: 10 } };
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

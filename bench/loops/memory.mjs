import { setTimeout as sleep } from 'node:timers/promises';
import { done, Loop, WorkflowOrchestrator } from '../../dist/loops/index.js';
import { megabytes } from '../figures.mjs';
import { medianOf } from '../median.mjs';
import { failsWith } from './failures.mjs';
import { collectGarbage, quick, send } from './section.mjs';
import { twoLoops } from './workflows.mjs';

// Memory that loops retain.

const group = 'Memory';
const iterations = quick ? 100_000 : 10_000_000;
const time = quick ? 100 : 1_000;
send([await ofIterations(), ...(await ofMessages())]);

/** Growth of the heap during iterations of a loop. The loop is still running at the end of the measurement. */
async function ofIterations() {
  const warmUp = iterations / 10;
  let count = 0;
  let before;
  let after;
  const next = () => {
    if (++count === warmUp) return seen();
    return count < warmUp + iterations ? count : last();
  };
  const seen = async () => {
    before = await heapUsed();
    return count;
  };
  const last = async () => {
    after = await heapUsed();
    return done;
  };
  const loop = new Loop('trivial')
    .producer('next', next)
    .blocking('double', (value) => 2 * value)
    .blocking('drop', () => {});
  const workflow = failsWith(new WorkflowOrchestrator().load({ loops: [loop] }));
  await workflow.start();
  await workflow.ended();
  const name = `heap growth after ${iterations.toLocaleString('en')} iterations, after collection`;
  return megabytes('memory.iterations', group, name, (after - before) / 1e6, { below: 10 });
}

/** Growth of a program with two loops in threads that exchange as many messages as they can. */
async function ofMessages() {
  const workflow = twoLoops('thread');
  await workflow.start();
  await sleep(time);
  const before = await sizes();
  await sleep(2 * time);
  const after = await sizes();
  await workflow.close();
  const heap = 'heap growth of a program with messages between two threads, after collection';
  const resident = 'growth of its process, threads included';
  return [
    megabytes('memory.heap', group, heap, (after.heap - before.heap) / 1e6, { below: 10 }),
    megabytes('memory.resident', group, resident, (after.resident - before.resident) / 1e6, { below: 50 }),
  ];
}

/**
 * The size of the process fluctuates with the garbage collection of its threads, so the median over some time is taken.
 */
async function sizes() {
  const samples = [];
  for (let sample = 0; sample < 21; sample++) {
    await sleep(time / 40);
    samples.push(process.memoryUsage.rss());
  }
  return { heap: await heapUsed(), resident: medianOf(samples) };
}

async function heapUsed() {
  await collectGarbage();
  return process.memoryUsage().heapUsed;
}

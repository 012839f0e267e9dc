import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { rate } from '../figures.mjs';
import { quick, send, words } from './section.mjs';
import { twoLoops } from './workflows.mjs';

// Measures one way to send messages from one loop to another: `messages.mjs thread`.

const [way] = words;
const [warmUp, time] = quick ? [50, 50] : [300, 300];
const group = 'Messages a second, objects of 100 bytes, at most 10,000 under way';
const ways = {
  thread: { label: 'two loops in threads', measure: () => throughQueue('thread'), target: { atLeast: 200_000 } },
  async: { label: 'two loops on the event loop', measure: () => throughQueue('async') },
  single: { label: 'bare MessageChannel between threads, one by one', measure: () => throughChannel(1) },
  batched: { label: 'bare MessageChannel between threads, 256 at a time', measure: () => throughChannel(256) },
};
const { label, measure, target } = ways[way];
send([rate(`messages.${way}`, group, label, await measure(), target)]);

/** Acknowledged messages per second. */
async function throughQueue(pool) {
  const workflow = twoLoops(pool);
  await workflow.start();
  const queue = workflow.queue('messages');
  return rateOf(() => queue.metrics.acknowledged);
}

/** Messages per second through a bare channel. The receiver counts in shared memory. */
async function throughChannel(batch) {
  const counter = new BigInt64Array(new SharedArrayBuffer(8));
  const { port1, port2 } = new MessageChannel();
  const script = new URL('channel.mjs', import.meta.url);
  const threads = [
    new Worker(script, { workerData: { role: 'receive', port: port1, counter }, transferList: [port1] }),
    new Worker(script, { workerData: { role: 'send', port: port2, batch }, transferList: [port2] }),
  ];
  await Promise.all(threads.map((thread) => once(thread, 'online')));
  return rateOf(() => Number(Atomics.load(counter, 0)));
}

async function rateOf(count) {
  await sleep(warmUp);
  const [from, before] = [performance.now(), count()];
  await sleep(time);
  return (1_000 * (count() - before)) / (performance.now() - from);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { Loop, WorkflowOrchestrator } from '../../dist/loops/index.js';
import { rate } from '../figures.mjs';
import { failsWith } from './failures.mjs';
import { messageOf } from './message.mjs';
import { collectGarbage, quick, send, words } from './section.mjs';

// A loop that reads a message and puts it back at the end of a long queue: `depth.mjs 100000`.

const [warmUp, time] = quick ? [20, 20] : [200, 200];
const depth = Number(words[0]);
const ring = new Loop('ring').read('take', 'messages').push('push', 'messages');
// A loop that could have to wait for its own queue is refused, except with `overflow: 'fail'`. This queue never gets
// full.
const queues = { messages: { capacity: depth + 10, overflow: 'fail' } };
const workflow = failsWith(new WorkflowOrchestrator().load({ queues, loops: [ring] }));
await workflow.start();
await workflow.pause();
const queue = workflow.queue('messages');
for (let number = 1; number <= depth; number++) await queue.push(messageOf(number));
await collectGarbage();
workflow.resume();
await sleep(warmUp);
const [from, before] = [performance.now(), queue.metrics.acknowledged];
await sleep(time);
const { acknowledged, dropped, depth: left, unacknowledged } = queue.metrics;
const seconds = (performance.now() - from) / 1_000;
if (dropped > 0 || Math.abs(left + unacknowledged - depth) > 1)
  throw new Error(`expected a depth of ${depth}, got ${left}`);
const group = 'Messages a second that are taken, acknowledged and pushed';
const label = `queue of ${depth.toLocaleString('en')}`;
send([rate(`depth.${depth}`, group, label, (acknowledged - before) / seconds)]);

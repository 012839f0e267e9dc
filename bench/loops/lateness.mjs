import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Loop, WorkflowOrchestrator } from '../../dist/loops/index.js';
import { latency } from '../figures.mjs';
import { failsWith } from './failures.mjs';
import { quick, send } from './section.mjs';
import { latenesses } from './timer.mjs';

// Lateness of a timer while ten loops run at full speed on the same event loop.

const duration = quick ? 100 : 5_000;
const group = 'A timer of 10 ms in a program with ten loops';
let last = 0;
const count = () => ++last;
const others = Array.from({ length: 9 }, (_, index) => loopOf(`awaits-${index}`, async () => count()));
const workflow = failsWith(new WorkflowOrchestrator().load({ loops: [loopOf('never-awaits', count), ...others] }));
await workflow.start();
await turn();
// Lateness at the same time in an otherwise idle thread, caused by the machine alone.
const idle = once(new Worker(new URL('timer.mjs', import.meta.url), { workerData: { duration } }), 'message');
const late = await latenesses(duration);
const [idly] = await idle;
for (const { loopId, iterations } of workflow.metrics().loops) {
  if (iterations === 0) throw new Error(`loop ${loopId} has not run`);
}
send([
  latency('lateness.median', group, 'median lateness', late[Math.floor(late.length / 2)]),
  latency('lateness.worst', group, 'worst lateness', late.at(-1), { atMost: 50 }),
  latency('lateness.idle', group, 'worst lateness in an idle thread meanwhile', idly.at(-1)),
]);

function loopOf(id, producer) {
  return new Loop(id)
    .producer('next', producer)
    .blocking('double', (value) => 2 * value)
    .blocking('drop', () => {});
}

// A queue of p-queue carries out the attempts of actions, in the order of their priorities. A task that is aborted while
// it waits leaves the queue.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, type Policy } from 'orchestrator';
import PQueue from 'p-queue';

const queue = new PQueue({ concurrency: 1 });
const byPriority: Policy = {
  execute: (fn, { signal, args: [, priority] }) => queue.add(fn, { signal, priority: priority as number }),
};

const sent: string[] = [];
const orchestrator = new Orchestrator({ policy: byPriority });
const send = orchestrator.action(async function send(to: string, _priority: number) {
  await sleep(5);
  sent.push(to);
});

const first = send('anybody', 0);
const leaving = assert.rejects(orchestrator.run(() => send('nobody', 9), { timeout: 1 }));
await Promise.all([first, send('later', 0), send('urgent', 5), leaving]);

console.log(`Sent to: ${sent.join(', ')}`);
assert.deepEqual(sent, ['anybody', 'urgent', 'later']);

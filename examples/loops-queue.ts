// Queues between loops. A queue is bounded, so that a slow reader slows down its writers, and a message is acknowledged
// when its iteration has ended. A message goes to one loop (queue), or to each loop that reads it (topic).
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';

const count = 40;
let baked = 0;
let eaten = 0;
let mostAhead = 0;
const diary: string[] = [];

const baker = new Loop('baker')
  .producer('bake', () => {
    if (baked === count) return done;
    mostAhead = Math.max(mostAhead, baked - eaten);
    return `bun ${++baked}`;
  })
  .push('to shelf', 'shelf');

const guest = new Loop('guest')
  .read('take', 'shelf')
  .blocking('eat', async (bun: string) => {
    await sleep(2);
    eaten++;
    return `${bun} was eaten`;
  })
  .push('tell', 'news');

const writer = new Loop('writer').read('hear', 'news').blocking('write', (news: string) => diary.push(news));
const counter = new Loop('counter').read('hear', 'news', { batch: 10 }).blocking('count', (news: string[]) => {
  assert.ok(news.length <= 10);
});

const orchestrator = new WorkflowOrchestrator().load({
  queues: { shelf: { capacity: 5 }, news: { type: 'topic' } },
  loops: [baker, guest, writer, counter],
});
await orchestrator.start();

// Code outside of loops can push as well, and waits for space like a loop.
await orchestrator.queue('shelf').push('a cake');

// Readers do not end by themselves. After the first loop has ended, closing drains the queues.
while (orchestrator.metrics().loops.some(({ loopId, state }) => loopId === 'baker' && state !== 'stopped'))
  await sleep(5);
const { loops, messages } = await orchestrator.close();

assert.equal(eaten, count + 1);
assert.equal(messages, 0, 'nothing is left in a queue');
assert.deepEqual(
  diary.filter((line) => line.startsWith('bun')),
  Array.from({ length: count }, (_, index) => `bun ${index + 1} was eaten`),
  'in order',
);
// Five on the shelf (including the one that is being eaten, until it is acknowledged), one in the baker's hand.
assert.ok(mostAhead <= 7, `the baker was ${mostAhead} ahead`);
console.log(`${eaten} eaten in order, the baker never more than ${mostAhead} ahead`);
for (const { loopId, reason, iterations } of loops)
  console.log(`  ${loopId} has ${reason} after ${iterations} iterations`);

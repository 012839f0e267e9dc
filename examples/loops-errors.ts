// Reactions to failing nodes: a retry, the next iteration, a restart with new objects. Failed values can be replayed.
import assert from 'node:assert/strict';
import { BlockingNode, done, Loop, type NodeData, WorkflowOrchestrator } from 'orchestrator/loops';

let opened = 0;
const saved: number[] = [];
let isBroken = true;

/** A node whose connection is lost once. A new object has a new connection. */
class Save extends BlockingNode<number, void> {
  #connection = 0;

  override setUp() {
    this.#connection = ++opened;
  }

  run({ value }: NodeData<number>) {
    if (this.#connection === 1 && value === 3) throw new Error('connection lost');
    saved.push(value);
  }
}

let number = 0;
const orchestrator = new WorkflowOrchestrator().load({
  queues: { numbers: {} },
  loops: [
    new Loop('count').producer('next', () => (number === 6 ? done : ++number)).push('put', 'numbers'),
    new Loop('save')
      .read('take', 'numbers')
      // Retried immediately, up to twice. After that the iteration ends, and the next one starts: 'continue'.
      .blocking('check', (value: number, { attempt }) => checked(value, attempt), {
        retry: { retries: 2, minTimeout: 1 },
      })
      .node('save', Save, { onError: { action: 'restart', limit: 3, backoff: 10 } }),
  ],
});

function checked(value: number, attempt: number): number {
  if (value === 2 && attempt < 3) throw new Error('a hiccup');
  if (value === 5 && isBroken) throw new Error('five is broken');
  return value;
}

orchestrator.on('failure', ({ nodeId, error }) => console.log(`  ${nodeId} has failed: ${error}`));
await orchestrator.start();
const settled = (count: number) =>
  new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const letters = orchestrator.deadLetters.size;
      if (saved.length + letters < count) return;
      clearInterval(timer);
      resolve();
    }, 5);
  });
await settled(6);

assert.deepEqual(saved, [1, 2, 4, 6]);
assert.equal(opened, 2, 'set up once more');
const letters = orchestrator.deadLetters.list();
for (const { nodeId, value, error } of letters) console.log(`  dead letter: ${value}, in ${nodeId}, since ${error}`);
assert.deepEqual(
  letters.map(({ nodeId, value }) => [nodeId, value]),
  [
    ['save', 3],
    ['check', 5],
  ],
);

// After the repair, both values go back to the queue that they came from.
isBroken = false;
assert.equal(await orchestrator.deadLetters.replay(), 2);
await settled(6);
await orchestrator.close();
assert.deepEqual(saved, [1, 2, 4, 6, 3, 5]);
console.log(`saved: ${saved.join(', ')}`);

// Loops in threads: the same loop twice, reading from one queue and computing outside of the main thread. Errors arrive
// as they were thrown.
import assert from 'node:assert/strict';
import { threadId } from 'node:worker_threads';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';

interface Answer {
  readonly number: number;
  readonly isPrime: boolean;
  readonly threadId: number;
}

const first = 1_000_000_007;
const count = 5_000;
let asked = 0;
const answers: Answer[] = [];
const failures: unknown[] = [];
let isComplete = () => {};
const complete = new Promise<void>((resolve) => {
  isComplete = resolve;
});
const check = () => {
  if (answers.length + failures.length === count) isComplete();
};

const module = new URL('./loops-threads/primes.ts', import.meta.url); // '.js' in a program that is built
const options = { from: 'numbers', to: 'answers' };

const orchestrator = new WorkflowOrchestrator().load({
  // The two threads share this queue.
  queues: { numbers: { type: 'queue', capacity: 2_500 }, answers: {} },
  loops: [
    new Loop('ask').producer('next', () => (asked === count ? done : first + 2 * asked++)).push('put', 'numbers'),
    { id: 'primes-1', module, options, pool: 'thread', resourceLimits: { maxOldGenerationSizeMb: 64 } },
    { id: 'primes-2', module, options, pool: 'thread' },
    new Loop('listen').read('take', 'answers').blocking('note', (answer: Answer) => {
      answers.push(answer);
      check();
    }),
  ],
});
orchestrator.on('failure', ({ loopId, nodeId, error }) => {
  console.log(`  ${nodeId} of ${loopId} has failed: ${error}`);
  failures.push(error);
  check();
});
await orchestrator.start();
await complete;
await orchestrator.close();

const threads = new Set(answers.map((answer) => answer.threadId));
assert.ok(!threads.has(threadId), 'none in this thread');
assert.ok(answers.some(({ number, isPrime }) => number === first && isPrime));
assert.ok(failures.every((error) => error instanceof RangeError));
console.log(`${answers.filter(({ isPrime }) => isPrime).length} primes among ${count}, by ${threads.size} threads`);

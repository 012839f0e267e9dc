// Middleware wraps every task: it gets the task, may call the rest, and returns the result. This middleware is a cache.
// Hooks still see tasks that were answered from the cache, with zero attempts.
import assert from 'node:assert/strict';
import { Orchestrator, type TaskRecord } from 'orchestrator';

const orchestrator = new Orchestrator().onTaskCompletion(({ name, args, attempts, result }) => {
  console.log(`${name}(${args.join(', ')}) = ${result}  ${attempts === 0 ? 'from the cache' : ''}`.trimEnd());
});

const cached = new Map<string, Promise<unknown>>();
const cacheable = new Set(['square', 'cube']);

orchestrator.use((task, next) => {
  if (!cacheable.has(task.name)) return next();
  const key = keyOf(task);
  const known = cached.get(key);
  if (known !== undefined) return known;
  // The cache stores promises, so that concurrent calls share one. Failures are removed.
  const pending = next();
  cached.set(key, pending);
  pending.catch(() => cached.delete(key));
  return pending;
});

function keyOf({ name, args }: TaskRecord): string {
  return JSON.stringify([name, ...args]);
}

let calls = 0;
const square = orchestrator.action(async function square(side: number) {
  calls++;
  return side ** 2;
});
const cube = orchestrator.action(async function cube(side: number) {
  calls++;
  return side ** 3;
});

assert.deepEqual(await orchestrator.map([2, 3, 2], square, { concurrency: 1 }), [4, 9, 4]);
assert.equal(await cube(2), 8);
assert.equal(await cube(2), 8);
assert.equal(calls, 3);

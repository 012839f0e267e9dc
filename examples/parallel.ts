// Actions in parallel: a list returns a list, an object returns an object, and `map` processes items with limited
// concurrency. Failures are collected; with `failFast` the first one cancels the rest; with `settle` nothing is thrown.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, ParallelError } from 'orchestrator';

const orchestrator = new Orchestrator();
const double = orchestrator.action(async (value: number) => value * 2);
const spell = orchestrator.action(async (value: number) => 'zero one two three four'.split(' ')[value] ?? 'many');
const refuse = orchestrator.action(async (value: number) => {
  throw new RangeError(`${value} will not do`);
});

// A single argument goes to all actions; with as many arguments as actions, each action gets its own.
const [six, four] = await orchestrator.parallel([double, spell])(3, 4);
const three = await orchestrator.parallel({ doubled: double, spelt: spell })(3);
console.log([six, four], three);
assert.deepEqual([six, four], [6, 'four']);
assert.deepEqual(three, { doubled: 6, spelt: 'three' });

// An action with several parameters is passed with its arguments.
const add = orchestrator.action(async (a: number, b: number) => a + b);
assert.deepEqual(await orchestrator.parallel([add.with(1, 2), add.with(3, 4)])(), [3, 7]);

// By default all actions are awaited, and the error contains the completed results as well.
const failure = await orchestrator
  .parallel([double, refuse])(2)
  .catch((error: unknown) => error);
assert.ok(failure instanceof ParallelError);
console.log(failure.message);
assert.deepEqual(failure.results, [
  { status: 'fulfilled', value: 4 },
  { status: 'rejected', reason: failure.errors[0] },
]);

const settled = await orchestrator.parallel({ double, refuse }, { settle: true })(2);
console.log(settled.double.status, settled.refuse.status);
assert.equal(settled.refuse.status, 'rejected');

// The first failure is thrown unchanged, and the signals of the other actions abort.
const signals: AbortSignal[] = [];
const dawdle = orchestrator.action(async () => {
  signals.push(orchestrator.signal);
  await sleep(10_000, undefined, { signal: orchestrator.signal });
});
await assert.rejects(orchestrator.parallel([dawdle, refuse], { failFast: true })(5), { message: '5 will not do' });
assert.equal(signals[0]?.aborted, true);

let running = 0;
let most = 0;
const work = orchestrator.action(async (item: number) => {
  most = Math.max(most, ++running);
  await sleep(5);
  running--;
  return item * item;
});
console.log(await orchestrator.map([1, 2, 3, 4, 5], work, { concurrency: 2 }), `at most ${most} at a time`);
assert.equal(most, 2);

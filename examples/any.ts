// The first success wins. With `stagger`, a second request is only sent if the first one is late: a hedged request.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, ParallelError } from 'orchestrator';

const orchestrator = new Orchestrator();
const asked: string[] = [];
const ask = orchestrator.action(
  async (server: string, milliseconds: number) => {
    asked.push(server);
    await sleep(milliseconds, undefined, { signal: orchestrator.signal });
    return `a quote from ${server}`;
  },
  { name: 'ask' },
);
const ended: string[] = [];
orchestrator.onTaskCompletion(({ args, status }) => ended.push(`${args[0]} ${status}`));

// All start at once, and those that lose are aborted: their timers and connections are gone.
const fastest = orchestrator.any([ask.with('Paris', 60_000), ask.with('Rome', 10)]);
assert.equal(await fastest(), 'a quote from Rome');
console.log(asked, ended);
assert.deepEqual(asked, ['Paris', 'Rome']);
assert.deepEqual(ended.sort(), ['Paris cancelled', 'Rome completed']);

// The second server is asked after 50 ms, or as soon as the first one fails.
asked.length = 0;
const hedged = orchestrator.any([ask.with('Paris', 5), ask.with('Rome', 5)], { stagger: 50 });
assert.equal(await hedged(), 'a quote from Paris');
assert.deepEqual(asked, ['Paris']);

const refuse = orchestrator.action(async (server: string) => {
  throw new Error(`${server} is down`);
});
const either = orchestrator.any([refuse.with('Paris'), ask.with('Rome', 5)], { stagger: 60_000 });
assert.equal(await either(), 'a quote from Rome');

// If all fail, the error has every failure.
const failure = await orchestrator
  .any({ first: refuse, second: refuse })('Paris', 'Rome')
  .catch((error: unknown) => error);
assert.ok(failure instanceof ParallelError);
console.log(failure.message);
assert.equal(failure.message, '2 of 2 parallel actions failed: "first": Paris is down; "second": Rome is down');

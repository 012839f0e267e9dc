// A limit says how many attempts run at once, and how many start in a time. Actions that name the same limit share it.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { LimitError, limit, Orchestrator } from 'orchestrator';

class HttpError extends Error {
  readonly retryAfter = 200;
}

// No window of 100 ms ever sees more than three starts, and no more than two calls run at once.
const github = limit({
  name: 'github',
  concurrency: 2,
  rate: 3,
  per: 100,
  // One 429 closes the limit for all, for as long as the server asks.
  pauseOn: (error) => (error instanceof HttpError ? error.retryAfter : undefined),
});

const orchestrator = new Orchestrator().onTaskCompletion(({ name, args, waited }) => {
  console.log(`${name}(${args}) waited ${Math.round(waited)} ms`);
});

const starts: number[] = [];
let running = 0;
let most = 0;
async function call() {
  starts.push(performance.now());
  most = Math.max(most, ++running);
  await sleep(5);
  running--;
}

const fetchUser = orchestrator.action(async (_id: number) => call(), { name: 'fetchUser', limit: github });
const fetchOrders = orchestrator.action(async (_id: number) => call(), { name: 'fetchOrders', limit: github });
await orchestrator.run(() => Promise.all([1, 2, 3, 4].flatMap((id) => [fetchUser(id), fetchOrders(id)])));
assert.equal(starts.length, 8);
assert.equal(most, 2);
for (let index = 3; index < starts.length; index++) {
  assert.ok((starts[index] as number) - (starts[index - 3] as number) >= 100);
}

// The call that was refused is retried when the limit is open again, and the other call waits as well.
let refusals = 0;
const search = orchestrator.action(
  async (_words: string) => {
    if (refusals++ === 0) throw new HttpError('429 Too Many Requests');
    return performance.now();
  },
  { name: 'search', limit: github, retry: { retries: 1, minTimeout: 1 } },
);
const began = performance.now();
const [found] = await Promise.all([search('limits'), sleep(20).then(() => fetchUser(5))]);
assert.ok(found - began >= 200);

// A limit for each tenant, counted in tokens. The second call of a tenant would have to wait, and is refused instead.
const ask = orchestrator.action(async (tenant: string, prompt: string) => `${tenant}: ${prompt}`, {
  name: 'ask',
  limit: { rate: 100, per: 60_000, key: (tenant) => tenant, cost: (_tenant, prompt) => prompt.length, maxQueue: 0 },
});
const long = 'x'.repeat(80);
assert.equal(await ask('a', long), `a: ${long}`);
assert.equal(await ask('b', long), `b: ${long}`);
await assert.rejects(ask('a', long), LimitError);
assert.equal(await ask('a', 'short'), 'a: short');

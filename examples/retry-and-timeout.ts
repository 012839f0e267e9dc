// What an action does about failure: it waits as long as the server asks, gives up where trying again is no use,
// and answers from a fallback when time is up. The error that comes out is the last attempt's own.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbortError, Orchestrator, TimeoutError } from 'orchestrator';

class Busy extends Error {
  constructor(readonly retryAfter: string) {
    super('too many requests');
  }
}

const orchestrator = new Orchestrator({
  retry: { retries: 3, minTimeout: 10, retryAfter: (error) => (error instanceof Busy ? error.retryAfter : undefined) },
}).onTaskRetry(({ name, attempt, retriesLeft, delay, error }) => {
  console.log(`${name}, attempt ${attempt}: ${error.message}; again in ${delay} ms, retries left: ${retriesLeft}`);
});

// Two failures, then a result. The text of a Retry-After field goes before the back-off of 10, 20, 40 ms.
const failures = [new Busy('0'), new Error('connection reset')];
const fetchMenu = orchestrator.action(function fetchMenu() {
  const failure = failures.shift();
  if (failure !== undefined) throw failure;
  return ['soup', 'bread'];
});
assert.deepEqual(await fetchMenu(), ['soup', 'bread']);

// What will never work is not tried again, and the caller gets the error as it was.
let calls = 0;
const placeOrder = orchestrator.action(function placeOrder() {
  calls++;
  throw new AbortError(new Error('no such dish'));
});
await assert.rejects(placeOrder(), { message: 'no such dish' });
assert.equal(calls, 1);

// Each attempt has a limit, and so have all of them together.
const options = { name: 'askTheChef', retry: 1, timeout: { attempt: 20, total: 5_000 } };
const askTheChef = orchestrator.action(() => sleep(10_000, 'well done', { signal: orchestrator.signal }), options);
await assert.rejects(askTheChef(), (error) => error instanceof TimeoutError && error.limit === 20);

const askAnyone = orchestrator.withOptions(askTheChef, { timeout: { fallback: () => 'as usual' } });
console.log(`The chef says: ${await askAnyone()}.`);

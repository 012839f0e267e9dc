// Failures of an action: it waits as long as the server asks for, stops when retrying is pointless, and uses a fallback
// after a timeout. The error that is thrown is the one of the last attempt.
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

// Two failures, then a result. A Retry-After value takes precedence over the back-off of 10, 20, 40 ms.
const failures = [new Busy('0'), new Error('connection reset')];
const fetchMenu = orchestrator.action(function fetchMenu() {
  const failure = failures.shift();
  if (failure !== undefined) throw failure;
  return ['soup', 'bread'];
});
assert.deepEqual(await fetchMenu(), ['soup', 'bread']);

// A permanent error is not retried, and the caller gets the original error.
let calls = 0;
const placeOrder = orchestrator.action(function placeOrder() {
  calls++;
  throw new AbortError(new Error('no such dish'));
});
await assert.rejects(placeOrder(), { message: 'no such dish' });
assert.equal(calls, 1);

// A timeout for each attempt, and one for all attempts together.
const options = { name: 'askTheChef', retry: 1, timeout: { attempt: 20, total: 5_000 } };
const askTheChef = orchestrator.action(() => sleep(10_000, 'well done', { signal: orchestrator.signal }), options);
await assert.rejects(askTheChef(), (error) => error instanceof TimeoutError && error.limit === 20);

const askAnyone = orchestrator.withOptions(askTheChef, { fallback: () => 'as usual' });
console.log(`The chef says: ${await askAnyone()}.`);

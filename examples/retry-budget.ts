// Retries help when one call in a hundred fails, and hurt when all do: a budget bounds the share of calls that are
// retries, over all actions of an orchestrator.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';

let requests = 0;
const orchestrator = new Orchestrator({
  retry: { retries: 3, minTimeout: 0, budget: { ratio: 0.1, minPerSecond: 1 } },
});
const fetchUser = orchestrator.action(async function fetchUser(_id: number) {
  requests++;
  throw new Error('service unavailable');
});

// The service is down. A tenth of the calls and ten more (one a second, in the window of ten seconds) are retried.
const calls = 200;
await orchestrator.map(Array.from({ length: calls }).keys(), fetchUser, { settle: true });
console.log(`${calls} calls have made ${requests} requests. Without the budget there would be ${calls * 4}.`);
assert.equal(requests, calls + calls / 10 + 10);

// Any object with an `execute` method can run the attempts of an action: here, cockatiel's circuit breaker. After three
// failures in a row the circuit is open, and calls fail immediately without reaching the service.
import assert from 'node:assert/strict';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll, isBrokenCircuitError } from 'cockatiel';
import { Orchestrator } from 'orchestrator';

const breaker = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(3) });
breaker.onBreak(() => console.log('the circuit opens'));

let calls = 0;
const orchestrator = new Orchestrator().onTaskCompletion(({ name, attempts, error }) => {
  console.log(`${name}, calls: ${attempts}, ${(error as Error).message}`);
});

const chargeCard = orchestrator.action(
  async function chargeCard(cents: number) {
    calls++;
    throw new Error(`cannot charge ${cents} cents`);
  },
  {
    policy: breaker,
    // Retries wrap the policy, so each attempt counts. Retrying while the circuit is open is pointless.
    retry: { retries: 3, minTimeout: 1, shouldRetry: ({ error }) => !isBrokenCircuitError(error) },
  },
);

// The third attempt opens the circuit, so the fourth is refused.
await assert.rejects(chargeCard(250), BrokenCircuitError);
assert.equal(calls, 3);

await assert.rejects(chargeCard(990), BrokenCircuitError);
assert.equal(calls, 3, 'the service has not been called');

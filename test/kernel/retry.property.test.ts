import { Orchestrator } from 'orchestrator';
import pRetry, { AbortError, type Options } from 'p-retry';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import fc from '../properties.js';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.25);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const attempt = fc.record({
  takes: fc.nat(300),
  outcome: fc.constantFrom('value', 'error', 'error', 'error', 'mistake', 'network', 'abort'),
  retry: fc.boolean(),
  consume: fc.boolean(),
});
type Attempt = typeof attempt extends fc.Arbitrary<infer Value> ? Value : never;

const options = fc.record(
  {
    retries: fc.nat(4),
    minTimeout: fc.nat(500),
    maxTimeout: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.constant(Infinity)),
    factor: fc.constantFrom(0, 0.5, 1, 2, 3),
    randomize: fc.boolean(),
    maxRetryTime: fc.oneof(fc.nat(3000), fc.constant(Infinity)),
  },
  { requiredKeys: ['retries'] },
);

/** Creates a function that follows a script and records the times of its calls. */
function scripted(script: readonly Attempt[]) {
  const times: number[] = [];
  const began = performance.now();
  async function act() {
    const { takes, outcome } = script[times.length] ?? { takes: 0, outcome: 'value' };
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, takes));
    if (outcome === 'value') return 'value';
    if (outcome === 'mistake') throw new TypeError('x is not a function');
    if (outcome === 'network') throw new TypeError('fetch failed');
    if (outcome === 'abort') throw new AbortError('given up');
    throw new Error(`attempt ${times.length}`);
  }
  return { act, times };
}

/** Returns the times of the calls and the outcome. */
async function outcomeOf(times: readonly number[], pending: Promise<unknown>) {
  const settled = pending.catch((error: Error) => `${error.name}: ${error.message}`);
  await vi.runAllTimersAsync();
  return { times: times.map(Math.round), outcome: await settled };
}

it('retries as often and as late as p-retry, with the same outcome', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { maxLength: 8 }), options, fc.boolean(), async (script, given, asks) => {
      const callbacks: Options = asks
        ? {
            shouldRetry: ({ attemptNumber }) => script[attemptNumber - 1]?.retry ?? true,
            shouldConsumeRetry: ({ attemptNumber }) => script[attemptNumber - 1]?.consume ?? true,
          }
        : {};
      const retry = { ...given, ...callbacks };
      const theirs = scripted(script);
      const expected = await outcomeOf(theirs.times, pRetry(theirs.act, retry));
      const ours = scripted(script);
      const action = new Orchestrator().action(ours.act, { retry });
      expect(await outcomeOf(ours.times, action())).toEqual(expected);
    }),
    { numRuns: 400 },
  );
});

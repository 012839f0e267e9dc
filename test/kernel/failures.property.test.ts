import { type ActionOptions, Orchestrator, type Policy } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import fc from '../properties.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const optional = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined });
const limit = fc.integer({ min: 1, max: 60 });

/** Options of an action. Indices of `fallback` are those of actions that were defined before. */
const options = fc.record({
  retries: optional(fc.nat(3)),
  isPolling: fc.boolean(),
  budget: optional(fc.constantFrom(0, 0.5)),
  attempt: optional(limit),
  total: optional(limit),
  policies: fc.array(fc.nat(10), { maxLength: 2 }),
  share: optional(fc.constantFrom(true, 'run' as const, 20)),
  fallbacks: fc.array(fc.nat(5), { maxLength: 2 }),
  isAnswered: fc.boolean(),
  calls: fc.array(fc.nat(5), { maxLength: 2 }),
});
const program = fc.record({
  actions: fc.array(options, { minLength: 1, maxLength: 4 }),
  durations: fc.array(fc.nat(30), { minLength: 1, maxLength: 7 }),
  outcomes: fc.array(fc.constantFrom('right', 'wrong', 'failure'), { minLength: 1, maxLength: 7 }),
  runs: fc.array(fc.record({ at: fc.nat(40), abortAfter: optional(fc.nat(80)), isHooked: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  }),
});

const wait = (delay: number) => new Promise<void>((resolve) => setTimeout(resolve, delay));
const delaying = (delay: number): Policy => ({ execute: (fn) => wait(delay).then(() => fn()) });

describe('options against failures, in every combination', () => {
  it('let every call settle, with a result or an error of the program, and leave no timer behind', async () => {
    const check = fc.asyncProperty(program, async ({ actions, durations, outcomes, runs }) => {
      const orchestrator = new Orchestrator();
      let step = 0;
      const next = <Value>(values: readonly Value[]) => values[step++ % values.length] as Value;
      const defined: (() => Promise<string>)[] = [];
      for (const {
        retries,
        isPolling,
        budget,
        attempt,
        total,
        policies,
        share,
        fallbacks,
        isAnswered,
        calls,
      } of actions) {
        const earlier = (indices: readonly number[]) => indices.flatMap((index) => defined[index] ?? []);
        const inner = earlier(calls);
        const given: ActionOptions<[], string> = {
          retry: { retries: retries ?? 0, minTimeout: 5, budget, until: isPolling ? (text) => text !== 'wrong' : null },
          timeout: { attempt, total },
          policy: policies.map(delaying),
          share,
          fallback: [...earlier(fallbacks), ...(isAnswered ? [() => 'answered'] : [])],
        };
        const work = async (): Promise<string> => {
          await wait(next(durations));
          for (const call of inner) await call();
          const outcome = next(outcomes);
          if (outcome === 'failure') throw new Error('failure');
          return outcome;
        };
        defined.push(orchestrator.action(work, given));
      }
      const seen = { begun: 0, ended: 0 };
      const settled = runs.map(async ({ at, abortAfter, isHooked }, index) => {
        await wait(at);
        if (isHooked) {
          orchestrator.onTaskBegin(() => void seen.begun++).onTaskCompletion(() => void seen.ended++);
        }
        const controller = new AbortController();
        if (abortAfter !== undefined) setTimeout(() => controller.abort(new Error('stop')), abortAfter);
        const group = orchestrator.parallel([...defined, ...defined], {
          failFast: index % 2 === 1,
          settle: index % 2 === 0,
        });
        return orchestrator.run(() => group(), { signal: controller.signal }).catch((error: Error) => [error]);
      });
      const all = Promise.all(settled);
      await vi.runAllTimersAsync();
      const ends = (await all).flat() as (Error | PromiseSettledResult<string> | string)[];
      expect(vi.getTimerCount()).toBe(0);
      for (const end of ends) {
        const text = end instanceof Error ? end.message : typeof end === 'string' ? end : textOf(end);
        expect(text).toMatch(
          /^(right|wrong|answered|failure|stop)$|timed out after|no result that retry.until accepts/,
        );
      }
      if (runs[0]?.isHooked && runs.length === 1) expect(seen.ended).toBe(seen.begun);
    });
    await fc.assert(check, { numRuns: 150 });
  });
});

function textOf(settled: PromiseSettledResult<string>): string {
  return settled.status === 'fulfilled' ? settled.value : (settled.reason as Error).message;
}

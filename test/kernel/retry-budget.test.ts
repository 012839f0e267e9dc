import { Orchestrator, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import fc from '../properties.js';
import { rejection } from '../support.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const fail = () => Promise.reject(new Error('down'));

/** Returns an orchestrator with the given budget, and the number of attempts of each of its tasks. */
function budgeted(budget: unknown) {
  const attempts: number[] = [];
  const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0, budget: budget as number } });
  orchestrator.onTaskCompletion((task) => attempts.push(task.attempts));
  const call = async (action: () => Promise<unknown>, times: number) => {
    for (let index = 0; index < times; index++) {
      const failure = rejection(action());
      await vi.advanceTimersByTimeAsync(0);
      await failure;
    }
    return attempts.splice(0).filter((count) => count > 1).length;
  };
  return { orchestrator, call };
}

describe('retry.budget', () => {
  it('lets at most a share of calls be retries, over all actions of the orchestrator', async () => {
    const { orchestrator, call } = budgeted({ ratio: 0.2, minPerSecond: 0 });
    const [first, second] = [orchestrator.action(fail), orchestrator.action(fail)];
    expect(await call(first, 50)).toBe(10);
    expect(await call(second, 50)).toBe(10);
  });

  it('always allows a number of retries per second, in a window of ten', async () => {
    const { orchestrator, call } = budgeted({ ratio: 0, minPerSecond: 2 });
    const act = orchestrator.action(fail);
    expect(await call(act, 50)).toBe(20);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await call(act, 50)).toBe(0);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await call(act, 50)).toBe(20);
  });

  it('by default allows a retry for each fifth call, and ten per second', async () => {
    const { orchestrator, call } = budgeted({});
    expect(await call(orchestrator.action(fail), 200)).toBe(140);
    const plain = budgeted(0.5);
    expect(await plain.call(plain.orchestrator.action(fail), 300)).toBe(250);
  });

  it('counts calls that succeed', async () => {
    const { orchestrator, call } = budgeted({ ratio: 0.1, minPerSecond: 0 });
    const works = orchestrator.action(() => 1);
    for (let index = 0; index < 30; index++) await works();
    expect(await call(orchestrator.action(fail), 20)).toBe(5);
  });

  it('lets the failure of a task come out as it is when it is used up', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 5, budget: { ratio: 0, minPerSecond: 0 } } });
    const error = new Error('down');
    expect(await rejection(orchestrator.action(() => Promise.reject(error))())).toBe(error);
  });

  it('of an action is its own, and null switches the default off', async () => {
    const { orchestrator, call } = budgeted({ ratio: 0, minPerSecond: 0 });
    expect(await call(orchestrator.action(fail, { retry: { budget: { minPerSecond: 1 } } }), 5)).toBe(5);
    expect(await call(orchestrator.action(fail, { retry: { budget: null } }), 5)).toBe(5);
    expect(await call(orchestrator.action(fail, { retry: 1 }), 5)).toBe(0);
  });

  it('holds in every window, for every pattern of calls', async () => {
    const pattern = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 0, max: 6_000 })), { maxLength: 12 });
    const check = fc.asyncProperty(pattern, async (bursts) => {
      const { orchestrator, call } = budgeted({ ratio: 0.3, minPerSecond: 1 });
      const act = orchestrator.action(fail);
      const made: { at: number; calls: number; retries: number }[] = [];
      for (const [calls, pause] of bursts) {
        made.push({ at: performance.now(), calls, retries: await call(act, calls) });
        await vi.advanceTimersByTimeAsync(pause);
      }
      for (const { at: end } of made) {
        // Seconds are counted as a whole, so a window is at least nine seconds long.
        const within = made.filter(({ at }) => at <= end && at > end - 9_000);
        const counted = made.filter(({ at }) => at <= end && at > end - 10_000);
        const retries = within.reduce((sum, burst) => sum + burst.retries, 0);
        const calls = counted.reduce((sum, burst) => sum + burst.calls, 0);
        expect(retries).toBeLessThanOrEqual(0.3 * calls + 10);
      }
    });
    await fc.assert(check, { numRuns: 50 });
  });

  it.each([
    [-1, 'retry.budget must be a finite number of at least 0, got -1'],
    [{ ratio: Infinity }, 'retry.budget.ratio must be a finite number of at least 0, got Infinity'],
    [{ minPerSecond: 'x' }, 'retry.budget.minPerSecond must be a finite number of at least 0, got String'],
    [{ rate: 1 }, 'retry.budget.rate is unknown, expected ratio, minPerSecond'],
  ])('rejects %o', (budget, message) => {
    expect(() => new Orchestrator({ retry: { budget } as never })).toThrow(new ValidationError(message));
  });
});

import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, rejection } from '../support.js';

const forever = (): Promise<unknown> => deferred().promise;

/** Returns the outcome of a promise after all timers have run. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const settled = promise.catch((error) => error);
  await vi.runAllTimersAsync();
  return settled;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('timeout', () => {
  it('rejects with a TimeoutError that names the action and the limit', async () => {
    const fetchUser = new Orchestrator().action(forever, { name: 'fetchUser', timeout: 5_000 });
    const error = (await outcome(fetchUser())) as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT', subject: 'fetchUser', limit: 5_000 });
    expect(error.message).toBe('"fetchUser" timed out after 5000 ms');
  });

  it('does not affect work that ends in time, and leaves no timer', async () => {
    const orchestrator = new Orchestrator({ timeout: { attempt: 50, total: 100 } });
    await expect(orchestrator.action(() => 1)()).resolves.toBe(1);
    await expect(orchestrator.action(async () => 2)()).resolves.toBe(2);
    const error = new Error('no');
    expect(await rejection(orchestrator.action(() => Promise.reject(error))())).toBe(error);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("aborts the attempt's signal, with the same error", async () => {
    const orchestrator = new Orchestrator({ timeout: 10 });
    let signal: AbortSignal | undefined;
    const act = orchestrator.action(() => {
      signal = orchestrator.signal;
      return forever();
    });
    const error = await outcome(act());
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBe(error);
  });

  it('of an attempt is followed by a retry, each with a fresh signal', async () => {
    const orchestrator = new Orchestrator({ timeout: 10, retry: { retries: 2, minTimeout: 5 } });
    const signals: AbortSignal[] = [];
    const act = orchestrator.action(() => {
      signals.push(orchestrator.signal);
      return signals.length < 3 ? forever() : 'third time lucky';
    });
    expect(await outcome(act())).toBe('third time lucky');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  });

  it('in total covers all attempts and the delays between them', async () => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = orchestrator.action(
      function act() {
        calls++;
        throw new Error('no');
      },
      { retry: { retries: Infinity, minTimeout: 100, factor: 1 }, timeout: { total: 350 } },
    );
    const error = (await outcome(act())) as TimeoutError;
    expect(error.message).toBe('"act" timed out after 350 ms');
    expect(calls).toBe(4);
  });

  it('uses the fallback if the task failed with one of its own limits', async () => {
    const fallback = (id: string) => `cached ${id}`;
    const orchestrator = new Orchestrator();
    const statuses: string[] = [];
    orchestrator.onTaskCompletion(({ status }) => statuses.push(status));
    const slow = (_id: string) => forever();
    expect(await outcome(orchestrator.action(slow, { timeout: { attempt: 10, fallback } })('a'))).toBe('cached a');
    expect(await outcome(orchestrator.action(slow, { timeout: { total: 10, fallback } })('b'))).toBe('cached b');
    expect(statuses).toEqual(['completed', 'completed']);
  });

  it('does not use the fallback for other failures, nor for the timeout of an inner action', async () => {
    const orchestrator = new Orchestrator();
    const fallback = () => 'fallback';
    const error = new Error('no');
    const failed = orchestrator.action(() => Promise.reject<string>(error), { timeout: { attempt: 10, fallback } });
    expect(await outcome(failed())).toBe(error);
    const inner = orchestrator.action(forever, { name: 'inner', timeout: 5 });
    const outer = orchestrator.action(() => inner(), { timeout: { attempt: 10, fallback } });
    expect(await outcome(outer())).toHaveProperty('subject', 'inner');
  });

  it('uses the fallback only after the last retry, and not if that failed otherwise', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 1 } });
    let calls = 0;
    const timeout = { attempt: 10, fallback: () => 'fallback' };
    const act = orchestrator.action(() => (++calls === 1 ? forever() : Promise.reject(new Error('second'))), {
      timeout,
    });
    expect(await outcome(act())).toEqual(new Error('second'));
  });

  it('uses the fallback for either limit if both are given', async () => {
    const orchestrator = new Orchestrator();
    const fallback = () => 'fallback';
    const first = orchestrator.action(forever, { timeout: { attempt: 10, total: 1000, fallback } });
    expect(await outcome(first())).toBe('fallback');
    const retry = { retries: 9, minTimeout: 0 };
    const second = orchestrator.action(forever, { timeout: { attempt: 10, total: 35, fallback }, retry });
    expect(await outcome(second())).toBe('fallback');
  });

  it('rejects with the error of a fallback that throws', async () => {
    const error = new Error('no cache');
    const timeout = { attempt: 10, fallback: () => Promise.reject(error) };
    expect(await outcome(new Orchestrator().action(forever, { timeout })())).toBe(error);
  });

  it('does not use the fallback if the run is aborted', async () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(forever, { timeout: { attempt: 1000, fallback: () => 'fallback' } });
    const pending = outcome(orchestrator.run(() => act(), { timeout: 10 }));
    expect(await pending).toHaveProperty('subject', 'orchestrator');
  });

  it('overrides the default of the orchestrator, field by field, and Infinity means none', async () => {
    const orchestrator = new Orchestrator({
      timeout: { attempt: 10, total: 25 },
      retry: { retries: 9, minTimeout: 0 },
    });
    const limits: number[] = [];
    orchestrator.onTaskCompletion(({ error }) => limits.push((error as TimeoutError).limit));
    await outcome(orchestrator.action(forever)());
    await outcome(orchestrator.action(forever, { timeout: Infinity })());
    await outcome(orchestrator.action(forever, { timeout: { total: Infinity }, retry: 0 })());
    expect(limits).toEqual([25, 25, 10]);
  });

  it('ignores the outcome of interrupted work, and lets that work start nothing new', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    let started = false;
    let refused: unknown;
    const inner = orchestrator.action(() => {
      started = true;
    });
    const outer = orchestrator.action(
      async () => {
        await gate.promise;
        refused = await rejection(inner());
        throw new Error('nobody hears this');
      },
      { timeout: 10 },
    );
    const error = await outcome(outer());
    gate.resolve();
    await vi.runAllTimersAsync();
    expect(refused).toBe(error);
    expect(started).toBe(false);
  });

  it.each([
    [-1, 'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got -1'],
    [Number.NaN, 'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got NaN'],
    [2 ** 31, 'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got 2147483648'],
    ['5s', 'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got String'],
    [{ attempt: -1 }, 'timeout.attempt must be a number of milliseconds above 0'],
    [{ total: -5 }, 'timeout.total must be a number of milliseconds above 0'],
    [{ fallback: 'x' }, 'timeout.fallback must be a function, got String'],
    [{ limit: 5 }, 'timeout.limit is unknown, expected attempt, total, fallback'],
  ])('rejects %o', (timeout, message) => {
    const options = { timeout } as never;
    expect(() => new Orchestrator(options)).toThrow(ValidationError);
    expect(() => new Orchestrator().action(failing(0, 1), options)).toThrow(message);
  });
});

import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  retry,
} from 'cockatiel';
import { Orchestrator, type Policy, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, rejection, settled } from '../support.js';

afterEach(() => void vi.useRealTimers());

describe('policy', () => {
  it('may be the circuit breaker of cockatiel: it opens after failures, and the function is no longer called', async () => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(2) });
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = orchestrator.action(
      () => {
        calls++;
        throw new Error('down');
      },
      { policy: breaker, retry: { retries: 3, minTimeout: 0 } },
    );
    expect(await rejection(act())).toBeInstanceOf(BrokenCircuitError);
    expect(await rejection(act())).toBeInstanceOf(BrokenCircuitError);
    expect(calls).toBe(2);
  });

  it('may be the bulkhead of cockatiel, shared by the actions of an orchestrator', async () => {
    const orchestrator = new Orchestrator({ policy: bulkhead(2, 1) });
    const gate = deferred();
    let running = 0;
    let most = 0;
    const act = orchestrator.action(async () => {
      most = Math.max(most, ++running);
      await gate.promise;
      running--;
    });
    const tasks = Array.from({ length: 4 }, () => act().catch((error: unknown) => error));
    await settled();
    gate.resolve();
    const outcomes = await Promise.all(tasks);
    expect(most).toBe(2);
    expect(outcomes.filter((outcome) => outcome instanceof BulkheadRejectedError)).toHaveLength(1);
  });

  it('sees the timeout of an attempt as a failure, and is inside the retries', async () => {
    const seen: unknown[] = [];
    const policy: Policy = {
      async execute(fn) {
        try {
          return await fn();
        } catch (error) {
          seen.push(error);
          throw error;
        }
      },
    };
    const act = new Orchestrator().action(() => deferred().promise, {
      policy,
      timeout: 5,
      retry: { retries: 1, minTimeout: 0 },
    });
    expect(await rejection(act())).toBe(seen[1]);
    expect(seen).toEqual([expect.any(TimeoutError), expect.any(TimeoutError)]);
  });

  it('that waits before it calls the function starts nothing after an abort', async () => {
    const gate = deferred();
    const policy: Policy = {
      async execute(fn) {
        await gate.promise;
        return fn();
      },
    };
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(() => expect.fail('was called'), { policy });
    const controller = new AbortController();
    const pending = orchestrator.run(() => act(), { signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(pending).rejects.toThrow('stop');
    gate.resolve();
    await settled();
  });

  it('receives the signal if the task can be aborted, and none if not', async () => {
    const orchestrator = new Orchestrator();
    const signals: unknown[] = [];
    const policy: Policy = {
      execute(fn, signal) {
        signals.push(signal?.aborted);
        return fn();
      },
    };
    const act = orchestrator.action(() => 'done', { policy });
    await act();
    await orchestrator.run(() => act(), { timeout: 1000 });
    expect(signals).toEqual([undefined, false]);
  });

  it("that retries by itself is stopped by the task's signal", async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let calls = 0;
    const act = orchestrator.action(
      () => {
        calls++;
        controller.abort();
        throw new Error('no');
      },
      { policy: retry(handleAll, { maxAttempts: 50 }) },
    );
    await rejection(orchestrator.run(() => act(), { signal: controller.signal }));
    await settled();
    expect(calls).toBe(1);
  });

  it('may change the result', async () => {
    const policy: Policy = { execute: async (fn) => [await fn()] };
    await expect(new Orchestrator().action(() => 1, { policy })()).resolves.toEqual([1]);
  });

  it.each([
    [{}, 'Object'],
    ['x', 'String'],
  ])('rejects %o', (policy, kind) => {
    const message = `policy must be an object with an execute method, got ${kind}`;
    expect(() => new Orchestrator({ policy } as never)).toThrow(new ValidationError(message));
  });

  it.each([
    [1, 60],
    [2, 25],
  ])(
    'is named in the error of a total limit that is reached while it keeps attempt %i waiting',
    async (attempt, waited) => {
      vi.useFakeTimers();
      let calls = 0;
      const policy: Policy = {
        execute: (fn) => (++calls === attempt ? deferred<never>().promise : fn()),
      };
      const act = new Orchestrator().action(failing(5, 1), {
        name: 'load',
        policy,
        retry: { retries: 5, minTimeout: 35 },
        timeout: { total: 60, attempt: 1_000 },
      });
      const pending = rejection(act());
      await vi.advanceTimersByTimeAsync(60);
      const error = (await pending) as TimeoutError;
      expect(error.waited).toBe(waited);
      expect(error.message).toBe(`"load" timed out after 60 ms, ${waited} ms of them waiting for its policy`);
    },
  );

  it('that rejects at once or has called its function is not named in the error of a total limit', async () => {
    const refusing: Policy = { execute: () => Promise.reject(new Error('full')) };
    const passing: Policy = { execute: (fn) => fn() };
    const options = { name: 'load', retry: { retries: 9, minTimeout: 1_000 }, timeout: { total: 20 } };
    vi.useFakeTimers();
    for (const policy of [refusing, passing]) {
      const pending = rejection(new Orchestrator().action(() => deferred().promise, { ...options, policy })());
      await vi.advanceTimersByTimeAsync(20);
      expect(await pending).toMatchObject({ message: '"load" timed out after 20 ms', waited: 0 });
    }
  });

  it('that gives up without a signal aborts the attempt, and later calls of actions do not start', async () => {
    const orchestrator = new Orchestrator();
    let signal: AbortSignal | undefined;
    let started = false;
    const charge = orchestrator.action(() => {
      started = true;
    });
    const gate = deferred<void>();
    const work = deferred<unknown>();
    const policy: Policy = {
      execute: (fn) => {
        fn().then(work.resolve, work.reject);
        return gate.promise.then(() => Promise.reject(new Error('gave up')));
      },
    };
    const act = orchestrator.action(
      async () => {
        signal = orchestrator.signal;
        await gate.promise;
        await settled();
        await charge();
      },
      { policy },
    );
    const failure = rejection(orchestrator.run(() => act()));
    await settled();
    gate.resolve();
    expect(((await failure) as Error).message).toBe('gave up');
    expect(signal?.aborted).toBe(true);
    expect(((await rejection(work.promise)) as Error).message).toBe('gave up');
    expect(started).toBe(false);
  });
});

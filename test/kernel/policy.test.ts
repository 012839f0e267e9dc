import { AsyncLocalStorage } from 'node:async_hooks';
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
} from 'cockatiel';
import { Orchestrator, type Policy, type PolicyCall, TimeoutError, ValidationError } from 'orchestrator';
import PQueue from 'p-queue';
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

  it('receives a signal that aborts with the task, and has the arguments, the name and the attempt', async () => {
    const orchestrator = new Orchestrator();
    const calls: object[] = [];
    const kept: PolicyCall[] = [];
    const policy: Policy = {
      execute(fn, call) {
        const { signal, args, name, attempt } = call;
        calls.push({ isSignal: call instanceof AbortSignal && signal === call, args, name, attempt });
        kept.push(call);
        return fn();
      },
    };
    let failures = 1;
    const charge = orchestrator.action(
      async function charge(_tenant: string) {
        if (failures-- > 0) throw new Error('no');
        await deferred().promise;
      },
      { policy, retry: { retries: 1, minTimeout: 0 } },
    );
    const controller = new AbortController();
    const pending = rejection(orchestrator.run(() => charge('acme'), { signal: controller.signal }));
    await vi.waitFor(() => expect(calls).toHaveLength(2), 30_000);
    const call = { isSignal: true, args: ['acme'], name: 'charge' };
    expect(calls).toEqual([
      { ...call, attempt: 1 },
      { ...call, attempt: 2 },
    ]);
    expect(kept.map(({ aborted }) => aborted)).toEqual([false, false]);
    controller.abort(new Error('stop'));
    expect(await pending).toEqual(new Error('stop'));
    expect(kept.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(kept[1]?.reason).toEqual(new Error('stop'));
  });

  it('may be a list, the outermost first', async () => {
    const lines: string[] = [];
    const named = (name: string): Policy => ({
      async execute(fn) {
        lines.push(`${name} begins`);
        const result = await fn();
        lines.push(`${name} ends`);
        return result;
      },
    });
    const act = new Orchestrator().action(() => lines.push('works'), { policy: [named('outer'), named('inner')] });
    await act();
    expect(lines).toEqual(['outer begins', 'inner begins', 'works', 'inner ends', 'outer ends']);
  });

  it('of a list follows the signal of the policy around it', async () => {
    const orchestrator = new Orchestrator();
    let inner: AbortSignal | undefined;
    let signal: AbortSignal | undefined;
    const seeing: Policy = {
      execute(fn, call) {
        inner = call;
        return fn();
      },
    };
    const act = orchestrator.action(
      () => {
        signal = orchestrator.signal;
        return deferred().promise;
      },
      { policy: [timeout(5, TimeoutStrategy.Aggressive), seeing] },
    );
    expect(await rejection(act())).toBeInstanceOf(TaskCancelledError);
    expect([inner?.aborted, signal?.aborted]).toEqual([true, true]);
  });

  it('that is an empty list switches the default off', async () => {
    const refusing: Policy = { execute: () => Promise.reject(new Error('full')) };
    const orchestrator = new Orchestrator({ policy: refusing });
    await expect(orchestrator.action(() => 1, { policy: [] })()).resolves.toBe(1);
    await expect(orchestrator.action(() => 1)()).rejects.toThrow('full');
  });

  it('is named in the error of a total limit with the time of all policies of a list', async () => {
    vi.useFakeTimers();
    const waiting = (delay: number): Policy => ({
      execute: (fn) => new Promise((resolve) => setTimeout(resolve, delay)).then(() => fn()),
    });
    const options = { name: 'load', policy: [waiting(10), waiting(20)], timeout: { total: 50 } };
    const pending = rejection(new Orchestrator().action(() => deferred().promise, options)());
    await vi.advanceTimersByTimeAsync(50);
    expect(await pending).toMatchObject({ waited: 30 });
  });

  it('may be a queue of p-queue, in one line, with a priority from the arguments', async () => {
    const queue = new PQueue({ concurrency: 1 });
    const policy: Policy = {
      execute: (fn, { signal, args: [priority] }) => queue.add(fn, { signal, priority: priority as number }),
    };
    const orchestrator = new Orchestrator({ policy });
    const order: number[] = [];
    const gate = deferred();
    const act = orchestrator.action(async (priority: number) => {
      order.push(priority);
      await gate.promise;
    });
    const controller = new AbortController();
    const first = act(0);
    const left = rejection(orchestrator.run(() => act(9), { signal: controller.signal }));
    const rest = [act(1), act(2)];
    await settled();
    expect([order, queue.size]).toEqual([[0], 3]);
    controller.abort(new Error('stop'));
    expect(await left).toEqual(new Error('stop'));
    expect(queue.size).toBe(2);
    gate.resolve();
    await Promise.all([first, ...rest]);
    expect(order).toEqual([0, 2, 1]);
  });

  it('of p-queue may take the whole call as its options', async () => {
    const queue = new PQueue({ concurrency: 1 });
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(() => orchestrator.signal, {
      policy: { execute: (fn, call) => queue.add(fn, call) },
    });
    expect(await act()).toBeInstanceOf(AbortSignal);
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
    const inList = message.replace('policy', 'policy[1]');
    const list = [{ execute: () => {} }, policy];
    expect(() => new Orchestrator({ policy: list } as never)).toThrow(new ValidationError(inList));
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

  it("keeps the caller's own async context, whichever request the policy makes room for", async () => {
    const tenant = new AsyncLocalStorage<number>();
    const orchestrator = new Orchestrator();
    const queue = new PQueue({ concurrency: 2 });
    const waiting: (() => void)[] = [];
    const options = [{ policy: bulkhead(2, 1_000) }, { policy: { execute: queue.add.bind(queue) } }];
    const acts = options.map((option) => orchestrator.action(async () => tenant.getStore(), option as object));
    const later = new Orchestrator().use(async (_, next) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return next();
    });
    const ids = Array.from({ length: 20 }, (_, id) => id);
    for (const act of acts) {
      expect(await Promise.all(ids.map((id) => tenant.run(id, () => orchestrator.run(() => act()))))).toEqual(ids);
    }
    const called: (() => void)[] = [];
    later.use((_, next) => new Promise((resolve, reject) => called.push(() => void next().then(resolve, reject))));
    const act = later.action(async () => tenant.getStore());
    const pending = Promise.all(ids.map((id) => tenant.run(id, () => act())));
    for (const resume of waiting) resume();
    await settled();
    for (const call of called) call();
    expect(await pending).toEqual(ids);
  });
});

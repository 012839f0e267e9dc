import {
  type ActionOptions,
  LimitError,
  type LimitOptions,
  limit,
  Orchestrator,
  type TaskCompletionEvent,
  TimeoutError,
  ValidationError,
} from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lane } from '../../src/kernel/policies/lane.js';
import { AnyLimit } from '../../src/kernel/policies/limit.js';
import { deferred, failing, rejection, settled } from '../support.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const orchestrator = new Orchestrator();

/** An action whose calls run until they are ended, and the arguments of the calls that have started. */
function gated(options: ActionOptions) {
  const started: number[] = [];
  const ends = new Map<number, () => void>();
  const act = orchestrator.action(async (n: number) => {
    started.push(n);
    await new Promise<void>((resolve) => ends.set(n, resolve));
    return n;
  }, options);
  const end = async (n: number) => {
    ends.get(n)?.();
    await settled();
  };
  return { act, started, end };
}

/** The times at which an action starts, in milliseconds from now. */
function clocked(options: ActionOptions) {
  const times: number[] = [];
  const began = performance.now();
  const act = orchestrator.action(async (_argument?: unknown) => {
    times.push(performance.now() - began);
  }, options);
  return { act, times };
}

describe('concurrency', () => {
  it('lets that many attempts run at once, and starts the others in order of arrival', async () => {
    const { act, started, end } = gated({ limit: { concurrency: 2 } });
    const all = Promise.all([1, 2, 3, 4].map((n) => act(n)));
    await settled();
    expect(started).toEqual([1, 2]);
    await end(2);
    expect(started).toEqual([1, 2, 3]);
    await end(1);
    await end(3);
    await end(4);
    expect(await all).toEqual([1, 2, 3, 4]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('starts an attempt at once if there is room, in the same turn', () => {
    let calls = 0;
    const act = orchestrator.action(() => void calls++, { limit: { concurrency: 1, rate: 5 } });
    return orchestrator.run(async () => {
      const pending = act();
      expect(calls).toBe(1);
      await pending;
    });
  });

  it('is shared by all actions that name the limit, also by those of several orchestrators', async () => {
    const shared = limit({ concurrency: 1, name: 'github' });
    const one = gated({ limit: shared });
    const other = new Orchestrator().action(async () => 'other', { limit: shared });
    const pending = [one.act(1), other()];
    await settled();
    expect([shared.running, shared.waiting, shared.name]).toEqual([1, 1, 'github']);
    await one.end(1);
    expect(await Promise.all(pending)).toEqual([1, 'other']);
    expect([shared.running, shared.waiting]).toEqual([0, 0]);
  });

  it('of an orchestrator is one limit of all its actions, and null switches it off for an action', async () => {
    const limited = new Orchestrator({ limit: { concurrency: 1 } });
    const gate = deferred();
    const slow = limited.action(() => gate.promise);
    const waiting = limited.action(() => 'waited');
    const free = limited.action(() => 'free', { limit: null });
    const first = slow();
    const second = waiting();
    expect(await free()).toBe('free');
    expect(await Promise.race([second, settled()])).toBeUndefined();
    gate.resolve();
    await first;
    expect(await second).toBe('waited');
  });

  it('of an action is kept by copies with other options', async () => {
    const { act, started, end } = gated({ limit: { concurrency: 1 } });
    const copy = orchestrator.withOptions(act, { name: 'copy' });
    const pending = [act(1), copy(2)];
    await settled();
    expect(started).toEqual([1]);
    await end(1);
    await end(2);
    await Promise.all(pending);
  });

  it('frees the place of an attempt that fails, synchronously or not', async () => {
    const act = orchestrator.action(
      (how: string) => {
        if (how === 'sync') throw new Error(how);
        return Promise.reject(new Error(how));
      },
      { limit: { concurrency: 1 } },
    );
    for (const how of ['sync', 'async', 'sync']) await expect(act(how)).rejects.toThrow(how);
  });

  it('frees the place of an attempt that has timed out, even if its function ignores the signal', async () => {
    const act = orchestrator.action((hangs: boolean) => (hangs ? deferred().promise : 'done'), {
      limit: { concurrency: 1 },
      timeout: 50,
    });
    const hung = rejection(act(true));
    const next = act(false);
    await vi.advanceTimersByTimeAsync(50);
    expect(await hung).toBeInstanceOf(TimeoutError);
    expect(await next).toBe('done');
  });

  it('frees the place of an attempt whose run is aborted', async () => {
    const shared = limit({ concurrency: 1 });
    const hanging = orchestrator.action(() => deferred().promise, { limit: shared });
    const controller = new AbortController();
    const aborted = rejection(orchestrator.run(() => hanging(), { signal: controller.signal }));
    const next = orchestrator.action(() => 'done', { limit: shared })();
    await settled();
    controller.abort(new Error('stop'));
    expect(await aborted).toEqual(new Error('stop'));
    expect(await next).toBe('done');
  });

  it('runs a waiting attempt in the state, the signal and the async context of its own task', async () => {
    const stateful = new Orchestrator<{ id: number }>({ limit: { concurrency: 1 } });
    const act = stateful.action(async () => {
      await settled();
      return stateful.getState().id;
    });
    const ids = [1, 2, 3].map((id) => stateful.run(() => act(), { state: { id } }));
    expect(await Promise.all(ids)).toEqual([1, 2, 3]);
  });
});

describe('rate', () => {
  it('starts that many attempts in any window, and the next when the first has left it', async () => {
    const { act, times } = clocked({ limit: { rate: 2, per: 100 } });
    const all = [act(), act(), act()];
    await vi.advanceTimersByTimeAsync(60);
    all.push(act(), act());
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all(all);
    expect(times).toEqual([0, 0, 100, 100, 200]);
  });

  it('counts per second unless told otherwise', async () => {
    const { act, times } = clocked({ limit: { rate: 1 } });
    const all = [act(), act()];
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all(all);
    expect(times).toEqual([0, 1_000]);
  });

  it('counts each attempt of a task', async () => {
    const times: number[] = [];
    const began = performance.now();
    const flaky = failing(2, 'done');
    const act = orchestrator.action(
      () => {
        times.push(performance.now() - began);
        return flaky();
      },
      { limit: { rate: 1, per: 300 }, retry: { retries: 2, minTimeout: 10, factor: 1 } },
    );
    const pending = act();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await pending).toBe('done');
    expect(times).toEqual([0, 300, 600]);
  });

  it('keeps a big cost at the head of the queue: no smaller one overtakes it', async () => {
    const { act, times } = clocked({ limit: { rate: 10, per: 100, cost: (n: number) => n } });
    const order: number[] = [];
    const all = [6, 10, 1, 1].map(async (n) => {
      await act(n);
      order.push(n);
    });
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(all);
    expect(order).toEqual([6, 10, 1, 1]);
    expect(times).toEqual([0, 100, 200, 200]);
  });

  it.each([[11], [Number.NaN], [-1], [0.5], ['x'], [Infinity]])('refuses a cost of %s at once', async (cost) => {
    const act = orchestrator.action(() => 1, {
      name: 'ask',
      limit: { rate: 10, cost: () => cost as number },
      retry: 3,
    });
    const message = `limit.cost of "ask" must be a whole number from 0 to 10 (the rate), got ${typeof cost === 'number' ? cost : 'String'}`;
    expect(await rejection(act())).toEqual(new ValidationError(message));
  });

  it('lets a call of cost 0 start when the window is full', async () => {
    const { act, times } = clocked({ limit: { rate: 1, cost: (n: number) => n } });
    await Promise.all([act(1), act(0), act(0)]);
    expect(times).toEqual([0, 0, 0]);
  });

  it('fails a task whose cost or key throws with that error', async () => {
    const fail = () => {
      throw new Error('no such tenant');
    };
    await expect(orchestrator.action(() => 1, { limit: { rate: 1, cost: fail } })()).rejects.toThrow('no such tenant');
    await expect(orchestrator.action(() => 1, { limit: { rate: 1, key: fail } })()).rejects.toThrow('no such tenant');
  });

  it('has one timer while attempts wait, which keeps the program alive, and none afterwards', async () => {
    const { act } = clocked({ limit: { rate: 1, per: 100 } });
    const timeouts = vi.spyOn(globalThis, 'setTimeout');
    const all = Array.from({ length: 5 }, () => act());
    await settled();
    expect(vi.getTimerCount()).toBe(1);
    const timer = timeouts.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(true);
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(all);
    expect(vi.getTimerCount()).toBe(0);
    expect(timeouts).toHaveBeenCalledTimes(4);
  });
});

describe('key', () => {
  it('makes a limit for each key', async () => {
    const { act, times } = clocked({ limit: { rate: 1, per: 100, key: (tenant: string | number) => tenant } });
    const all = ['a', 'b', 'a', 7, '7'].map((tenant) => act(tenant));
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all(all);
    expect(times).toEqual([0, 0, 0, 100, 100]);
  });

  it.each([[undefined], [null], [{}]])('refuses %o as a key', async (key) => {
    const act = orchestrator.action(() => 1, { limit: { rate: 1, key: () => key as never } });
    await expect(act()).rejects.toThrow('the result of limit.key must be a string or a number, got');
  });

  /** An action with a limit for each key, and the number of limits that were made. */
  function keyed(options: LimitOptions) {
    const seen = { limits: 0 };
    const perKey = new AnyLimit({ ...options, key: (n: number) => n }, '', (rules, _key, onIdle) => {
      seen.limits++;
      return new Lane(rules, onIdle);
    });
    return { act: orchestrator.action((_key: number) => 1, { limit: perKey }), seen };
  }

  it('is forgotten when it is idle: of a million keys, only those in use within a window are kept', async () => {
    const { act, seen } = keyed({ rate: 5, per: 1_000, concurrency: 1 });
    await orchestrator.run(async () => {
      for (let n = 1; n <= 1_000_000; n++) {
        await act(n);
        if (n % 10_000 !== 0) continue;
        // The timer that forgets keys runs as long as there are any.
        expect(vi.getTimerCount()).toBe(1);
        vi.advanceTimersByTime(1_000);
        expect(vi.getTimerCount()).toBe(0);
      }
      expect(seen.limits).toBe(1_000_000);
      for (let n = 1; n <= 10_000; n++) await act(n);
      expect(seen.limits).toBe(1_010_000);
      for (let n = 1; n <= 10_000; n++) await act(n);
      expect(seen.limits).toBe(1_010_000);
    });
  });

  it('is forgotten at once when it is idle and the limit has no window', async () => {
    const { act, seen } = keyed({ concurrency: 1 });
    for (let calls = 1; calls <= 3; calls++) {
      await act(1);
      expect(seen.limits).toBe(calls);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([0, 1])('remembers no start of cost %i that has left the window', async (cost) => {
    vi.useRealTimers();
    const held = limit({ rate: 1_000_000, per: 1, cost: () => cost });
    const act = new Orchestrator().action(() => 1, { limit: held });
    const calls = async (count: number) => {
      for (let index = 0; index < count; index++) await act();
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = await calls(5_000);
    expect((await calls(60_000)) - before).toBeLessThan(2 ** 20);
  });

  it('leaves nothing in memory when it was forgotten', async () => {
    vi.useRealTimers();
    const act = orchestrator.action((_key: number) => 1, { limit: { rate: 5, per: 1, concurrency: 1, key: (n) => n } });
    await orchestrator.run(async () => {
      for (let n = 0; n < 20_000; n++) await act(n);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      globalThis.gc?.();
      const before = process.memoryUsage().heapUsed;
      for (let n = 20_000; n < 300_000; n++) await act(n);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      globalThis.gc?.();
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 2 ** 20);
    });
  });

  it('is forgotten by one timer, which does not keep the program alive and ends with the last key', async () => {
    const timeouts = vi.spyOn(globalThis, 'setTimeout');
    const { act } = clocked({ limit: { rate: 1, per: 5_000, key: (n: number) => n } });
    for (let n = 0; n < 100; n++) await act(n);
    expect(timeouts).toHaveBeenCalledTimes(1);
    const timer = timeouts.mock.results[0]?.value as NodeJS.Timeout;
    expect(timer.hasRef()).toBe(false);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is forgotten and comes again is still within its rate', async () => {
    const { act, times } = clocked({ limit: { rate: 1, per: 2_000, key: (n: number) => n } });
    await act(1);
    await vi.advanceTimersByTimeAsync(1_999);
    const again = act(1);
    await vi.advanceTimersByTimeAsync(1);
    await again;
    await vi.advanceTimersByTimeAsync(10_000);
    await act(1);
    expect(times).toEqual([0, 2_000, 12_000]);
  });
});

describe('pauseOn', () => {
  const refused = (retryAfter: unknown) => Object.assign(new Error('429'), { retryAfter });
  const pauseOn = (error: Error) => (error as Error & { retryAfter?: number | string | Date }).retryAfter;

  it.each([
    ['milliseconds', () => 500, 500],
    ['a Date', () => new Date(Date.now() + 700), 700],
    ['the text of a Retry-After field', () => '2', 2_000],
    ['nothing', () => undefined, 0],
    ['a text that is no time', () => 'soon', 0],
  ])('closes the whole limit for %s', async (_, retryAfter, closed) => {
    const shared = limit({ pauseOn });
    const { act, times } = clocked({ limit: shared });
    const failed = orchestrator.action(() => Promise.reject(refused(retryAfter())), { limit: shared });
    await rejection(failed());
    const all = [act(), act()];
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(all);
    expect(times).toEqual([closed, closed]);
  });

  it('closes the limit of the key only', async () => {
    const times: string[] = [];
    const began = performance.now();
    const act = orchestrator.action(
      async (tenant: string, fails: boolean) => {
        if (fails) throw refused(300);
        times.push(`${tenant} at ${performance.now() - began}`);
      },
      { limit: { pauseOn, key: (tenant) => tenant } },
    );
    await rejection(act('a', true));
    const all = [act('a', false), act('b', false)];
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(all);
    expect(times).toEqual(['b at 0', 'a at 300']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('comes before the place of the failed attempt goes on, and holds back its own retry', async () => {
    let calls = 0;
    const times: number[] = [];
    const began = performance.now();
    const act = orchestrator.action(
      async () => {
        times.push(performance.now() - began);
        if (++calls === 1) throw refused(400);
      },
      { limit: { concurrency: 1, pauseOn }, retry: { retries: 1, minTimeout: 10 } },
    );
    const all = [act(), act()];
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(all);
    expect(times).toEqual([0, 400, 400]);
  });

  it('fails the task with its own error if it throws', async () => {
    const act = orchestrator.action(() => Promise.reject(new Error('429')), {
      limit: {
        concurrency: 1,
        pauseOn() {
          throw new Error('no header');
        },
      },
    });
    await expect(act()).rejects.toThrow('no header');
    await expect(act()).rejects.toThrow('no header');
  });
});

describe('maxQueue', () => {
  it('refuses with a LimitError that names action, limit and key instead of waiting', async () => {
    const shared = limit({
      name: 'github',
      concurrency: 1,
      maxQueue: 1,
      key: (n: number) => (n > 5 ? 'big' : 'small'),
    });
    const { act, end } = gated({ name: 'ask', limit: shared });
    const pending = [act(1), act(2)];
    const error = await rejection(act(3));
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({
      code: 'ERR_LIMIT',
      subject: 'ask',
      limit: 'github',
      key: 'small',
      maxQueue: 1,
      message:
        '"ask" was refused by the limit "github", because the queue of the key "small" is full (maxQueue: 1): try again later',
    });
    pending.push(act(6));
    await end(6);
    await end(1);
    await end(2);
    await Promise.all(pending);
  });

  it('asks for the key of a refused attempt once, and so names the key that was full', async () => {
    const key = vi.fn((_: number) => (key.mock.calls.length > 2 ? 'other' : 'same'));
    const { act, end } = gated({ limit: { concurrency: 1, maxQueue: 0, key } });
    const pending = act(1);
    expect(await rejection(act(2))).toMatchObject({ code: 'ERR_LIMIT', key: 'same' });
    expect(key.mock.calls).toEqual([[1], [2]]);
    await end(1);
    await pending;
  });

  it('of 0 never waits', async () => {
    const { act, end } = gated({ name: 'ask', limit: { concurrency: 1, maxQueue: 0 } });
    const pending = act(1);
    await expect(act(2)).rejects.toThrow(
      '"ask" was refused by its limit, because the queue is full (maxQueue: 0): try again later',
    );
    await end(1);
    await pending;
    const again = act(3);
    await end(3);
    await again;
  });
});

describe('a waiting attempt', () => {
  it('leaves the queue at once when its run is aborted, and its turn goes to the next', async () => {
    const shared = limit({ concurrency: 1 });
    const { act, started, end } = gated({ limit: shared });
    const controller = new AbortController();
    const first = act(1);
    const aborted = rejection(orchestrator.run(() => act(2), { signal: controller.signal }));
    const third = act(3);
    controller.abort(new Error('stop'));
    expect(await aborted).toEqual(new Error('stop'));
    expect(shared.waiting).toBe(1);
    await end(1);
    await end(3);
    await Promise.all([first, third]);
    expect(started).toEqual([1, 3]);
  });

  it('that needs less than an aborted one before it starts at once', async () => {
    const { act, times } = clocked({ limit: { rate: 10, per: 100, cost: (n: number) => n } });
    const controller = new AbortController();
    await act(5);
    const aborted = rejection(orchestrator.run(() => act(10), { signal: controller.signal }));
    const small = act(5);
    await vi.advanceTimersByTimeAsync(30);
    controller.abort();
    await aborted;
    await small;
    expect(times).toEqual([0, 30]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is aborted in the turn in which it gets its place starts nothing, and gives the place on', async () => {
    const shared = limit({ concurrency: 1 });
    const { act, started, end } = gated({ limit: shared });
    const controllers = [new AbortController(), new AbortController()];
    const aborted = controllers.map(({ signal }, n) => rejection(orchestrator.run(() => act(n), { signal })));
    const last = act(2);
    await settled();
    // The first abort gives the place to the second task, in the same turn.
    for (const controller of controllers) controller.abort(new Error('stop'));
    expect(await Promise.all(aborted)).toEqual([new Error('stop'), new Error('stop')]);
    await settled();
    expect(started).toEqual([0, 2]);
    await end(2);
    await last;
    expect([shared.running, shared.waiting]).toEqual([0, 0]);
  });

  it('leaves with all others when a run of many is aborted, even if they make room for each other', async () => {
    const shared = limit({ concurrency: 2 });
    const { act, started } = gated({ limit: shared });
    const controller = new AbortController();
    const many = Array.from({ length: 50 }, (_, n) => n);
    const run = orchestrator.run(() => Promise.all(many.map((n) => act(n))), { signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(run).rejects.toThrow('stop');
    await settled();
    expect(started).toEqual([0, 1]);
    expect([shared.running, shared.waiting]).toEqual([0, 0]);
  });

  it('waits within the total limit, but not within the limit of an attempt', async () => {
    const { act, end } = gated({ limit: { concurrency: 1 }, timeout: { attempt: 50 }, name: 'ask' });
    const first = rejection(act(1));
    const second = act(2);
    await vi.advanceTimersByTimeAsync(50);
    expect(await first).toBeInstanceOf(TimeoutError);
    await vi.advanceTimersByTimeAsync(40);
    await end(2);
    expect(await second).toBe(2);
  });

  it.each([
    ['its limit', undefined, 80],
    ['its limit and policy', { execute: () => deferred<never>().promise }, 100],
  ])('is reported by the TimeoutError of the total limit: %s', async (reason, policy, waited) => {
    const shared = limit({ rate: 1, per: 80 });
    const slow = () => deferred().promise;
    const act = orchestrator.action(slow, { name: 'ask', limit: shared, policy, timeout: { total: 100 } });
    await orchestrator.action(() => 1, { limit: shared })();
    const error = rejection(act());
    await vi.advanceTimersByTimeAsync(100);
    expect(await error).toMatchObject({
      waited,
      message: `"ask" timed out after 100 ms, ${waited} ms of them waiting for ${reason}`,
    });
  });

  it('is measured in the record that hooks see: `waited`, over all attempts', async () => {
    const seen: [string, number][] = [];
    const observed = new Orchestrator().onTaskCompletion(({ name, waited }: TaskCompletionEvent) => {
      seen.push([name, waited]);
    });
    const shared = limit({ rate: 1, per: 100 });
    const free = observed.action(() => 1, { name: 'free', limit: shared });
    const flaky = failing(1, 'done');
    const late = observed.action(() => flaky(), { name: 'late', limit: shared, retry: { retries: 1, minTimeout: 30 } });
    const controller = new AbortController();
    const aborted = observed.action(() => 1, { name: 'aborted', limit: shared });
    const all = [free(), late()];
    await vi.advanceTimersByTimeAsync(110);
    all.push(rejection(observed.run(() => aborted(), { signal: controller.signal })) as Promise<never>);
    await vi.advanceTimersByTimeAsync(10);
    controller.abort();
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all(all);
    expect(seen).toEqual([
      ['free', 0],
      ['aborted', 10],
      ['late', 170],
    ]);
  });

  it('may be one of 100,000, holds little, and all memory comes back', async () => {
    vi.useRealTimers();
    const shared = limit({ concurrency: 10 });
    let sum = 0;
    const act = orchestrator.action(async () => void sum++, { limit: shared });
    const round = () =>
      orchestrator.run(async () => {
        const pending = Array.from({ length: 100_010 }, () => act());
        expect([shared.running, shared.waiting]).toEqual([10, 100_000]);
        globalThis.gc?.();
        const held = process.memoryUsage().heapUsed - before;
        await Promise.all(pending);
        return held;
      });
    let before = 0;
    await round();
    globalThis.gc?.();
    before = process.memoryUsage().heapUsed;
    expect((await round()) / 100_000).toBeLessThan(1_250);
    globalThis.gc?.();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4 * 2 ** 20);
    expect([sum, shared.running, shared.waiting]).toEqual([200_020, 0, 0]);
  });
});

describe('a list of limits', () => {
  it('takes a place of each, and counts the start in each when the attempt really starts', async () => {
    const site = limit({ rate: 2, per: 100 });
    const tenant = limit({ concurrency: 1 });
    const times: number[] = [];
    const began = performance.now();
    const act = orchestrator.action(
      async () => {
        times.push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 60));
      },
      { limit: [tenant, site] },
    );
    const all = Promise.all([act(), act(), act(), act()]);
    await vi.advanceTimersByTimeAsync(1_000);
    await all;
    expect(times).toEqual([0, 60, 120, 180]);
    expect([site.running, tenant.running]).toEqual([0, 0]);
  });

  it('gives back the places that it has when it is aborted while it waits for another', async () => {
    const one = limit({ concurrency: 1 });
    const other = limit({ concurrency: 1 });
    const { act, end } = gated({ limit: other });
    const both = orchestrator.action(() => 'both', { limit: [one, other] });
    const first = act(1);
    const controller = new AbortController();
    const aborted = rejection(orchestrator.run(() => both(), { signal: controller.signal }));
    await settled();
    expect([one.running, other.waiting]).toEqual([1, 1]);
    controller.abort();
    await aborted;
    expect([one.running, other.waiting]).toEqual([0, 0]);
    await end(1);
    await first;
  });

  it('never makes two actions wait for each other, in whatever order they name the limits', async () => {
    const one = limit({ concurrency: 1 });
    const other = limit({ concurrency: 1 });
    const left = orchestrator.action(settled, { limit: [one, other] });
    const right = orchestrator.action(settled, { limit: [other, one, other] });
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? left() : right())));
    expect([one.running, other.running]).toEqual([0, 0]);
  });

  it('may be empty: then nothing is limited', async () => {
    await expect(new Orchestrator({ limit: [] }).action(() => 1)()).resolves.toBe(1);
  });
});

describe('options', () => {
  it.each([
    [5, 'limit must be options of a limit, or a limit(), got 5'],
    [{}, 'limit limits nothing: give concurrency, rate or pauseOn'],
    [{ rate: Infinity }, 'limit limits nothing: give concurrency, rate or pauseOn'],
    [{ concurrency: 0 }, 'limit.concurrency must be a whole number of at least 1, or Infinity, got 0'],
    [{ rate: 0.5 }, 'limit.rate must be a whole number of at least 1, or Infinity, got 0.5'],
    [{ rate: 1, per: 0 }, 'limit.per must be a number of milliseconds above 0, up to 2147483647, got 0'],
    [{ rate: 1, per: Infinity }, 'limit.per must be a number of milliseconds above 0, up to 2147483647, got Infinity'],
    [{ concurrency: 1, per: 5 }, 'limit.per has no effect without a rate: give rate or leave it out'],
    [{ concurrency: 1, cost: () => 1 }, 'limit.cost has no effect without a rate: give rate or leave it out'],
    [{ rate: 1, key: 'tenant' }, 'limit.key must be a function, got String'],
    [{ rate: 1, pauseOn: 429 }, 'limit.pauseOn must be a function, got 429'],
    [{ rate: 1, maxQueue: -1 }, 'limit.maxQueue must be a whole number of at least 0, or Infinity, got -1'],
    [{ rate: 1, name: '' }, 'limit.name must be a non-empty string, got String'],
    [{ rates: 1 }, 'limit.rates is unknown, expected name, concurrency, rate, per, key, cost, pauseOn, maxQueue'],
    [[{ rate: 1 }, { rate: 0 }], 'limit[1].rate must be a whole number of at least 1, or Infinity, got 0'],
  ])('rejects %o', (given, message) => {
    expect(() => new Orchestrator({ limit: given as never })).toThrow(new ValidationError(message));
  });

  it('of limit() are named without a path', () => {
    expect(() => limit({ rate: -1 })).toThrow(
      new ValidationError('rate must be a whole number of at least 1, or Infinity, got -1'),
    );
    expect(() => limit(3 as never)).toThrow('options must be options of a limit, got 3');
  });
});

import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, recorded, rejection, settled } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

async function all<Element>(elements: AsyncIterable<Element>): Promise<Element[]> {
  const list: Element[] = [];
  for await (const element of elements) list.push(element);
  return list;
}

/** A source that notes how many items were read, and that it was closed. */
function source(items: number, read = { count: 0, closed: 0 }) {
  const numbers = function* () {
    try {
      for (let item = 1; item <= items; item++) {
        read.count++;
        yield item;
      }
    } finally {
      read.closed++;
    }
  };
  return { read, items: numbers() };
}

/** An action with a gate for each item. */
function gated(orchestrator: Orchestrator) {
  const gates = new Map<number, ReturnType<typeof deferred<string>>>();
  const started: number[] = [];
  const signals = new Map<number, AbortSignal>();
  const action = orchestrator.action(
    (item: number) => {
      started.push(item);
      signals.set(item, orchestrator.signal);
      const gate = deferred<string>();
      gates.set(item, gate);
      return gate.promise;
    },
    { name: 'gated' },
  );
  const open = async (item: number) => {
    gates.get(item)?.resolve(`result ${item}`);
    await settled();
  };
  const refuse = async (item: number) => {
    gates.get(item)?.reject(new Error(`no ${item}`));
    await settled();
  };
  return { action, started, signals, open, refuse };
}

describe('each', () => {
  it('yields the results as they come', async () => {
    const orchestrator = new Orchestrator();
    const { action, open } = gated(orchestrator);
    const results = orchestrator.each([1, 2, 3], action);
    const first = results.next();
    await settled();
    await open(2);
    expect(await first).toEqual({ done: false, value: 'result 2' });
    await open(3);
    await open(1);
    expect(await all(results)).toEqual(['result 3', 'result 1']);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  it('yields the results in the order of the items if they are to be ordered', async () => {
    const orchestrator = new Orchestrator();
    const { action, open } = gated(orchestrator);
    const results = orchestrator.each([1, 2, 3], action, { ordered: true });
    const pending = all(results);
    await settled();
    for (const item of [3, 2, 1]) await open(item);
    expect(await pending).toEqual(['result 1', 'result 2', 'result 3']);
  });

  it('passes only the item, awaits promises among the items, and yields any value', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[][] = [];
    const note = orchestrator.action((...args: unknown[]) => {
      seen.push(args);
      return args[0] === 'b' ? undefined : args[0];
    });
    const items = ['a', Promise.resolve('b'), null];
    expect(await all(orchestrator.each(items, note, { concurrency: 1 }))).toEqual(['a', undefined, null]);
    expect(seen).toEqual([['a'], ['b'], [null]]);
    expect(await all(orchestrator.each([], note))).toEqual([]);
  });

  it('starts nothing before it is asked, and reads nothing', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const { read, items } = source(3);
    const results = orchestrator.each(items, () => expect.fail('was called'));
    await settled();
    expect(await results.return()).toEqual({ done: true, value: undefined });
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(read).toEqual({ count: 0, closed: 0 });
    expect(lines).toEqual([]);
  });

  it('holds at most as many items as its concurrency, running or not taken', async () => {
    const orchestrator = new Orchestrator();
    const { action, started, open } = gated(orchestrator);
    const { read, items } = source(9);
    const results = orchestrator.each(items, action, { concurrency: 3 });
    const first = results.next();
    await settled();
    expect(started).toEqual([1, 2, 3]);
    for (const item of [1, 2, 3]) await open(item);
    expect(await first).toMatchObject({ value: 'result 1' });
    expect(started).toEqual([1, 2, 3, 4]);
    await open(4);
    expect(started).toHaveLength(4);
    expect(read.count).toBe(4);
    await results.next();
    await settled();
    expect(started).toEqual([1, 2, 3, 4, 5]);
    await results.return();
  });

  it('holds results that wait for an earlier one within its concurrency as well', async () => {
    const orchestrator = new Orchestrator();
    const { action, started, open } = gated(orchestrator);
    const results = orchestrator.each(source(9).items, action, { concurrency: 2, ordered: true });
    const first = results.next();
    await settled();
    await open(2);
    expect(started).toEqual([1, 2]);
    await open(1);
    expect(await first).toMatchObject({ value: 'result 1' });
    await settled();
    expect(started).toEqual([1, 2, 3]);
    await results.return();
  });

  it('has ten places by default', async () => {
    const orchestrator = new Orchestrator();
    const { action, started } = gated(orchestrator);
    const results = orchestrator.each(source(100).items, action);
    void results.next();
    await settled();
    expect(started).toHaveLength(10);
    await results.return();
  });

  it('answers several requests in order, and all of them at its end', async () => {
    const orchestrator = new Orchestrator();
    const results = orchestrator.each([1, 2], (item) => item * 2);
    const asked = [results.next(), results.next(), results.next(), results.next()];
    expect(await Promise.all(asked)).toEqual([
      { done: false, value: 2 },
      { done: false, value: 4 },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });

  it.each([
    [5, () => {}, {}, 'items must be an iterable or async iterable, got 5'],
    [[], 5, {}, 'action must be a function, got 5'],
    [[], () => {}, { concurrency: 0 }, 'concurrency must be a whole number of at least 1, or Infinity, got 0'],
    [[], () => {}, { failFast: true }, 'failFast is unknown, expected name, concurrency, settle, timeout, ordered'],
  ])('rejects %o, %o, %o at once', (items, action, options, message) => {
    const call = () => new Orchestrator().each(items as never, action as never, options as never);
    expect(call).toThrow(new ValidationError(message));
  });
});

describe('leaving each', () => {
  it.each(['break', 'throw'])('by %s closes the source and aborts what is running', async (way) => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const { read, items } = source(9);
    const { action, signals, open } = gated(orchestrator);
    const body = new Error('of the body');
    const loop = async () => {
      for await (const result of orchestrator.each(items, action, { concurrency: 3 })) {
        expect(result).toBe('result 1');
        if (way === 'break') break;
        throw body;
      }
    };
    const pending = loop().then(
      () => undefined,
      (error) => error,
    );
    await settled();
    await open(1);
    expect(await pending).toBe(way === 'break' ? undefined : body);
    await settled();
    expect(read.closed).toBe(1);
    expect([1, 2, 3].map((item) => signals.get(item)?.aborted)).toEqual([false, true, true]);
    expect(lines.filter((line) => line === 'gated cancelled')).toHaveLength(read.count - 1);
    expect(lines.at(-1)).toMatch(/cancelled|process completed/);
    expect(lines).toContain('process completed');
  });

  it('does not wait for a source that hangs, nor for its clean-up', async () => {
    const orchestrator = new Orchestrator();
    const hanging = async function* () {
      yield 1;
      await deferred().promise;
    };
    for await (const result of orchestrator.each(hanging(), (item) => item)) {
      expect(result).toBe(1);
      break;
    }
    let returned = 0;
    const stubborn = {
      [Symbol.asyncIterator]: () => ({
        next: () => (returned === 0 ? Promise.resolve({ done: false, value: 1 }) : deferred<never>().promise),
        return: () => {
          returned++;
          return deferred<never>().promise;
        },
      }),
    };
    for await (const _ of orchestrator.each(stubborn, (item) => item)) break;
    expect(returned).toBe(1);
  });

  it('ends requests that are pending', async () => {
    const orchestrator = new Orchestrator();
    const results = orchestrator.each([1], () => deferred().promise);
    const pending = results.next();
    await settled();
    await results.return();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  it('drops failures that come later or that nobody asked for', async () => {
    const orchestrator = new Orchestrator();
    const { action, open, refuse } = gated(orchestrator);
    const results = orchestrator.each([1, 2, 3], action);
    const first = results.next();
    await settled();
    await open(1);
    await first;
    await refuse(2);
    expect(await results.return()).toEqual({ done: true, value: undefined });
    await refuse(3);
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  it('is what await using does', async () => {
    const orchestrator = new Orchestrator();
    const { read, items } = source(9);
    {
      await using results = orchestrator.each(items, (item) => item, { concurrency: 1 });
      await results.next();
    }
    await settled();
    expect(read.closed).toBe(1);
  });

  it('leaves the signals of results that were taken as they are', async () => {
    const orchestrator = new Orchestrator();
    const open = orchestrator.action((_: number) => orchestrator.signal);
    const first = await orchestrator.run(async () => {
      for await (const signal of orchestrator.each([1, 2], open)) return signal;
      return undefined;
    });
    expect(first?.aborted).toBe(false);
  });
});

describe('a failure in each', () => {
  it('ends the iteration with its error, after the results that are there, and aborts the others', async () => {
    const orchestrator = new Orchestrator();
    const { read, items } = source(9);
    const { action, signals, open, refuse } = gated(orchestrator);
    const results = orchestrator.each(items, action, { concurrency: 4 });
    const first = results.next();
    await settled();
    await open(1);
    expect(await first).toMatchObject({ value: 'result 1' });
    await open(3);
    await refuse(2);
    expect(signals.get(4)?.aborted).toBe(true);
    expect(signals.get(4)?.reason).toMatchObject({ name: 'AbortError', cause: new Error('no 2') });
    expect(read.closed).toBe(1);
    expect(await results.next()).toMatchObject({ value: 'result 3' });
    expect(await rejection(results.next())).toEqual(new Error('no 2'));
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(await results.return()).toEqual({ done: true, value: undefined });
  });

  it('with settle is an element like the others', async () => {
    const orchestrator = new Orchestrator();
    const odd = orchestrator.action((item: number) => {
      if (item === 2) throw new Error('even');
      return item;
    });
    expect(await all(orchestrator.each([1, 2, 3], odd, { settle: true, ordered: true }))).toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: new Error('even') },
      { status: 'fulfilled', value: 3 },
    ]);
  });

  it('of the source ends it, with settle as well', async () => {
    const orchestrator = new Orchestrator();
    const broken = async function* () {
      yield 1;
      throw new Error('connection');
    };
    const seen: unknown[] = [];
    const loop = async () => {
      for await (const result of orchestrator.each(broken(), (item) => item, { settle: true })) seen.push(result);
    };
    expect(await rejection(loop())).toEqual(new Error('connection'));
    expect(seen.length).toBeLessThanOrEqual(1);
    const unreadable = {
      [Symbol.iterator]() {
        throw new Error('closed');
      },
    };
    expect(await rejection(all(orchestrator.each(unreadable as never, (item) => item)))).toEqual(new Error('closed'));
  });

  it('may be a promise among the items, however late its turn comes', async () => {
    const orchestrator = new Orchestrator();
    const items = [1, Promise.reject(new Error('no 1')), 2];
    const results = orchestrator.each(items, (item) => item, { concurrency: 1, settle: true });
    await results.next();
    await settled();
    expect((await all(results)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});

describe('the run of each', () => {
  it('is the surrounding one', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const one = orchestrator.action((item: number) => item, { name: 'one' });
    await orchestrator.run(async () => {
      expect(await all(orchestrator.each([1, 2], one))).toEqual([1, 2]);
    });
    expect(lines.filter((line) => line.startsWith('process'))).toHaveLength(2);
  });

  it('is its own outside of any, for all items, and ends with the iteration', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const one = orchestrator.action((item: number) => item, { name: 'one' });
    const processes = new Set<string>();
    orchestrator.onTaskBegin(({ processId }) => processes.add(processId));
    const results = orchestrator.each([1, 2, 3], one, { concurrency: 1 });
    await results.next();
    await results.next();
    await results.next();
    expect(lines).not.toContain('process completed');
    expect(await results.next()).toMatchObject({ done: true });
    expect(lines.at(-1)).toBe('process completed');
    expect(processes.size).toBe(1);
  });

  it('fails with the failure that ends the iteration', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const fail = () => Promise.reject(new Error('no'));
    expect(await rejection(all(orchestrator.each([1], fail)))).toEqual(new Error('no'));
    expect(lines).toEqual(['process begins', 'process failed']);
  });

  it('gives the errors of its hooks to the one who iterates', async () => {
    const begin = new Orchestrator().onProcessBegin(() => Promise.reject(new Error('begin')));
    expect(await rejection(all(begin.each([1], () => expect.fail('was called'))))).toEqual(new Error('begin'));
    const completion = new Orchestrator().onProcessCompletion(() => Promise.reject(new Error('completion')));
    expect(await rejection(all(completion.each([1], (item) => item)))).toEqual(new Error('completion'));
    const left = completion.each([1, 2], (item) => item);
    await left.next();
    expect(await rejection(left.return())).toEqual(new Error('completion'));
  });

  it('is not that of the body of the loop', async () => {
    const orchestrator = new Orchestrator();
    const outside = new Orchestrator();
    const ids = new Set<string>();
    orchestrator.onProcessBegin(({ id }) => ids.add(id));
    const { signal } = orchestrator;
    for await (const _ of orchestrator.each([1, 2], (item) => item)) {
      expect(orchestrator.signal).not.toBe(signal);
      await orchestrator.run(() => {});
    }
    expect(ids.size).toBe(3);
    await outside.run(async () => {
      const own = outside.signal;
      for await (const _ of orchestrator.each([1], (item) => item)) expect(outside.signal).toBe(own);
    });
  });

  it('stays open while the iteration does, and is left with it', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const one = orchestrator.action((item: number) => item);
    const results = await orchestrator.run(
      async () => {
        const results = orchestrator.each([1, 2, 3], one, { concurrency: 1 });
        await results.next();
        return [results];
      },
      { signal: controller.signal },
    );
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    expect(await results[0]?.next()).toMatchObject({ value: 2 });
    await results[0]?.return();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('aborts it: requests reject with the reason at once, and the source is closed', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const { read, items } = source(9);
    const { action, started } = gated(orchestrator);
    let inner: unknown;
    const pending = orchestrator.run(
      async () => {
        inner = await rejection(all(orchestrator.each(items, action, { concurrency: 2 })));
      },
      { signal: controller.signal },
    );
    await settled();
    controller.abort('enough');
    expect(await rejection(pending)).toBe('enough');
    await settled();
    expect(inner).toBe('enough');
    expect(started).toEqual([1, 2]);
    expect(read.closed).toBe(1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does not start in one that is aborted', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const { read, items } = source(3);
    let inner: unknown;
    const work = async () => {
      controller.abort('enough');
      inner = await rejection(all(orchestrator.each(items, (item) => item)));
    };
    expect(await rejection(orchestrator.run(work, { signal: controller.signal }))).toBe('enough');
    await settled();
    expect(inner).toBe('enough');
    expect(read.count).toBe(0);
  });
});

describe('timeout of each', () => {
  it('ends the iteration with a TimeoutError, after the results that are there', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const orchestrator = new Orchestrator();
    const { action, signals, open } = gated(orchestrator);
    const results = orchestrator.each([1, 2, 3], action, { timeout: 50, name: 'users' });
    const first = results.next();
    await settled();
    await open(1);
    await open(2);
    await first;
    vi.advanceTimersByTime(50);
    await settled();
    expect(await results.next()).toMatchObject({ value: 'result 2' });
    expect(await rejection(results.next())).toEqual(new TimeoutError('users', 50));
    expect(signals.get(3)?.reason).toEqual(new TimeoutError('users', 50));
    expect(signals.get(1)?.aborted).toBe(false);
  });

  it('holds while the source hangs, and leaves no timer behind otherwise', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const orchestrator = new Orchestrator();
    const hanging = async function* () {
      await deferred().promise;
      yield 1;
    };
    const pending = rejection(all(orchestrator.each(hanging(), (item) => item, { timeout: 50 })));
    await settled();
    vi.advanceTimersByTime(50);
    expect(await pending).toEqual(new TimeoutError('anonymous', 50));
    await all(orchestrator.each([1], (item) => item, { timeout: 50 }));
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('memory of each', () => {
  it('does not grow with the number of items', async () => {
    const orchestrator = new Orchestrator();
    const one = orchestrator.action(async (item: number) => item);
    const heap = () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    let before = 0;
    let after = 0;
    let count = 0;
    for await (const _ of orchestrator.each(source(30_000).items, one)) {
      if (++count === 5_000) before = heap();
      if (count === 30_000) after = heap();
    }
    expect(count).toBe(30_000);
    expect(after - before).toBeLessThan(5);
  });

  it('is free of what was never iterated, or dropped', async () => {
    const orchestrator = new Orchestrator();
    const kept: WeakRef<object>[] = [];
    for (let index = 0; index < 10; index++) {
      const dropped = orchestrator.each([1, 2, 3], (item) => item, { concurrency: 1 });
      if (index % 2 === 0) await dropped.next();
      kept.push(new WeakRef(dropped));
    }
    await sleep(5);
    globalThis.gc?.();
    await sleep(5);
    globalThis.gc?.();
    expect(kept.filter((held) => held.deref() !== undefined).length).toBeLessThan(3);
  });

  it.each([5, undefined, null, 'done'])('refuses an iterator whose result is %j, as `for await` does', async (next) => {
    const items = { [Symbol.asyncIterator]: () => ({ next: async () => next }) } as unknown as AsyncIterable<number>;
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = () => void calls++;
    const error = await rejection(orchestrator.each(items, act, { concurrency: Infinity }).next());
    expect(error).toMatchObject({ name: 'TypeError', message: `Iterator result ${next} is not an object` });
    expect(calls).toBe(0);
  });
});

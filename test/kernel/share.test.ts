import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Orchestrator, ValidationError } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

afterEach(() => void vi.useRealTimers());

/** Returns a function that counts its calls, and the way to settle each of them. */
function counted() {
  const gates: ReturnType<typeof deferred<string>>[] = [];
  const signals: AbortSignal[] = [];
  const orchestrator = new Orchestrator<{ user?: string }>();
  const work = (..._args: unknown[]) => {
    const gate = deferred<string>();
    signals.push(orchestrator.signal);
    gates.push(gate);
    return gate.promise;
  };
  return { orchestrator, gates, signals, work };
}

describe('share', () => {
  it('makes equal calls in flight one call, and keeps nothing', async () => {
    const { orchestrator, gates, work } = counted();
    const fetchUser = orchestrator.action(work, { share: true });
    const pending = orchestrator.run(() => Promise.all([fetchUser('a'), fetchUser('b'), fetchUser('a')]));
    expect(gates).toHaveLength(2);
    gates[0]?.resolve('A');
    gates[1]?.resolve('B');
    expect(await pending).toEqual(['A', 'B', 'A']);
    const again = fetchUser('a');
    expect(gates).toHaveLength(3);
    gates[2]?.resolve('A again');
    expect(await again).toBe('A again');
  });

  it('joins calls of several runs, and of none', async () => {
    const { orchestrator, gates, work } = counted();
    const fetchUser = orchestrator.action(work, { share: true });
    const pending = [orchestrator.run(() => fetchUser('a')), orchestrator.run(() => fetchUser('a')), fetchUser('a')];
    await settled();
    expect(gates).toHaveLength(1);
    gates[0]?.resolve('A');
    expect(await Promise.all(pending)).toEqual(['A', 'A', 'A']);
  });

  it.each([true, 60_000] as const)('of %o shows its work the async context of no caller', async (share) => {
    const requests = new AsyncLocalStorage<string>();
    const orchestrator = new Orchestrator();
    const gate = deferred();
    const load = orchestrator.action(
      async () => {
        const before = requests.getStore();
        await gate.promise;
        return [before, requests.getStore()];
      },
      { share, retry: 1 },
    );
    const request = (id: string) =>
      requests.run(id, async () => {
        const seen = await (id === 'alone' ? load() : orchestrator.run(() => load()));
        return [...seen, requests.getStore()];
      });
    const pending = ['first', 'alone'].map(request);
    gate.resolve();
    expect(await Promise.all(pending)).toEqual([
      [undefined, undefined, 'first'],
      [undefined, undefined, 'alone'],
    ]);
  });

  it("with 'run' runs in the context of the first caller, which is in the same run", async () => {
    const requests = new AsyncLocalStorage<string>();
    const orchestrator = new Orchestrator();
    const load = orchestrator.action(async () => requests.getStore(), { share: 'run' });
    const request = (id: string) => requests.run(id, () => orchestrator.run(() => Promise.all([load(), load()])));
    expect(await Promise.all(['a', 'b'].map(request))).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
  });

  it('gives all calls the failure, and keeps none', async () => {
    const { orchestrator, gates, work } = counted();
    const fetchUser = orchestrator.action(work, { share: { ttl: Infinity } });
    const pending = [rejection(fetchUser('a')), rejection(fetchUser('a'))];
    const error = new Error('no');
    gates[0]?.reject(error);
    expect(await Promise.all(pending)).toEqual([error, error]);
    const again = fetchUser('a');
    gates[1]?.resolve('A');
    expect(await again).toBe('A');
    expect(await fetchUser('a')).toBe('A');
    expect(gates).toHaveLength(2);
  });

  it('of a call that throws synchronously rejects like any other', async () => {
    const error = new Error('no');
    const act = new Orchestrator().action(
      () => {
        throw error;
      },
      { share: true },
    );
    expect(await Promise.all([rejection(act()), rejection(act())])).toEqual([error, error]);
  });

  it('stands around fallback, retries and limits: they hold for the work, not for each call', async () => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = orchestrator.action(
      async () => {
        calls++;
        throw new Error('no');
      },
      { share: true, retry: { retries: 2, minTimeout: 0 }, fallback: () => 'cached' },
    );
    expect(await Promise.all([act(), act(), act()])).toEqual(['cached', 'cached', 'cached']);
    expect(calls).toBe(3);
  });

  describe('hooks', () => {
    it('see a task for each call; attempts count for the call that has waited longest', async () => {
      const { orchestrator, gates, work } = counted();
      const seen: unknown[] = [];
      orchestrator
        .onTaskBegin(({ number }) => seen.push(`${number} begins`))
        .onTaskRetry(({ number, attempt }) => seen.push(`${number} failed attempt ${attempt}`))
        .onTaskCompletion(({ number, attempts, status }) => seen.push(`${number} ${status}, attempts: ${attempts}`));
      const act = orchestrator.action(work, { name: 'act', share: true, retry: { retries: 1, minTimeout: 0 } });
      const controller = new AbortController();
      const left = rejection(orchestrator.run(() => act(), { signal: controller.signal }));
      const other = orchestrator.run(() => act().then(() => {}));
      await settled();
      controller.abort(new Error('stop'));
      await left;
      gates[0]?.reject(new Error('no'));
      await vi.waitFor(() => expect(gates).toHaveLength(2), 30_000);
      gates[1]?.resolve('done');
      await other;
      expect(seen).toEqual([
        '1 begins',
        '1 begins',
        '1 cancelled, attempts: 1',
        '1 failed attempt 1',
        '1 completed, attempts: 1',
      ]);
    });

    it('see each call that a kept result answers, which makes no attempt', async () => {
      const orchestrator = new Orchestrator();
      const seen: unknown[] = [];
      orchestrator.onTaskCompletion(({ attempts, status, result }) => seen.push([attempts, status, result]));
      const act = orchestrator.action(() => 'done', { share: { ttl: Infinity } });
      await orchestrator.run(async () => {
        await act();
        await act();
      });
      await act();
      expect(seen).toEqual([
        [1, 'completed', 'done'],
        [0, 'completed', 'done'],
        [0, 'completed', 'done'],
      ]);
    });

    it('of processes see a run for the work, and a run for each call outside of any', async () => {
      const orchestrator = new Orchestrator();
      const names: string[] = [];
      orchestrator.onProcessBegin(({ name, parentId }) => names.push(`${name} ${parentId}`));
      const act = orchestrator.action(() => 'done', { name: 'act', share: { ttl: Infinity } });
      await act();
      await act();
      expect(names).toEqual(['orchestrator undefined', 'act undefined', 'orchestrator undefined']);
    });
  });

  describe('aborts', () => {
    it('of a call end its own waiting; the work goes on for the others, also when its first caller leaves', async () => {
      const { orchestrator, gates, signals, work } = counted();
      const fetchUser = orchestrator.action(work, { share: true });
      const controller = new AbortController();
      const first = rejection(orchestrator.run(() => fetchUser('a'), { signal: controller.signal }));
      const second = orchestrator.run(() => fetchUser('a'));
      await settled();
      controller.abort(new Error('stop'));
      expect(await first).toEqual(new Error('stop'));
      expect(signals[0]?.aborted).toBe(false);
      gates[0]?.resolve('A');
      expect(await second).toBe('A');
      expect(gates).toHaveLength(1);
    });

    it('of the last call end the work, and the next call begins anew', async () => {
      const { orchestrator, gates, signals, work } = counted();
      const fetchUser = orchestrator.action(work, { share: { ttl: Infinity } });
      const controllers = [new AbortController(), new AbortController()];
      const pending = controllers.map(({ signal }) => rejection(orchestrator.run(() => fetchUser('a'), { signal })));
      await settled();
      controllers[0]?.abort(new Error('first'));
      controllers[1]?.abort(new Error('second'));
      expect(await Promise.all(pending)).toEqual([new Error('first'), new Error('second')]);
      expect(signals[0]?.reason).toEqual(new Error('second'));
      const again = fetchUser('a');
      expect(gates).toHaveLength(2);
      gates[0]?.resolve('too late');
      gates[1]?.resolve('A');
      expect(await again).toBe('A');
      expect(await fetchUser('a')).toBe('A');
    });

    it('by failFast and by an outer limit end only their own waiting, within one run as well', async () => {
      for (const share of [true, 'run'] as const) {
        const { orchestrator, gates, signals, work } = counted();
        const fetchUser = orchestrator.action(work, { share });
        const limited = orchestrator.action(() => fetchUser('a'), { timeout: 5 });
        const fail = () => settled().then(() => Promise.reject(new Error('no')));
        const outcome = await orchestrator.run(async () => {
          const first = orchestrator.parallel([() => fetchUser('a'), fail], { failFast: true })();
          const second = rejection(limited());
          const third = fetchUser('a');
          expect(await rejection(first)).toEqual(new Error('no'));
          expect(await second).toHaveProperty('code', 'ERR_TIMEOUT');
          expect(signals[0]?.aborted).toBe(false);
          gates[0]?.resolve('A');
          return third;
        });
        expect(outcome).toBe('A');
        expect(gates).toHaveLength(1);
      }
    });

    it('leave no listener on the signal of a run and no rejection', async () => {
      const { orchestrator, gates, work } = counted();
      const fetchUser = orchestrator.action(work, { share: { ttl: 5 } });
      const { signal } = new AbortController();
      const pending = [1, 2, 3].map(() => orchestrator.run(() => fetchUser('a'), { signal }));
      await settled();
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      gates[0]?.resolve('A');
      await Promise.all(pending);
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  describe('state', () => {
    it('of the work is that of a run of its own, and never that of a caller', async () => {
      const { orchestrator } = counted();
      const act = orchestrator.action(async () => orchestrator.getState().user ?? 'nobody', { share: true });
      orchestrator.onProcessBegin(({ context, name }) => {
        if (name === 'act') (context as { user?: string }).user = 'set up';
      });
      const named = orchestrator.withOptions(act, { name: 'act' });
      const seen = await Promise.all([
        orchestrator.run(() => named(), { state: { user: 'alice' } }),
        orchestrator.run(() => named(), { state: { user: 'bob' } }),
      ]);
      expect(seen).toEqual(['set up', 'set up']);
    });

    it("of the work is that of the run, with 'run'", async () => {
      const { orchestrator } = counted();
      const act = orchestrator.action(async () => orchestrator.getState().user, { share: 'run' });
      const seen = await Promise.all([
        orchestrator.run(() => Promise.all([act(), act()]), { state: { user: 'alice' } }),
        orchestrator.run(() => act(), { state: { user: 'bob' } }),
      ]);
      expect(seen).toEqual([['alice', 'alice'], 'bob']);
    });
  });

  describe("'run'", () => {
    it('keeps a result for its run alone', async () => {
      const orchestrator = new Orchestrator();
      let calls = 0;
      const act = orchestrator.action(async (id: string) => `${id} ${++calls}`, { share: 'run' });
      const twice = () => orchestrator.run(async () => [await act('a'), await act('a'), await act('b')]);
      expect(await twice()).toEqual(['a 1', 'a 1', 'b 2']);
      expect(await twice()).toEqual(['a 3', 'a 3', 'b 4']);
      expect(await act('a')).toBe('a 5');
    });

    it('is aborted with the run', async () => {
      const { orchestrator, signals, work } = counted();
      const act = orchestrator.action(work, { share: 'run' });
      const error = await rejection(orchestrator.run(() => Promise.all([act(), act()]), { timeout: 5 }));
      expect(error).toHaveProperty('code', 'ERR_TIMEOUT');
      expect(signals[0]?.reason).toBe(error);
    });

    it('has no limit of results unless `max` sets one', async () => {
      const orchestrator = new Orchestrator();
      let calls = 0;
      const act = orchestrator.action((_id: number) => ++calls, { share: 'run' });
      const bounded = orchestrator.withOptions(act, { share: { ttl: 'run', max: 10 } });
      await orchestrator.run(async () => {
        for (const action of [act, act]) for (let id = 0; id < 1_500; id++) await action(id);
        expect(calls).toBe(1_500);
        for (const action of [bounded, bounded]) for (let id = 0; id < 11; id++) await action(id);
        expect(calls).toBe(1_522);
      });
    });
  });

  describe('ttl', () => {
    it('keeps a result for a time over runs, from when it was there, with no timer', async () => {
      vi.useFakeTimers();
      const orchestrator = new Orchestrator();
      let calls = 0;
      const act = orchestrator.action(
        async () => {
          await sleep(50);
          return ++calls;
        },
        { share: { ttl: 100 } },
      );
      const first = orchestrator.run(() => act());
      await vi.advanceTimersByTimeAsync(50);
      expect(await first).toBe(1);
      expect(vi.getTimerCount()).toBe(0);
      await vi.advanceTimersByTimeAsync(99);
      expect(await act()).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      const second = act();
      await vi.advanceTimersByTimeAsync(50);
      expect(await second).toBe(2);
    });

    it('may be given as a plain number', async () => {
      let calls = 0;
      const act = new Orchestrator().action(() => ++calls, { share: 60_000 });
      const short = new Orchestrator().action(() => ++calls, { share: 0 });
      expect([await act(), await act(), await short(), await short()]).toEqual([1, 1, 2, 3]);
    });
  });

  it('keeps at most `max` results, and drops the least recently used first', async () => {
    const orchestrator = new Orchestrator();
    const calls: string[] = [];
    const act = orchestrator.action(
      (id: string) => {
        calls.push(id);
        return id;
      },
      { share: { ttl: Infinity, max: 2 } },
    );
    for (const id of ['a', 'b', 'a', 'c', 'a', 'b']) await act(id);
    expect(calls).toEqual(['a', 'b', 'c', 'b']);
  });

  it('keeps 1000 results by default', async () => {
    let calls = 0;
    const act = new Orchestrator().action((_id: number) => ++calls, { share: { ttl: Infinity } });
    for (let id = 0; id <= 1_000; id++) await act(id);
    await act(1_000);
    await act(1);
    expect(calls).toBe(1_001);
    await act(0);
    expect(calls).toBe(1_002);
  });

  it('lets go of results: neither expired ones that others push out nor those of a run that has ended are held', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const big = () => new Array<number>(1e5).fill(1);
    const held: WeakRef<object>[] = [];
    const keep = orchestrator.action(
      (_id: number) => {
        const value = big();
        held.push(new WeakRef(value));
        return value;
      },
      { share: { ttl: 10 } },
    );
    const ofRun = orchestrator.withOptions(keep, { share: 'run' });
    await keep(1).then(() => {});
    await orchestrator.run(async () => void (await ofRun(1)));
    await vi.advanceTimersByTimeAsync(20);
    await keep(2).then(() => {});
    vi.useRealTimers();
    // Compares flags, because an assertion that fails would hold the results.
    const isCollected = (ref: WeakRef<object>) => ref.deref() === undefined;
    await vi.waitFor(async () => {
      await settled();
      globalThis.gc?.();
      expect(held.slice(0, 2).map(isCollected)).toEqual([true, true]);
    }, 30_000);
  });

  describe('the default key', () => {
    const equal: [unknown[], unknown[]][] = [
      [[{ a: 1, b: [2, { c: 3 }] }], [{ b: [2, { c: 3 }], a: 1 }]],
      [[new Date(5)], [new Date(5)]],
      [[5n], [5n]],
      [[Number.NaN], [Number.NaN]],
      [[], []],
      [
        ['a', undefined],
        ['a', undefined],
      ],
      [[Object.create(null)], [{}]],
    ];
    it.each(equal)('is the same for %o and %o', async (first, second) => {
      let calls = 0;
      const act = new Orchestrator().action((..._args: unknown[]) => ++calls, { share: { ttl: Infinity } });
      expect([await act(...first), await act(...second)]).toEqual([1, 1]);
    });

    it('differs for all that is not equal', async () => {
      let calls = 0;
      const act = new Orchestrator().action((..._args: unknown[]) => ++calls, { share: { ttl: Infinity } });
      const different: unknown[][] = [
        [],
        [undefined],
        [null],
        [0],
        ['0'],
        [0n],
        [false],
        ['false'],
        [''],
        ['null'],
        ['\0'],
        ['\0undefined,1'],
        [undefined, 1],
        [[]],
        [{}],
        [[[]]],
        [[undefined]],
        [{ a: undefined }],
        [{ a: 'undefined' }],
        [['a', 'b']],
        [['a,b']],
        ['a', 'b'],
        ['a","b'],
        [new Date(0)],
        [new Date(Number.NaN)],
        ['@0'],
        [{ a: 1, b: 2 }],
        [{ a: { b: 2 } }],
        [{ 'a":1,"b': 2 }],
      ];
      for (const args of different) await act(...args);
      expect(calls).toBe(different.length);
    });

    it.each([
      [[new (class Client {})()], 'Client'],
      [[new Map()], 'Map'],
      [[() => {}], 'Function'],
      [['a', Symbol('b')], 'a symbol'],
      [[{ [Symbol('c')]: 1 }], 'Object'],
      [[[[new URL('http://a')]]], 'URL'],
    ])('refuses %o', async (args, kind) => {
      const act = new Orchestrator().action((..._args: unknown[]) => 1, { name: 'act', share: { ttl: 5 } });
      const message = `share of "act" compares primitives, plain objects, arrays and Dates, got ${kind}: give share.key, a function from the arguments to one of these`;
      expect(await rejection(act(...args))).toEqual(new ValidationError(message));
    });

    it('refuses values that contain themselves', async () => {
      const circle: Record<string, unknown> = {};
      circle.self = [circle];
      const act = new Orchestrator().action((_arg: unknown) => 1, { share: true });
      expect(await rejection(act(circle))).toHaveProperty('message', expect.stringContaining('more than 100 deep'));
    });
  });

  it('compares what `key` returns, if it is given; a key that throws fails the call', async () => {
    let calls = 0;
    const act = new Orchestrator().action((_client: object, _id: string) => ++calls, {
      share: {
        ttl: Infinity,
        key: (_client, id) => {
          if (id === '') throw new RangeError('no id');
          return [id];
        },
      },
    });
    expect([await act(new Map(), 'a'), await act(new Map(), 'a'), await act(new Map(), 'b')]).toEqual([1, 1, 2]);
    expect(await rejection(act(new Map(), ''))).toEqual(new RangeError('no id'));
  });

  it('keeps calls of different receivers apart', async () => {
    const orchestrator = new Orchestrator();
    const find = orchestrator.action(
      function (this: { name: string }, id: string) {
        return `${this.name} ${id}`;
      },
      { share: { ttl: Infinity } },
    );
    const [users, orders] = [
      { name: 'users', find },
      { name: 'orders', find },
    ];
    expect(await Promise.all([users.find('a'), orders.find('a'), users.find('a')])).toEqual([
      'users a',
      'orders a',
      'users a',
    ]);
  });

  it('never lets work wait for itself, directly or through other shared work', async () => {
    const orchestrator = new Orchestrator();
    const count = (n: number): Promise<number> => (n === 0 ? Promise.resolve(0) : direct());
    let depth = 2;
    const direct: () => Promise<number> = orchestrator.action(async () => count(depth--), {
      name: 'direct',
      share: true,
    });
    expect(await direct()).toBe(0);

    const order: string[] = [];
    const gate = deferred();
    let rounds = 0;
    const left: () => Promise<unknown> = orchestrator.action(
      async () => {
        order.push('left');
        await gate.promise;
        return rounds++ === 0 ? right() : 'end';
      },
      { name: 'left', share: true },
    );
    const right: () => Promise<unknown> = orchestrator.action(
      async () => {
        order.push('right');
        await gate.promise;
        return left();
      },
      { name: 'right', share: true },
    );
    const pending = Promise.all([orchestrator.run(() => left()), orchestrator.run(() => right())]);
    await settled();
    gate.resolve();
    expect(await pending).toEqual(['end', 'end']);
    expect(order).toEqual(['left', 'right', 'left']);
  });

  it('is kept by withOptions, with results of its own, and `false` or `null` switches it off', async () => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const act = orchestrator.action(() => ++calls, { share: { ttl: Infinity } });
    expect(await act()).toBe(1);
    const copy = orchestrator.withOptions(act, { retry: 1 });
    expect([await copy(), await copy(), await act()]).toEqual([2, 2, 1]);
    for (const share of [false, null]) {
      const off = orchestrator.withOptions(act, { share });
      expect((await off()) + 1).toBe(await off());
    }
  });

  it('answers nothing in a run that is aborted', async () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(() => 1, { share: { ttl: Infinity } });
    await act();
    const controller = new AbortController();
    const late = deferred<Promise<unknown>>();
    const running = orchestrator.run(
      async () => {
        controller.abort(new Error('stop'));
        late.resolve(rejection(act()));
        await deferred().promise;
      },
      { signal: controller.signal },
    );
    expect(await rejection(running)).toEqual(new Error('stop'));
    expect(await await late.promise).toEqual(new Error('stop'));
  });

  it('answers nothing for another orchestrator in a run that is aborted', async () => {
    const act = new Orchestrator().action(() => 1, { share: { ttl: Infinity } });
    await act();
    const controller = new AbortController();
    const late = deferred<Promise<unknown>>();
    const running = new Orchestrator().run(
      async () => {
        controller.abort(new Error('stop'));
        late.resolve(rejection(act()));
        await deferred().promise;
      },
      { signal: controller.signal },
    );
    expect(await rejection(running)).toEqual(new Error('stop'));
    expect(await await late.promise).toEqual(new Error('stop'));
  });

  it('lets middleware see each call', async () => {
    const orchestrator = new Orchestrator();
    let seen = 0;
    orchestrator.use((_task, next) => {
      seen++;
      return next();
    });
    const act = orchestrator.action(async () => 1, { share: true });
    await orchestrator.run(() => Promise.all([act(), act()]));
    expect(seen).toBe(2);
  });

  it.each([
    ['process', "share must be 'run' or a number of milliseconds of at least 0, got String"],
    [-1, "share must be 'run' or a number of milliseconds of at least 0, got -1"],
    [{ ttl: 'day' }, "share.ttl must be 'run' or a number of milliseconds of at least 0, got String"],
    [{ max: 0 }, 'share.max must be a whole number of at least 1, or Infinity, got 0'],
    [{ key: 'id' }, 'share.key must be a function, got String'],
    [{ for: 1 }, 'share.for is unknown, expected ttl, key, max'],
  ])('rejects %o', (share, message) => {
    expect(() => new Orchestrator().action(() => 1, { share } as never)).toThrow(new ValidationError(message));
  });
});

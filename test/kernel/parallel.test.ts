import { AbortError, Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';
import { pMapSkip, pMapStop } from 'p-map';
import { describe, expect, it } from 'vitest';
import { deferred, recorded, rejection, settled } from '../support.js';

const fail = (message: string) => () => Promise.reject(new Error(message));

describe('parallel', () => {
  it('passes no argument if none is given', async () => {
    const orchestrator = new Orchestrator();
    const count = orchestrator.action((...args: unknown[]) => args.length);
    await expect(orchestrator.parallel([count, count])()).resolves.toEqual([0, 0]);
  });

  it('passes a single argument to every action', async () => {
    const orchestrator = new Orchestrator();
    const user = orchestrator.action((id: string) => `user ${id}`);
    const orders = orchestrator.action((id: string) => [id]);
    await expect(orchestrator.parallel([user, orders])('7')).resolves.toEqual(['user 7', ['7']]);
  });

  it('passes each action its own argument if there is one per action', async () => {
    const orchestrator = new Orchestrator();
    const user = orchestrator.action((id: string) => `user ${id}`);
    const price = orchestrator.action((amount: number) => amount * 2);
    await expect(orchestrator.parallel([user, price])('7', 21)).resolves.toEqual(['user 7', 42]);
    await expect(orchestrator.parallel({ user, price })('7', 21)).resolves.toEqual({ user: 'user 7', price: 42 });
  });

  it('takes an object and returns an object', async () => {
    const orchestrator = new Orchestrator();
    const load = orchestrator.parallel({ one: () => 1, two: async () => 'two' });
    await expect(load()).resolves.toEqual({ one: 1, two: 'two' });
  });

  it('never passes an argument to the wrong action, although JavaScript sorts keys that are whole numbers', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[] = [];
    const named = (name: string) => (given?: string) => seen.push(`${name} got ${given}`);
    const load = orchestrator.parallel({ 2: named('two'), 1: named('one') });
    expect(await rejection(load('for two', 'for one'))).toMatchObject({
      code: 'ERR_VALIDATION',
      message: expect.stringContaining('keys that are whole numbers ("1")'),
    });
    expect(seen).toEqual([]);
    await load('for both');
    await expect(load()).resolves.toEqual({ 1: 3, 2: 4 });
    expect(seen).toEqual(['one got for both', 'two got for both', 'one got undefined', 'two got undefined']);
    const others = orchestrator.parallel({ '01': named('a'), '-1': named('b'), '4294967295': named('c') });
    await others('a', 'b', 'c');
    expect(seen.slice(4)).toEqual(['a got a', 'b got b', 'c got c']);
  });

  it('of no actions returns no results', async () => {
    const orchestrator = new Orchestrator();
    await expect(orchestrator.parallel([])()).resolves.toEqual([]);
    await expect(orchestrator.parallel({})()).resolves.toEqual({});
  });

  it('rejects any other number of arguments before it starts anything', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const act = orchestrator.action((_: number) => {});
    const both = orchestrator.parallel([act, act, act]) as (...args: number[]) => Promise<unknown>;
    expect(await rejection(both(1, 2))).toEqual(
      new ValidationError(
        'parallel takes 0, 1 or 3 arguments here, got 2: pass none, one for all actions, or one for each',
      ),
    );
    expect(await rejection(both(1, 2, 3, 4))).toBeInstanceOf(TypeError);
    expect(lines).toEqual([]);
  });

  it('runs its actions concurrently, in one run of its own if there is none', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const gates = [deferred(), deferred()] as const;
    const first = orchestrator.action(() => gates[0].promise, { name: 'first' });
    const second = orchestrator.action(() => gates[1].promise, { name: 'second' });
    const pending = orchestrator.parallel([first, second])();
    await settled();
    gates[1].resolve();
    await settled();
    gates[0].resolve();
    await pending;
    expect(lines).toEqual([
      'process begins',
      'first begins',
      'second begins',
      'second completed',
      'first completed',
      'process completed',
    ]);
  });

  it('never runs more actions at a time than its concurrency', async () => {
    const orchestrator = new Orchestrator();
    let running = 0;
    let most = 0;
    const act = orchestrator.action(async () => {
      most = Math.max(most, ++running);
      await settled();
      running--;
    });
    await orchestrator.parallel(
      Array.from({ length: 9 }, () => act),
      { concurrency: 4 },
    )();
    expect(most).toBe(4);
  });

  it('waits for all, then rejects with every failure and every result', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred<string>();
    const pending = rejection(orchestrator.parallel([fail('a'), () => gate.promise, fail('c')])());
    gate.resolve('b');
    const error = (await pending) as ParallelError<PromiseSettledResult<unknown>[]>;
    expect(error).toBeInstanceOf(ParallelError);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.code).toBe('ERR_PARALLEL');
    expect(error.message).toBe('2 of 3 parallel actions failed: item 0: a; item 2: c');
    expect(error.errors).toEqual([new Error('a'), new Error('c')]);
    expect(error.results).toEqual([
      { status: 'rejected', reason: new Error('a') },
      { status: 'fulfilled', value: 'b' },
      { status: 'rejected', reason: new Error('c') },
    ]);
  });

  it('returns the results of an object by key, also in its error', async () => {
    const orchestrator = new Orchestrator();
    const error = await rejection(orchestrator.parallel({ good: () => 1, bad: fail('no') })());
    expect((error as ParallelError).results).toEqual({
      good: { status: 'fulfilled', value: 1 },
      bad: { status: 'rejected', reason: new Error('no') },
    });
  });

  it('names the kind of a thrown value that is not an error', async () => {
    const error = (await rejection(new Orchestrator().parallel([() => Promise.reject(null)])())) as ParallelError;
    expect(error.message).toContain('"parallel" threw null instead of an Error');
    expect(error.errors[0]?.cause).toBe(null);
  });

  it('with settle resolves with settled results', async () => {
    const orchestrator = new Orchestrator();
    await expect(orchestrator.parallel([() => 1, fail('no')], { settle: true })()).resolves.toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: new Error('no') },
    ]);
  });

  it('with failFast rejects with the first failure at once, aborts the others, starts no more', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const failure = new Error('first');
    const signals: AbortSignal[] = [];
    const hang = orchestrator.action(
      () => {
        signals.push(orchestrator.signal);
        return deferred().promise;
      },
      { name: 'hang' },
    );
    const broken = orchestrator.action(async () => {
      await settled();
      throw failure;
    });
    const never = orchestrator.action(() => expect.fail('was called'));
    const group = orchestrator.parallel([hang, broken, never], { failFast: true, concurrency: 2 });
    let outer: AbortSignal | undefined;
    const error = await rejection(
      orchestrator.run(async () => {
        outer = orchestrator.signal;
        await group();
      }),
    );
    expect(error).toBe(failure);
    await settled();
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ name: 'AbortError', cause: failure });
    expect(outer?.aborted).toBe(false);
    expect(lines).toContain('hang cancelled');
    expect(lines.filter((line) => line.endsWith('begins'))).toHaveLength(3);
  });

  it('with failFast ends the retries of the others', async () => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const retrying = orchestrator.action(
      () => {
        calls++;
        throw new Error('again');
      },
      { retry: { retries: Infinity, minTimeout: 60_000 } },
    );
    const error = await rejection(orchestrator.parallel([retrying, fail('stop')], { failFast: true })());
    expect(error).toEqual(new Error('stop'));
    expect(calls).toBe(1);
  });

  it('is aborted with its run: it rejects with the reason and starts no more', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let started = 0;
    const hang = orchestrator.action(() => {
      started++;
      return deferred().promise;
    });
    const group = orchestrator.parallel([hang, hang, hang], { concurrency: 1 });
    let inner: unknown;
    const pending = orchestrator.run(
      async () => {
        inner = await rejection(group());
      },
      { signal: controller.signal },
    );
    await settled();
    controller.abort('reason');
    expect(await rejection(pending)).toBe('reason');
    await settled();
    expect(inner).toBe('reason');
    expect(started).toBe(1);
  });

  it('starts no plain functions after an abort, either', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const gate = deferred();
    let started = 0;
    const group = orchestrator.parallel([() => gate.promise, () => started++], { concurrency: 1 });
    const pending = rejection(orchestrator.run(() => group(), { signal: controller.signal }));
    controller.abort('reason');
    gate.resolve();
    expect(await pending).toBe('reason');
    await settled();
    expect(started).toBe(0);
  });

  it('reports failures of plain functions and of actions alike', async () => {
    const orchestrator = new Orchestrator();
    const fatal = new Error('fatal');
    const abort = () => Promise.reject(new AbortError(fatal));
    const text = () => Promise.reject('text');
    const results = await orchestrator.parallel([abort, text], { settle: true })();
    expect(results).toMatchObject([{ reason: fatal }, { reason: { name: 'ValidationError', cause: 'text' } }]);
    expect(await rejection(orchestrator.parallel([abort], { failFast: true })())).toBe(fatal);
  });

  it('accepts plain functions without making them tasks', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const add = orchestrator.action(function add(a: number, b: number) {
      return a + b;
    });
    await expect(orchestrator.parallel([() => add(1, 2), () => 'plain'])()).resolves.toEqual([3, 'plain']);
    expect(lines.filter((line) => line.endsWith('begins'))).toEqual(['process begins', 'add begins']);
  });

  it('does not interpret results', async () => {
    const odd = [pMapSkip, pMapStop, undefined, null, new Error('a value')];
    await expect(new Orchestrator().parallel(odd.map((value) => () => value))()).resolves.toEqual(odd);
  });

  it('may be nested', async () => {
    const orchestrator = new Orchestrator();
    const inner = orchestrator.parallel([() => 1, () => 2]);
    await expect(orchestrator.parallel({ inner, three: () => 3 })()).resolves.toEqual({ inner: [1, 2], three: 3 });
  });

  it('keeps an own key __proto__ as a key', async () => {
    const actions = JSON.parse('{ "__proto__": 0 }');
    Object.defineProperty(actions, '__proto__', { value: () => 1, enumerable: true });
    const results = await new Orchestrator().parallel(actions)();
    expect(Object.entries(results)).toEqual([['__proto__', 1]]);
  });

  it.each([
    [undefined, undefined, 'actions must be an array or object of functions, got undefined'],
    [new Set(), undefined, 'actions must be an array or object of functions, got Set'],
    [[() => {}, 'x'], undefined, 'actions[1] must be a function, got String'],
    [{ a: () => {}, b: null }, undefined, 'actions.b must be a function, got null'],
    [[], { concurrency: 0 }, 'concurrency must be a whole number of at least 1, or Infinity, got 0'],
    [
      [],
      { concurrency: 2 ** 60 },
      'concurrency must be a whole number of at least 1, or Infinity, got 1152921504606847000',
    ],
    [[], { concurrency: 1.5 }, 'concurrency must be a whole number of at least 1, or Infinity, got 1.5'],
    [[], { failFast: 1 }, 'failFast must be a boolean, got 1'],
    [[], { failfast: true }, 'failfast is unknown, expected name, concurrency, settle, timeout, failFast'],
    [[], { failFast: true, settle: true }, 'settle and failFast exclude each other: leave one of them out'],
  ])('rejects %o with %o', (actions, options, message) => {
    expect(() => new Orchestrator().parallel(actions as never, options as never)).toThrow(new ValidationError(message));
  });
});

describe('map', () => {
  it('calls the action for each item and keeps their order', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[][] = [];
    const double = orchestrator.action(async (...args: number[]) => {
      seen.push(args);
      if (args[0] === 1) await settled();
      return (args[0] ?? 0) * 2;
    });
    await expect(orchestrator.map([1, 2, 3], double)).resolves.toEqual([2, 4, 6]);
    expect(seen).toEqual([[1], [2], [3]]);
  });

  it('accepts any iterable, also an async one, and reads it only as fast as there is room', async () => {
    const orchestrator = new Orchestrator();
    let taken = 0;
    function* numbers() {
      for (const number of [1, 2, 3, 4]) {
        taken++;
        yield number;
      }
    }
    async function* asyncNumbers() {
      yield* numbers();
    }
    const gate = deferred();
    const wait = orchestrator.action(async (number: number) => {
      await gate.promise;
      return -number;
    });
    const pending = orchestrator.map(numbers(), wait, { concurrency: 1 });
    await settled();
    expect(taken).toBeLessThan(4);
    gate.resolve();
    await expect(pending).resolves.toEqual([-1, -2, -3, -4]);
    await expect(orchestrator.map(asyncNumbers(), wait)).resolves.toEqual([-1, -2, -3, -4]);
    await expect(orchestrator.map(new Set('ab'), (letter) => letter.toUpperCase())).resolves.toEqual(['A', 'B']);
  });

  it('is one run if called outside a run', async () => {
    const orchestrator = new Orchestrator();
    const processes: string[] = [];
    orchestrator.onTaskBegin(({ processId }) => processes.push(processId));
    await orchestrator.map(
      [1, 2],
      orchestrator.action(() => {}),
    );
    expect(new Set(processes).size).toBe(1);
  });

  it('rejects with ParallelError, fails fast or settles, like parallel', async () => {
    const orchestrator = new Orchestrator();
    const odd = orchestrator.action((number: number) => {
      if (number % 2 === 0) throw new Error(`${number} is even`);
      return number;
    });
    await expect(orchestrator.map([1, 2, 4], odd)).rejects.toThrow('2 of 3 parallel actions failed');
    await expect(orchestrator.map([1, 2, 4], odd, { failFast: true })).rejects.toThrow(new Error('2 is even'));
    await expect(orchestrator.map([1, 2], odd, { settle: true })).resolves.toEqual([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: new Error('2 is even') },
    ]);
  });

  it('rejects with the error of its iterator, and starts no more actions', async () => {
    const orchestrator = new Orchestrator();
    const error = new Error('disk');
    let started = 0;
    function* items() {
      yield 1;
      throw error;
    }
    const act = orchestrator.action(() => started++);
    expect(await rejection(orchestrator.map(items(), act))).toBe(error);
    await settled();
    expect(started).toBeLessThanOrEqual(1);
  });

  it.each([1, 2, Infinity])(
    'rejects with what async items throw after the first, at a concurrency of %d',
    async (most) => {
      const orchestrator = new Orchestrator();
      const error = new Error('connection');
      async function* items() {
        yield 1;
        throw error;
      }
      const act = orchestrator.action((item: number) => item);
      expect(await rejection(orchestrator.map(items(), act, { concurrency: most }))).toBe(error);
      expect(await rejection(orchestrator.map(items(), act, { concurrency: most, settle: true }))).toBe(error);
    },
  );

  it('lets its iterator clean up if not all items are taken', async () => {
    const orchestrator = new Orchestrator();
    const closed: string[] = [];
    function* numbers() {
      try {
        yield* [1, 2, 3, 4];
      } finally {
        closed.push('sync');
      }
    }
    async function* lines() {
      try {
        yield* numbers();
      } finally {
        closed.push('async');
        await Promise.reject(new Error('nobody hears this'));
      }
    }
    const fail = orchestrator.action(() => Promise.reject(new Error('no')));
    const options = { failFast: true, concurrency: 1 };
    await rejection(orchestrator.map(numbers(), fail, options));
    await settled();
    expect(closed).toEqual(['sync']);
    await rejection(orchestrator.map(lines(), fail, options));
    await settled();
    expect(closed).toEqual(['sync', 'sync', 'async']);
  });

  it('ends with the limit of its run', async () => {
    const orchestrator = new Orchestrator();
    const hang = orchestrator.action(() => deferred().promise);
    const pending = orchestrator.run(() => orchestrator.map([1, 2], hang), { timeout: 10 });
    await expect(pending).rejects.toThrow(TimeoutError);
  });

  it.each([
    [undefined, 'items must be an iterable or async iterable, got undefined'],
    [5, 'items must be an iterable or async iterable, got 5'],
    [{}, 'items must be an iterable or async iterable, got Object'],
  ])('rejects %o as items', async (items, message) => {
    await expect(new Orchestrator().map(items as never, () => {})).rejects.toThrow(new ValidationError(message));
  });

  it('rejects actions that are not functions, and unknown options', async () => {
    const orchestrator = new Orchestrator();
    await expect(orchestrator.map([], 'x' as never)).rejects.toThrow('action must be a function, got String');
    await expect(orchestrator.map([], () => {}, { limit: 5 } as never)).rejects.toThrow('limit is unknown');
  });

  it('awaits promises among its items', async () => {
    const orchestrator = new Orchestrator();
    const double = orchestrator.action((n: number) => n * 2);
    const lists = [
      [Promise.resolve(1), 2],
      new Set([Promise.resolve(1), 2]),
      (async function* () {
        yield* [1, 2];
      })(),
      { [Symbol.asyncIterator]: () => [Promise.resolve(1), 2][Symbol.iterator]() as never },
    ] as Iterable<number | Promise<number>>[];
    for (const list of lists) await expect(orchestrator.map(list, double, { concurrency: 1 })).resolves.toEqual([2, 4]);
  });

  it('treats a promise that rejects as a failure of its item, however late its turn comes', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    const act = orchestrator.action(async (n: number) => {
      await gate.promise;
      return n;
    });
    const items = () => [1, Promise.reject(new Error('no 1')), 2, Promise.reject(new Error('no 3'))];
    const all = rejection(orchestrator.map(items(), act, { concurrency: 1 }));
    const first = rejection(orchestrator.map(items(), act, { concurrency: 1, failFast: true }));
    const both = orchestrator.map(items(), act, { concurrency: 1, settle: true });
    await settled();
    gate.resolve();
    expect(((await all) as ParallelError).message).toBe('2 of 4 parallel actions failed: item 1: no 1; item 3: no 3');
    expect(await first).toMatchObject({ message: 'no 1' });
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  it('does not call the action for a promise that resolves after an abort', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred<number>();
    const controller = new AbortController();
    const work = () => orchestrator.map([gate.promise], () => expect.fail('was called'));
    const pending = rejection(orchestrator.run(work, { signal: controller.signal }));
    await settled();
    controller.abort();
    gate.resolve(1);
    expect(await pending).toBe(controller.signal.reason);
    await settled();
  });
});

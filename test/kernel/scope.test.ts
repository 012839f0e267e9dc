import { setTimeout as sleep } from 'node:timers/promises';
import { bulkhead, TimeoutStrategy, timeout as timeoutPolicy } from 'cockatiel';
import { Orchestrator, type Policy, TimeoutError } from 'orchestrator';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred, rejection, settled } from '../support.js';

/** Calls functions one after another, each in the asynchronous context of the first caller. */
function oneByOne() {
  const waiting: (() => Promise<void>)[] = [];
  let isBusy = false;
  const work = async () => {
    isBusy = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
    isBusy = false;
  };
  return <Value>(fn: () => PromiseLike<Value> | Value): Promise<Value> =>
    new Promise<Value>((resolve, reject) => {
      waiting.push(async () => {
        try {
          resolve(await fn());
        } catch (error) {
          reject(error);
        }
      });
      if (!isBusy) void work();
    });
}

const users = ['ann', 'bob', 'cid'];

describe('work that foreign code calls later, from another asynchronous context,', () => {
  const queueing: [string, () => { policy?: Policy; use?: (next: () => Promise<unknown>) => unknown }][] = [
    ["cockatiel's bulkhead", () => ({ policy: bulkhead(1, 100) })],
    [
      'a queue as a policy',
      () => {
        const queue = oneByOne();
        return { policy: { execute: (fn) => queue(fn) } };
      },
    ],
    ['middleware that queues', () => ({ use: oneByOne() })],
  ];

  it.each(queueing)('has the state, the signal and the process of its own run: %s', async (_, made) => {
    const { policy, use } = made();
    const orchestrator = new Orchestrator({ state: { user: '' } });
    if (use !== undefined) orchestrator.use((task, next) => (task.name === 'load' ? use(next) : next()));
    const processes: string[] = [];
    orchestrator.onTaskBegin(({ name, processId }) => void processes.push(`${name} of ${processId}`));
    const inner = orchestrator.action(() => orchestrator.getState().user, { name: 'inner' });
    const signals = new Map<string, AbortSignal>();
    const load = orchestrator.action(
      async () => {
        await settled();
        const { user } = orchestrator.getState();
        signals.set(user, orchestrator.signal);
        return [user, await inner(), await orchestrator.run(() => inner(), { state: { user: `child of ${user}` } })];
      },
      { name: 'load', policy },
    );
    const controllers = users.map(() => new AbortController());
    const loaded = users.map((user, index) =>
      orchestrator.run(() => load(), { id: user, state: { user }, signal: controllers[index]?.signal }),
    );
    expect(await Promise.all(loaded)).toEqual(users.map((user) => [user, user, `child of ${user}`]));
    for (const user of users) expect(processes).toContain(`inner of ${user}`);
    controllers[1]?.abort();
    expect(users.map((user) => signals.get(user)?.aborted)).toEqual([false, false, false]);
  });

  it('is aborted only by the signal of its own run', async () => {
    const orchestrator = new Orchestrator({ state: { user: '' }, policy: bulkhead(1, 100) });
    const gates = new Map(users.map((user) => [user, deferred()]));
    const seen = new Map<string, AbortSignal>();
    const load = orchestrator.action(async () => {
      const { user } = orchestrator.getState();
      seen.set(user, orchestrator.signal);
      await gates.get(user)?.promise;
      return user;
    });
    const first = new AbortController();
    const second = new AbortController();
    const loadAndHang = () => load().then(() => deferred().promise);
    const ann = rejection(orchestrator.run(loadAndHang, { state: { user: 'ann' }, signal: first.signal }));
    const bob = rejection(orchestrator.run(() => load(), { state: { user: 'bob' }, signal: second.signal }));
    const cid = orchestrator.run(() => load(), { state: { user: 'cid' } });
    gates.get('ann')?.resolve();
    await eventually(() => seen.has('bob'));
    expect(seen.get('bob')?.aborted).toBe(false);
    first.abort('of ann');
    expect(seen.get('bob')?.aborted).toBe(false);
    second.abort('of bob');
    expect(seen.get('bob')?.reason).toBe('of bob');
    for (const gate of gates.values()) gate.resolve();
    expect([await bob, await cid]).toEqual(['of bob', 'cid']);
    expect(await ann).toBe('of ann');
  });

  it('keeps its retries, its fallback and its hooks in its own run', async () => {
    const orchestrator = new Orchestrator({ state: { user: '' }, policy: bulkhead(1, 100) });
    const seen: string[] = [];
    const note = (where: string) => seen.push(`${where} ${orchestrator.getState().user}`);
    orchestrator.onTaskRetry(() => note('retry')).onTaskCompletion(() => note('completion'));
    const fail = orchestrator.action(
      async () => {
        await settled();
        note('attempt');
        throw new Error('down');
      },
      {
        retry: {
          retries: 1,
          minTimeout: 0,
          shouldRetry: () => note('shouldRetry') > 0,
          shouldConsumeRetry: () => note('shouldConsumeRetry') > 0,
          retryAfter: () => void note('retryAfter') as undefined,
          onFailedAttempt: () => void note('onFailedAttempt'),
        },
      },
    );
    const late = orchestrator.action(() => sleep(20), { timeout: { total: 5, fallback: () => void note('fallback') } });
    const both = async () => {
      await rejection(fail());
      await late();
    };
    await Promise.all(users.map((user) => orchestrator.run(both, { state: { user } })));
    const callbacks = ['onFailedAttempt', 'retry', 'retryAfter', 'shouldConsumeRetry', 'shouldRetry'];
    for (const user of users) {
      const own = new Set(seen.filter((line) => line.endsWith(` ${user}`)).map((line) => line.split(' ')[0]));
      expect([...own].sort()).toEqual(['attempt', 'completion', 'fallback', ...callbacks]);
    }
    expect(seen).toHaveLength(3 * seen.filter((line) => line.endsWith(' ann')).length);
  });

  it('of map, fed by an async iterable that other code feeds, is in the run that called map', async () => {
    const orchestrator = new Orchestrator({ state: { user: '' } });
    const act = orchestrator.action(async (item: number) => {
      await settled();
      return `${orchestrator.getState().user} ${item}`;
    });
    const wanted: ((value: IteratorResult<number>) => void)[] = [];
    const items: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise((resolve) => wanted.push(resolve)) }),
    };
    const mapped = orchestrator.run(() => orchestrator.map(items, act, { concurrency: 1 }), { state: { user: 'ann' } });
    await orchestrator.run(
      async () => {
        for (let item = 0; item < 5; item++) {
          await eventually(() => wanted.length > 0);
          wanted.shift()?.({ done: false, value: item });
        }
        await eventually(() => wanted.length > 0);
        for (const end of wanted) end({ done: true, value: undefined });
      },
      { state: { user: 'bob' } },
    );
    expect(await mapped).toEqual([0, 1, 2, 3, 4].map((item) => `ann ${item}`));
  });
});

describe('a node whose work foreign code calls later', () => {
  interface Context {
    user: string;
  }

  it.each(['policy', 'middleware'])('of a flow is in its own run: %s', async (kind) => {
    const queue = oneByOne();
    const policy: Policy = { execute: (fn) => queue(fn) };
    const orchestrator = new Orchestrator<Context>(kind === 'policy' ? { policy } : {});
    const plain = new Orchestrator<Context>();
    const processes = new Map<string, unknown>();
    plain.onProcessBegin(({ parentId }) => void processes.set(parentId as string, orchestrator.getState().user));
    const inner = plain.action(async () => orchestrator.getState().user);
    const flow = new Flow('load').node('load', async () => {
      await settled();
      return inner();
    });
    if (kind === 'middleware') flow.use((_, next) => queue(next));
    const runtime = new FlowRuntime({ orchestrator });
    const results = await Promise.all(users.map((user) => runtime.run(flow, { user }, { runId: `run of ${user}` })));
    expect(results.map(({ context }) => context.load)).toEqual(users);
    expect([...processes].sort()).toEqual(users.map((user) => [`run of ${user}`, user]));
  });

  it('of a loop, including its producer, is in the process of its own loop', async () => {
    const queue = oneByOne();
    const orchestrator = new Orchestrator({ policy: { execute: (fn) => queue(fn) } });
    const inner = new Orchestrator();
    const names = new Map<string, string>();
    const parents = new Map<string, Set<string>>();
    orchestrator.onProcessBegin(({ id, name }) => void names.set(id, name));
    let caller = '';
    inner.onProcessBegin(({ parentId }) => {
      parents.set(caller, (parents.get(caller) ?? new Set()).add(names.get(parentId as string) as string));
    });
    const act = inner.action(async () => {});
    const looped = (name: string) => {
      const called = (place: string) => {
        caller = `${place} of ${name}`;
        return act();
      };
      let left = 5;
      return new Loop(name, { orchestrator })
        .producer('next', async () => {
          await settled();
          await called('producer');
          return left-- > 0 ? left : done;
        })
        .blocking('work', async () => {
          await settled();
          await called('node');
        });
    };
    const workflow = new WorkflowOrchestrator().load({ loops: users.map(looped) });
    await workflow.start();
    await eventually(() => workflow.health().loops.every(({ state }) => state === 'stopped'));
    await workflow.stop();
    const expected = users.flatMap((user) =>
      [`node of ${user}`, `producer of ${user}`].map((place) => [place, [user]]),
    );
    expect([...parents].map(([place, loops]) => [place, [...loops]]).sort()).toEqual(expected.sort());
  });
});

describe('the signal that a policy passes to its function', () => {
  it('aborts the attempt if the policy gives up, and later calls of the attempt do not start', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    let started = false;
    let signal: AbortSignal | undefined;
    const refused = deferred<unknown>();
    const charge = orchestrator.action(() => {
      started = true;
    });
    const act = orchestrator.action(
      async () => {
        signal = orchestrator.signal;
        await gate.promise;
        refused.resolve(await rejection(charge()));
      },
      { policy: timeoutPolicy(5, TimeoutStrategy.Aggressive) },
    );
    await expect(act()).rejects.toThrow('timed out after 5ms');
    expect(signal?.aborted).toBe(true);
    await sleep(20);
    gate.resolve();
    expect(((await refused.promise) as Error).name).toBe('AbortError');
    expect(started).toBe(false);
  });

  it('ends pending calls of the attempt', async () => {
    const orchestrator = new Orchestrator();
    const ended: string[] = [];
    orchestrator.onTaskCompletion(({ name, status }) => void ended.push(`${name} ${status}`));
    const hang = orchestrator.action(() => deferred().promise, { name: 'hang' });
    const act = orchestrator.action(() => hang(), {
      name: 'act',
      policy: timeoutPolicy(5, TimeoutStrategy.Cooperative),
    });
    expect(((await rejection(act())) as Error).name).toBe('AbortError');
    expect(ended).toEqual(['hang cancelled', 'act failed']);
  });

  it('no longer matters after the attempt has ended, although the policy aborts it then', async () => {
    const orchestrator = new Orchestrator();
    const policy = timeoutPolicy(60_000, TimeoutStrategy.Aggressive);
    const controller = new AbortController();
    const hang = orchestrator.action(() => deferred().promise);
    let left: Promise<unknown> | undefined;
    const read = orchestrator.action(
      () => {
        left = rejection(hang());
        return orchestrator.signal;
      },
      { policy },
    );
    const held = await orchestrator.run(
      async () => {
        const signal = await read();
        await settled();
        expect(signal.aborted).toBe(false);
        return signal;
      },
      { signal: controller.signal },
    );
    controller.abort('reason');
    expect(held.reason).toBe('reason');
    expect(await left).toBe('reason');
  });

  it('starts nothing if it is already aborted', async () => {
    const policy: Policy = { execute: (fn) => fn({ signal: AbortSignal.abort('closed') }) };
    const act = new Orchestrator().action(() => expect.fail('was called'), { policy });
    expect(((await rejection(act())) as Error).cause).toBe('closed');
  });

  it('may live forever: it holds nothing of ten thousand attempts', async () => {
    const { signal } = new AbortController();
    const policy: Policy = { execute: (fn) => fn({ signal }) };
    const orchestrator = new Orchestrator({ policy });
    const read = orchestrator.action(async () => orchestrator.signal.aborted);
    const add = vi.spyOn(signal, 'addEventListener');
    const remove = vi.spyOn(signal, 'removeEventListener');
    const heap = () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed / 2 ** 20;
    };
    await read();
    const before = heap();
    for (let index = 0; index < 10_000; index++) {
      add.mockClear();
      remove.mockClear();
      await read();
      expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
      if (index % 100 === 0) await settled();
    }
    await settled();
    expect(heap() - before).toBeLessThan(5);
  });
});

describe('a thenable that starts its work in `then`', () => {
  /** A lazy thenable, like a query of knex, mongoose or prisma. */
  const lazy = <Value>(work: () => Promise<Value>): PromiseLike<Value> => ({
    // biome-ignore lint/suspicious/noThenProperty: a thenable is the subject
    then: (resolve, reject) => work().then(resolve, reject),
  });

  it.each(['attempt', 'total'])('works under the %s limit of its action', async (kind) => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    let signal: AbortSignal | undefined;
    let started = false;
    const refused = deferred<unknown>();
    const audit = orchestrator.action(() => {
      started = true;
    });
    const find = orchestrator.action(
      () =>
        lazy(async () => {
          signal = orchestrator.signal;
          await gate.promise;
          refused.resolve(await rejection(audit()));
        }),
      { name: 'find', timeout: { [kind]: 10 } },
    );
    const error = await rejection(orchestrator.run(() => find()));
    expect((error as Error).message).toBe('"find" timed out after 10 ms');
    expect(signal?.reason).toBe(error);
    await sleep(10);
    gate.resolve();
    expect(await refused.promise).toBe(error);
    expect(started).toBe(false);
  });

  it('stays in its run wherever it is returned: from a run, a group, middleware, a hook, a policy', async () => {
    const queue = oneByOne();
    const orchestrator = new Orchestrator({ state: { user: '' } });
    const seen: string[] = [];
    const note = (where: string) =>
      lazy(async () => {
        await sleep(1);
        seen.push(`${where} ${orchestrator.getState().user}`);
      });
    orchestrator
      .onProcessBegin(() => note('process begin'))
      .onTaskBegin(() => note('begin'))
      .onTaskCompletion(() => note('completion'))
      .onProcessCompletion(() => note('process completion'))
      .use(async (_, next) => {
        await note('middleware');
        return next();
      });
    const act = orchestrator.action(() => note('action'), { policy: { execute: (fn) => queue(fn) } });
    const group = orchestrator.parallel([() => note('group'), act], { failFast: true });
    const work = () => lazy(async () => void (await group()) as undefined);
    await Promise.all(
      users.map((user) => orchestrator.run(() => work(), { state: { user }, timeout: 60_000, name: user })),
    );
    const places = ['action', 'begin', 'completion', 'group', 'middleware', 'process begin', 'process completion'];
    for (const user of users) {
      expect(seen.filter((line) => line.endsWith(` ${user}`)).sort()).toEqual(
        places.map((place) => `${place} ${user}`),
      );
    }
  });
});

describe('a scope whose run has ended', () => {
  it.each([
    ['its limit', () => ({ timeout: 10 })],
    ['its signal', () => ({ signal: AbortSignal.timeout(10) })],
  ])('is skipped although %s aborted it, and although its function is still running', async (_, options) => {
    const orchestrator = new Orchestrator({ state: { request: 'none' } });
    const parents: unknown[] = [];
    orchestrator.onProcessBegin(({ parentId }) => void parents.push(parentId));
    const handle = orchestrator.action(() => orchestrator.getState().request);
    const heard: unknown[] = [];
    const note = (value: unknown) => void heard.push(value);
    let isOver = false;
    let socket: NodeJS.Timeout | undefined;
    const end = deferred();
    const first = orchestrator.run(
      async () => {
        // Like a socket or a pool, it calls back in the asynchronous context of the run that opened it.
        socket = setInterval(() => isOver && handle().then(note, note), 1);
        await end.promise;
      },
      { ...options(), state: { request: 'first' } },
    );
    await rejection(first);
    await settled();
    isOver = true;
    await eventually(() => heard.length > 1);
    clearInterval(socket);
    expect(new Set(heard)).toEqual(new Set(['none']));
    expect(new Set(parents)).toEqual(new Set([undefined]));
    end.resolve();
  });

  it('still refuses calls of a task that the abort has interrupted', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const gate = deferred();
    const late = deferred<unknown>();
    const charge = orchestrator.action(() => expect.fail('was called'));
    const load = orchestrator.action(async () => {
      await gate.promise;
      late.resolve(await rejection(charge()));
    });
    const running = rejection(orchestrator.run(() => load(), { signal: controller.signal }));
    await settled();
    controller.abort('reason');
    expect(await running).toBe('reason');
    await sleep(5);
    gate.resolve();
    expect(await late.promise).toBe('reason');
  });

  it('keeps its signal aborted for a function that is still running', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    const read = deferred<AbortSignal>();
    const work = async () => {
      await gate.promise;
      read.resolve(orchestrator.signal);
    };
    await rejection(orchestrator.run(work, { timeout: 5 }));
    await sleep(5);
    gate.resolve();
    expect((await read.promise).reason).toBeInstanceOf(TimeoutError);
  });

  it('is no parent of runs that its completion hook starts, by a timer or at once, however many', async () => {
    for (const options of [{}, { timeout: 60_000 }]) {
      for (const plan of [(next: () => void) => setImmediate(next), (next: () => void) => next()]) {
        const orchestrator = new Orchestrator({ name: 'poll' });
        const done = deferred();
        const parents = new Set<unknown>();
        let left = 30_000;
        let before = 0;
        let grown = 0;
        const heap = () => {
          globalThis.gc?.();
          return process.memoryUsage().heapUsed / 2 ** 20;
        };
        const act = orchestrator.action(async () => {});
        const next = () => {
          left--;
          if (left === 25_000) before = heap();
          if (left === 0) grown = heap() - before;
          orchestrator.run(() => act(), options).catch(done.reject);
        };
        orchestrator
          .onProcessBegin(({ parentId }) => void parents.add(parentId))
          .onProcessCompletion(() => {
            if (left > 0) plan(next);
            else done.resolve();
          });
        next();
        await done.promise;
        expect([...parents]).toEqual([undefined]);
        expect(grown).toBeLessThan(5);
      }
    }
  });

  it('does not lend its state to an action that a timer of its completion hook calls', async () => {
    const orchestrator = new Orchestrator({ state: { user: 'nobody' } });
    const heard = deferred<string>();
    const read = orchestrator.action(() => orchestrator.getState().user);
    let isFirst = true;
    orchestrator.onProcessCompletion(() => {
      if (isFirst) setTimeout(() => read().then(heard.resolve, heard.reject), 1);
      isFirst = false;
    });
    await orchestrator.run(() => {}, { state: { user: 'ann' }, timeout: 60_000 });
    expect(await heard.promise).toBe('nobody');
  });

  it('is replaced by the run around it, if that is still open, with the state of that run', async () => {
    const orchestrator = new Orchestrator({ state: { user: '' } });
    const heard = deferred<unknown>();
    const read = orchestrator.action(() => orchestrator.getState().user);
    await orchestrator.run(
      async () => {
        await orchestrator.run(() => void setTimeout(() => read().then(heard.resolve, heard.reject), 2), {
          state: { user: 'child' },
        });
        expect(await heard.promise).toBe('parent');
      },
      { state: { user: 'parent' } },
    );
  });

  it.each([
    ['an attempt that timed out', (o: Orchestrator, open: () => Promise<void>) => o.action(open, { timeout: 10 })()],
    [
      'a sibling of a failing action',
      (o: Orchestrator, open: () => Promise<void>) =>
        o.parallel([open, () => Promise.reject(new Error('no'))], { failFast: true })(),
    ],
  ])('lets the work that %s opened start new work after its run has completed', async (_what, call) => {
    const orchestrator = new Orchestrator();
    const handle = orchestrator.action(async () => 'ok');
    let timer: NodeJS.Timeout | undefined;
    const seen: unknown[] = [];
    const open = async () => {
      timer = setInterval(
        () =>
          handle().then(
            (value) => seen.push(value),
            (error) => seen.push(error.message),
          ),
        5,
      );
    };
    const ended = deferred();
    const work = () =>
      open()
        .then(() => sleep(30))
        .finally(() => setImmediate(ended.resolve));
    await orchestrator.run(() => call(orchestrator, work).catch(() => {}));
    // The interrupted work still ends, and its run with it.
    await ended.promise;
    await settled();
    seen.length = 0;
    await eventually(() => seen.length > 0);
    clearInterval(timer);
    expect(new Set(seen)).toEqual(new Set(['ok']));
  });
});

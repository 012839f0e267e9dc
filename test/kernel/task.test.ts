import { type ActionOptions, Orchestrator } from 'orchestrator';
import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, FlowRuntime, Node } from 'orchestrator/flow';
import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, settled } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('task', () => {
  it('is undefined outside a task: outside a run, in a run, in its hooks', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[] = [];
    orchestrator.onProcessBegin(() => seen.push(orchestrator.task));
    expect(orchestrator.task).toBeUndefined();
    await orchestrator.run(() => seen.push(orchestrator.task));
    expect(seen).toEqual([undefined, undefined]);
  });

  it('is that of the code, before and after an await, with tasks side by side', async () => {
    const orchestrator = new Orchestrator();
    const named = (name: string) =>
      orchestrator.action(name, async () => {
        const before = orchestrator.task?.name;
        await settled();
        return [before, orchestrator.task?.name];
      });
    const actions = ['a', 'b', 'c'].map(named);
    await orchestrator.run(async () => {
      const pending = Promise.all(actions.map((action) => action()));
      expect(orchestrator.task).toBeUndefined();
      expect(await pending).toEqual([
        ['a', 'a'],
        ['b', 'b'],
        ['c', 'c'],
      ]);
      expect(orchestrator.task).toBeUndefined();
    });
  });

  it('is the innermost task, and afterwards the outer one again', async () => {
    const orchestrator = new Orchestrator();
    const inner = orchestrator.action('inner', async () => orchestrator.task?.name);
    const outer = orchestrator.action('outer', async () => [await inner(), orchestrator.task?.name]);
    expect(await outer()).toEqual(['inner', 'outer']);
  });

  it('is the task that started a nested run, with the id of its own process', async () => {
    const orchestrator = new Orchestrator();
    const other = new Orchestrator();
    const outer = orchestrator.action('outer', () =>
      orchestrator.run(() => other.run(() => [orchestrator.task?.name, orchestrator.task?.processId, other.task])),
    );
    expect(await orchestrator.run(() => outer(), { id: 'import' })).toEqual(['outer', 'import', undefined]);
  });

  it('is known per orchestrator, when actions of two call each other', async () => {
    const [first, second] = [new Orchestrator(), new Orchestrator()];
    const inner = second.action('inner', () => [first.task?.name, second.task?.name]);
    const outer = first.action('outer', () => inner());
    expect(await second.run(() => first.run(() => outer()))).toEqual(['outer', 'inner']);
  });

  it('has the id that hooks see', async () => {
    const ids: string[] = [];
    const orchestrator = new Orchestrator().onTaskBegin(({ id }) => ids.push(id));
    const read = orchestrator.action('read', () => orchestrator.task?.id);
    expect(await orchestrator.run(async () => [await read(), await read()])).toEqual(ids);
  });

  it('has an id of its own where nothing observes it, and keeps it', async () => {
    const orchestrator = new Orchestrator();
    const read = orchestrator.action('read', async () => {
      const id = orchestrator.task?.id;
      await settled();
      return [id, orchestrator.task?.id];
    });
    const [[first, again], [second]] = (await orchestrator.run(() => Promise.all([read(), read()]), {
      id: 'run',
    })) as [[string, string], [string, string]];
    expect(again).toBe(first);
    expect(new Set([first, second])).toEqual(new Set(['run/1', 'run/2']));
  });

  it.each([
    ['with hooks', true],
    ['without hooks', false],
  ])('counts attempts, %s', async (_, isSeen) => {
    const orchestrator = new Orchestrator();
    if (isSeen) orchestrator.onTaskBegin(() => {});
    const attempts: unknown[] = [];
    const flaky = orchestrator.action(
      'flaky',
      async () => {
        const task = orchestrator.task;
        await settled();
        attempts.push(task?.attempt, orchestrator.task?.attempt);
        if (attempts.length < 6) throw new Error('again');
      },
      { retry: { retries: 2, minTimeout: 0 } },
    );
    await flaky();
    expect(attempts).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('has the signal and the remaining time of its attempt', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const read = orchestrator.action(
      'read',
      async () => {
        const task = orchestrator.task;
        expect(task?.signal).toBe(orchestrator.signal);
        await new Promise((resolve) => setTimeout(resolve, 400));
        return task?.remaining;
      },
      { timeout: 1_000 },
    );
    const pending = read();
    await vi.advanceTimersByTimeAsync(400);
    expect(await pending).toBe(600);
  });

  it('is seen by middleware, before the first attempt too', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[] = [];
    orchestrator.use((_, next) => {
      seen.push(orchestrator.task?.name, orchestrator.task?.attempt);
      return next();
    });
    await orchestrator.action('read', () => seen.push(orchestrator.task?.attempt))();
    expect(seen).toEqual(['read', 1, 1]);
  });

  it('is followed in every task once somebody has read it', async () => {
    const orchestrator = new Orchestrator();
    let isAsking = false;
    const hot = orchestrator.action('hot', async () => {
      await null;
      return isAsking ? orchestrator.task?.name : undefined;
    });
    await orchestrator.run(async () => {
      for (let index = 0; index < 1_500; index++) await hot();
      isAsking = true;
      await hot();
      expect(await hot()).toBe('hot');
    });
  });

  it.each([true, 'run'] as const)('is known to work that calls share: %s', async (share) => {
    const orchestrator = new Orchestrator();
    const read = orchestrator.action(
      'read',
      async (_id: string) => {
        await settled();
        return orchestrator.task?.name;
      },
      { share },
    );
    expect(await orchestrator.run(() => Promise.all([read('1'), read('1')]))).toEqual(['read', 'read']);
  });

  it.each<[string, ActionOptions]>([
    ['a limit of the attempt', { timeout: 60_000 }],
    ['a limit of all attempts', { timeout: { total: 60_000 } }],
    ['a policy', { policy: { execute: (fn) => fn() } }],
    ['share', { share: true }],
  ])('is known at its first read, however often the action was called before, with %s', async (_, options) => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    const hot = orchestrator.action(
      'hot',
      async (isLast: boolean) => {
        if (!isLast) return undefined;
        await gate.promise;
        return orchestrator.task?.name;
      },
      options,
    );
    await orchestrator.run(async () => {
      for (let index = 0; index < 1_500; index++) await hot(false);
    });
    const last = hot(true);
    gate.resolve();
    expect(await last).toBe('hot');
  });

  it('may be undefined at its first read without these, after a thousand calls of the action', async () => {
    const orchestrator = new Orchestrator();
    const hot = orchestrator.action('hot', async () => {});
    const task = orchestrator.action('task', async () => orchestrator.task?.name);
    for (let index = 0; index < 1_000; index++) await hot();
    expect(await task()).toBe('task');
    const other = new Orchestrator();
    const read = other.action('read', async (isLast: boolean) => (isLast ? other.task?.name : undefined));
    for (let index = 0; index < 1_000; index++) await read(false);
    expect([await read(true), await read(true)]).toEqual([undefined, 'read']);
  });

  it('shows nothing of the arguments when it is printed', async () => {
    const orchestrator = new Orchestrator();
    const login = orchestrator.action('login', (_password: string) => JSON.stringify(orchestrator.task));
    expect(await login('secret')).toBe('{"attempt":1}');
  });

  it('belongs to no task any more after its run, in a socket or timer that the task left behind', async () => {
    const orchestrator = new Orchestrator();
    const gate = deferred();
    let later: Promise<unknown> | undefined;
    const leave = orchestrator.action('leave', () => {
      later = gate.promise.then(() => orchestrator.task);
    });
    await orchestrator.run(() => leave());
    gate.resolve();
    expect(await later).toBeUndefined();
  });

  it('does not pile up in tasks that start each other and are not awaited', async () => {
    const orchestrator = new Orchestrator();
    let left = 2_000;
    const ended = deferred();
    let retained: WeakRef<object> | undefined;
    const tick = orchestrator.action('tick', async (given: object) => {
      retained ??= new WeakRef(given);
      await null;
      expect(orchestrator.task?.name).toBe('tick');
      if (--left === 0) ended.resolve();
      else void tick({});
    });
    await orchestrator.run(async () => {
      void tick({});
      await ended.promise;
      await settled();
      globalThis.gc?.();
      expect(retained?.deref()).toBeUndefined();
    });
  });

  it('is the node in a flow: a function, an action, a class, an element of a batch, a sub-flow', async () => {
    const orchestrator = new Orchestrator();
    const name = async () => {
      await settled();
      return orchestrator.task?.name;
    };
    class Named extends Node {
      override async exec() {
        return name();
      }
    }
    const flow = new Flow('names')
      .node('function', name)
      .node('action', orchestrator.action('other', name))
      .node('class', Named)
      .batch('batch', () => name(), { items: 'items' })
      .edge('function', 'action')
      .edge('action', 'class')
      .edge('class', 'batch');
    const { context } = await new FlowRuntime({ orchestrator }).run(flow, { items: [1] });
    expect(context).toMatchObject({ function: 'function', action: 'action', class: 'class', batch: ['batch'] });
  });

  it('counts the attempts of a node on a fleet over its tasks', async () => {
    const orchestrator = new Orchestrator();
    const attempts: unknown[] = [];
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('flaky').node(
      'flaky',
      async () => {
        await settled();
        attempts.push(orchestrator.task?.attempt);
        if (attempts.length < 3) throw new Error('again');
        return orchestrator.task?.name;
      },
      { retry: { retries: 2, minTimeout: 1 } },
    );
    const engine = memory();
    const fleet = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow], runtime });
    await worker.start();
    const { output } = await fleet.waitForCompletion(await fleet.startRun());
    await worker.stop();
    expect([attempts, output]).toEqual([[1, 2, 3], 'flaky']);
  });

  it.each([
    ['without hooks', false],
    ['with hooks', true],
  ])('is the node in a loop, %s', async (_, isSeen) => {
    const orchestrator = new Orchestrator();
    if (isSeen) orchestrator.onTaskBegin(() => {});
    const seen: unknown[] = [];
    let left = 2;
    const loop = new Loop('named', { orchestrator })
      .producer('produce', () => {
        seen.push(orchestrator.task?.name);
        return left-- > 0 ? left : done;
      })
      .blocking('wait', async (value) => {
        await settled();
        seen.push(orchestrator.task?.name);
        return value;
      })
      .nonBlocking('send', async () => {
        await settled();
        seen.push(orchestrator.task?.name);
      });
    const workflow = new WorkflowOrchestrator().load({ loops: [loop] });
    await workflow.start();
    await workflow.ended();
    await workflow.close();
    expect(seen.filter((name) => name === 'produce')).toHaveLength(3);
    expect(seen.filter((name) => name === 'wait')).toHaveLength(2);
    expect(seen.filter((name) => name === 'send')).toHaveLength(2);
    expect(seen).toHaveLength(7);
  });
});

describe('remaining', () => {
  it('is Infinity without a limit', async () => {
    const orchestrator = new Orchestrator();
    expect(orchestrator.remaining).toBe(Infinity);
    expect(await orchestrator.run(() => orchestrator.remaining)).toBe(Infinity);
    expect(await orchestrator.action(() => orchestrator.remaining)()).toBe(Infinity);
  });

  it('is the time until the nearest limit: of the attempt, the task, the run, and runs around it', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const other = new Orchestrator();
    const remaining = (timeout: object) => orchestrator.action(async () => orchestrator.remaining, { timeout })();
    const found = await orchestrator.run(
      async () => [
        orchestrator.remaining,
        await remaining({ attempt: 100, total: 200 }),
        await remaining({ attempt: 300, total: 200 }),
        await remaining({ total: 5_000 }),
        await other.run(() => other.remaining, { timeout: 2_000 }),
        await other.run(() => other.remaining, { timeout: 500 }),
      ],
      { timeout: 1_000 },
    );
    expect(found).toEqual([1_000, 100, 200, 1_000, 1_000, 500]);
  });

  it('shrinks as time passes, and is 0 after an abort', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    const found: number[] = [];
    const wait = () => new Promise((resolve) => setTimeout(resolve, 400));
    const pending = orchestrator
      .run(
        async () => {
          for (let index = 0; index < 4; index++) {
            found.push(orchestrator.remaining);
            await wait();
          }
        },
        { timeout: 1_000 },
      )
      .catch((error: Error) => error.name);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await pending).toBe('TimeoutError');
    expect(found).toEqual([1_000, 600, 200, 0]);
  });

  it('is that of the run again after a limit has ended with its attempt', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator();
    let later: Promise<number> | undefined;
    const attempt = orchestrator.action(
      () => {
        later = settled().then(() => orchestrator.remaining);
      },
      { timeout: 100 },
    );
    vi.useRealTimers();
    await orchestrator.run(async () => {
      await attempt();
      expect(await later).toBe(Infinity);
    });
  });

  it('counts the limit of a surrounding group', async () => {
    vi.useRealTimers();
    const orchestrator = new Orchestrator();
    const read = orchestrator.action((_item?: number) => orchestrator.remaining);
    const limits = { timeout: 5_000 };
    const seen = [
      ...(await orchestrator.parallel([read, read], limits)()),
      ...(await orchestrator.map([1], read, limits)),
      await orchestrator.any([read], limits)(),
      (await orchestrator.each([1], read, limits).next()).value as number,
    ];
    for (const remaining of seen) {
      expect(remaining).toBeGreaterThan(4_000);
      expect(remaining).toBeLessThanOrEqual(5_000);
    }
    expect(await orchestrator.map([1], read, { failFast: true })).toEqual([Infinity]);
  });
});

import { MessageChannel } from 'node:worker_threads';
import { AbortError, Orchestrator, ValidationError } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { recorded, rejection, settled } from '../support.js';

describe('action', () => {
  it('turns a sync function into one that returns a promise', async () => {
    const add = new Orchestrator().action((a: number, b: number) => a + b);
    const pending = add(2, 3);
    expect(pending).toBeInstanceOf(Promise);
    await expect(pending).resolves.toBe(5);
  });

  it('returns what an async function or any thenable resolves with', async () => {
    const orchestrator = new Orchestrator();
    await expect(orchestrator.action(async (id: string) => ({ id }))('a')).resolves.toEqual({ id: 'a' });
    // biome-ignore lint/suspicious/noThenProperty: a thenable is the subject
    const thenable = { then: (resolve: (value: number) => void) => resolve(7) };
    await expect(orchestrator.action(() => thenable)()).resolves.toBe(7);
  });

  it('awaits a thenable also with a retry policy', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
    // biome-ignore lint/suspicious/noThenProperty: a thenable is the subject
    const good = { then: (resolve: (value: number) => void) => resolve(42) };
    await expect(orchestrator.action(() => good)()).resolves.toBe(42);
    let calls = 0;
    const bad = {
      // biome-ignore lint/suspicious/noThenProperty: a thenable is the subject
      then(_: unknown, reject: (error: Error) => void) {
        calls++;
        setImmediate(() => reject(new Error('late')));
      },
    };
    await expect(orchestrator.action(() => bad)()).rejects.toThrow('late');
    expect(calls).toBe(2);
  });

  it('rejects with the same error that the function threw, sync or async', async () => {
    const orchestrator = new Orchestrator();
    const error = new RangeError('no');
    const sync = orchestrator.action(() => {
      throw error;
    });
    const async = orchestrator.action(() => Promise.reject(error));
    expect(await rejection(sync())).toBe(error);
    expect(await rejection(async())).toBe(error);
    expect(await rejection(orchestrator.run(() => sync()))).toBe(error);
  });

  it('keeps the call in the stack of the error', async () => {
    const orchestrator = new Orchestrator().onTaskBegin(() => {});
    const fail = orchestrator.action(async () => {
      await null;
      throw new Error('deep');
    });
    async function theCaller() {
      await fail();
    }
    expect(((await rejection(orchestrator.run(theCaller))) as Error).stack).toContain('theCaller');
  });

  it.each([
    ['a string', 'boom', 'String'],
    ['a number', 42, 'Number'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', { status: 404 }, 'Object'],
  ])('rejects with a ValidationError whose cause is the thing thrown, for %s', async (_, thrown, kind) => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(function act() {
      throw thrown;
    });
    const error = (await rejection(act())) as ValidationError;
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toBe(`"act" threw ${kind} instead of an Error`);
    expect(error.cause).toBe(thrown);
  });

  it('unwraps an AbortError, also without a retry policy', async () => {
    const original = new Error('fatal');
    const act = new Orchestrator().action(() => Promise.reject(new AbortError(original)));
    expect(await rejection(act())).toBe(original);
  });

  it('is named by its option, then by its function, else anonymous', async () => {
    const orchestrator = new Orchestrator();
    const names: string[] = [];
    orchestrator.onTaskBegin(({ name }) => names.push(name));
    const actions = [
      orchestrator.action(function named() {}),
      orchestrator.action(() => {}),
      orchestrator.action(() => {}, { name: 'given' }),
    ];
    for (const action of actions) await action();
    expect(names).toEqual(['named', 'anonymous', 'given']);
    expect(actions.map(({ name }) => name)).toEqual(names);
  });

  it('passes its arguments on, and can run many times at once', async () => {
    const seen: unknown[][] = [];
    const act = new Orchestrator().action((...args: unknown[]) => seen.push(args));
    await Promise.all([act(), act(1), act(1, 'two', undefined)]);
    expect(seen).toEqual([[], [1], [1, 'two', undefined]]);
  });

  it('gets a run of its own outside any run', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    await orchestrator.action(function alone() {})();
    expect(lines).toEqual(['process begins', 'alone begins', 'alone completed', 'process completed']);
  });

  it('is a task of the run around it', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const step = orchestrator.action(function step() {});
    await orchestrator.run(async () => {
      await step();
      await step();
    });
    expect(lines).toEqual([
      'process begins',
      'step begins',
      'step completed',
      'step begins',
      'step completed',
      'process completed',
    ]);
  });

  it('may call other actions: their tasks belong to the same process', async () => {
    const orchestrator = new Orchestrator();
    const tasks: string[] = [];
    orchestrator.onTaskCompletion(({ id, name }) => tasks.push(`${name} ${id}`));
    const inner = orchestrator.action(function inner() {});
    const outer = orchestrator.action(async function outer() {
      await inner();
    });
    await orchestrator.run(() => outer(), { id: 'p' });
    expect(tasks).toEqual(['inner p/2', 'outer p/1']);
  });

  it('called inside a run of another orchestrator gets a child run', async () => {
    const first = new Orchestrator({ name: 'first' });
    const second = new Orchestrator({ name: 'second' });
    const parents: (string | undefined)[] = [];
    second.onProcessBegin(({ parentId }) => parents.push(parentId));
    const act = second.action(() => first.getState());
    first.setState('seen', 'by both');
    await expect(first.run(() => act(), { id: 'parent' })).resolves.toEqual({ seen: 'by both' });
    expect(parents).toEqual(['parent']);
  });

  it('of an outer run, called in a run of another orchestrator, is a task of that outer run', async () => {
    const outer = new Orchestrator();
    const inner = new Orchestrator();
    const processes: string[] = [];
    outer.onTaskBegin(({ processId }) => processes.push(processId));
    const act = outer.action(() => {});
    await outer.run(() => inner.run(() => act(), { id: 'inner' }), { id: 'outer' });
    expect(processes).toEqual(['outer']);
  });

  it('gets a run of its own if its run has ended, as in a server that outlives the run', async () => {
    const orchestrator = new Orchestrator({ state: { visits: 0 } });
    const visit = orchestrator.action(() => ++orchestrator.getState().visits);
    const listener = await orchestrator.run(() => {
      const { port1, port2 } = new MessageChannel();
      const heard = new Promise((resolve) => {
        port1.on('message', () => resolve(visit()));
      });
      return { port1, port2, heard };
    });
    listener.port2.postMessage('hello');
    await expect(listener.heard).resolves.toBe(1);
    listener.port1.close();
  });

  it('that nothing awaited is aborted with its run, even if the calling task had a limit and has ended', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const ended: string[] = [];
    orchestrator.onTaskCompletion(({ name, status }) => ended.push(`${name} ${status}`));
    const hang = orchestrator.action(() => new Promise(() => {}), { name: 'hang' });
    const left: Promise<unknown>[] = [];
    const outer = orchestrator.action(() => void left.push(rejection(hang())), { name: 'outer', timeout: 60_000 });
    const late = orchestrator.action(() => void left.push(settled().then(() => rejection(hang()))), {
      name: 'late',
      timeout: 60_000,
    });
    const group = orchestrator.parallel(
      [() => void left.push(rejection(orchestrator.run(() => new Promise(() => {}))))],
      {
        failFast: true,
      },
    );
    const running = orchestrator.run(
      async () => {
        await outer();
        await late();
        await group();
        await settled();
        controller.abort('reason');
        await new Promise(() => {});
      },
      { signal: controller.signal },
    );
    expect(await rejection(running)).toBe('reason');
    expect(await Promise.all(left)).toEqual(['reason', 'reason', 'reason']);
    expect(ended).toEqual(['outer completed', 'late completed', 'hang cancelled', 'hang cancelled']);
  });

  it('that nothing awaited still finishes in its run, which stays open for its calls', async () => {
    const orchestrator = new Orchestrator();
    const processes: string[] = [];
    orchestrator.onTaskCompletion(({ processId }) => processes.push(processId));
    let release = () => {};
    const inner = orchestrator.action(() => {});
    const straggler = orchestrator.action(async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      await inner();
    });
    let pending: Promise<void> | undefined;
    await orchestrator.run(
      () => {
        pending = straggler();
      },
      { id: 'run' },
    );
    release();
    await pending;
    expect(processes).toEqual(['run', 'run']);
  });

  it.each([
    ['undefined', undefined, 'undefined'],
    ['an object', {}, 'Object'],
    ['a string', 'fetchUser', 'String'],
  ])('rejects %s if a function is expected', (_, fn, kind) => {
    expect(() => new Orchestrator().action(fn as never)).toThrow(
      new ValidationError(`action must be a function, got ${kind}`),
    );
  });

  it('rejects an unknown option by its name', () => {
    const define = () => new Orchestrator().action(() => {}, { retires: 3 } as never);
    expect(define).toThrow(
      new ValidationError(
        'retires is unknown, expected name, policies, retry, timeout, policy, limit, fallback, fallbackOn, share, key, once',
      ),
    );
    expect(() => new Orchestrator().action(() => {}, null as never)).toThrow('options must be an object, got null');
    expect(() => new Orchestrator().action(() => {}, { name: '' })).toThrow(
      'name must be a non-empty string, got String',
    );
  });
});

describe('withOptions', () => {
  it('calls the same action with other options, over its own', async () => {
    const orchestrator = new Orchestrator();
    const attempts: number[] = [];
    orchestrator.onTaskCompletion((task) => attempts.push(task.attempts));
    const act = orchestrator.action(
      function act() {
        throw new Error('no');
      },
      { retry: { retries: 2, minTimeout: 0 } },
    );
    await rejection(act());
    await rejection(orchestrator.withOptions(act, { retry: 1 })());
    await rejection(orchestrator.withOptions(act, { retry: 0 })());
    await rejection(act());
    expect(attempts).toEqual([3, 2, 1, 3]);
  });

  it('keeps the name, or takes another', () => {
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(function act() {});
    expect(orchestrator.withOptions(act, { retry: 1 }).name).toBe('act');
    expect(orchestrator.withOptions(act, { name: 'other' }).name).toBe('other');
  });

  it('rejects anything but an action of this orchestrator, and unknown options', () => {
    const orchestrator = new Orchestrator();
    const message = 'action must be an action of this orchestrator, got Function';
    expect(() => orchestrator.withOptions(() => Promise.resolve(), {})).toThrow(new ValidationError(message));
    const foreign = new Orchestrator().action(() => {});
    expect(() => orchestrator.withOptions(foreign, {})).toThrow(new ValidationError(message));
    const own = orchestrator.action(() => {});
    expect(() => orchestrator.withOptions(own, { nmae: 'x' } as never)).toThrow('nmae is unknown');
  });

  it('called as a method passes its object to the function, with and without hooks, in a run and outside', async () => {
    const quiet = new Orchestrator();
    const watched = new Orchestrator().onTaskBegin(() => {}).use((_task, next) => next());
    for (const orchestrator of [quiet, watched]) {
      class Counter {
        count = 0;
        add = orchestrator.action(
          function add(this: Counter, by: number) {
            this.count += by;
            return this.count;
          },
          { retry: 1, timeout: 1_000 },
        );
        also = orchestrator.withOptions(this.add, { retry: 0 });
      }
      const counter = new Counter();
      await counter.add(1);
      await orchestrator.run(() => counter.also(2));
      expect(counter.count).toBe(3);
      const bare = orchestrator.action(function (this: unknown) {
        return this;
      });
      await expect(bare()).resolves.toBeUndefined();
      await expect(bare.call(counter)).resolves.toBe(counter);
    }
  });
});

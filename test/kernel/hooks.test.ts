import { getEventListeners } from 'node:events';
import {
  type HookOptions,
  Orchestrator,
  type ProcessCompletionEvent,
  type TaskCompletionEvent,
  TimeoutError,
  ValidationError,
} from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { deferred, failing, recorded, rejection, settled } from '../support.js';

describe('hooks', () => {
  it('see a process and its tasks from beginning to end', async () => {
    const orchestrator = new Orchestrator<{ apiKey?: string }>({ name: 'sync' });
    const seen: Record<string, unknown>[] = [];
    orchestrator
      .onProcessBegin(({ id, parentId, name, time, context }) => seen.push({ id, parentId, name, time, context }))
      .onTaskBegin(({ id, name, args, startTime, processId }) => seen.push({ id, name, args, startTime, processId }))
      .onTaskCompletion(({ duration, status, result, error, attempts }) =>
        seen.push({ duration, status, result, error, attempts }),
      )
      .onProcessCompletion(({ totalDuration, status, result }) => seen.push({ totalDuration, status, result }));
    const before = Date.now();
    const double = orchestrator.action(function double(value: number) {
      return value * 2;
    });
    await orchestrator.run(() => double(21), { id: 'p1', state: { apiKey: 'k' } });
    expect(seen).toEqual([
      { id: 'p1', parentId: undefined, name: 'sync', time: expect.any(Number), context: { apiKey: 'k' } },
      { id: 'p1/1', name: 'double', args: [21], startTime: expect.any(Number), processId: 'p1' },
      { duration: expect.any(Number), status: 'completed', result: 42, error: undefined, attempts: 1 },
      { totalDuration: expect.any(Number), status: 'completed', result: 42 },
    ]);
    expect(seen[1]?.startTime).toBeGreaterThanOrEqual(before);
    expect(seen[1]?.startTime).toBeLessThanOrEqual(Date.now());
    expect(seen[2]?.duration).toBeGreaterThan(0);
    expect(seen[3]?.totalDuration).toBeGreaterThanOrEqual(seen[2]?.duration as number);
  });

  it('run in order of registration, each awaited before the next and before the function', async () => {
    const orchestrator = new Orchestrator();
    const order: string[] = [];
    const slow = (label: string) => async () => {
      await settled();
      order.push(label);
    };
    orchestrator
      .onTaskBegin(slow('begin 1'))
      .onTaskBegin(() => order.push('begin 2'))
      .onTaskBegin(slow('begin 3'))
      .onTaskCompletion(slow('end 1'))
      .onTaskCompletion(() => order.push('end 2'))
      .onTaskCompletion(slow('end 3'));
    await orchestrator.action(() => order.push('function'))();
    order.push('settled');
    expect(order).toEqual(['begin 1', 'begin 2', 'begin 3', 'function', 'end 1', 'end 2', 'end 3', 'settled']);
  });

  it('are removed by their signal, whatever their kind and number, and leave no listener on it', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
    const controller = new AbortController();
    const { signal } = controller;
    const lines: string[] = [];
    const add = (label: string, options?: HookOptions) =>
      orchestrator
        .onProcessBegin(() => lines.push(`${label} process begin`), options)
        .onTaskBegin(() => lines.push(`${label} begin`), options)
        .onTaskRetry(() => lines.push(`${label} retry`), options)
        .onTaskCompletion(() => lines.push(`${label} completion`), options)
        .onProcessCompletion(() => lines.push(`${label} process completion`), options)
        .use((_, next) => {
          lines.push(`${label} middleware`);
          return next();
        }, options);
    add('first', { signal });
    add('second');
    for (let count = 0; count < 20; count++) orchestrator.onTaskBegin(() => {}, { signal });
    const act = orchestrator.action(failing(1, 'done'));
    await act();
    expect(lines).toHaveLength(12);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    lines.length = 0;
    await orchestrator.action(failing(1, 'done'))();
    expect(lines).toHaveLength(6);
    expect(lines.every((line) => line.startsWith('second'))).toBe(true);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    orchestrator.onTaskBegin(() => expect.fail('was called'), { signal });
    await act();
  });

  it('that are removed during a task are still called for it, and of two equal hooks only one is removed', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    let calls = 0;
    const count = () => void calls++;
    orchestrator.onTaskCompletion(count).onTaskCompletion(count, { signal: controller.signal });
    const act = orchestrator.action(() => controller.abort());
    await act();
    expect(calls).toBe(2);
    await act();
    expect(calls).toBe(3);
  });

  it('that are registered during a run see what begins later', async () => {
    const orchestrator = new Orchestrator();
    const names: string[] = [];
    const first = orchestrator.action(function first() {
      orchestrator.onTaskCompletion(({ name }) => names.push(name));
    });
    const second = orchestrator.action(function second() {});
    await orchestrator.run(async () => {
      await first();
      await second();
    });
    expect(names).toEqual(['second']);
  });

  it('that throw before a task fail it: the function is not called, completion hooks are', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const error = new Error('locked');
    orchestrator.onTaskBegin(() => Promise.reject(error)).onTaskBegin(() => lines.push('never'));
    const act = orchestrator.action(function act() {
      lines.push('never');
    });
    expect(await rejection(orchestrator.run(() => act()))).toBe(error);
    expect(lines).toEqual(['process begins', 'act begins', 'act failed', 'process failed']);
  });

  it('that throw before a process fail it: its function is not called, completion hooks are', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const error = new Error('no key');
    orchestrator.onProcessBegin(() => {
      throw error;
    });
    expect(await rejection(orchestrator.run(() => lines.push('never')))).toBe(error);
    expect(lines).toEqual(['process begins', 'process failed']);
  });

  it('that throw after a success make their error the result, and the later ones still run', async () => {
    const orchestrator = new Orchestrator();
    const error = new Error('could not log');
    const seen: (string | unknown)[] = [];
    orchestrator
      .onTaskCompletion(() => Promise.reject(error))
      .onTaskCompletion(({ status, error }) => seen.push(status, error))
      .onTaskCompletion(() => {
        throw new Error('second');
      });
    expect(await rejection(orchestrator.action(() => 1)())).toBe(error);
    expect(seen).toEqual(['failed', error]);
    expect((error as { suppressed?: Error[] }).suppressed?.map(({ message }) => message)).toEqual(['second']);
  });

  it('that throw after a failure do not replace it, and their errors are attached to it', async () => {
    const orchestrator = new Orchestrator();
    const [failure, first, second] = [new Error('failure'), new Error('first'), new Error('second')];
    let event: TaskCompletionEvent | undefined;
    orchestrator
      .onTaskCompletion(() => {
        throw first;
      })
      .onTaskCompletion((task) => {
        event = task;
        return Promise.reject(second);
      });
    expect(await rejection(orchestrator.action(() => Promise.reject(failure))())).toBe(failure);
    expect((failure as { suppressed?: unknown }).suppressed).toEqual([first, second]);
    expect(event?.error).toBe(failure);
  });

  it('that throw after a failure that is frozen or shared do no harm', async () => {
    const orchestrator = new Orchestrator().onTaskCompletion(() => {
      throw new Error('hook');
    });
    const frozen = Object.freeze(new Error('frozen'));
    expect(await rejection(orchestrator.action(() => Promise.reject(frozen))())).toBe(frozen);
    const shared: Error & { suppressed?: unknown[] } = new Error('shared');
    const act = orchestrator.action(() => Promise.reject(shared));
    for (let index = 0; index < 50; index++) await rejection(act());
    expect(shared.suppressed).toHaveLength(16);
  });

  it('that throw after a failure do not overwrite its own property of that name', async () => {
    const orchestrator = new Orchestrator().onTaskCompletion(() => {
      throw new Error('hook');
    });
    const failure = Object.assign(new Error('failure'), { suppressed: new Error('of a using declaration') });
    expect(await rejection(orchestrator.action(() => Promise.reject(failure))())).toBe(failure);
    expect(failure.suppressed.message).toBe('of a using declaration');
  });

  it('that throw after an abort do not change the reason, which other code sees too', async () => {
    const reason: Error & { suppressed?: unknown } = new Error('stop');
    const controller = new AbortController();
    const orchestrator = new Orchestrator().onProcessCompletion(() => {
      throw new Error('secret');
    });
    const pending = rejection(orchestrator.run(() => deferred().promise, { signal: controller.signal }));
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(reason.suppressed).toBeUndefined();
  });

  it('that throw after a process have the same effect, whether it completed or failed', async () => {
    const orchestrator = new Orchestrator();
    const hook = new Error('hook');
    orchestrator.onProcessCompletion(() => {
      throw hook;
    });
    expect(await rejection(orchestrator.run(() => 1))).toBe(hook);
    const failure: Error & { suppressed?: unknown } = new Error('failure');
    expect(await rejection(orchestrator.run(() => Promise.reject(failure)))).toBe(failure);
    expect(failure.suppressed).toEqual([hook]);
  });

  it.each(['onProcessCompletion', 'onError'] as const)(
    'of %s hold a failed run beyond its limit until they have settled, unless they only observe',
    async (hook) => {
      const gate = deferred();
      let isHeld = true;
      const holding = new Orchestrator()[hook](() => gate.promise);
      const held = rejection(holding.run(() => deferred().promise, { timeout: 5 })).finally(() => {
        isHeld = false;
      });
      const observing = new Orchestrator()[hook](() => gate.promise, { observe: true });
      expect(await rejection(observing.run(() => deferred().promise, { timeout: 30 }))).toBeInstanceOf(TimeoutError);
      await settled();
      expect(isHeld).toBe(true);
      gate.resolve();
      expect(await held).toBeInstanceOf(TimeoutError);
    },
  );

  it('that throw a value that is not an error give a ValidationError', async () => {
    const orchestrator = new Orchestrator().onTaskCompletion(() => Promise.reject('log'));
    const error = await rejection(orchestrator.action(function act() {})());
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toBe('"act" threw String instead of an Error');
  });

  it('may change the state of their process', async () => {
    const orchestrator = new Orchestrator({ state: { requests: 0, apiKey: '' } })
      .onProcessBegin(async ({ context }) => {
        await settled();
        context.apiKey = 'secret';
      })
      .onTaskBegin(({ context }) => {
        context.requests++;
      })
      .onProcessCompletion(({ context }) => {
        context.apiKey = '';
      });
    const act = orchestrator.action(() => orchestrator.getState().apiKey);
    await expect(orchestrator.run(async () => [await act(), await act()])).resolves.toEqual(['secret', 'secret']);
    expect(orchestrator.getState()).toEqual({ requests: 2, apiKey: '' });
  });

  it('run inside their process: they see its state and may call actions of it', async () => {
    const orchestrator = new Orchestrator({ state: { log: [] as string[] } });
    const write = orchestrator.action(function write(line: string) {
      orchestrator.getState().log.push(line);
    });
    orchestrator.onProcessBegin(() => write('begin')).onProcessCompletion(() => write('end'));
    await orchestrator.run(() => write('work'));
    expect(orchestrator.getState().log).toEqual(['begin', 'work', 'end']);
  });

  it('can still clean up with actions after an abort', async () => {
    const orchestrator = new Orchestrator({ state: { cleaned: false } });
    const clean = orchestrator.action(async function clean() {
      await settled();
      orchestrator.getState().cleaned = true;
    });
    let event: ProcessCompletionEvent | undefined;
    orchestrator.onProcessCompletion(async (process) => {
      event = process;
      await clean();
    });
    const controller = new AbortController();
    const running = orchestrator.run(() => deferred().promise, { signal: controller.signal });
    controller.abort(new Error('stop'));
    await rejection(running);
    expect(event?.status).toBe('cancelled');
    expect(orchestrator.getState().cleaned).toBe(true);
  });

  it('get a record that shows no internals if it is logged', async () => {
    let task: TaskCompletionEvent | undefined;
    let process: ProcessCompletionEvent | undefined;
    const orchestrator = new Orchestrator()
      .onTaskCompletion((event) => {
        task = event;
      })
      .onProcessCompletion((event) => {
        process = event;
      });
    await orchestrator.run(() => orchestrator.action(function act() {})(), { id: 'p' });
    expect(Object.keys(task ?? {}).sort()).toEqual(
      [
        'args',
        'attempts',
        'context',
        'duration',
        'error',
        'id',
        'isRetried',
        'isWaiting',
        'name',
        'number',
        'previousAttempts',
      ].concat(['processId', 'result', 'startTime', 'status', 'suppressed', 'waited']),
    );
    expect(JSON.parse(JSON.stringify(task))).toMatchObject({
      processId: 'p',
      number: 1,
      name: 'act',
      status: 'completed',
    });
    expect(task?.id).toBe('p/1');
    expect(Object.keys(process ?? {}).sort()).toEqual([
      'context',
      'error',
      'id',
      'life',
      'name',
      'parentId',
      'replayed',
      'result',
      'status',
      'suppressed',
      'time',
      'totalDuration',
    ]);
  });

  it.each(['onProcessBegin', 'onProcessCompletion', 'onTaskBegin', 'onTaskRetry', 'onTaskCompletion', 'use'] as const)(
    '%s refuses what is no function',
    (method) => {
      expect(() => new Orchestrator()[method]('log' as never)).toThrow(
        new ValidationError(`${method} must be a function, got String`),
      );
    },
  );
});

describe('use', () => {
  it('wraps every task, the first registered outermost, between its hooks', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    orchestrator
      .use(async (task, next) => {
        lines.push(`outer before ${task.name}`);
        const result = await next();
        lines.push('outer after');
        return `${result}!`;
      })
      .use(async (_, next) => {
        lines.push('inner before');
        return next();
      });
    const act = orchestrator.action(function act() {
      lines.push('function');
      return 'result';
    });
    await expect(act()).resolves.toBe('result!');
    expect(lines.slice(1, -1)).toEqual([
      'act begins',
      'outer before act',
      'inner before',
      'function',
      'outer after',
      'act completed',
    ]);
  });

  it('may answer without calling the function, call it twice, or fail the task', async () => {
    const calls: number[] = [];
    const cached = new Orchestrator().use((task, next) => (task.args[0] === 1 ? 'cached' : next()));
    const twice = new Orchestrator().use(async (_, next) => [await next(), await next()]);
    const refused = new Orchestrator().use(() => {
      throw new Error('refused');
    });
    const act = (value: number) => calls.push(value);
    await expect(cached.action(act)(1)).resolves.toBe('cached');
    await expect(cached.action(act)(2)).resolves.toBe(1);
    await expect(twice.action(act)(3)).resolves.toEqual([2, 3]);
    await expect(refused.action(act)(4)).rejects.toThrow('refused');
    expect(calls).toEqual([2, 3, 3]);
  });

  it('surrounds all attempts of a task, and sees their number', async () => {
    const seen: number[] = [];
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 0 } }).use(async (task, next) => {
      try {
        return await next();
      } finally {
        seen.push(task.attempts);
      }
    });
    await rejection(orchestrator.action(() => Promise.reject(new Error('no')))());
    expect(seen).toEqual([3]);
  });
});

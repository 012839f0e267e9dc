import { getEventListeners } from 'node:events';
import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { describe, expect, it, vi } from 'vitest';
import { deferred, recorded, rejection, settled } from '../support.js';

const forever = () => deferred<never>().promise;

describe('run', () => {
  it('settles like its function, sync or async', async () => {
    const orchestrator = new Orchestrator();
    await expect(orchestrator.run(() => 1)).resolves.toBe(1);
    await expect(orchestrator.run(async () => 2)).resolves.toBe(2);
    const error = new Error('no');
    expect(await rejection(orchestrator.run(() => Promise.reject(error)))).toBe(error);
  });

  it('passes its process to its function, and nothing else', async () => {
    const orchestrator = new Orchestrator();
    const args = await orchestrator.run((...given: unknown[]) => given, { id: 'mine' });
    expect(args).toMatchObject([{ id: 'mine' }]);
    const act = orchestrator.action((...given: unknown[]) => given);
    await expect(orchestrator.run(() => act())).resolves.toEqual([]);
  });

  it('leaves no timer and no listener if its state cannot be copied', async () => {
    vi.useFakeTimers();
    const { signal } = new AbortController();
    const state = Object.defineProperty({}, 'broken', {
      enumerable: true,
      get() {
        throw new Error('broken');
      },
    });
    const orchestrator = new Orchestrator();
    await expect(orchestrator.run(() => {}, { state, signal, timeout: 1000 })).rejects.toThrow('broken');
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    vi.useRealTimers();
  });

  it('has the given id, or a UUID', async () => {
    const ids: string[] = [];
    const orchestrator = new Orchestrator().onProcessBegin(({ id }) => ids.push(id));
    await orchestrator.run(() => {}, { id: 'import-7' });
    await orchestrator.run(() => {});
    expect(ids[0]).toBe('import-7');
    expect(ids[1]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  it('has the given name, or the name of the orchestrator', async () => {
    const names: string[] = [];
    const orchestrator = new Orchestrator({ name: 'shop' }).onProcessBegin(({ name }) => names.push(name));
    await orchestrator.run(() => {});
    await expect(orchestrator.run(forever, { name: 'GET /orders', timeout: 5 })).rejects.toThrow(
      '"GET /orders" timed out',
    );
    expect(names).toEqual(['shop', 'GET /orders']);
  });

  it('inside a run is its child', async () => {
    const orchestrator = new Orchestrator();
    const parents: unknown[] = [];
    orchestrator.onProcessBegin(({ id, parentId }) => parents.push([id, parentId]));
    await orchestrator.run(() => orchestrator.run(() => {}, { id: 'child' }), { id: 'parent' });
    expect(parents).toEqual([
      ['parent', undefined],
      ['child', 'parent'],
    ]);
  });

  it('is aborted by its signal: pending work rejects with the reason, nothing new starts', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const controller = new AbortController();
    const hang = orchestrator.action(function hang() {
      return forever();
    });
    const next = orchestrator.action(function next() {});
    let late: unknown;
    const running = orchestrator.run(
      async () => {
        try {
          await hang();
        } finally {
          late = await rejection(next());
        }
      },
      { signal: controller.signal },
    );
    const reason = new Error('enough');
    await settled();
    controller.abort(reason);
    expect(await rejection(running)).toBe(reason);
    await settled();
    expect(late).toBe(reason);
    expect([...lines].sort()).toEqual(['hang begins', 'hang cancelled', 'process begins', 'process cancelled']);
  });

  it('rejects with the reason of an abort whatever it is', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const hang = orchestrator.action(forever);
    const running = orchestrator.run(() => hang(), { signal: controller.signal });
    controller.abort('a string');
    expect(await rejection(running)).toBe('a string');
  });

  it('that is aborted before it begins calls nothing', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const reason = new Error('too late');
    const options = { signal: AbortSignal.abort(reason) };
    expect(await rejection(orchestrator.run(() => lines.push('never'), options))).toBe(reason);
    expect(lines).toEqual([]);
  });

  it('is aborted with its parent, and a child started after that does not run', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const lines = recorded(orchestrator);
    let child: Promise<unknown> | undefined;
    let late: unknown;
    const running = orchestrator.run(
      async () => {
        child = rejection(orchestrator.run(forever));
        await child;
        late = await rejection(orchestrator.run(() => lines.push('never')));
      },
      { signal: controller.signal },
    );
    await settled();
    const reason = new Error('stop');
    controller.abort(reason);
    expect(await rejection(running)).toBe(reason);
    expect(await child).toBe(reason);
    await settled();
    expect(late).toBe(reason);
    expect(lines).not.toContain('never');
  });

  it('has a limit, after which it fails and its tasks are aborted', async () => {
    const orchestrator = new Orchestrator({ name: 'nightly' });
    const lines = recorded(orchestrator);
    const hang = orchestrator.action(function hang() {
      return forever();
    });
    const error = (await rejection(orchestrator.run(() => hang(), { timeout: 10 }))) as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toBe('"nightly" timed out after 10 ms');
    await settled();
    expect([...lines].sort()).toEqual(['hang begins', 'hang cancelled', 'process begins', 'process failed']);
  });

  it('that ends in time leaves no timer and no listener', async () => {
    const orchestrator = new Orchestrator();
    const { signal } = new AbortController();
    vi.useFakeTimers();
    await orchestrator.run(() => expect(getEventListeners(signal, 'abort')).toHaveLength(1), {
      signal,
      timeout: 5_000,
    });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('may run many times side by side on one signal, without a warning', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const hang = orchestrator.action(() => {
      orchestrator.signal.addEventListener('abort', () => {});
      return forever();
    });
    const group = () => Promise.all(Array.from({ length: 20 }, () => hang()));
    const runs = Array.from({ length: 20 }, () => rejection(orchestrator.run(group, { signal: controller.signal })));
    await settled();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort();
    await Promise.all(runs);
    await settled();
    process.off('warning', warn);
    expect(warnings).toEqual([]);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('can still be aborted after its task has left it', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const hang = orchestrator.action(forever);
    let straggler: Promise<unknown> | undefined;
    await orchestrator.run(
      () => {
        straggler = rejection(hang());
      },
      { signal: controller.signal },
    );
    controller.abort(new Error('after all'));
    expect(await straggler).toEqual(new Error('after all'));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does not call its function after an abort in a begin hook, nor do a task and middleware', async () => {
    for (const pause of [() => {}, settled]) {
      const controller = new AbortController();
      const abort = async () => {
        await pause();
        controller.abort('reason');
        await pause();
      };
      const { signal } = controller;
      const never = () => expect.fail('was called');
      expect(await rejection(new Orchestrator().onProcessBegin(abort).run(never, { signal }))).toBe('reason');
    }
    for (const pause of [() => {}, settled]) {
      const controller = new AbortController();
      const orchestrator = new Orchestrator()
        .use(() => expect.fail('was called'))
        .onTaskBegin(async () => {
          await pause();
          controller.abort('reason');
        });
      const never = orchestrator.action(() => expect.fail('was called'));
      expect(await rejection(orchestrator.run(() => never(), { signal: controller.signal }))).toBe('reason');
    }
  });

  it('ends with its function: a limit that is reached in a completion hook changes nothing', async () => {
    const orchestrator = new Orchestrator({ state: { cleaned: false } });
    const clean = orchestrator.action(() => {
      orchestrator.getState().cleaned = true;
    });
    orchestrator.onProcessCompletion(async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      await clean();
    });
    await expect(orchestrator.run(() => 'value', { timeout: 10 })).resolves.toBe('value');
    expect(orchestrator.getState().cleaned).toBe(true);
  });

  it('leaves nothing behind if the thrown value throws when it is inspected', async () => {
    vi.useFakeTimers();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const pending = rejection(
      new Orchestrator().run(
        () => {
          throw proxy;
        },
        { timeout: 1000 },
      ),
    );
    expect(await pending).toBeInstanceOf(TypeError);
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('interrupts a begin hook that hangs', async () => {
    const orchestrator = new Orchestrator().onProcessBegin(forever).onTaskBegin(forever);
    const never = orchestrator.action(() => expect.fail('was called'));
    await expect(orchestrator.run(() => {}, { timeout: 5 })).rejects.toThrow(TimeoutError);
    const inner = new Orchestrator().onTaskBegin(forever);
    await expect(inner.run(() => inner.action(never)(), { timeout: 5 })).rejects.toThrow(TimeoutError);
  });

  it('rejects with an error if its function throws a value that is not an error', async () => {
    const error = await rejection(new Orchestrator({ name: 'job' }).run(() => Promise.reject('text')));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toBe('"job" threw String instead of an Error');
  });

  it.each([
    [{ id: '' }, 'id must be a non-empty string, got String'],
    [{ id: 7 }, 'id must be a non-empty string, got 7'],
    [{ signal: {} }, 'signal must be an AbortSignal, got Object'],
    [{ signal: null }, 'signal must be an AbortSignal, got null'],
    [{ timeout: -1 }, 'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got -1'],
    [
      { timeout: Number.NaN },
      'timeout must be a number of milliseconds above 0, up to 2147483647 or Infinity, got NaN',
    ],
    [{ nmae: 'x' }, 'nmae is unknown, expected name, id, state, signal, timeout, journal'],
  ])('rejects the options %o and starts nothing', async (options, message) => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    expect(await rejection(orchestrator.run(() => lines.push('never'), options as never))).toEqual(
      new ValidationError(message),
    );
    expect(lines).toEqual([]);
  });

  it('rejects anything but a function', async () => {
    await expect(new Orchestrator().run(undefined as never)).rejects.toThrow('run must be a function, got undefined');
  });
});

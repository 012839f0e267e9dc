import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type FailureEvent, type HookErrorEvent, Orchestrator } from 'orchestrator';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

function watched<State extends object>(orchestrator: Orchestrator<State> = new Orchestrator()) {
  const failures: FailureEvent[] = [];
  orchestrator.onError((failure) => failures.push(failure));
  return { orchestrator, failures };
}

const summary = ({ kind, name }: FailureEvent) => `${kind} ${name}`;

describe('onError', () => {
  it('reports a failed task with its error and the cause', async () => {
    const { orchestrator, failures } = watched(new Orchestrator({ state: { region: 'eu' } }));
    const error = new Error('no user', { cause: new Error('no route') });
    const fetchUser = orchestrator.action(
      'fetchUser',
      async (_id: string) => {
        throw error;
      },
      { retry: { retries: 1, minTimeout: 0 } },
    );
    await rejection(orchestrator.run(() => fetchUser('42'), { id: 'run' }));
    expect(failures).toEqual([
      {
        kind: 'task',
        id: 'run/1',
        processId: 'run',
        name: 'fetchUser',
        error,
        cause: error.cause,
        args: ['42'],
        attempts: 2,
        duration: expect.any(Number),
        context: { region: 'eu' },
      },
    ]);
    expect(failures[0]?.error).toBe(error);
  });

  it('reports a process that fails by itself: its function, its limit, a begin hook', async () => {
    const { orchestrator, failures } = watched(new Orchestrator({ name: 'import' }));
    await rejection(
      orchestrator.run(() => {
        throw new Error('bad file');
      }),
    );
    await rejection(orchestrator.run(() => new Promise(() => {}), { timeout: 5 }));
    orchestrator.onProcessBegin(() => {
      throw new Error('no lock');
    });
    await rejection(orchestrator.run(() => 1, { id: 'third' }));
    expect(failures.map(({ kind, name, error }) => [kind, name, error.message])).toEqual([
      ['process', 'import', 'bad file'],
      ['process', 'import', '"import" timed out after 5 ms'],
      ['process', 'import', 'no lock'],
    ]);
    expect(failures[2]).toMatchObject({ id: 'third', processId: 'third', args: [], attempts: 1 });
  });

  it('reports an error once, however many tasks and processes it passes through', async () => {
    const { orchestrator, failures } = watched();
    const inner = orchestrator.action('inner', () => {
      throw new Error('lost');
    });
    const outer = orchestrator.action('outer', () => orchestrator.run(() => inner()));
    const outermost = orchestrator.action('outermost', () => outer());
    await rejection(orchestrator.run(() => outermost()));
    expect(failures.map(summary)).toEqual(['task inner']);
  });

  it('reports an error that wraps another as an error of its own', async () => {
    const { orchestrator, failures } = watched();
    const inner = orchestrator.action('inner', () => {
      throw new Error('no route');
    });
    const outer = orchestrator.action('outer', async () => {
      try {
        return await inner();
      } catch (cause) {
        throw new Error('no user', { cause });
      }
    });
    await rejection(outer());
    expect(failures.map(summary)).toEqual(['task inner', 'task outer']);
    expect(failures[1]?.cause).toBe(failures[0]?.error);
  });

  it('reports the same error object again in another run', async () => {
    const { orchestrator, failures } = watched();
    const error = new Error('not found');
    const find = orchestrator.action('find', () => {
      throw error;
    });
    await rejection(find());
    await rejection(find());
    expect(failures.map(summary)).toEqual(['task find', 'task find']);
  });

  it('reports a failure that the caller handles, and no attempt that is retried', async () => {
    const { orchestrator, failures } = watched();
    let calls = 0;
    const flaky = orchestrator.action(
      'flaky',
      () => {
        if (++calls < 3) throw new Error('again');
      },
      { retry: { retries: 2, minTimeout: 0 } },
    );
    const bad = orchestrator.action('bad', () => {
      throw new Error('handled');
    });
    await orchestrator.run(async () => {
      await flaky();
      await bad().catch(() => {});
    });
    expect(failures.map(summary)).toEqual(['task bad']);
  });

  it('reports nothing that was cancelled', async () => {
    const { orchestrator, failures } = watched();
    const hang = orchestrator.action('hang', () => new Promise(() => {}));
    const controller = new AbortController();
    const pending = rejection(orchestrator.run(() => hang(), { signal: controller.signal }));
    controller.abort(new Error('stop'));
    await pending;
    const fail = orchestrator.action('fail', async () => {
      throw new Error('first');
    });
    await rejection(orchestrator.parallel([fail, hang], { failFast: true })());
    expect(failures.map(summary)).toEqual(['task fail']);
  });

  it('is awaited, and its own error changes nothing but the list of suppressed errors', async () => {
    const events: string[] = [];
    const own = new Error('no network');
    const orchestrator = new Orchestrator().onError(async () => {
      await null;
      events.push('reported');
      throw own;
    });
    const error = await rejection(
      orchestrator.run(() => {
        throw new Error('failed');
      }),
    );
    events.push('rejected');
    expect(events).toEqual(['reported', 'rejected']);
    expect(error).toMatchObject({ message: 'failed', suppressed: [own] });
  });

  it('only observes with the option, and is named on the channel of hook errors', async () => {
    const heard: HookErrorEvent[] = [];
    const listen = (message: unknown) => heard.push(message as HookErrorEvent);
    subscribe('orchestrator:hook:error', listen);
    const controller = new AbortController();
    const orchestrator = new Orchestrator().onError(
      () => {
        throw new Error('no network');
      },
      { observe: true, signal: controller.signal },
    );
    const fail = () =>
      rejection(
        orchestrator.run(() => {
          throw new Error('failed');
        }),
      );
    expect(await fail()).not.toHaveProperty('suppressed');
    controller.abort();
    await fail();
    unsubscribe('orchestrator:hook:error', listen);
    expect(heard).toMatchObject([{ hook: 'onError', error: { message: 'no network' }, record: { kind: 'process' } }]);
  });

  it('rejects a hook that is not a function and unknown options', () => {
    const orchestrator = new Orchestrator();
    expect(() => orchestrator.onError('log' as never)).toThrow('onError must be a function, got String');
    expect(() => orchestrator.onError(() => {}, { once: true } as never)).toThrow('once is unknown');
  });

  it('reports a failure once in each of the runs that wait for the same promise', async () => {
    const { orchestrator, failures } = watched();
    const lost = Promise.reject(new Error('connection lost'));
    const query = orchestrator.action('query', () => lost);
    const outer = orchestrator.action('outer', () => query());
    await Promise.allSettled([1, 2, 3].map(() => orchestrator.run(() => outer())));
    expect(failures.map(summary)).toEqual(['task query', 'task query', 'task query']);
    await Promise.allSettled([orchestrator.run(() => outer())]);
    expect(failures).toHaveLength(4);
  });

  it.each([true, 60_000])('reports shared work (%s) for the calls that wait for it', async (share) => {
    const { orchestrator, failures } = watched();
    const act = orchestrator.action('act', () => Promise.reject(new Error('busy')), { share });
    await Promise.allSettled([act()]);
    expect(failures.map(summary)).toEqual(['task act']);
    await Promise.allSettled(Array.from({ length: 10 }, () => orchestrator.run(() => act())));
    expect(failures.map(summary)).toEqual(Array(11).fill('task act'));
  });

  it('comes after completion hooks that make a task fail, in whatever order they were registered', async () => {
    const { orchestrator, failures } = watched();
    orchestrator.onTaskCompletion(() => {
      throw new Error('no disk');
    });
    const act = orchestrator.action('act', () => 1);
    await rejection(orchestrator.run(() => act()));
    expect(failures.map(summary)).toEqual(['task act']);
  });
});

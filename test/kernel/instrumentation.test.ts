import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { type Carrier, type Instrumentation, instrument, Orchestrator } from 'orchestrator';
import { afterEach, describe, expect, it } from 'vitest';
import { captured, isInstrumented, restored } from '../../src/kernel/hooks/instrumentation.js';
import { deferred, rejection } from '../support.js';

const removals: (() => void)[] = [];

/** Installs an instrumentation until the end of the test. */
function around(instrumentation: Instrumentation): () => void {
  const remove = instrument(instrumentation);
  removals.push(remove);
  return remove;
}

afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

describe('an instrumentation', () => {
  it('surrounds processes, groups and tasks, each in the context of the one around it', async () => {
    const storage = new AsyncLocalStorage<string>();
    const within = ({ name }: { name: string }, work: () => Promise<unknown>) =>
      storage.run(`${storage.getStore() ?? ''}/${name}`, work);
    around({ process: within, group: within, task: within });
    const orchestrator = new Orchestrator({ name: 'job' });
    const leaf = orchestrator.action(async () => storage.getStore(), { name: 'leaf' });
    const places = await orchestrator.run(() => orchestrator.parallel([leaf, leaf])());
    expect(places).toEqual(['/job/parallel/leaf', '/job/parallel/leaf']);
    expect(storage.getStore()).toBeUndefined();
  });

  it('sees complete records after the work has settled, whether it completes, fails or is aborted', async () => {
    const seen: [string, string, unknown][] = [];
    const { promise: all, resolve } = deferred();
    around({
      task: async (record, work) => {
        await work().catch(() => undefined);
        const { name, status, error } = record;
        if (seen.push([name, status, error]) === 3) resolve();
      },
    });
    const orchestrator = new Orchestrator();
    const failure = new Error('no');
    const reason = new Error('stop');
    const abort = new AbortController();
    await orchestrator.action(() => 1, { name: 'one' })();
    await rejection(orchestrator.action(() => Promise.reject(failure), { name: 'two' })());
    const hanging = orchestrator.action(() => new Promise(() => {}), { name: 'three' });
    const run = rejection(orchestrator.run(() => hanging(), { signal: abort.signal }));
    setImmediate(() => abort.abort(reason));
    await Promise.all([run, all]);
    expect(seen).toEqual([
      ['one', 'completed', undefined],
      ['two', 'failed', failure],
      ['three', 'cancelled', reason],
    ]);
  });

  it('is outermost if it was installed first', async () => {
    const order: string[] = [];
    for (const name of ['first', 'second']) {
      around({
        task: (_, work) => {
          order.push(`${name} begins`);
          return work().finally(() => order.push(`${name} ends`));
        },
      });
    }
    await new Orchestrator().action(() => order.push('work'))();
    expect(order).toEqual(['first begins', 'second begins', 'work', 'second ends', 'first ends']);
  });

  it('surrounds the diagnostics channels', async () => {
    const storage = new AsyncLocalStorage<string>();
    around({ task: (_, work) => storage.run('inside', work) });
    const seen: (string | undefined)[] = [];
    const listen = () => seen.push(storage.getStore());
    const { start, asyncEnd } = tracingChannel('orchestrator:task');
    start.subscribe(listen);
    asyncEnd.subscribe(listen);
    await new Orchestrator().action(async () => 1)();
    start.unsubscribe(listen);
    asyncEnd.unsubscribe(listen);
    expect(seen).toEqual(['inside', 'inside']);
  });

  it.each<[string, NonNullable<Instrumentation['task']>]>([
    ['throws before the work', () => raise()],
    [
      'throws behind the work',
      (_, work) => {
        void work();
        raise();
      },
    ],
    ['rejects', async () => raise()],
    ['gives something else', () => 'else'],
    ['calls the work twice', (_, work) => Promise.all([work(), work()])],
    ['never calls the work', () => undefined],
    [
      'gives what cannot even be looked at',
      () =>
        Object.defineProperty({}, 'then', {
          get: raise,
        }),
    ],
  ])('runs the work once and passes its outcome on if the instrumentation %s', async (_, task) => {
    around({ task });
    let calls = 0;
    const act = new Orchestrator().action(async (fail: boolean) => {
      calls++;
      if (fail) throw new RangeError('own');
      return 'result';
    });
    await expect(act(false)).resolves.toBe('result');
    await expect(act(true)).rejects.toThrow(new RangeError('own'));
    expect(calls).toBe(2);
  });

  it('leaves unhandled failures unhandled', async () => {
    const { promise: heard, resolve } = deferred<unknown>();
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.once('unhandledRejection', resolve);
    around({ task: (_, work) => work().then(undefined, () => undefined) });
    const failure = new Error('unheard');
    void new Orchestrator().action(() => Promise.reject(failure))();
    expect(await heard).toBe(failure);
    for (const listener of others) process.on('unhandledRejection', listener);
  });

  it('applies to work that begins before its removal, and only to that', async () => {
    const seen: string[] = [];
    const remove = around({ task: ({ name }, work) => work().finally(() => seen.push(name)) });
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator();
    const before = orchestrator.action(() => promise, { name: 'before' })();
    await Promise.resolve();
    remove();
    remove();
    await orchestrator.action(() => 1, { name: 'behind' })();
    resolve();
    await before;
    expect(seen).toEqual(['before']);
    expect(isInstrumented()).toBe(false);
  });

  it('rejects unknown fields, and fields that are not functions', () => {
    expect(() => instrument({ tasks: () => 1 } as never)).toThrow(
      'instrumentation.tasks is unknown, expected process, task, group, capture, restore',
    );
    expect(() => instrument({ task: 1 } as never)).toThrow('instrumentation.task must be a function, got 1');
  });
});

describe('the context of work that leaves the program', () => {
  it('is empty if no instrumentation captures any', () => {
    expect(captured()).toBeUndefined();
    around({ task: (_, work) => work() });
    around({ capture: () => undefined });
    expect(captured()).toBeUndefined();
  });

  it('is merged from all instrumentations; one that throws adds nothing', () => {
    around({ capture: () => ({ one: '1', both: 'first' }) });
    around({ capture: raise });
    around({ capture: () => ({ two: '2', both: 'second' }) });
    expect(captured()).toEqual({ one: '1', two: '2', both: 'second' });
  });

  it('is restored around the work', () => {
    const storage = new AsyncLocalStorage<Carrier>();
    around({ capture: () => ({ key: 'value' }), restore: (carrier, work) => storage.run(carrier, work) });
    const carrier = captured() as Carrier;
    expect(restored(carrier, () => storage.getStore())).toBe(carrier);
    expect(restored({}, () => storage.getStore())).toEqual({});
  });

  it('is restored by the first installed instrumentation on the outside', () => {
    const order: string[] = [];
    for (const name of ['first', 'second']) {
      around({
        restore: (_, work) => {
          order.push(name);
          return work();
        },
      });
    }
    restored({}, () => order.push('work'));
    expect(order).toEqual(['first', 'second', 'work']);
  });

  it.each<[string, NonNullable<Instrumentation['restore']>]>([
    ['throws', () => raise()],
    ['calls it twice', (_, work) => [work(), work()] as never],
    ['gives something else', () => 'else' as never],
  ])('runs the work once and passes its outcome on if restoring %s', (_, restore) => {
    around({ restore });
    let calls = 0;
    expect(restored({}, () => ++calls)).toBe(1);
    const failing = () => {
      calls++;
      throw new RangeError('own');
    };
    expect(() => restored({}, failing)).toThrow(new RangeError('own'));
    expect(calls).toBe(2);
  });

  it('returns the promise of the work itself', async () => {
    around({ restore: (_, work) => work() });
    const promise = Promise.resolve(1);
    expect(restored({}, () => promise)).toBe(promise);
  });
});

function raise(): never {
  throw new Error('of the instrumentation');
}

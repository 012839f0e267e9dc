import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as wait } from 'node:timers/promises';
import { Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';
import {
  InterruptedError,
  idempotencyKey,
  JournalError,
  LockedError,
  memoryJournal,
  PayloadError,
  RunExistsError,
  SerializationError,
  SupersededError,
  step,
} from 'orchestrator/durable';
import { describe, expect, it, vi } from 'vitest';
import { Journal } from '../../src/durable/face.js';
import { MemoryJournalStore } from '../../src/durable/journals/memory-store.js';
import { rejection } from '../support.js';
import { mortal } from './support.js';

describe('a run with a journal', () => {
  it('goes on where it was, and repeats no finished task', async () => {
    const { action, die, live, called } = mortal();
    const double = action('double', (n: number) => n * 2);
    const script = async () => (await double(1)) + (await double(2)) + (await double(3));
    await die(3, script);
    expect(called()).toEqual(['double 1', 'double 2']);
    expect(await live(script)).toBe(12);
    expect(called()).toEqual(['double 3']);
  });

  it('repeats what was under way', async () => {
    const { action, die, live, called } = mortal();
    const double = action('double', (n: number) => n * 2);
    await die(2, () => double(1), { isStored: false });
    expect(await live(() => double(1))).toBe(2);
    expect(called()).toEqual(['double 1', 'double 1']);
  });

  it('returns the recorded result when it has completed, and calls no function', async () => {
    const { live, orchestrator } = mortal();
    const began = vi.fn();
    orchestrator.onProcessBegin(began);
    await live(() => ({ at: new Date(7) }));
    expect(await live(() => expect.unreachable())).toEqual({ at: new Date(7) });
    expect(began).toHaveBeenCalledOnce();
  });

  it('goes on when it has failed, and executes again only the failures that it has failed with', async () => {
    const { action, live, called } = mortal();
    let isDown = true;
    const load = action('load', (n: number) => {
      if (isDown && n % 2 === 0) throw new Error(`down ${n}`);
      return n;
    });
    const caught = action('caught', () => {
      throw new Error('as always');
    });
    const script = async () => {
      await caught().catch(() => {});
      const orchestrated = [1, 2, 3, 4].map((n) => load(n));
      const settled = await Promise.allSettled(orchestrated);
      const failures = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      if (failures.length > 0) throw new Error('some are missing', { cause: new AggregateError(failures) });
      return settled.length;
    };
    expect(await rejection(live(script))).toMatchObject({ message: 'some are missing' });
    expect(called()).toEqual(['caught', 'load 1', 'load 2', 'load 3', 'load 4']);
    isDown = false;
    expect(await live(script)).toBe(4);
    expect(called()).toEqual(['load 2', 'load 4']);
  });

  it('goes on after a failure whose handling was recorded', async () => {
    const { action, live, called } = mortal();
    let isDown = true;
    const charge = action('charge', () => {
      if (isDown) throw new Error('down');
    });
    const note = action('note', () => {});
    const script = async () => {
      try {
        await charge();
      } catch (error) {
        await note();
        throw error;
      }
    };
    await rejection(live(script));
    isDown = false;
    await live(script);
    expect(called()).toEqual(['charge', 'note', 'charge']);
  });

  it('goes on after failFast, and executes again what the failure has aborted', async () => {
    const { action, orchestrator, live, called } = mortal();
    let isDown = true;
    const fail = action('fail', () => {
      if (isDown) throw new Error('down');
    });
    const slow = action('slow', () => wait(isDown ? 60_000 : 0, 'slow', { signal: orchestrator.signal }));
    const script = () => orchestrator.parallel([() => slow(), () => fail()], { failFast: true })();
    expect(await rejection(live(script))).toMatchObject({ message: 'down' });
    isDown = false;
    expect(await live(script)).toEqual(['slow', undefined]);
    expect(called()).toEqual(['slow', 'fail', 'slow', 'fail']);
  });

  it('is refused while it is being executed', async () => {
    const orchestrator = new Orchestrator();
    const journal = memoryJournal();
    let end = () => {};
    const first = orchestrator.run(() => new Promise<void>((resolve) => (end = resolve)), { id: 'a', journal });
    const error = await rejection(orchestrator.run(() => 2, { id: 'a', journal }));
    expect(error).toBeInstanceOf(LockedError);
    expect(error).toMatchObject({ code: 'ERR_LOCKED', runId: 'a', holder: expect.stringContaining(`${process.pid}`) });
    end();
    await first;
    expect(await orchestrator.run(() => 2, { id: 'a', journal })).toBeUndefined();
  });

  it('is refused under another name', async () => {
    const { live, die } = mortal();
    const work = () => step('a', () => 1);
    await die(2, work, { name: 'old' });
    const error = await rejection(live(work, { name: 'new' }));
    expect(error).toBeInstanceOf(RunExistsError);
    expect((error as Error).message).toContain('exists as "old" without a version, and was started as "new"');
    await live(work, { name: 'old' });
  });

  it('keeps the results of actions with share for its run, over all lives', async () => {
    const { action, die, live, called, store } = mortal();
    const user = action('user', (id: string) => ({ id, at: called.length }), { share: 'run' });
    const latest = action('latest', () => Math.random(), { share: { ttl: 'run', max: 1, key: () => 1 } });
    const step = action('step', () => 0);
    const script = async () => {
      const first = [await user('a'), await user('b'), await latest()];
      await step();
      return [...first, await user('a'), await latest()];
    };
    await die(6, script);
    expect(called()).toEqual(['user a', 'user b', 'latest', 'step']);
    const result = await live(script);
    expect(called()).toEqual([]);
    expect([result[3], result[4]]).toEqual([result[0], result[2]]);
    expect(await live(script)).toEqual(result);
    expect((await store.read('run'))?.status).toBe('completed');
  });

  it('shares no result between receivers, other runs, or after a failure', async () => {
    const { orchestrator, die, live } = mortal();
    const calls: string[] = [];
    class Client {
      constructor(readonly name: string) {}
      get = orchestrator.action(
        'get',
        function get(this: Client) {
          calls.push(this.name);
          if (calls.length === 1) throw new Error('at first');
          return this.name;
        },
        { share: 'run' },
      );
    }
    const { get } = new Client('shared');
    const [a, b] = ['a', 'b'].map((name) => Object.assign(new Client(name), { get }));
    const script = async () => [
      await a?.get().catch(() => 'failed'),
      await a?.get(),
      await orchestrator.run(() => a?.get()),
      await b?.get(),
    ];
    await die(4, script, { isStored: false });
    expect(calls).toEqual(['a', 'a', 'a']);
    expect(await live(script)).toEqual(['failed', 'a', 'a', 'b']);
    expect(calls).toEqual(['a', 'a', 'a', 'a', 'b']);
  });

  it('finds the members of a group in an object by their keys, in any order', async () => {
    const { action, die, live, called, records, orchestrator } = mortal();
    const work = action('work', (of: string) => of);
    const user = () => work('user');
    const news = () => work('news');
    await die(2, () => orchestrator.parallel({ user, news }, { concurrency: 1 })());
    expect((await records()).at(-1)).toMatchObject({ i: expect.stringMatching(/^\/parallel#0\[user\] work /) });
    called();
    const reordered = () => orchestrator.parallel({ news, user }, { concurrency: 1 })();
    expect(await live(reordered)).toEqual({ news: 'news', user: 'user' });
    expect(called()).toEqual(['work news']);
  });

  it('is refused with sharedState', async () => {
    const orchestrator = new Orchestrator({ sharedState: true });
    expect(await rejection(orchestrator.run(() => 1, { id: 'a', journal: memoryJournal() }))).toBeInstanceOf(
      ValidationError,
    );
    expect(await rejection(new Orchestrator().run(() => 1, { journal: {} as never }))).toMatchObject({
      message: 'journal must be a journal of orchestrator/durable, got Object',
    });
  });

  it('is refused without an id, under which it could go on', async () => {
    const journal = memoryJournal();
    const error = await rejection(new Orchestrator().run(() => 1, { journal }));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toBe(
      'id must be given with a journal, because a run goes on under its id after a crash',
    );
    expect(await journal.list()).toEqual([]);
  });

  it('does not record the abort of its caller, and goes on', async () => {
    const { action, live, called, orchestrator, status } = mortal();
    const controller = new AbortController();
    const work = action('work', async (n: number) => {
      if (n === 2 && !controller.signal.aborted) {
        controller.abort(new Error('stop'));
        await wait(60_000, undefined, { signal: orchestrator.signal });
      }
      return n;
    });
    const script = async () => [await work(1), await work(2)];
    expect(await rejection(live(script, { signal: controller.signal }))).toMatchObject({ message: 'stop' });
    expect(await status()).toBe('running');
    expect(await live(script)).toEqual([1, 2]);
    expect(called()).toEqual(['work 1', 'work 2', 'work 2']);
  });

  it('has one deadline over all lives', async () => {
    const { action, die, live } = mortal();
    const work = action('work', () => 1);
    const script = async () => {
      await work();
      await new Promise(() => {});
    };
    const timeout = 2_000;
    await die(2, script, { timeout });
    await wait(1_800);
    const began = performance.now();
    expect(await rejection(live(script, { timeout }))).toBeInstanceOf(TimeoutError);
    expect(performance.now() - began).toBeLessThan(1_800);
    // The deadline is over, so nothing is called any more.
    expect(await rejection(live(() => expect.unreachable(), { timeout }))).toBeInstanceOf(TimeoutError);
  });

  it('ends with a JournalError when a record cannot be written, and goes on later', async () => {
    const store = new MemoryJournalStore();
    const { open } = store;
    let isFull = false;
    store.open = async (request) => {
      const opened = await open.call(store, request);
      if (opened === undefined) return undefined;
      const append = async (texts: readonly string[], status?: 'running') => {
        if (isFull && texts.some((text) => text.includes('step')))
          throw Object.assign(new Error('disk is full'), { code: 'ENOSPC' });
        return opened.owner.append(texts, status);
      };
      const { owner } = opened;
      return {
        ...opened,
        owner: { append: append as never, rewrite: owner.rewrite.bind(owner), close: () => owner.close() },
      };
    };
    const journal = new Journal(store);
    const orchestrator = new Orchestrator();
    const called: number[] = [];
    const work = orchestrator.action('step', (n: number) => {
      called.push(n);
      isFull = n === 2 && called.length === 2;
      return n;
    });
    const script = async () => {
      const first = await work(1);
      const second = await work(2).catch(() => 'swallowed');
      return [first, second, await work(3)];
    };
    const error = await rejection(orchestrator.run(script, { id: 'a', journal }));
    expect(error).toBeInstanceOf(JournalError);
    expect(error).toMatchObject({ cause: { code: 'ENOSPC' } });
    expect(called).toEqual([1, 2]);
    isFull = false;
    expect(await orchestrator.run(script, { id: 'a', journal })).toEqual([1, 2, 3]);
    expect(called).toEqual([1, 2, 2, 3]);
  });

  it('stops when another owner takes it over', async () => {
    const store = new MemoryJournalStore();
    const journal = new Journal(store);
    const orchestrator = new Orchestrator();
    const called: string[] = [];
    const work = orchestrator.action('work', () => void called.push('work'));
    const pending = orchestrator.run(
      async () => {
        await work();
        store.supersede('a');
        await work();
      },
      { id: 'a', journal },
    );
    expect(await rejection(pending)).toBeInstanceOf(SupersededError);
    expect(called).toEqual(['work']);
  });
});

describe('a failure', () => {
  class HttpError extends Error {
    override readonly name = 'HttpError';
    constructor(
      readonly status: number,
      readonly socket?: object,
    ) {
      super(`HTTP ${status}`);
    }
  }

  it('has the same form in every life', async () => {
    const seen: unknown[] = [];
    for (const errors of [[], [HttpError]]) {
      const { action, orchestrator, live, die } = mortal({ errors });
      const original: unknown[] = [];
      orchestrator.onTaskCompletion(({ error }) => void original.push(error));
      const cause = Object.assign(new TypeError('no'), { code: 'ENO' });
      const load = action('load', () => {
        throw Object.assign(new HttpError(503, { fd: () => 1 }), { cause });
      });
      const script = async () => {
        const error = (await load().catch((thrown) => thrown)) as HttpError;
        seen.push(error);
        await step('after', () => 1);
        return [error.constructor.name, error.name, error.message, error.status, error.socket, error.cause];
      };
      await die(3, script);
      expect(original[0]).toBeInstanceOf(HttpError);
      expect((original[0] as HttpError).socket).toBeDefined();
      const [Class, name, message, status, socket, held] = (await live(script)) as unknown[];
      expect([Class, name, message, status, socket]).toEqual([
        ...(errors.length === 0
          ? ['Error', 'HttpError', 'HTTP 503', undefined]
          : ['HttpError', 'HttpError', 'HTTP 503', 503]),
        undefined,
      ]);
      expect(held).toBeInstanceOf(TypeError);
      expect(held).toMatchObject({ message: 'no', code: 'ENO' });
      const [first, second] = seen.splice(0) as Error[];
      expect(Object.getPrototypeOf(second)).toBe(Object.getPrototypeOf(first));
      expect({ ...second }).toEqual({ ...first });
      expect(second?.message).toBe(first?.message);
    }
  });

  it('keeps the class of errors of this package', async () => {
    const { orchestrator, live, die } = mortal();
    const fail = () => {
      throw new RangeError('no');
    };
    const inner = () =>
      orchestrator.run(() => orchestrator.parallel({ a: () => step('a', fail), b: () => step('b', () => 7) })(), {
        name: 'inner',
      });
    const script = async () => {
      const error = (await inner().catch((thrown) => thrown)) as ParallelError<Record<string, unknown>>;
      await step('after', () => 1);
      return [error instanceof ParallelError, error.code, error.errors, error.results];
    };
    await die(6, script);
    expect(await live(script)).toMatchObject([
      true,
      'ERR_PARALLEL',
      [{ message: 'no' }],
      { a: { status: 'rejected', reason: { message: 'no' } }, b: { status: 'fulfilled', value: 7 } },
    ]);
  });

  it('is recorded when a result is too large or cannot be saved', async () => {
    const { action, live, die, called } = mortal();
    const large = action('large', () => 'x'.repeat(2 ** 20 + 1));
    const odd = action('odd', () => ({ list: [new WeakMap()] }));
    const script = async () => {
      const errors = [await large().catch((e) => e), await odd().catch((e) => e)];
      await step('after', () => 1);
      return errors.map((error) => [error.constructor, error.code, error.path]).map(([, ...rest]) => rest);
    };
    await die(4, script);
    expect(await live(script)).toEqual([
      ['ERR_PAYLOAD', undefined],
      ['ERR_SERIALIZATION', 'the result of "odd".list[0]'],
    ]);
    expect(called()).toEqual(['large', 'odd']);
    expect(new PayloadError('x', 2, 1)).toBeInstanceOf(Error);
    expect(SerializationError.name).toBe('SerializationError');
  });
});

describe('options of actions', () => {
  it('once: an interrupted task is not repeated', async () => {
    const { action, live, die, called } = mortal();
    const charge = action('charge', () => 'charged', { once: true });
    const script = () => charge().catch((error) => error.constructor === InterruptedError);
    await die(3, script, { isStored: false });
    expect(await live(script)).toBe(true);
    expect(called()).toEqual(['charge']);
  });

  it('once: a task that was not begun, and one that has ended, are as usual', async () => {
    const { action, live, die, called } = mortal();
    const charge = action('charge', (n: number) => n, { once: true });
    const script = async () => [await charge(1), await charge(2)];
    await die(3, script);
    expect(await live(script)).toEqual([1, 2]);
    expect(called()).toEqual(['charge 1', 'charge 2']);
  });

  it('key: stands in for the arguments', async () => {
    const { action, live, die, called } = mortal();
    const charge = action('charge', (order: { id: number; at: number }) => order.at, {
      key: (order: { id: number }) => order.id,
    });
    let at = 1;
    const script = async () => [await charge({ id: 7, at: at++ }), await charge({ id: 8, at: at++ })];
    await die(2, script);
    expect(await live(script)).toEqual([1, 3]);
    expect(called()).toHaveLength(2);
  });
});

describe('idempotencyKey', () => {
  it('is the same in all attempts and lives, and differs between tasks and runs', async () => {
    const keys: string[] = [];
    const { action, live, die, orchestrator } = mortal();
    const work = action(
      'work',
      (_n: number) => {
        keys.push(idempotencyKey());
        if (keys.length === 1) throw new Error('again');
      },
      { retry: { retries: 1, minTimeout: 0 } },
    );
    const script = () => work(1);
    await die(2, script, { isStored: false });
    await live(script);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    await orchestrator.run(() => Promise.all([work(1), work(1), work(2)]), { id: 'b', journal: memoryJournal() });
    expect(new Set(keys).size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^[\w-]{43}$/);
  });

  it('is refused outside a task of a run with a journal', async () => {
    expect(idempotencyKey).toThrow(ValidationError);
    const orchestrator = new Orchestrator();
    expect(await rejection(orchestrator.run(orchestrator.action(() => idempotencyKey())))).toBeInstanceOf(
      ValidationError,
    );
  });
});

describe('the state', () => {
  it('that tasks set is set again, and what begin hooks set stays off the disk', async () => {
    const { action, orchestrator, live, die, store, id } = mortal();
    let token = 0;
    orchestrator.onProcessBegin(({ context }) => {
      context.token = `secret ${++token}`;
      context.list = [];
    });
    const work = action('work', (n: number) => {
      orchestrator.setState('last', n);
      (orchestrator.getState().list as number[]).push(n);
      return orchestrator.getState().token;
    });
    const script = async () => {
      await work(1);
      await work(2);
      const { last, list } = orchestrator.getState();
      return [last, list, await work(3)];
    };
    await die(3, script);
    expect(await live(script)).toEqual([2, [1, 2, 3], 'secret 2']);
    const { records = [] } = (await store.read(id)) ?? {};
    expect(records.slice(0, 3).join()).not.toContain('"token"');
  });

  it('that the code of the run itself changes is right in every life', async () => {
    const { action, orchestrator, live, die } = mortal();
    const work = action('work', (n: number) => wait(n, n));
    const script = async () => {
      const count = async (n: number) => {
        await work(n);
        orchestrator.setState('done', ((orchestrator.getState().done as number) ?? 0) + 1);
      };
      await Promise.all([5, 1, 3].map(count));
      return orchestrator.getState().done;
    };
    await die(3, script);
    expect(await live(script)).toBe(3);
  });
});

describe('hooks', () => {
  it('see what is executed, with the life and the number of replayed outcomes', async () => {
    const { action, orchestrator, live, die } = mortal();
    const work = action('work', (n: number) => n);
    const seen: unknown[] = [];
    const replayed: unknown[] = [];
    const note = (message: unknown) => void replayed.push(message);
    orchestrator.onProcessBegin(({ life }) => void seen.push(`begin ${life}`));
    orchestrator.onTaskBegin(({ args }) => void seen.push(args[0]));
    orchestrator.onProcessCompletion(({ life, replayed, status }) => void seen.push([life, replayed, status]));
    const script = async () => [await work(1), await work(2), await work(3)];
    subscribe('orchestrator:task:replayed', note);
    await die(3, script);
    await live(script);
    unsubscribe('orchestrator:task:replayed', note);
    expect(seen).toEqual(['begin 1', 1, 2, 'begin 2', 3, [2, 2, 'completed']]);
    expect(replayed).toMatchObject([
      {
        processId: 'run',
        name: 'work',
        args: [1],
        status: 'completed',
        identity: expect.stringMatching(/^\/ work \[/),
      },
      { args: [2] },
    ]);
    await orchestrator.run(() => 1);
    expect(seen.slice(-2)).toEqual(['begin undefined', [undefined, 0, 'completed']]);
  });
});

describe('what is recorded', () => {
  it('is each task of the run itself, and nothing inside tasks', async () => {
    const { action, orchestrator, live, records } = mortal();
    const inner = action('inner', () => 1);
    const outer = action('outer', async () => {
      await orchestrator.map([1, 2], inner);
      return orchestrator.run(() => inner());
    });
    await live(async () => {
      for (let n = 0; n < 1_100; n++) await outer();
    });
    const names = (await records()).flatMap((record) => ('i' in record ? [record.i.replace(/#\d+$/, '')] : []));
    expect(new Set(names)).toEqual(new Set(['/ outer ']));
  });

  it('holds actions of any orchestrator', async () => {
    const { live, die, records } = mortal();
    const other = new Orchestrator();
    const called: number[] = [];
    const work = other.action('work', (n: number) => void called.push(n));
    const script = async () => {
      await work(0);
      await other.map([1, 2], work);
      return 'done';
    };
    await die(4, script);
    await live(script);
    expect(called.sort()).toEqual([0, 1, 2]);
    expect((await records()).flatMap((record) => ('i' in record ? [record.i.split(' ')[0]] : []))).toEqual([
      '/',
      '/map:work#0[0]',
      '/map:work#0[1]',
    ]);
  });

  it('keeps the winner of a race', async () => {
    const { live, die } = mortal();
    let isFirst = true;
    const script = async () => {
      const winner = await Promise.race([
        step('a', () => wait(isFirst ? 0 : 50, 'a')),
        step('b', () => wait(isFirst ? 50 : 0, 'b')),
      ]);
      return [winner, await step('c', () => 1)];
    };
    await die(2, script);
    isFirst = false;
    expect((await live(script))[0]).toBe('a');
  });

  it('keeps the order of results', async () => {
    const { live, die, action } = mortal();
    let isFirst = true;
    const work = action('work', (n: number) => wait(isFirst ? n : 0, n));
    const script = async () => {
      const order: number[] = [];
      await Promise.all([30, 10, 20].map(async (n) => order.push(await work(n))));
      await step('after', () => 1);
      return order;
    };
    await die(5, script);
    isFirst = false;
    expect(await live(script)).toEqual([10, 20, 30]);
  });
});

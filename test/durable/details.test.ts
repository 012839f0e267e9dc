import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as wait } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { Orchestrator, ParallelError, RetryError } from 'orchestrator';
import {
  again,
  DivergenceError,
  DurableFunction,
  fileJournal,
  InterruptedError,
  idempotencyKey,
  JournalError,
  type JournalOwner,
  memoryJournal,
  type OpenedRun,
  patched,
  SerializationError,
  sleep,
  sqlJournal,
  step,
  type TaskReplayedEvent,
  waitFor,
} from 'orchestrator/durable';
import { describe, expect, it, vi } from 'vitest';
import { ErrorForms } from '../../src/durable/error-forms.js';
import { Journal } from '../../src/durable/face.js';
import { branchOf, fingerprint, runsAround } from '../../src/durable/identity.js';
import { MemoryJournalStore } from '../../src/durable/journals/memory-store.js';
import { rejection } from '../support.js';
import { mortal } from './support.js';

describe('the identity of a call', () => {
  class Point {
    constructor(readonly x: number) {}
  }
  const deep = (depth: number): unknown => (depth === 0 ? 'end' : [deep(depth - 1)]);
  const unreadable = Object.defineProperty({ a: 1 }, 'b', {
    enumerable: true,
    get: () => {
      throw new Error('no');
    },
  });

  it.each([
    ['order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['instances of a class', new Point(1), new Point(2)],
    ['functions', () => 1, () => 2],
    ['symbols', Symbol('a'), Symbol('b')],
    ['signals', AbortSignal.abort(), new AbortController().signal],
    ['stacks of errors', new RangeError('no'), new RangeError('no')],
    ['what is nested deeper than 50 levels', deep(60), deep(61)],
    ['properties that cannot be read', unreadable, unreadable],
    ['what comes after 64 KiB', `${'x'.repeat(70_000)}a`, `${'x'.repeat(70_000)}b`],
    ['items after 64 KiB', [...Array(40_000).fill(1), 2], [...Array(40_000).fill(1), 3]],
    ['bytes after 32 KiB', new Uint8Array(70_000), new Uint8Array(70_000).fill(1, 69_000)],
  ])('does not depend on %s', (_, one, two) => {
    expect(fingerprint([one])).toBe(fingerprint([two]));
  });

  it('differs between all other values', () => {
    const values = [
      ...[undefined, null, true, 0, -0, 1, 1n, '1', '', Number.NaN, [], [1], [[1]], {}, { a: 1 }, { a: '1' }, { b: 1 }],
      ...[new Date(1), new Date(2), /a/, /a/g, new URL('https://a.b/c'), new URL('https://a.b/d')],
      ...[new Map([[1, 2]]), new Map([[1, 3]]), new Set([1]), new Set([2]), new Set()],
      ...[new Uint8Array([1]), new Uint8Array([2]), new Uint16Array([1]), Buffer.from([1])],
      ...[new RangeError('a'), new RangeError('b'), new TypeError('a'), new Point(1), () => 1, Symbol('a')],
      ...[{ a: { b: 1 } }, { a: {}, b: 1 }, [1, 2], [[1], 2], [[1, 2]], deep(49)],
    ];
    const prints = values.map((value) => fingerprint([value]));
    expect(new Set(prints).size).toBe(values.length);
    expect(fingerprint(['a', 'b'])).not.toBe(fingerprint(['ab']));
    expect(fingerprint([])).toBe('');
    for (const print of prints) expect(print).toMatch(/^\S{1,11}$/);
  });

  it('tells the branch and the nested runs around it', () => {
    expect(branchOf('/ work [a]#0')).toBe('/');
    expect(branchOf('/run:day#3')).toBe('/');
    expect(branchOf('/map#0[1]/run:day#3')).toBe('/map#0[1]');
    expect(runsAround('/map#0[1]/run:day#3 work #0')).toEqual(['/map#0[1]/run:day#3']);
    expect(runsAround('/run:a#0/parallel#0[x]/run:b#1/run:c#0')).toEqual([
      '/run:a#0',
      '/run:a#0/parallel#0[x]/run:b#1',
    ]);
    expect(runsAround('/run:a#0')).toEqual([]);
  });

  it('is not found if the key of the action throws', async () => {
    const { action, live, called } = mortal();
    const key = () => {
      throw new RangeError('no key');
    };
    const work = action('work', (n: number) => n, { key });
    expect(await rejection(live(() => work(1)))).toMatchObject({ name: 'RangeError', message: 'no key' });
    expect(called()).toEqual([]);
  });
});

describe('the form of errors', () => {
  const forms = new ErrorForms();
  const copy = (thrown: unknown) => forms.read(forms.write(thrown)) as Error & Record<string, unknown>;

  it('keeps values that are not errors, and drops those that cannot be saved', () => {
    for (const value of ['text', 7, 7n, null, undefined, false, [1], { a: 1 }]) expect(copy(value)).toEqual(value);
    expect(copy(new Date(7))).toEqual(new Date(7));
    for (const value of [() => 1, Symbol('a'), new WeakMap(), { f: () => 1 }]) expect(copy(value)).toBeUndefined();
  });

  it('keeps classes of the system', () => {
    const abort = new DOMException('no', 'AbortError');
    expect(copy(abort)).toBeInstanceOf(DOMException);
    expect(copy(abort)).toMatchObject({ name: 'AbortError', message: 'no', code: abort.code });
    const foreign = runInNewContext('new RangeError("far away")');
    expect(foreign).not.toBeInstanceOf(Error);
    expect(copy(foreign)).toBeInstanceOf(RangeError);
    expect(copy(foreign)).toMatchObject({ name: 'RangeError', message: 'far away' });
    const all = copy(new AggregateError([new TypeError('a'), 'b'], 'all'));
    expect(all).toBeInstanceOf(AggregateError);
    expect(all.errors).toEqual([new TypeError('a'), 'b']);
    expect((all.errors as unknown[])[0]).toBeInstanceOf(TypeError);
  });

  it('keeps what errors of this package hide', () => {
    const results = [
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: new RangeError('no') },
    ] as const;
    for (const held of [results, { a: results[0], b: results[1] }]) {
      const error = copy(new ParallelError([results[1].reason], held as never));
      expect(error).toBeInstanceOf(ParallelError);
      expect(error.results).toEqual(held);
      expect(Object.keys(error)).not.toContain('results');
    }
    const retry = copy(Object.assign(Object.create(RetryError.prototype), { message: 'no' }) as RetryError);
    expect(retry).toBeInstanceOf(RetryError);
  });

  it('has a bounded size', () => {
    const large = Object.assign(new RangeError('x'.repeat(2 ** 20)), { list: Array(2 ** 18).fill('x') });
    const text = forms.write(large);
    expect(text.length).toBeLessThan(2 ** 18);
    expect(copy(large)).toBeInstanceOf(RangeError);
    expect(copy(large).message).toMatch(/^x{4000}$/);
    expect(copy('x'.repeat(2 ** 20)).message).toBe('a value that is too large to be recorded');
    let chain = new Error('the first');
    for (let depth = 0; depth < 30; depth++) chain = new Error(`number ${depth}`, { cause: chain });
    let links = 0;
    for (let at: unknown = copy(chain); at !== undefined; at = (at as Error).cause) links++;
    expect(links).toBe(21);
  });

  it('of hostile values is still an error', () => {
    const hostile = new Proxy(new Error('no'), {
      get: () => {
        throw new Error('never');
      },
      getPrototypeOf: () => Error.prototype,
    });
    expect(copy(hostile).message).toBe('a value that cannot be read');
    const circular: Error & { self?: unknown } = new RangeError('round');
    circular.cause = circular;
    circular.self = circular;
    expect(copy(circular).message).toBe('round');
  });
});

describe('the channel orchestrator:task:replayed', () => {
  it('tells the status of each outcome, also of sleeps, waits and nested runs', async () => {
    const { action, orchestrator, live, die, journal, id } = mortal();
    const work = action('work', (n: number) => n);
    const fail = action('fail', () => Promise.reject(new RangeError('no')));
    const slow = action('slow', () => wait(60_000, undefined, { signal: orchestrator.signal }));
    const lives: unknown[] = [];
    orchestrator.onProcessBegin(({ name, life }) => void lives.push([name, life]));
    orchestrator.onProcessCompletion(({ name, life, replayed }) => void lives.push([name, life, replayed]));
    const script = async () => {
      await orchestrator
        .parallel([() => slow(), () => fail()], { failFast: true })()
        .catch(() => {});
      await orchestrator.run(() => work(1), { name: 'inner' });
      await sleep(0);
      await waitFor('go');
      await orchestrator.run(() => work(2), { name: 'last' });
    };
    await die(2, script);
    await journal.signal(id, 'go');
    // Dies when the task of the last nested run is recorded, and the nested run is not.
    await die(8, script);
    const seen: TaskReplayedEvent[] = [];
    const note = (message: unknown) => void seen.push(message as TaskReplayedEvent);
    subscribe('orchestrator:task:replayed', note);
    lives.length = 0;
    await live(script);
    unsubscribe('orchestrator:task:replayed', note);
    expect(seen.map(({ name, status, args }) => [name, status, args])).toEqual([
      ['fail', 'failed', []],
      ['slow', 'cancelled', []],
      ['inner', 'completed', []],
      ['sleep', 'completed', []],
      ['waitFor', 'completed', []],
      ['work', 'completed', [2]],
    ]);
    expect(seen.map(({ processId }) => processId).slice(0, 5)).toEqual(Array(5).fill(id));
    expect(lives).toEqual([
      [expect.any(String), 3],
      ['last', 3],
      ['last', 3, 0],
      [expect.any(String), 3, 6],
    ]);
  });
});

describe('what cannot be recorded', () => {
  it('makes a task, or the run, fail with the path', async () => {
    const { action, orchestrator, live, status, records } = mortal();
    const odd = action('odd', () => void orchestrator.setState('odd', { list: [new WeakMap()] }));
    expect(await rejection(live(odd))).toMatchObject({ code: 'ERR_SERIALIZATION', path: 'state.odd.list[0]' });
    expect(await status()).toBe('failed');
    const failing = action('failing', () => {
      orchestrator.setState('odd', { list: [new WeakMap()] });
      throw new RangeError('its own');
    });
    expect(await rejection(live(failing))).toMatchObject({ message: 'its own' });
    const error = await rejection(live(() => ({ map: new WeakMap() })));
    expect(error).toBeInstanceOf(SerializationError);
    expect((await records()).at(-1)).toMatchObject({ end: 'failed' });
    const fn = new DurableFunction('f', (_input: WeakMap<object, unknown>) => 1);
    const started = fn.start(new WeakMap(), { id: 'b', journal: memoryJournal() });
    expect(await rejection(started)).toBeInstanceOf(SerializationError);
  });

  it('is a run that cannot begin anew, which ends, and goes on later', async () => {
    const store = new MemoryJournalStore();
    const open = store.open.bind(store);
    let isFull = true;
    store.open = async (request) => {
      const opened = await open(request);
      if (opened === undefined) return undefined;
      const { owner } = opened;
      const rewrite: typeof owner.rewrite = async (...args) => {
        if (isFull) throw Object.assign(new Error('disk is full'), { code: 'ENOSPC' });
        await owner.rewrite(...args);
      };
      return { ...opened, owner: { append: owner.append.bind(owner), rewrite, close: () => owner.close() } };
    };
    const journal = new Journal(store);
    const called: number[] = [];
    const loop = new DurableFunction('loop', async (n: number) => {
      await step('once', () => called.push(n));
      return n < 3 ? again(n + 1) : n;
    });
    const error = await rejection(loop.run(1, { id: 'a', journal }));
    expect(error).toBeInstanceOf(JournalError);
    expect(error).toMatchObject({ cause: { code: 'ENOSPC' } });
    isFull = false;
    expect(await loop.run(1, { id: 'a', journal })).toBe(3);
    expect(called).toEqual([1, 2, 3]);
  });
});

describe('the state', () => {
  it('that tasks delete or define is so again, and symbols and unchanged values are left out', async () => {
    const { action, orchestrator, live, die, records } = mortal();
    const secret = Symbol('secret');
    const change = action('change', () => {
      const state = orchestrator.getState() as Record<string | symbol, unknown>;
      delete state.gone;
      Object.defineProperty(state, 'defined', { value: 1, enumerable: true, configurable: true, writable: true });
      state[secret] = 1;
      state.read;
      (state.list as number[]).push(2);
      state.client;
    });
    const script = async () => {
      const state = orchestrator.getState() as Record<string | symbol, unknown>;
      Object.assign(state, { gone: 1, read: { a: 1 }, list: [1], client: new WeakMap() });
      await change();
      await step('after', () => 1);
      return [Object.keys(state).sort(), state.list, state.defined];
    };
    await die(3, script);
    const [record] = (await records()).filter((one) => 'i' in one && 'c' in one);
    expect(record).toMatchObject({ c: { gone: null, defined: { j: 1 }, list: { j: [1, 2] } } });
    expect(Object.keys((record as { c: object }).c)).toHaveLength(3);
    expect(await live(script)).toEqual([['client', 'defined', 'list', 'read'], [1, 2], 1]);
  });
});

describe('calls that a run has left behind', () => {
  it('are executed and not recorded, with their results and failures', async () => {
    const { action, orchestrator, live, records } = mortal();
    const work = action('work', (n: number) => n);
    const fail = action('fail', () => Promise.reject(new RangeError('no')));
    const left: Promise<unknown>[] = [];
    const ended = live(async () => {
      left.push(
        (async () => {
          await wait(20);
          const key = await rejection(orchestrator.action(() => idempotencyKey())());
          const nested = await orchestrator.run(() => work(2));
          return [await work(1), nested, await orchestrator.map([3], work), (key as Error).name];
        })(),
        wait(20).then(() => fail()),
        wait(20).then(() => sleep(1)),
      );
    });
    await ended;
    const before = await records();
    expect(await left[0]).toEqual([1, 2, [3], 'ValidationError']);
    expect(await rejection(left[1] as Promise<unknown>)).toMatchObject({ message: 'no' });
    await left[2];
    expect(await records()).toEqual(before);
  });

  it('and were begun before its end, are not recorded after it', async () => {
    const { action, live, records } = mortal();
    const work = action('work', (n: number) => wait(20, n));
    const fail = action('fail', () => wait(20).then(() => Promise.reject(new RangeError('no'))));
    const left: Promise<unknown>[] = [];
    await live(async () => {
      left.push(work(1), rejection(fail()), sleep(60_000));
      await wait(1);
    });
    expect(await left[0]).toBe(1);
    expect(await left[1]).toMatchObject({ message: 'no' });
    expect((await records()).at(-1)).toEqual({ end: 'completed' });
  });
});

describe('a task with once', () => {
  it('that was interrupted is not repeated, although the run has failed with that', async () => {
    const { action, live, die, called } = mortal();
    const charge = action('charge', () => 'charged', { once: true });
    await die(3, () => charge(), { isStored: false });
    for (let life = 0; life < 3; life++) expect(await rejection(live(() => charge()))).toBeInstanceOf(InterruptedError);
    expect(called()).toEqual(['charge']);
  });
});

describe('patched', () => {
  it('is true for new runs, in all lives, and in branches that have not been there', async () => {
    const { action, orchestrator, live, die } = mortal();
    const work = action('work', (n: number) => n);
    const old = () => orchestrator.map([1, 2], async (n) => [await work(n)], { concurrency: 1 });
    const changed = () =>
      orchestrator.map([1, 2], async (n) => [await patched('more'), await work(n)], { concurrency: 1 });
    await die(2, old);
    expect(await live(changed)).toEqual([
      [false, 1],
      [true, 2],
    ]);
  });
});

/** A journal whose store is changed by a test, and a run that calls one task. */
function changed(change: (store: MemoryJournalStore) => void) {
  const store = new MemoryJournalStore();
  change(store);
  const journal = new Journal(store);
  const orchestrator = new Orchestrator();
  const called: number[] = [];
  const work = orchestrator.action('work', (n: number) => void called.push(n));
  return { store, journal, orchestrator, called, run: () => orchestrator.run(() => work(1), { id: 'a', journal }) };
}

describe('the beginning of a life', () => {
  it('that cannot be recorded executes nothing', async () => {
    let isFull = false;
    const { run, called, orchestrator, journal } = changed((store) => {
      const open = store.open.bind(store);
      store.open = async (request) => {
        const opened = await open(request);
        if (!isFull) return opened;
        const append = () => Promise.reject(Object.assign(new Error('disk is full'), { code: 'ENOSPC' }));
        return opened && { ...opened, owner: { ...opened.owner, append, close: () => opened.owner.close() } };
      };
    });
    orchestrator.onProcessBegin(() => wait(10));
    await rejection(orchestrator.run(() => Promise.reject(new Error('first life')), { id: 'a', journal }));
    isFull = true;
    expect(await rejection(run())).toMatchObject({ code: 'ERR_JOURNAL', cause: { code: 'ENOSPC' } });
    expect(called).toEqual([]);
  });

  it('that is superseded, or cancelled, while the journal is opened executes nothing', async () => {
    for (const how of ['superseded', 'cancelled'] as const) {
      const { run, called } = changed((store) => {
        const open = store.open.bind(store);
        store.open = async (request) => {
          const opened = await open(request);
          if (how === 'superseded') store.supersede('a');
          else request.onSignal({ number: 1, text: '{"cancel":true}' });
          return opened;
        };
      });
      const expected = how === 'superseded' ? { code: 'ERR_SUPERSEDED' } : { name: 'AbortError' };
      expect(await rejection(run())).toMatchObject(expected);
      expect(called).toEqual([]);
    }
  });

  it('receives each signal once, although the store reports it several times', async () => {
    const { store, journal, orchestrator } = changed((given) => {
      const open = given.open.bind(given);
      given.open = (request) => {
        const onSignal: typeof request.onSignal = (signal) => {
          request.onSignal(signal);
          request.onSignal(signal);
        };
        return open({ ...request, onSignal });
      };
    });
    const pending = orchestrator.run(async () => [await waitFor('go'), await waitFor('go')], { id: 'a', journal });
    await vi.waitFor(async () => expect(await store.read('a')).toBeDefined(), 30_000);
    for (const value of [1, 2]) await journal.signal('a', 'go', value);
    expect(await pending).toEqual([1, 2]);
  });
});

describe('an abort while records are handed out', () => {
  it('executes nothing, and the next life goes on', async () => {
    const { action, orchestrator, live, die, called } = mortal();
    const work = action('work', (n: number) => n);
    const controller = new AbortController();
    let at = -1;
    const script = async () => {
      const all = orchestrator.map(Array(200).keys(), async (n) => {
        const done = await work(n);
        if (done === at) controller.abort(new Error('stopped'));
        return done;
      });
      return (await all).length + (await work(-1));
    };
    await die(201, script);
    called();
    at = 100;
    const error = await rejection(live(script, { signal: controller.signal }));
    expect(error).toMatchObject({ message: 'stopped' });
    await wait(5);
    expect(called()).toEqual([]);
    at = -1;
    expect(await live(script)).toBe(199);
    expect(called()).toEqual(['work -1']);
  });

  it('or while the end is checked, is not a divergence', async () => {
    const { action, live, die, status } = mortal();
    const work = action('work', (n: number) => n);
    await die(2, () => work(1));
    const controller = new AbortController();
    const ended = live(
      async () => {
        setImmediate(() => controller.abort(new Error('stopped')));
      },
      { signal: controller.signal },
    );
    expect(await rejection(ended)).toMatchObject({ message: 'stopped' });
    expect(await status()).toBe('running');
  });
});

describe('a limit that cannot be recorded', () => {
  it.each(['"d":', '"e":'])('(%s) ends the life, and the next one goes on', async (field) => {
    let isFull = true;
    const { orchestrator, journal } = changed((store) => {
      const open = store.open.bind(store);
      store.open = async (request) => {
        const opened = await open(request);
        const append: JournalOwner['append'] = (texts, status) =>
          isFull && texts.some((text) => text.includes(`!timeout","p":1,${field}`))
            ? Promise.reject(Object.assign(new Error('disk is full'), { code: 'ENOSPC' }))
            : (opened as OpenedRun).owner.append(texts, status);
        return opened && { ...opened, owner: { ...opened.owner, append, close: () => opened.owner.close() } };
      };
    });
    const slow = orchestrator.action('slow', () => wait(60_000, 1, { signal: orchestrator.signal }));
    const run = () =>
      orchestrator.run(() => orchestrator.map([1], () => (isFull ? slow() : 1), { timeout: 20 }), { id: 'a', journal });
    expect(await rejection(run())).toMatchObject({ code: 'ERR_JOURNAL', cause: { code: 'ENOSPC' } });
    isFull = false;
    if (field === '"d":') expect(await run()).toEqual([1]);
    else await run().catch((error) => expect(error).toBeInstanceOf(ParallelError));
  });
});

describe('a run with a journal inside another one', () => {
  it('is one task of the outer run, and goes on by itself', async () => {
    const { action, orchestrator, live, die, called, records } = mortal();
    const inner = memoryJournal();
    const work = action('work', (n: number) => n);
    const script = async () => [
      await orchestrator.run(async () => [await work(1), await work(2)], { id: 'inner', journal: inner, name: 'i' }),
      await work(3),
    ];
    await die(2, script, { isStored: false });
    expect(await live(script)).toEqual([[1, 2], 3]);
    // The inner run had completed in its own journal.
    expect(called()).toEqual(['work 1', 'work 2', 'work 3']);
    expect((await records()).flatMap((record) => ('i' in record ? [record.i.replace(/ \[\w+\]/, '')] : []))).toEqual([
      '/ run:i#0',
      '/ work#0',
    ]);
  });
});

describe('a run that begins anew', () => {
  it('may do so without an input, and keeps waits and signals apart', async () => {
    const { live, journal, id, action, orchestrator } = mortal();
    const count = action('count', () => {
      orchestrator.setState('round', Number(orchestrator.getState().round ?? 0) + 1);
    });
    const left: Promise<unknown>[] = [];
    const pending = live(async () => {
      await count();
      if (orchestrator.getState().round === 1) {
        // Left behind: takes no signal of the next incarnation.
        left.push(waitFor('go'));
        await wait(1);
        return again();
      }
      return waitFor('go');
    });
    await vi.waitFor(async () => expect((await journal.get(id))?.records.length).toBeGreaterThan(2), 30_000);
    await journal.signal(id, 'go', 'eve');
    expect(await pending).toBe('eve');
  });

  it('fails with the path if its input cannot be saved', async () => {
    const { live, status } = mortal();
    const error = await rejection(live(() => again({ list: [new WeakMap()] })));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ path: 'the input.list[0]' });
    expect(await status()).toBe('failed');
  });

  it('does not lose records that its code has not asked for', async () => {
    const { action, live, die, status } = mortal();
    const work = action('work', (n: number) => n);
    const old = async () => [await work(1), await work(2)];
    await die(2, old);
    expect(await rejection(live(() => again()))).toBeInstanceOf(DivergenceError);
    expect(await status()).toBe('failed');
    expect(await live(old)).toEqual([1, 2]);
  });
});

describe('journals in files and databases', () => {
  it('check their arguments', () => {
    expect(() => fileJournal('')).toThrow(/directory must be a non-empty string/);
    expect(() => fileJournal('runs', { sync: 'never' as never })).toThrow(/sync must be 'machine' or 'process'/);
    expect(() => fileJournal('runs', { errors: [1] as never })).toThrow(/errors must be an array of error classes/);
    expect(() => sqlJournal({} as never)).toThrow(/pool must be a pool of pg, or a PGlite/);
    const pool = { query: () => expect.unreachable() } as never;
    expect(() => sqlJournal(pool, { lease: 10 })).toThrow(/lease must be a number of milliseconds from 1000 up/);
    expect(sqlJournal(pool, { schema: 's', lease: 5_000 })).toBeInstanceOf(Journal);
    expect(fileJournal('runs')).toBeInstanceOf(Journal);
  });
});

describe('a journal', () => {
  it('has no runs that are unknown, and refuses to cancel or signal them', async () => {
    const journal = memoryJournal();
    expect(await rejection(journal.cancel('a'))).toMatchObject({ message: expect.stringMatching(/is unknown/) });
    expect(await rejection(journal.signal('a', 'go'))).toBeInstanceOf(JournalError);
    expect(await journal.delete('a')).toBe(false);
    await new Orchestrator().run(() => 1, { id: 'a', journal });
    await journal.cancel('a');
    expect(await journal.get('a')).toMatchObject({ status: 'completed', result: 1 });
    await new Orchestrator().run(() => 1, { id: 'b', journal });
    const failing = () => Promise.reject(new Error('no'));
    await rejection(new Orchestrator().run(failing, { id: 'c', journal }));
    await journal.cancel('c');
    // A run that has failed could be started again, and one that has completed cannot.
    expect((await journal.list()).map(({ id, status }) => [id, status])).toEqual([
      ['a', 'completed'],
      ['b', 'completed'],
      ['c', 'cancelled'],
    ]);
    await journal.close();
  });
});

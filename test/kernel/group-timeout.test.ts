import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import { Orchestrator, ParallelError, TimeoutError, ValidationError } from 'orchestrator';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, recorded, rejection, settled } from '../support.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets the given milliseconds pass, then everything that is ready run. */
async function pass(milliseconds: number): Promise<void> {
  await settled();
  vi.advanceTimersByTime(milliseconds);
  await settled();
}

const done = (value: unknown) => ({ status: 'fulfilled', value });
const timedOut = (name: string, limit: number) => ({ status: 'rejected', reason: new TimeoutError(name, limit) });

/** An action that resolves for even items and hangs for odd ones, until its signal aborts. */
function halting(orchestrator: Orchestrator) {
  const signals = new Map<number, AbortSignal>();
  const action = orchestrator.action(
    (item: number) => {
      signals.set(item, orchestrator.signal);
      return item % 2 === 0 ? item : deferred<number>().promise;
    },
    { name: 'halting' },
  );
  return { action, signals };
}

describe('timeout of map and parallel', () => {
  it('under settle resolves at the limit with what is there, the rest is rejected with a TimeoutError', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const { action, signals } = halting(orchestrator);
    const pending = orchestrator.map([2, 3, 4], action, { settle: true, timeout: 800 });
    await pass(799);
    expect(signals.get(3)?.aborted).toBe(false);
    await pass(1);
    expect(await pending).toEqual([done(2), timedOut('halting', 800), done(4)]);
    expect(signals.get(3)?.reason).toEqual(new TimeoutError('halting', 800));
    expect(lines.filter((line) => line === 'halting cancelled')).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts items that have not started as rejected, and starts no more', async () => {
    const orchestrator = new Orchestrator();
    const { action, signals } = halting(orchestrator);
    const pending = orchestrator.map(new Set([2, 3, 4]), action, { settle: true, concurrency: 1, timeout: 50 });
    await pass(50);
    expect(await pending).toEqual([done(2), timedOut('halting', 50), timedOut('halting', 50)]);
    expect([...signals.keys()]).toEqual([2, 3]);
  });

  it('gives an object for an object, under the name of the group', async () => {
    const orchestrator = new Orchestrator();
    const load = orchestrator.parallel(
      { user: () => 'Ada', orders: () => deferred<string[]>().promise },
      { settle: true, timeout: 50, name: 'page' },
    );
    const pending = load();
    await pass(50);
    expect(await pending).toEqual({ user: done('Ada'), orders: timedOut('page', 50) });
  });

  it('leaves the signals of results that were in time as they are', async () => {
    const orchestrator = new Orchestrator();
    const { action, signals } = halting(orchestrator);
    const pending = orchestrator.map([2, 3], action, { settle: true, timeout: 50 });
    await pass(50);
    await pending;
    expect(signals.get(2)?.aborted).toBe(false);
    expect(signals.get(3)?.aborted).toBe(true);
  });

  it('without settle rejects with every failure and every result, and the TimeoutError is the cause', async () => {
    const orchestrator = new Orchestrator();
    const { action } = halting(orchestrator);
    const pending = rejection(orchestrator.map([2, 3, 4, 5], action, { timeout: 50 }));
    await pass(50);
    const error = (await pending) as ParallelError<PromiseSettledResult<number>[]>;
    expect(error).toBeInstanceOf(ParallelError);
    expect(error.cause).toEqual(new TimeoutError('halting', 50));
    expect(error.message).toBe(
      '2 of 4 parallel actions failed: item 1: "halting" timed out after 50 ms; item 3: "halting" timed out after 50 ms',
    );
    expect(error.results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  it('with failFast rejects with the TimeoutError itself', async () => {
    const orchestrator = new Orchestrator();
    const { action, signals } = halting(orchestrator);
    const pending = rejection(orchestrator.map([2, 3], action, { failFast: true, timeout: 50 }));
    await pass(50);
    expect(await pending).toEqual(new TimeoutError('halting', 50));
    expect(signals.get(3)?.reason).toEqual(new TimeoutError('halting', 50));
  });

  it('with failFast still rejects with a failure that comes first, and aborts the others', async () => {
    const orchestrator = new Orchestrator();
    const { action, signals } = halting(orchestrator);
    const fail = () => Promise.reject(new Error('first'));
    const group = orchestrator.parallel([action.with(3), fail], { failFast: true, timeout: 50 });
    expect(await rejection(group())).toEqual(new Error('first'));
    expect(signals.get(3)?.reason).toMatchObject({ name: 'AbortError', cause: new Error('first') });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('says with one more rejected result that the rest of a lazy source was not read', async () => {
    const orchestrator = new Orchestrator();
    const stalled = async function* () {
      yield 2;
      await deferred().promise;
    };
    const { action } = halting(orchestrator);
    const settling = orchestrator.map(stalled(), action, { settle: true, timeout: 50 });
    const failing = rejection(orchestrator.map(stalled(), action, { timeout: 50 }));
    await pass(50);
    expect(await settling).toEqual([done(2), timedOut('halting', 50)]);
    expect(await failing).toMatchObject({ message: expect.stringContaining('1 of 2 parallel actions failed') });
    const read = function* () {
      yield* [2, 3];
    };
    const whole = orchestrator.map(read(), action, { settle: true, timeout: 50 });
    await pass(50);
    expect(await whole).toHaveLength(2);
  });

  it('ignores whatever the actions give after it', async () => {
    const orchestrator = new Orchestrator();
    const late = deferred<string>();
    const answering = async () => {
      const { signal } = orchestrator;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('cut short')));
    };
    const group = orchestrator.parallel([() => late.promise, answering], { settle: true, timeout: 50 });
    const pending = group();
    await pass(50);
    late.reject(new Error('nobody hears this'));
    const limit = timedOut('parallel', 50);
    expect(await pending).toEqual([limit, limit]);
    await settled();
  });

  it('leaves no timer behind if all are in time, and is off by default', async () => {
    const orchestrator = new Orchestrator();
    expect(await orchestrator.map([1, 2], (n) => n, { timeout: 50 })).toEqual([1, 2]);
    for (const timeout of [null, 0, Infinity]) {
      expect(await orchestrator.map([1], () => vi.getTimerCount(), { timeout })).toEqual([0]);
    }
    expect(vi.getTimerCount()).toBe(0);
    expect(() => orchestrator.parallel([], { timeout: -1 })).toThrow(ValidationError);
  });

  it('ends the retries of its actions', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 5, minTimeout: 1_000 } });
    let calls = 0;
    const failing = orchestrator.action(() => {
      calls++;
      throw new Error('again');
    });
    const pending = orchestrator.map([1], failing, { settle: true, timeout: 50, name: 'all' });
    await pass(50);
    expect(await pending).toEqual([timedOut('all', 50)]);
    await pass(10_000);
    expect(calls).toBe(1);
  });

  it('gives way to an abort of the run', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const { action } = halting(orchestrator);
    const work = () => orchestrator.map([1], action, { settle: true, timeout: 50 });
    const pending = rejection(orchestrator.run(work, { signal: controller.signal }));
    await settled();
    controller.abort('enough');
    expect(await pending).toBe('enough');
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describe('the limit of a run or task', () => {
  it('loses nothing that was done: its error has the results of the groups that it interrupted', async () => {
    const orchestrator = new Orchestrator();
    const { action } = halting(orchestrator);
    const work = () => orchestrator.map([2, 3, 4], action, { settle: true, concurrency: 2 });
    const pending = rejection(orchestrator.run(work, { timeout: 800, name: 'page' }));
    await pass(800);
    const error = (await pending) as TimeoutError;
    expect(error).toEqual(new TimeoutError('page', 800));
    expect(error.interrupted).toEqual([
      { name: 'halting', results: [done(2), { status: 'rejected', reason: error }, done(4)] },
    ]);
  });

  it('lists groups from the outermost to the innermost, with their shapes', async () => {
    const orchestrator = new Orchestrator();
    const { action } = halting(orchestrator);
    const inner = () => orchestrator.map([2, 3], action, { name: 'inner' });
    const work = orchestrator.parallel({ inner, ready: () => 'yes' }, { settle: true, name: 'outer' });
    const task = orchestrator.action(() => work(), { name: 'task', timeout: { total: 50 } });
    const pending = rejection(task());
    await pass(50);
    const error = (await pending) as TimeoutError;
    const cut = { status: 'rejected', reason: error };
    expect(error.interrupted).toEqual([
      { name: 'outer', results: { inner: cut, ready: done('yes') } },
      { name: 'inner', results: [done(2), cut] },
    ]);
  });

  it('has the completed groups, groups with failFast, and groups of other reasons not in its error', async () => {
    const orchestrator = new Orchestrator();
    const { action } = halting(orchestrator);
    const work = async () => {
      await orchestrator.map([2], action, { settle: true });
      await orchestrator.map([3], action, { failFast: true });
    };
    const pending = rejection(orchestrator.run(work, { timeout: 50 }));
    await pass(50);
    expect((await pending) as TimeoutError).toMatchObject({ interrupted: [] });
    const aborted = rejection(
      orchestrator.run(() => orchestrator.map([3], action, { settle: true }), { signal: AbortSignal.abort('enough') }),
    );
    expect(await aborted).toBe('enough');
  });

  it('does not show results in logs', async () => {
    const orchestrator = new Orchestrator();
    const { action } = halting(orchestrator);
    const work = () => orchestrator.parallel([() => 'secret', action.with(3)], { settle: true })();
    const pending = rejection(orchestrator.run(work, { timeout: 50 }));
    await pass(50);
    const error = (await pending) as TimeoutError;
    expect(error.interrupted[0]?.results).toMatchObject([done('secret'), {}]);
    expect(inspect(error)).not.toContain('secret');
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error)).not.toContain('interrupted');
  });

  it('leaves no listener of a group on the signal of a run', async () => {
    const orchestrator = new Orchestrator();
    const { signal } = new AbortController();
    await orchestrator.run(() => orchestrator.map([1, 2], (n) => n, { settle: true, timeout: 50 }), { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

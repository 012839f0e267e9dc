import { getEventListeners } from 'node:events';
import { Orchestrator } from 'orchestrator';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, timers } from '../support.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Returns the megabytes of the heap after a garbage collection. */
function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Counts the timers and abort controllers that are created while `work` runs. */
async function made(work: () => Promise<unknown>) {
  let controllers = 0;
  class CountedController extends AbortController {
    constructor() {
      super();
      controllers++;
    }
  }
  vi.stubGlobal('AbortController', CountedController);
  const timeouts = vi.spyOn(globalThis, 'setTimeout');
  await work();
  const counts = { controllers, timeouts: timeouts.mock.calls.length };
  timeouts.mockRestore();
  return counts;
}

describe('an action', () => {
  it('that needs no timer and no controller creates none', async () => {
    const orchestrator = new Orchestrator().onTaskBegin(() => {}).use((_, next) => next());
    const plain = orchestrator.action(() => 1);
    const retried = orchestrator.action(() => 1, { retry: 3 });
    const { signal } = new AbortController();
    const work = async () => {
      await plain();
      await orchestrator.run(() => orchestrator.parallel([plain, retried])(), { signal });
    };
    expect(await made(work)).toEqual({ controllers: 0, timeouts: 0 });
  });

  it('with a limit creates one timer per attempt, and a controller only if the signal is read', async () => {
    vi.useFakeTimers();
    const orchestrator = new Orchestrator({ timeout: 1000 });
    const silent = orchestrator.action(() => 1);
    const reading = orchestrator.action(() => orchestrator.signal);
    expect(await made(silent)).toEqual({ controllers: 0, timeouts: 1 });
    expect(await made(reading)).toEqual({ controllers: 1, timeouts: 1 });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('memory', () => {
  it('does not grow with the number of tasks of a run', async () => {
    let seen = 0;
    const orchestrator = new Orchestrator().onTaskBegin(() => seen++).onTaskCompletion(() => seen++);
    const plain = orchestrator.action(async (value: number) => value);
    const limited = orchestrator.action(async (value: number) => value, { timeout: 60_000, retry: 1 });
    const { signal } = new AbortController();
    const grown = await orchestrator.run(
      async () => {
        for (let index = 0; index < 5_000; index++) await limited(await plain(index));
        const before = heap();
        for (let index = 0; index < 50_000; index++) await limited(await plain(index));
        return heap() - before;
      },
      { signal },
    );
    expect(seen).toBe(220_000);
    expect(grown).toBeLessThan(5);
  });

  it('does not grow with the number of signals that attempts have handed out', async () => {
    const orchestrator = new Orchestrator({ timeout: 60_000 });
    const read = orchestrator.action(async () => orchestrator.signal.aborted);
    const { signal } = new AbortController();
    const pass = () => new Promise((resolve) => setImmediate(resolve));
    const grown = await orchestrator.run(
      async () => {
        await read();
        const before = heap();
        for (let index = 0; index < 20_000; index++) {
          await read();
          if (index % 1_000 === 0) await pass();
        }
        heap();
        await pass();
        return heap() - before;
      },
      { signal },
    );
    expect(grown).toBeLessThan(5);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('does not grow with the number of groups in a run', async () => {
    const orchestrator = new Orchestrator();
    const { signal } = new AbortController();
    const group = orchestrator.parallel([() => 1, () => 2], { failFast: true });
    const grown = await orchestrator.run(
      async () => {
        await group();
        const before = heap();
        for (let index = 0; index < 20_000; index++) await group();
        return heap() - before;
      },
      { signal },
    );
    expect(grown).toBeLessThan(3);
  });

  it('does not grow with the number of calls of any, iterations of each and limited groups in a run', async () => {
    const orchestrator = new Orchestrator();
    const { signal } = new AbortController();
    const limited = orchestrator.parallel([() => 1, () => 2], { settle: true, timeout: 60_000 });
    const first = orchestrator.any([() => 1, () => deferred().promise], { stagger: 60_000, timeout: 60_000 });
    const groups = async () => {
      await limited();
      await first();
      for await (const _ of orchestrator.each([1, 2, 3], (item) => item, { timeout: 60_000 })) break;
    };
    const before = timers();
    const grown = await orchestrator.run(
      async () => {
        for (let index = 0; index < 500; index++) await groups();
        const before = heap();
        for (let index = 0; index < 5_000; index++) await groups();
        return heap() - before;
      },
      { signal },
    );
    expect(grown).toBeLessThan(3);
    expect(timers()).toBeLessThan(before + 10);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('holds nothing of ten thousand runs on a signal that outlives them', async () => {
    const orchestrator = new Orchestrator();
    const { signal } = new AbortController();
    const act = orchestrator.action(async () => {});
    await orchestrator.run(() => act(), { signal });
    const before = heap();
    for (let index = 0; index < 10_000; index++) await orchestrator.run(() => act(), { signal, timeout: 60_000 });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(heap() - before).toBeLessThan(5);
  });

  it('holds nothing of parallel groups that failed fast, nor of attempts that timed out', async () => {
    const orchestrator = new Orchestrator();
    const controller = new AbortController();
    const fail = orchestrator.action(() => Promise.reject(new Error('no')));
    const hang = orchestrator.action(() => deferred().promise);
    const before = timers();
    await orchestrator.run(
      async () => {
        for (let index = 0; index < 100; index++) {
          await rejection(orchestrator.parallel([hang, fail], { failFast: true })());
          await rejection(orchestrator.withOptions(hang, { timeout: 1 })());
        }
        expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
      },
      { signal: controller.signal },
    );
    expect(timers()).toBeLessThan(before + 10);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

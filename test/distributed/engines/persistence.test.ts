import { stat } from 'node:fs';
import { EngineError } from 'orchestrator/distributed';
import { afterEach, expect, it, vi } from 'vitest';
import {
  type Attempt,
  type Judgement,
  type Persistence,
  persistent,
  persistently,
} from '../../../src/distributed/engines/persistence.js';
import { Cancellation } from '../../../src/kernel/cancellation.js';
import { rejection } from '../../support.js';

afterEach(() => vi.useRealTimers());

const never = () => new Promise<never>(() => undefined);
const away = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

function on(timeout: number, judgement: Judgement = 'passes'): Persistence {
  return { name: 'db', timeout, judge: () => judgement };
}

it('retries a call that fails for a transient reason until its time is up', async () => {
  let calls = 0;
  const work = async () => {
    if (++calls < 3) throw away;
    return calls;
  };
  expect(await persistently(on(1_000), work)).toBe(3);
  const error = await rejection(persistently(on(30), () => Promise.reject(away)));
  expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('30 ms'), cause: away });
});

it('does not retry a refused call', async () => {
  let calls = 0;
  const refused = new Error('no space left on device');
  const work = () => {
    calls++;
    return Promise.reject(refused);
  };
  const error = await rejection(persistently(on(1_000, 'refused'), work));
  expect(error).toMatchObject({ code: 'ERR_ENGINE', cause: refused, isFinal: false });
  expect(await rejection(persistently(on(1_000, 'final'), work))).toMatchObject({ isFinal: true });
  expect(calls).toBe(2);
});

it('passes an EngineError on unchanged', async () => {
  const closed = new EngineError('db', 'was closed');
  expect(await rejection(persistently(on(1_000), () => Promise.reject(closed)))).toBe(closed);
});

it('asks again if there is no answer, ends the time of the attempt, and takes the first answer', async () => {
  const attempts: Attempt[] = [];
  const over: number[] = [];
  let answerFirst: (value: string) => void = () => undefined;
  const work = (attempt: Attempt) => {
    attempts.push(attempt);
    attempt.onOver(() => over.push(attempt.number));
    attempt.onOver(() => over.push(-1))();
    if (attempts.length === 2) setImmediate(() => answerFirst('first'));
    return attempts.length === 1 ? new Promise<string>((resolve) => (answerFirst = resolve)) : never();
  };
  expect(await persistently(on(8_000), work)).toBe('first');
  expect(attempts.map(({ number }) => number)).toEqual([1, 2]);
  expect(over).toEqual([1]);
});

it('ends in time if there is never an answer', async () => {
  const limits: number[] = [];
  const error = await rejection(
    persistently(on(1_500), (attempt) => {
      limits.push(attempt.milliseconds);
      return never();
    }),
  );
  expect(error).toMatchObject({ code: 'ERR_ENGINE', message: 'db did not answer within 1500 ms' });
  expect(limits[0]).toBe(1_000);
  expect(limits).toHaveLength(2);
});

it('repeats a silent attempt even if the call has no time limit', async () => {
  vi.useFakeTimers();
  let calls = 0;
  const answer = persistently(on(Infinity), () => (++calls < 3 ? never() : Promise.resolve('third')));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await answer).toBe('third');
  expect(vi.getTimerCount()).toBe(0);
});

it('asks again within two minutes, however long the engine was silent', async () => {
  vi.useFakeTimers();
  let calls = 0;
  let isBack = false;
  const answer = persistently(on(Infinity), () => (++calls > 0 && isBack ? Promise.resolve('back') : never()));
  const hour = 3_600_000;
  await vi.advanceTimersByTimeAsync(10 * hour);
  const before = calls;
  await vi.advanceTimersByTimeAsync(hour);
  expect(calls - before).toBe(30);
  isBack = true;
  await vi.advanceTimersByTimeAsync(120_000);
  expect(await answer).toBe('back');
  expect(vi.getTimerCount()).toBe(0);
});

it('ends at once when `until` aborts, whatever it waits for, and starts no attempt afterwards', async () => {
  vi.useFakeTimers();
  const until = new Cancellation([], true);
  const closed = new EngineError('db', 'was closed');
  const persistence = { ...on(Infinity), until };
  let calls = 0;
  const fails = () => (++calls === 2 ? never() : Promise.reject(away));
  const told = Promise.all(
    [never, fails, () => Promise.reject(away)].map((work) => rejection(persistently(persistence, work))),
  );
  // The first call is retried, the second waits for an answer, the third keeps failing.
  await vi.advanceTimersByTimeAsync(20_000);
  until.abort(closed);
  expect(await told).toEqual([closed, closed, closed]);
  expect(vi.getTimerCount()).toBe(0);
  const before = calls;
  expect(await rejection(persistently(persistence, () => Promise.resolve(++calls)))).toBe(closed);
  expect(calls).toBe(before);
});

it('retries each operation of a store as a whole', async () => {
  const calls: string[] = [];
  class Store {
    readonly name = 'store';
    #fails = 2;
    async outer() {
      calls.push('outer');
      return await this.inner();
    }
    async inner() {
      calls.push('inner');
      if (this.#fails-- > 0) throw away;
      return 'done';
    }
  }
  const store = persistent(new Store(), on(5_000));
  expect(await store.outer()).toBe('done');
  expect(calls).toEqual(['outer', 'inner', 'outer', 'inner', 'outer', 'inner']);
  expect(store.name).toBe('store');
  expect(String(store)).toBe('[object Object]');
  expect(store.outer).toBe(store.outer);
});

it('reads answers that arrived while the event loop was blocked, and does not ask again', async () => {
  let calls = 0;
  const work = () => {
    calls++;
    return new Promise<string>((resolve) => {
      setTimeout(() => {
        stat('.', () => resolve('read'));
        const until = performance.now() + 1_500;
        while (performance.now() < until);
      }, 1);
    });
  };
  expect(await persistently(on(8_000), work)).toBe('read');
  expect(calls).toBe(1);
});

import { EngineError } from 'orchestrator/distributed';
import { expect, it } from 'vitest';
import { Batcher } from '../../../src/distributed/engines/batcher.js';
import { rejection } from '../../support.js';

it('a batch has at most a hundred calls and some megabytes; a larger call is sent alone', async () => {
  const sent: number[][] = [];
  const send = async (calls: readonly number[]) => {
    sent.push([...calls]);
    return calls;
  };
  const megabytes = new Batcher(send, 1, (size: number) => size * 2 ** 20);
  await Promise.all([1, 20, 5, 5, 5, 5].map((size) => megabytes.add(size)));
  expect(sent).toEqual([[1], [20], [5, 5, 5], [5]]);
  sent.length = 0;
  const uncounted = new Batcher(send, 1);
  await Promise.all(Array.from({ length: 101 }, (_, n) => uncounted.add(n)));
  expect(sent.map(({ length }) => length)).toEqual([100, 1]);
});

/** Creates a batcher of numbers that records its batches and how many are in flight at most. */
function noting(width: number, refuse: (calls: readonly number[]) => unknown) {
  const noted = { sent: [] as number[][], most: 0 };
  let underWay = 0;
  const send = async (calls: readonly number[]) => {
    noted.sent.push([...calls]);
    noted.most = Math.max(noted.most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    const error = refuse(calls);
    if (error !== undefined) throw error;
    return calls;
  };
  return { noted, batcher: new Batcher(send, width) };
}

it('a call refused for its content rejects no other call, and the number of batches in flight stays bounded', async () => {
  const bad = new EngineError('sql', 'has refused 13', { isFinal: true });
  const { noted, batcher } = noting(2, (calls) => (calls.includes(13) ? bad : undefined));
  const settled = await Promise.allSettled(Array.from({ length: 300 }, (_, n) => batcher.add(n)));
  expect(settled.flatMap((one, n) => (one.status === 'rejected' ? [[n, one.reason]] : []))).toEqual([[13, bad]]);
  expect(settled.every((one, n) => n === 13 || (one.status === 'fulfilled' && one.value === n))).toBe(true);
  expect(noted.most).toBe(2);
  expect(noted.sent.length).toBeLessThan(3 + 2 * Math.ceil(Math.log2(100)) + 1);
});

it('calls are not sent again one by one if the engine was away', async () => {
  const away = new EngineError('sql', 'is away');
  const { noted, batcher } = noting(2, () => away);
  const settled = await Promise.allSettled(Array.from({ length: 250 }, (_, n) => batcher.add(n)));
  expect(settled.every((one) => one.status === 'rejected' && one.reason === away)).toBe(true);
  expect(noted.sent.map(({ length }) => length)).toEqual([100, 100, 50]);
  expect(noted.most).toBe(2);
});

it('a call that waits longer than its limit rejects with the last failure of a batch, and is not sent', async () => {
  const sent: number[][] = [];
  let fail = () => {};
  const send = (calls: readonly number[]) => {
    sent.push([...calls]);
    return new Promise<never>((_resolve, reject) => {
      fail = () => reject(new Error('the server is away'));
    });
  };
  const limit = { milliseconds: 2_000, late: () => new Error('late') };
  const batcher = new Batcher<number, number>(send, 1, undefined, limit);
  const outcomes = Promise.all(Array.from({ length: 350 }, (_, n) => rejection(batcher.add(n))));
  const late = await outcomes;
  expect(late.map(String)).toEqual(Array.from({ length: 350 }, () => 'Error: late'));
  fail();
  await new Promise((resolve) => setImmediate(resolve));
  const more = rejection(batcher.add(1_000));
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.map(({ length }) => length)).toEqual([100, 1]);
  expect(String(await more)).toBe('Error: the server is away');
});

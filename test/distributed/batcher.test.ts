import { expect, it } from 'vitest';
import { Batcher } from '../../src/distributed/batcher.js';

it('calls go together up to a hundred, and up to some megabytes; one that is larger goes alone', async () => {
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

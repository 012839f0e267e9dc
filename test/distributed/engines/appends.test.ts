import { EngineError } from 'orchestrator/distributed';
import { describe, expect, it } from 'vitest';
import { type Appended, Appends, type Outcome } from '../../../src/distributed/engines/appends.js';
import { settled as turn } from '../../support.js';

type Send = (runId: string, entries: readonly Appended[]) => Promise<readonly Outcome[]>;

/** Creates `Appends` that records the numbers of the entries of each batch. */
function noting(send: Send) {
  const trips: number[][] = [];
  const appends = new Appends((runId, entries) => {
    trips.push(entries.map(({ seq }) => seq));
    return send(runId, entries);
  });
  const add = (seq: number, { text = `${seq}`, token = 't' }: Partial<Appended> = {}) =>
    appends.add('r', { seq, text, token });
  return { trips, add };
}

const allAdded: Send = async (_runId, entries) => entries.map(() => undefined);
const reasons = (settled: readonly PromiseSettledResult<void>[]) =>
  settled.map((result) => (result.status === 'fulfilled' ? 'added' : result.reason.message));

describe('entries of one run', () => {
  it('are sent one batch after another, and gather while a batch is in flight', async () => {
    const { trips, add } = noting(allAdded);
    await Promise.all([1, 2, 3, 4].map((seq) => add(seq)));
    await add(5);
    expect(trips).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('share a batch only with consecutive numbers, one holder and at most some megabytes', async () => {
    const { trips, add } = noting(allAdded);
    const large = { text: 'x'.repeat(3 * 2 ** 20) };
    await Promise.all([add(1), add(2), add(4), add(5, { token: 'u' }), add(6, large), add(7, large), add(8)]);
    expect(trips).toEqual([[1], [2], [4], [5], [6], [7, 8]]);
    await turn();
    await Promise.all(Array.from({ length: 402 }, (_, n) => add(n + 9)));
    expect(trips.slice(6).map(({ length }) => length)).toEqual([1, 200, 200, 1]);
  });

  it('are refused one by one', async () => {
    const { add } = noting(async (_runId, entries) =>
      entries.map(({ seq }) => (seq === 3 ? new Error('three') : undefined)),
    );
    expect(reasons(await Promise.allSettled([add(1), add(2), add(3), add(4)]))).toEqual([
      'added',
      'added',
      'three',
      'added',
    ]);
  });

  it('are rejected together with a refused entry only if they follow it', async () => {
    const { trips, add } = noting(async (_runId, entries) => {
      if (entries.some(({ seq }) => seq === 4)) throw new EngineError('sql', 'has refused four', { isFinal: true });
      return entries.map(({ seq }) => (seq === 2 ? new Error('two') : undefined));
    });
    const settled = await Promise.allSettled([add(1), add(2), add(3), add(4), add(5)]);
    expect(reasons(settled)).toEqual(['added', 'two', 'added', 'sql has refused four', 'sql has refused four']);
    expect(trips).toEqual([[1], [2, 3, 4, 5], [2, 3], [4, 5], [4]]);
    expect(reasons(await Promise.allSettled([add(4)]))).toEqual(['sql has refused four']);
  });

  it('are not sent again one by one if the engine was away', async () => {
    const { trips, add } = noting(async (_runId, entries) => {
      if (entries.some(({ seq }) => seq > 1)) throw new EngineError('sql', 'is away');
      return entries.map(() => undefined);
    });
    const settled = await Promise.allSettled([add(1), add(2), add(3)]);
    expect(reasons(settled)).toEqual(['added', 'sql is away', 'sql is away']);
    expect(trips).toEqual([[1], [2, 3]]);
  });
});

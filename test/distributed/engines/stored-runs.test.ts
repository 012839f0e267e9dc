import { expect, it } from 'vitest';
import { newRun } from '../../../src/distributed/engines/memory/stored-run.js';
import { StoredRuns } from '../../../src/distributed/engines/memory/stored-runs.js';
import { compareRuns } from '../../../src/distributed/engines/run-order.js';
import type { RunCursor, RunRecord } from '../../../src/distributed/run-info.js';
import fc from '../../properties.js';

const ids = fc.constantFrom('a', 'b', 'ä', 'A', '😀', '\uffff', 'aa', 'b2');
const times = fc.integer({ min: 1, max: 5 });
const places = fc.record({ createdAt: times, runId: ids });

/** A run is stored, or it is removed if it has no time of creation. */
const steps = fc.array(fc.record({ runId: ids, createdAt: fc.option(times, { nil: undefined }) }), { maxLength: 40 });

const queries = fc.record({
  after: fc.integer({ min: 0, max: 6 }),
  before: fc.integer({ min: 0, max: 6 }),
  order: fc.constantFrom('newest' as const, 'oldest' as const),
  cursor: fc.option(places, { nil: undefined }),
});

function recordOf(runId: string): RunRecord {
  return { runId, workflow: 'w', version: '1', status: 'running' } as RunRecord;
}

it('the runs in memory are listed in order, whatever was stored and removed, and however the clock was set', () => {
  fc.assert(
    fc.property(steps, queries, (steps, { after, before, order, cursor }) => {
      const runs = new StoredRuns();
      for (const { runId, createdAt } of steps) {
        if (createdAt === undefined) runs.delete(runId);
        else
          runs.set(runId, newRun({ record: recordOf(runId), delay: 0, timeout: undefined, snapshot: '' }, createdAt));
      }
      const direction = order === 'newest' ? -1 : 1;
      const compare = (one: RunCursor, other: RunCursor) => direction * compareRuns(one, other);
      const expected = [...runs.values()]
        .map(({ record }) => record)
        .filter(({ createdAt }) => createdAt >= after && createdAt < before)
        .sort(compare)
        .filter((record) => cursor === undefined || compare(record, cursor) > 0);
      expect([...runs.listed({ after, before, order, cursor })]).toEqual(expected);
    }),
    { numRuns: 1_000 },
  );
});

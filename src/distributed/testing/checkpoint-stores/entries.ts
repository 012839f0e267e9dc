import assert from 'node:assert/strict';
import { newId } from '../suite.js';
import { refused } from './refusals.js';
import type { CheckpointStoreSuite } from './suite.js';

export function testEntries(suite: CheckpointStoreSuite): void {
  suite.it('are kept after a snapshot, in order, for all readers', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    assert.deepEqual(await other.load(runId), { snapshot: 'one', seq: 0, entries: [] });
    await store.append(runId, 1, 'a');
    await other.append(runId, 2, 'b');
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b'] });
    assert.deepEqual(await other.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b'] });
  });

  suite.it('are refused for a run that has no snapshot, and leave no trace', async () => {
    const { store } = suite;
    const runId = newId();
    for (const seq of [0, 1, 7]) await refused(store.append(runId, seq, 'entry'), runId);
    assert.equal(await store.load(runId), undefined);
    await store.save(runId, 'one', 0);
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: [] });
    await store.delete(runId);
    await refused(store.append(runId, 1, 'entry'), runId);
  });

  suite.it('count once when they are sent twice: at once, later, or by another program', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    await store.append(runId, 1, 'a');
    await store.append(runId, 1, 'a');
    await other.append(runId, 1, 'a');
    await Promise.all([store.append(runId, 2, 'b'), store.append(runId, 2, 'b'), other.append(runId, 2, 'b')]);
    await store.append(runId, 3, 'c');
    await store.append(runId, 1, 'a');
    await other.append(runId, 2, 'b');
    assert.deepEqual(await other.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b', 'c'] });
    await store.append(runId, 4, 'c');
    assert.deepEqual((await other.load(runId))?.entries, ['a', 'b', 'c', 'c']);
  });

  suite.it('are refused under a number that has another text', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    await store.append(runId, 1, 'a');
    await store.append(runId, 2, 'b');
    for (const by of [store, other]) {
      await refused(by.append(runId, 1, 'other'), runId);
      await refused(by.append(runId, 2, 'a'), runId);
      await refused(by.append(runId, 2, ''), runId);
    }
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b'] });
    await store.append(runId, 3, 'c');
  });

  suite.it('are refused if they leave a gap', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'five', 5);
    await refused(store.append(runId, 7, 'g'), runId);
    await store.append(runId, 6, 'f');
    for (const by of [store, other]) await refused(by.append(runId, 8, 'h'), runId);
    assert.deepEqual(await store.load(runId), { snapshot: 'five', seq: 5, entries: ['f'] });
  });

  suite.it('are refused under a number that is in the snapshot', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    for (const [index, text] of ['a', 'b', 'c'].entries()) await store.append(runId, index + 1, text);
    await store.save(runId, 'two', 2);
    for (const by of [store, other]) {
      for (const [seq, text] of [
        [0, 'one'],
        [1, 'a'],
        [2, 'b'],
        [2, 'other'],
      ] as const)
        await refused(by.append(runId, seq, text), runId);
    }
    assert.deepEqual(await store.load(runId), { snapshot: 'two', seq: 2, entries: ['c'] });
  });

  suite.it('are refused with an invalid number', async () => {
    const { store } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    for (const seq of [-1, 0.5, Number.NaN, Infinity, '1', undefined, null]) {
      await assert.rejects(store.append(runId, seq as number, 'entry'));
      await assert.rejects(store.save(runId, 'snapshot', seq as number));
    }
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: [] });
  });
}

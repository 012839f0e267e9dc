import assert from 'node:assert/strict';
import { newId } from '../suite.js';
import { refused } from './refusals.js';
import type { CheckpointStoreSuite } from './suite.js';

export function testSnapshots(suite: CheckpointStoreSuite): void {
  suite.it('create a run, with any number', async () => {
    const { store, other } = suite;
    const runId = newId();
    assert.equal(await store.load(runId), undefined);
    await store.save(runId, 'forty', 40);
    assert.deepEqual(await other.load(runId), { snapshot: 'forty', seq: 40, entries: [] });
    await other.append(runId, 41, 'next');
    assert.deepEqual(await store.load(runId), { snapshot: 'forty', seq: 40, entries: ['next'] });
  });

  suite.it('replace the entries up to their number, and leave later ones', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'none', 0);
    const texts = ['a', 'b', 'c', 'd', 'e'];
    for (const [index, text] of texts.entries()) await store.append(runId, index + 1, text);
    for (const [seq, by] of [
      [2, store],
      [3, other],
      [5, store],
    ] as const) {
      await by.save(runId, `of ${seq}`, seq);
      assert.deepEqual(await store.load(runId), { snapshot: `of ${seq}`, seq, entries: texts.slice(seq) });
      assert.deepEqual(await other.load(runId), { snapshot: `of ${seq}`, seq, entries: texts.slice(seq) });
    }
    await other.append(runId, 6, 'f');
    assert.deepEqual(await store.load(runId), { snapshot: 'of 5', seq: 5, entries: ['f'] });
  });

  suite.it('of the same number replace each other', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 3);
    await store.append(runId, 4, 'd');
    await store.save(runId, 'two', 3);
    await other.save(runId, 'three', 3);
    assert.deepEqual(await store.load(runId), { snapshot: 'three', seq: 3, entries: ['d'] });
  });

  suite.it('are refused if older than the last one, or beyond the entries', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'three', 3);
    await store.append(runId, 4, 'd');
    await store.append(runId, 5, 'e');
    await store.save(runId, 'four', 4);
    for (const by of [store, other]) {
      for (const seq of [0, 3, 6, 100]) await refused(by.save(runId, 'refused', seq), runId);
    }
    assert.deepEqual(await store.load(runId), { snapshot: 'four', seq: 4, entries: ['e'] });
  });

  suite.it('are listed and deleted one by one', async () => {
    const { store, other } = suite;
    const ids = [newId(), newId(), newId()] as const;
    for (const runId of ids) {
      await store.save(runId, `of ${runId}`, 0);
      await store.append(runId, 1, 'entry');
    }
    const mine = async () => (await other.list()).filter((runId) => ids.includes(runId)).sort();
    assert.deepEqual(await mine(), [...ids].sort());
    await store.delete(ids[1]);
    await store.delete(ids[1]);
    await other.delete(newId());
    assert.deepEqual(await mine(), [ids[0], ids[2]].sort());
    assert.equal(await other.load(ids[1]), undefined);
    assert.deepEqual(await other.load(ids[0]), { snapshot: `of ${ids[0]}`, seq: 0, entries: ['entry'] });
    await other.save(ids[1], 'again', 9);
    assert.deepEqual(await store.load(ids[1]), { snapshot: 'again', seq: 9, entries: [] });
  });

  suite.it('are returned as copies', async () => {
    const { store } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    await store.append(runId, 1, 'a');
    ((await store.load(runId)) as unknown as { entries: string[] }).entries.push('mine');
    (await store.list()).push('mine');
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: ['a'] });
    assert.equal((await store.list()).includes('mine'), false);
  });
}

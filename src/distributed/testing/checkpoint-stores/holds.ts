import assert from 'node:assert/strict';
import { type CheckpointStore, LockedError } from '../../../flow/index.js';
import { newId, until } from '../suite.js';
import { locked } from './refusals.js';
import type { CheckpointStoreSuite } from './suite.js';

export function testHolds(suite: CheckpointStoreSuite): void {
  suite.it('has one holder, and is refused to others with the holder and the time', async () => {
    const { store, other } = suite;
    const runId = newId();
    const claim = await store.claim(runId, 'somebody on a machine');
    for (const by of [store, other]) {
      const error = await locked(by.claim(runId), runId);
      assert.match(String(error.holder), /somebody on a machine/);
      assert.ok(Number.isFinite(error.since), 'the time is known');
      assert.match(error.message, /somebody on a machine/);
    }
    await claim.release();
    const unnamed = await other.claim(runId);
    assert.match(String((await locked(store.claim(runId), runId)).holder), new RegExp(`${process.pid}`));
    await unnamed.release();
  });

  suite.it('is of one run, and does not create the run', async () => {
    const { store, other } = suite;
    const ids = [newId(), newId()] as const;
    const claims = [await store.claim(ids[0]), await other.claim(ids[1])];
    assert.equal(await other.load(ids[0]), undefined);
    assert.deepEqual(
      (await other.list()).filter((runId) => ids.includes(runId)),
      [],
    );
    for (const claim of claims) await claim.release();
  });

  suite.it('is given to one of several concurrent callers', async () => {
    const { store, other } = suite;
    for (let round = 0; round < 5; round++) {
      const runId = newId();
      const asked = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? store : other).claim(runId));
      const settled = await Promise.allSettled(asked);
      const had = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      assert.equal(had.length, 1);
      for (const result of settled) if (result.status === 'rejected') assert.ok(result.reason instanceof LockedError);
      await had[0]?.release();
    }
  });

  suite.it('is free once it is released, however often it is released', async () => {
    const { store, other } = suite;
    const runId = newId();
    const first = await store.claim(runId);
    await first.release();
    const second = await other.claim(runId);
    assert.notEqual(first.token, second.token);
    await first.release();
    await locked(store.claim(runId), runId);
    await Promise.all([second.release(), second.release()]);
    await (await store.claim(runId)).release();
  });

  suite.it('lets only its holder write', async () => {
    const { store, other } = suite;
    const runId = newId();
    const { token, release } = await held(store, runId);
    await store.save(runId, 'one', 0, token);
    await store.append(runId, 1, 'a', token);
    for (const by of [store, other]) {
      for (const wrong of [undefined, `not ${token}`, '']) {
        await locked(by.save(runId, 'other', 1, wrong), runId);
        await locked(by.append(runId, 2, 'other', wrong), runId);
        await locked(by.delete(runId, wrong), runId);
      }
      assert.deepEqual(await by.load(runId), { snapshot: 'one', seq: 0, entries: ['a'] });
      assert.ok((await by.list()).includes(runId));
    }
    await store.append(runId, 2, 'b', token);
    await store.save(runId, 'two', 2, token);
    await release();
    assert.deepEqual(await other.load(runId), { snapshot: 'two', seq: 2, entries: [] });
  });

  suite.it('that was released writes nothing more, whether or not the run has a new holder', async () => {
    const { store, other } = suite;
    const runId = newId();
    const { token, release } = await held(store, runId);
    await store.save(runId, 'one', 0, token);
    await release();
    const late = async () => {
      await locked(store.append(runId, 1, 'late', token), runId);
      await locked(store.save(runId, 'late', 0, token), runId);
      await locked(store.delete(runId, token), runId);
    };
    await late();
    const next = await held(other, runId);
    await late();
    await other.append(runId, 1, 'a', next.token);
    await late();
    await next.release();
    assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: ['a'] });
    await other.append(runId, 2, 'without a hold');
    assert.equal((await store.load(runId))?.entries.length, 2);
  });

  suite.it('stays when its holder deletes the run', async () => {
    const { store, other } = suite;
    const runId = newId();
    const { token, release } = await held(store, runId);
    await store.save(runId, 'one', 0, token);
    await store.append(runId, 1, 'a', token);
    await store.delete(runId, token);
    assert.equal(await other.load(runId), undefined);
    await locked(other.claim(runId), runId);
    await locked(other.save(runId, 'other', 0), runId);
    await store.save(runId, 'two', 0, token);
    await release();
    assert.deepEqual(await other.load(runId), { snapshot: 'two', seq: 0, entries: [] });
    await other.delete(runId);
  });

  suite.it('keeps its promise for an entry that is written during the release', async () => {
    const { store, other } = suite;
    for (let round = 0; round < 10; round++) {
      const runId = newId();
      const { token, release } = await held(store, runId);
      await store.save(runId, 'one', 0, token);
      const appending = store.append(runId, 1, 'a', token);
      const [appended] = await Promise.allSettled([appending, release()]);
      const kept = await other.load(runId);
      // The entry is stored if the call resolved, and not stored if it was refused.
      assert.deepEqual(kept?.entries, appended?.status === 'fulfilled' ? ['a'] : []);
      if (appended?.status === 'rejected') assert.ok(appended.reason instanceof LockedError);
    }
  });
}

export function testLostHolds(suite: CheckpointStoreSuite): void {
  const { claimAndDie, loseHold, takeover = 60_000 } = suite;
  if (claimAndDie !== undefined) {
    suite.it('because its program has died is free for another program', async () => {
      const { store } = suite;
      const runId = newId();
      await claimAndDie(runId);
      const claim = await until(() => store.claim(runId), takeover);
      await store.save(runId, 'one', 0, claim.token);
      await claim.release();
    });
  }
  if (loseHold !== undefined) {
    suite.it('to another holder writes nothing more', async () => {
      const { store, other } = suite;
      const runId = newId();
      const { token, release } = await held(store, runId);
      await store.save(runId, 'one', 0, token);
      await store.append(runId, 1, 'a', token);
      await loseHold(runId);
      const next = await until(() => other.claim(runId), takeover);
      await locked(store.append(runId, 2, 'late', token), runId);
      await locked(store.save(runId, 'late', 1, token), runId);
      await locked(store.delete(runId, token), runId);
      await release();
      await locked(store.claim(runId), runId);
      await other.append(runId, 2, 'b', next.token);
      await next.release();
      assert.deepEqual(await store.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b'] });
    });
  }
  suite.it('reports when the run has no holder any more', async () => {
    const { store } = suite;
    const runId = newId();
    const { token, release } = await held(store, runId);
    await store.save(runId, 'one', 0, token);
    await release();
    const error = await locked(store.append(runId, 1, 'late', token), runId);
    assert.deepEqual([error.holder, error.since], [undefined, undefined]);
  });
}

async function held(store: CheckpointStore, runId: string) {
  const claim = await store.claim(runId);
  return { token: claim.token, release: () => claim.release() };
}

import assert from 'node:assert/strict';
import { until } from '../../../shared/conformance.js';
import { LockedError, SupersededError } from '../../errors.js';
import {
  aHeader,
  created,
  found,
  type JournalStoreSuite,
  json,
  locked,
  opened,
  recordOfDead,
  reopened,
} from './suite.js';

export function testOwners(suite: JournalStoreSuite): void {
  const { openAndDie, loseRun, takeover = 60_000 } = suite;

  suite.it('is the only one, in its own program and in others', async () => {
    const { store, other } = suite;
    const header = aHeader();
    const { id, owner } = await opened(store, header);
    for (const by of [store, other]) {
      assert.match((await locked(opened(by, header), id)).holder, /\S/);
      await locked(reopened(by, id), id);
      await locked(by.delete(id), id);
    }
    assert.match(String((await other.read(id))?.owner), /\S/);
    await owner.append([json('a')]);
    await owner.close();
    assert.equal((await other.read(id))?.owner, undefined);
    assert.deepEqual((await found(other, id)).records, [json('a')]);
  });

  suite.it('is one of several callers at the same time, for a new run and for a run that exists', async () => {
    const { store, other } = suite;
    for (let round = 0; round < 5; round++) {
      const header = aHeader();
      for (const records of [[], [json('a')]]) {
        const asked = Array.from({ length: 10 }, (_, index) => opened(index % 2 === 0 ? store : other, header));
        const settled = await Promise.allSettled(asked);
        const [run, ...more] = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
        assert.ok(run !== undefined && more.length === 0, 'there is one owner');
        for (const result of settled) if (result.status === 'rejected') assert.ok(result.reason instanceof LockedError);
        assert.deepEqual(run.records, records);
        if (records.length === 0) await run.owner.append([json('a')]);
        await run.owner.close();
      }
    }
  });

  suite.it('may give the run up as often as it likes, and records nothing afterwards', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    await Promise.all([owner.close(), owner.close()]);
    const next = await reopened(other, id);
    await owner.close();
    await assert.rejects(owner.append([json('late')]));
    await locked(reopened(store, id), id);
    await next.owner.append([json('a')]);
    await next.owner.close();
    assert.deepEqual((await found(store, id)).records, [json('a')]);
  });

  suite.it('that gives the run up waits for what it has sent', async () => {
    const { store, other } = suite;
    for (let round = 0; round < 10; round++) {
      const { id, owner } = await opened(store, aHeader());
      const texts = Array.from({ length: 20 }, (_, index) => json(index));
      const sending = owner.append(texts).then(
        () => texts,
        () => [],
      );
      await owner.close();
      assert.deepEqual((await found(other, id)).records, await sending);
    }
  });

  suite.it('can give the run up while a caller goes on appending', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    let count = 0;
    const appending = (async () => {
      for (; count < 10_000; count++) await owner.append([json(count)]);
    })();
    await Promise.all([assert.rejects(appending), owner.close()]);
    assert.deepEqual(
      (await found(other, id)).records,
      Array.from({ length: count }, (_, index) => json(index)),
    );
  });

  const { again } = suite;
  if (again !== undefined) {
    suite.it('gives all of its runs up when the store is closed', async () => {
      const { store } = suite;
      const closing = await again();
      const runs = [await opened(closing, aHeader()), await opened(closing, aHeader())];
      const sending = runs.map(({ owner }) => owner.append([json('a')]));
      await closing.close();
      await Promise.all(sending);
      for (const { id, losses } of runs) {
        const next = await reopened(store, id);
        assert.deepEqual([next.records, losses], [[json('a')], []]);
        await next.owner.close();
      }
    });
  }

  if (openAndDie !== undefined) {
    suite.it('that has died leaves the run, with all of its records, to another program', async () => {
      const { store } = suite;
      const { id } = await created(store, [json('a')]);
      await openAndDie(id);
      const run = await until(() => reopened(store, id), takeover);
      assert.deepEqual(run.records, [json('a'), recordOfDead]);
      await run.owner.append([json('b')]);
      await run.owner.close();
      assert.deepEqual((await found(store, id)).records, [json('a'), recordOfDead, json('b')]);
    });
  }

  if (loseRun !== undefined) {
    suite.it('that has lost the run is told so, and records nothing more', async () => {
      const { store, other } = suite;
      const { id, owner, losses } = await opened(store, aHeader());
      await owner.append([json('a')]);
      await loseRun(id);
      const next = await until(() => reopened(other, id), takeover);
      const superseded = (error: unknown) => error instanceof SupersededError && error.runId === id;
      await assert.rejects(owner.append([json('late')]), superseded);
      await assert.rejects(owner.rewrite(aHeader({ id }), [json('late')], 0), superseded);
      await until(() => assert.ok(losses[0] instanceof SupersededError), takeover);
      assert.equal(losses.length, 1);
      await owner.close();
      await locked(reopened(store, id), id);
      await next.owner.append([json('b')]);
      await next.owner.close();
      assert.deepEqual((await found(store, id)).records, [json('a'), json('b')]);
    });

    suite.it('that has lost the run is told so even if it records nothing', async () => {
      const { store, other } = suite;
      const { id, losses, owner } = await opened(store, aHeader());
      await loseRun(id);
      const next = await until(() => reopened(other, id), takeover);
      await until(() => assert.ok(losses[0] instanceof SupersededError), takeover);
      await next.owner.close();
      await owner.close();
    });
  }
}

import assert from 'node:assert/strict';
import { newId } from '../../../shared/conformance.js';
import { aHeader, found, type JournalStoreSuite, json, opened, reopened } from './suite.js';

export function testRecords(suite: JournalStoreSuite): void {
  suite.it('are found in the order in which they were appended, with the header', async () => {
    const { store, other } = suite;
    const header = aHeader({ name: 'order', version: '2', input: json({ amount: 1 }), created: 1_700_000_000_123 });
    const first = await opened(store, header);
    assert.deepEqual([first.header, first.status, first.records, first.signals], [header, 'running', [], []]);
    await first.owner.append([json('a')]);
    await first.owner.append([json('b')]);
    await first.owner.close();
    const second = await reopened(other, header.id);
    assert.deepEqual([second.header, second.status, second.records], [header, 'running', [json('a'), json('b')]]);
    await second.owner.append([json('c')]);
    await second.owner.close();
    assert.deepEqual((await found(store, header.id)).records, [json('a'), json('b'), json('c')]);
  });

  suite.it('are kept, and so is the header, if the run is opened with another header', async () => {
    const { store, other } = suite;
    const header = aHeader({ name: 'first', input: json(1) });
    const first = await opened(store, header);
    await first.owner.append([json('a')]);
    await first.owner.close();
    const second = await opened(other, { ...header, name: 'second', version: '9', input: json(2), created: 5 });
    await second.owner.close();
    assert.deepEqual([second.header, second.records], [header, [json('a')]]);
  });

  suite.it('are of no run if it is unknown and no header is given', async () => {
    const { store } = suite;
    const id = newId();
    const calls = { onSignal: () => {}, onSuperseded: () => {} };
    assert.equal(await store.open({ id, ...calls }), undefined);
    assert.equal(await store.read(id), undefined);
    const run = await opened(store, aHeader({ id }));
    await run.owner.close();
  });

  suite.it('may be appended a thousand at a time', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    const texts = Array.from({ length: 2_000 }, (_, index) => json({ index, text: 'x'.repeat((index * 37) % 300) }));
    await owner.append(texts.slice(0, 1_000));
    await owner.append(texts.slice(1_000));
    assert.deepEqual((await other.read(id))?.records, texts);
    await owner.close();
    assert.deepEqual((await found(other, id)).records, texts);
  });

  suite.it('are visible to every program once the call has resolved', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    for (let index = 0; index < 20; index++) {
      await owner.append([json(index)]);
      assert.equal((await other.read(id))?.records.at(-1), json(index));
    }
    await owner.close();
  });

  suite.it('set the status of the run from then on', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    const status = async () => (await other.read(id))?.status;
    await owner.append([json(1)]);
    assert.equal(await status(), 'running');
    await owner.append([json(2)], 'failed');
    assert.equal(await status(), 'failed');
    await owner.append([json(3)]);
    assert.equal(await status(), 'failed');
    await owner.append([json(4)], 'running');
    assert.equal(await status(), 'running');
    await owner.append([json(5)], 'cancelled');
    await owner.close();
    const again = await reopened(other, id);
    assert.equal(again.status, 'cancelled');
    await again.owner.append([json(6), json(7)], 'completed');
    await again.owner.close();
    assert.deepEqual([(await found(store, id)).status, await status()], ['completed', 'completed']);
  });

  suite.it('may be appended to many runs at once', async () => {
    const { store, other } = suite;
    const runs = await Promise.all(Array.from({ length: 40 }, () => opened(store, aHeader())));
    const texts = Array.from({ length: 25 }, (_, index) => json(index));
    await Promise.all(
      runs.map(async ({ id, owner }) => {
        for (const text of texts) await owner.append([json([id, text])]);
      }),
    );
    await Promise.all(runs.map(({ owner }) => owner.close()));
    for (const { id } of runs) {
      assert.deepEqual(
        (await other.read(id))?.records,
        texts.map((text) => json([id, text])),
      );
    }
  });
}

import assert from 'node:assert/strict';
import { newId } from '../../../shared/conformance.js';
import type { JournalStatus } from '../../journal.js';
import { aHeader, created, type JournalStoreSuite, json, opened, reopened } from './suite.js';

export function testReads(suite: JournalStoreSuite): void {
  suite.it('shows a run with and without an owner', async () => {
    const { store, other } = suite;
    const header = aHeader({ version: '3', input: json({ a: 1 }) });
    const { id, owner } = await opened(store, header);
    await owner.append([json('a')]);
    await owner.append([json('b')], 'failed');
    const number = await other.signal(id, json('s'));
    const expected = {
      header,
      status: 'failed',
      records: [json('a'), json('b')],
      signals: [{ number, text: json('s') }],
    };
    const { owner: by, ...shown } = (await other.read(id)) ?? {};
    assert.deepEqual(shown, expected);
    assert.equal(typeof by, 'string');
    await owner.close();
    assert.deepEqual(await other.read(id), { ...expected, owner: undefined });
  });

  suite.it('lists runs by name and status, those created first at the beginning', async () => {
    const { store, other } = suite;
    const [name, another] = [newId('name'), newId('name')];
    const statuses: readonly JournalStatus[] = ['running', 'completed', 'failed', 'cancelled'];
    const headers = statuses.map((_, index) =>
      aHeader({ name, version: `${index}`, created: 4_000 - index, input: json(1) }),
    );
    for (const [index, header] of headers.entries()) {
      const { owner } = await opened(store, header);
      await owner.append([json('a')], statuses[index]);
      await owner.close();
    }
    const owned = await opened(store, aHeader({ name: another }));
    const listed = await other.list({ name });
    assert.deepEqual(
      listed.map(({ id }) => id),
      headers.map(({ id }) => id).reverse(),
    );
    const [last] = headers;
    assert.deepEqual(listed.at(-1), { id: last?.id, name, version: '0', created: 4_000, status: 'running' });
    for (const [index, status] of statuses.entries()) {
      assert.deepEqual(
        (await other.list({ name, status })).map(({ id }) => id),
        [headers[index]?.id],
      );
    }
    assert.deepEqual(
      (await other.list({ name: another })).map(({ id, status }) => [id, status]),
      [[owned.id, 'running']],
    );
    assert.deepEqual(await other.list({ name: another, status: 'failed' }), []);
    const all = (await other.list({})).map(({ id }) => id);
    for (const { id } of [...headers, owned]) assert.ok(all.includes(id));
    await owned.owner.close();
  });

  suite.it('lists a status that was set long before the last record', async () => {
    const { store, other } = suite;
    const header = aHeader({ name: newId('name') });
    const { owner } = await opened(store, header);
    await owner.append([json('a')], 'failed');
    await owner.append(Array.from({ length: 200 }, (_, index) => json('x'.repeat(index * 10))));
    assert.deepEqual(
      (await other.list({ name: header.name })).map(({ status }) => status),
      ['failed'],
    );
    await owner.close();
  });

  suite.it('deletes a run for good', async () => {
    const { store, other } = suite;
    const { id, name } = await created(store, [json('a')], { name: newId('name') });
    await store.signal(id, json('s'));
    assert.equal(await other.delete(id), true);
    assert.deepEqual(
      [await store.read(id), await other.delete(id), await store.list({ name })],
      [undefined, false, []],
    );
    assert.equal(await store.signal(id, json('s')), undefined);
    await assert.rejects(reopened(store, id));
    const again = await opened(store, aHeader({ id, name: 'again' }));
    assert.deepEqual([again.records, again.signals, again.header.name, again.status], [[], [], 'again', 'running']);
    await again.owner.close();
    assert.equal(await store.delete(id), true);
  });

  suite.it('shows whole records to programs that read while the owner appends', async () => {
    const { store, other } = suite;
    const { id, owner } = await opened(store, aHeader());
    const textOf = (index: number) => json([index, 'x'.repeat(5_000)]);
    let isOver = false;
    const write = async () => {
      for (let index = 0; index < 120; index += 3) await owner.append([0, 1, 2].map((more) => textOf(index + more)));
      isOver = true;
    };
    let before = 0;
    const read = async () => {
      while (!isOver) {
        const records = (await other.read(id))?.records ?? [];
        for (const [index, text] of records.entries()) assert.ok(text === textOf(index), 'it is whole');
        assert.ok(records.length >= before, 'what was there once stays');
        before = records.length;
      }
    };
    await Promise.all([write(), read()]);
    await owner.close();
  });
}

import assert from 'node:assert/strict';
import type { JournalCopy } from '../../journal.js';
import { aHeader, created, found, type JournalStoreSuite, json, opened, reopened } from './suite.js';

export function testRewrites(suite: JournalStoreSuite): void {
  suite.it('replaces header and records, and the run is running again', async () => {
    const { store, other } = suite;
    const header = aHeader({ name: 'first', version: '1', input: json('first') });
    const { id, owner } = await opened(store, header);
    for (let index = 0; index < 10; index++) await owner.append([json(index)]);
    await owner.append([json('end')], 'completed');
    const next = { ...header, name: 'second', version: undefined, input: json('second'), created: header.created + 1 };
    await owner.rewrite(next, [json('a'), json('b')], 0);
    const copy = await other.read(id);
    assert.deepEqual([copy?.status, copy?.records], ['running', [json('a'), json('b')]]);
    await owner.append([json('c')]);
    await owner.close();
    const again = await found(other, id);
    assert.deepEqual([again.header.name, again.header.version, again.header.input], ['second', undefined, next.input]);
    assert.equal(again.header.created, next.created);
    assert.deepEqual([again.status, again.records], ['running', [json('a'), json('b'), json('c')]]);
  });

  suite.it('may leave no records, and may be repeated', async () => {
    const { store, other } = suite;
    const header = aHeader();
    const { id, owner } = await opened(store, header);
    for (let round = 0; round < 5; round++) {
      await owner.append([json(`before ${round}`)]);
      await owner.rewrite(header, round % 2 === 0 ? [] : [json(round)], 0);
      await owner.append([json(`after ${round}`)]);
    }
    await owner.close();
    assert.deepEqual((await found(other, id)).records, [json('after 4')]);
  });

  suite.it('may have ten thousand records', async () => {
    const { store, other } = suite;
    const header = aHeader();
    const { id, owner } = await opened(store, header);
    const records = Array.from({ length: 10_000 }, (_, index) => json({ index, text: 'x'.repeat(100) }));
    await owner.rewrite(header, records, 0);
    await owner.append([json('last')]);
    await owner.close();
    assert.deepEqual((await found(other, id)).records, [...records, json('last')]);
    await other.delete(id);
  });

  suite.it('removes the consumed signals, and keeps the later ones', async () => {
    const { store, other } = suite;
    const header = await created(store, [json('a')]);
    const { id } = header;
    for (const text of ['1', '2', '3']) await other.signal(id, json(text));
    const { owner, signals } = await reopened(store, id);
    assert.deepEqual(
      signals.map(({ text }) => text),
      [json('1'), json('2'), json('3')],
    );
    await owner.rewrite(header, [], signals[1]?.number as number);
    await owner.close();
    assert.deepEqual((await found(other, id)).signals, [signals[2]]);
    const later = await other.signal(id, json('4'));
    assert.ok(Number(later) > Number(signals[2]?.number), 'numbers grow');
    const again = await reopened(store, id);
    await again.owner.rewrite(header, [], later as number);
    await again.owner.close();
    assert.deepEqual((await found(other, id)).signals, []);
    const last = await other.signal(id, json('5'));
    assert.ok(Number(last) > Number(later), 'numbers grow, even if no signal is left');
    assert.deepEqual((await found(store, id)).signals, [{ number: last, text: json('5') }]);
  });

  suite.it('loses no signal that is sent at the same time', async () => {
    const { store, other } = suite;
    const header = aHeader();
    const { id, owner } = await opened(store, header);
    let consumed = 0;
    const sent: number[] = [];
    for (let round = 0; round < 10; round++) {
      const sending = Array.from({ length: 5 }, (_, index) => other.signal(id, json([round, index])));
      await owner.rewrite(header, [json(round)], consumed);
      const numbers = (await Promise.all(sending)) as number[];
      sent.push(...numbers);
      const kept = (await other.read(id))?.signals.map(({ number }) => number);
      assert.deepEqual(
        kept,
        sent.filter((number) => number > consumed).sort((a, b) => a - b),
      );
      consumed = numbers[0] as number;
    }
    await owner.close();
  });

  suite.it('shows readers everything from before or everything from after', async () => {
    const { store, other } = suite;
    const header = aHeader({ input: json(0) });
    const { id, owner } = await opened(store, header);
    let isOver = false;
    const write = async () => {
      for (let round = 1; round <= 30; round++) {
        const records = Array.from({ length: 100 }, (_, index) => json([round, index]));
        await owner.rewrite({ ...header, input: json(round) }, records, 0);
      }
      isOver = true;
    };
    const read = async () => {
      while (!isOver) {
        const { header: shown, records } = (await other.read(id)) as JournalCopy;
        const round = JSON.parse(shown.input as string) as number;
        assert.equal(records.length, round === 0 ? 0 : 100);
        for (const [index, text] of records.entries()) assert.equal(text, json([round, index]));
      }
    };
    await Promise.all([write(), read()]);
    await owner.close();
  });
}

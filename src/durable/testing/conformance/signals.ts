import assert from 'node:assert/strict';
import { newId, until } from '../../../shared/conformance.js';
import { aHeader, created, found, type JournalStoreSuite, json, opened, reopened } from './suite.js';

export function testSignals(suite: JournalStoreSuite): void {
  suite.it('are numbered, and wait for the next owner', async () => {
    const { store, other } = suite;
    const { id } = await created(store, []);
    const numbers = [];
    for (const [index, by] of [store, other, store].entries()) numbers.push(await by.signal(id, json(index)));
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => Number(a) - Number(b)),
    );
    assert.equal(new Set(numbers).size, 3);
    const expected = numbers.map((number, index) => ({ number, text: json(index) }));
    assert.deepEqual((await other.read(id))?.signals, expected);
    assert.deepEqual((await found(other, id)).signals, expected);
    assert.deepEqual((await found(store, id)).signals, expected);
  });

  suite.it('are reported to the owner within a second or so, in order, from any program', async () => {
    const { store, other } = suite;
    const run = await opened(store, aHeader());
    for (const [index, by] of [other, store, other, other].entries()) {
      const began = performance.now();
      const number = await by.signal(run.id, json(index));
      await until(() => assert.ok(run.reported.some((signal) => signal.number === number)), 20_000);
      assert.ok(performance.now() - began < 10_000, 'it does not take long');
    }
    const numbers = [...new Set(run.reported.map(({ number }) => number))];
    assert.deepEqual(
      run.reported.map(({ text }) => text).filter((text, index, all) => all.indexOf(text) === index),
      [0, 1, 2, 3].map(json),
    );
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
    await run.owner.close();
  });

  suite.it('are not lost between opening a run and listening', async () => {
    const { store, other } = suite;
    const { id } = await created(store, []);
    for (let round = 0; round < 5; round++) {
      const sending = Array.from({ length: 5 }, (_, index) => other.signal(id, json([round, index])));
      const run = await reopened(store, id);
      const numbers = await Promise.all(sending);
      const seen = () => new Set([...run.signals, ...run.reported].map(({ number }) => number));
      await until(() => {
        for (const number of numbers) assert.ok(seen().has(number as number));
      }, 20_000);
      await run.owner.close();
    }
  });

  suite.it('keep their order and numbers if many are sent at the same time', async () => {
    const { store, other } = suite;
    const run = await opened(store, aHeader());
    const senders = [store, other];
    const texts = Array.from({ length: 60 }, (_, index) => json(index));
    const numbers = await Promise.all(texts.map((text, index) => senders[index % 2]?.signal(run.id, text)));
    assert.equal(new Set(numbers).size, 60);
    const expected = texts
      .map((text, index) => ({ number: numbers[index] as number, text }))
      .sort((a, b) => a.number - b.number);
    assert.deepEqual((await other.read(run.id))?.signals, expected);
    await until(() => assert.equal(new Set(run.reported.map(({ number }) => number)).size, 60), 20_000);
    const distinct = run.reported.filter(
      ({ number }, index) => run.reported.findIndex((signal) => signal.number === number) === index,
    );
    assert.deepEqual(distinct, expected);
    await run.owner.close();
  });

  suite.it('for an unknown run are refused, and do not create it', async () => {
    const { store } = suite;
    const id = newId();
    assert.equal(await store.signal(id, json(1)), undefined);
    assert.equal(await store.read(id), undefined);
    const run = await opened(store, aHeader({ id }));
    assert.deepEqual(run.signals, []);
    await run.owner.close();
  });

  suite.it('stay with a run that has ended, and are gone with a run that was deleted', async () => {
    const { store, other } = suite;
    const header = aHeader();
    const { id, owner } = await opened(store, header);
    await owner.append([json('end')], 'completed');
    await owner.close();
    const number = await other.signal(id, json('late'));
    assert.deepEqual((await store.read(id))?.signals, [{ number, text: json('late') }]);
    await store.delete(id);
    const again = await opened(other, header);
    assert.deepEqual(again.signals, []);
    await again.owner.close();
  });
}

import assert from 'node:assert/strict';
import { type Checkpoint, CheckpointError } from '../../../flow/index.js';
import { newId } from '../suite.js';
import type { CheckpointStoreSuite } from './suite.js';

export function testConcurrency(suite: CheckpointStoreSuite): void {
  suite.it('keeps a thousand concurrent entries in the order of the calls', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    const texts = Array.from({ length: 1_000 }, (_, index) => entryOf(index + 1, (index * 37) % 300));
    await Promise.all(texts.map((text, index) => store.append(runId, index + 1, text)));
    assert.deepEqual(await other.load(runId), { snapshot: 'one', seq: 0, entries: texts });
  });

  for (const [size, rounds] of [
    [1_000, 30],
    [2_000_000, 6],
  ] as const) {
    suite.it(`loses no entry of ${size} characters to a snapshot that is saved at the same time`, async () => {
      const { store, other } = suite;
      const runId = newId();
      await store.save(runId, 'begin', 0);
      let last = 0;
      for (let round = 0; round < rounds; round++) {
        // Sends the snapshot before the entries, between them, or after them.
        const at = round % 3;
        const snapshot = entryOf(last, size);
        const seqs = [last + 1, last + 2];
        const sent = seqs.map((seq, index) => {
          const saving = at === index ? [store.save(runId, snapshot, last)] : [];
          return Promise.all([...saving, store.append(runId, seq, entryOf(seq, size))]);
        });
        if (at === 2) await Promise.all([...sent, store.save(runId, snapshot, last)]);
        else await Promise.all(sent);
        const kept = (await other.load(runId)) as Checkpoint;
        assert.deepEqual([kept.seq, kept.snapshot === snapshot, kept.entries.length], [last, true, 2]);
        for (const [index, text] of kept.entries.entries()) assert.ok(text === entryOf(last + index + 1, size));
        last += 2;
      }
      await store.delete(runId);
    });
  }

  suite.it('refuses the entries after a refused one, and nothing else', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    await store.append(runId, 1, 'a');
    const sent = [
      store.append(runId, 2, 'b'),
      store.append(runId, 4, 'd'),
      store.append(runId, 5, 'e'),
      store.append(runId, 1, 'other'),
    ];
    const settled = await Promise.allSettled(sent);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected', 'rejected'],
    );
    assert.deepEqual(await other.load(runId), { snapshot: 'one', seq: 0, entries: ['a', 'b'] });
    await store.append(runId, 3, 'c');
    assert.deepEqual((await other.load(runId))?.entries, ['a', 'b', 'c']);
  });

  suite.it('accepts one of two texts with the same number', async () => {
    const { store, other } = suite;
    const runId = newId();
    await store.save(runId, 'one', 0);
    const expected: string[] = [];
    for (let seq = 1; seq <= 20; seq++) {
      const settled = await Promise.allSettled([
        store.append(runId, seq, `first ${seq}`),
        other.append(runId, seq, `second ${seq}`),
      ]);
      const won = settled.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
      assert.equal(won.length, 1, `entry ${seq} was written by one`);
      for (const result of settled)
        if (result.status === 'rejected') assert.ok(result.reason instanceof CheckpointError);
      expected.push(`${won[0] === 0 ? 'first' : 'second'} ${seq}`);
    }
    assert.deepEqual((await store.load(runId))?.entries, expected);
  });

  suite.it('shows whole checkpoints to concurrent readers', async () => {
    const { store, other } = suite;
    const runId = newId();
    const size = 5_000;
    await store.save(runId, entryOf(0, size), 0);
    let isOver = false;
    const write = async () => {
      for (let seq = 0; seq < 60; seq += 3) {
        await Promise.all([1, 2, 3].map((more) => store.append(runId, seq + more, entryOf(seq + more, size))));
        await store.save(runId, entryOf(seq + 3, size), seq + 3);
      }
      isOver = true;
    };
    let before = 0;
    const read = async () => {
      while (!isOver) {
        const kept = (await other.load(runId)) as Checkpoint;
        assert.ok(kept.snapshot === entryOf(kept.seq, size), 'the snapshot is of its number');
        for (const [index, text] of kept.entries.entries()) assert.ok(text === entryOf(kept.seq + index + 1, size));
        const last = kept.seq + kept.entries.length;
        assert.ok(last >= before, 'what was there once stays');
        before = last;
      }
    };
    await Promise.all([write(), read()]);
    assert.deepEqual(await other.load(runId), { snapshot: entryOf(60, size), seq: 60, entries: [] });
  });
}

/** Builds the text of an entry from its number, so that loaded texts can be compared with the texts that were sent. */
function entryOf(seq: number, size: number): string {
  return `${seq}:${'x'.repeat(size)}:${seq}`;
}

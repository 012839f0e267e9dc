import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { testCheckpointStores } from './checkpoint-stores/conformance.js';
import { begun, commit, newId, oddTexts, type Suite } from './suite.js';

export function testCheckpoints(suite: Suite): void {
  suite.describe('checkpointStore.read', () => testRead(suite));
  suite.describe('checkpointStore.compact', () => testCompact(suite));
  suite.describe('checkpointStore for runs in process', () => testInProcess(suite));
}

function testRead(suite: Suite): void {
  suite.it('returns snapshot and entries, or the entries after a given one', async () => {
    const { engine, other } = suite;
    const runId = await journalOf(engine, 3);
    const all = await other.checkpointStore.read(runId);
    assert.deepEqual([all?.seq, all?.snapshot?.seq, all?.entries.map(({ seq }) => seq)], [3, 0, [1, 2, 3]]);
    const some = await other.checkpointStore.read(runId, 2);
    assert.deepEqual([some?.seq, some?.snapshot, some?.entries.map(({ text }) => text)], [3, undefined, ['entry 3']]);
    const none = await other.checkpointStore.read(runId, 3);
    assert.deepEqual([none?.seq, none?.snapshot, none?.entries], [3, undefined, []]);
    const zero = await other.checkpointStore.read(runId, 0);
    assert.deepEqual([zero?.snapshot, zero?.entries.length], [undefined, 3]);
    assert.deepEqual(all?.record, await engine.runInfoStore.getRun(runId));
  });

  suite.it('returns about the requested size, at least one entry, and reports if there is more', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const texts = Array.from({ length: 20 }, (_, n) => `${n + 1} ${'x'.repeat(1_000)}`);
    await commit(engine, runId, 0, ...texts.map((text) => ({ text })));
    const found: string[] = [];
    let pages = 0;
    for (let after: number | undefined; ; pages++) {
      const tail = await other.checkpointStore.read(runId, after, { maxBytes: 3_500 });
      const { seq, snapshot, entries = [], more } = tail ?? {};
      assert.deepEqual([seq, snapshot?.seq], [20, after === undefined ? 0 : undefined]);
      assert.ok(entries.length > 1 && entries.length < 7);
      found.push(...entries.map(({ text }) => text));
      after = entries.at(-1)?.seq;
      if (more === undefined) break;
    }
    assert.deepEqual(found, texts);
    assert.ok(pages > 2);
    const one = await engine.checkpointStore.read(runId, 4, { maxBytes: 1 });
    assert.deepEqual([one?.entries.map(({ seq }) => seq), one?.more], [[5], true]);
    const last = await engine.checkpointStore.read(runId, 19, { maxBytes: 1 });
    assert.deepEqual([last?.entries.map(({ seq }) => seq), last?.more], [[20], undefined]);
  });

  suite.it('returns undefined for an unknown run', async () => {
    assert.equal(await suite.engine.checkpointStore.read(newId()), undefined);
    assert.equal(await suite.engine.checkpointStore.read(newId(), 5), undefined);
  });
}

function testCompact(suite: Suite): void {
  suite.it('replaces the snapshot of a journal, and may drop earlier entries', async () => {
    const { engine, other } = suite;
    const runId = await journalOf(engine, 5);
    await other.checkpointStore.compact(runId, 'after three', 3);
    const tail = await engine.checkpointStore.read(runId);
    assert.deepEqual(tail?.snapshot, { text: 'after three', seq: 3 });
    assert.deepEqual(
      [tail?.seq, tail?.entries.map(({ seq, text }) => [seq, text])],
      [
        5,
        [
          [4, 'entry 4'],
          [5, 'entry 5'],
        ],
      ],
    );
    assert.deepEqual(
      (await engine.checkpointStore.read(runId, 4))?.entries.map(({ seq }) => seq),
      [5],
    );
    assert.deepEqual((await commit(engine, runId, 5, { text: 'six' })).verdicts, [6]);
    assert.deepEqual(
      (await commit(engine, runId, 4)).entries?.map(({ seq }) => seq),
      [5, 6],
    );
  });

  suite.it('has callers that know too little read again', async () => {
    const { engine } = suite;
    const runId = await journalOf(engine, 5);
    await engine.checkpointStore.compact(runId, 'after four', 4);
    const { entries, seq, verdicts } = await commit(engine, runId, 2, { text: 'late', slot: 'late', number: 1 });
    const tail = await engine.checkpointStore.read(runId, 2);
    if (entries === undefined) {
      // The entries were dropped, so nothing was added.
      assert.ok(verdicts.every((verdict) => typeof verdict !== 'number'));
      assert.equal(seq, 5);
      assert.deepEqual(tail?.snapshot, { text: 'after four', seq: 4 });
      assert.deepEqual(
        tail?.entries.map((entry) => entry.seq),
        [5],
      );
    } else
      assert.deepEqual(
        entries.map((entry) => entry.seq),
        [3, 4, 5],
      );
    assert.equal(typeof (await commit(engine, runId, seq, { slot: 'late', number: 2 })).verdicts[0], 'number');
  });

  suite.it('does nothing if there is a later snapshot', async () => {
    const { engine, other } = suite;
    const runId = await journalOf(engine, 5);
    await Promise.all([
      engine.checkpointStore.compact(runId, 'after four', 4),
      other.checkpointStore.compact(runId, 'after two', 2),
    ]);
    await other.checkpointStore.compact(runId, 'after three', 3);
    await other.checkpointStore.compact(runId, 'after four again', 4);
    const tail = await engine.checkpointStore.read(runId);
    assert.deepEqual([tail?.snapshot, tail?.entries.length], [{ text: 'after four', seq: 4 }, 1]);
    await engine.checkpointStore.compact(runId, 'after five', 5);
    const last = await engine.checkpointStore.read(runId);
    assert.deepEqual([last?.snapshot, last?.entries], [{ text: 'after five', seq: 5 }, []]);
    assert.deepEqual((await commit(engine, runId, 5, {})).verdicts, [6]);
  });

  suite.it('does nothing beyond the end of the journal, or for an unknown run', async () => {
    const { engine } = suite;
    const runId = await journalOf(engine, 2);
    await engine.checkpointStore.compact(runId, 'of the future', 3);
    assert.equal((await engine.checkpointStore.read(runId))?.snapshot?.seq, 0);
    const unknown = newId();
    await engine.checkpointStore.compact(unknown, 'of nothing', 1);
    assert.equal(await engine.checkpointStore.read(unknown), undefined);
  });

  suite.it('keeps the slots', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    await commit(engine, runId, 0, { slot: 'a', number: 1 }, { slot: 'b', number: 1 });
    await engine.checkpointStore.compact(runId, 'after two', 2);
    assert.deepEqual((await commit(engine, runId, 2, { slot: 'a', number: 1 })).verdicts, ['duplicate']);
  });

  suite.it('accepts snapshots of several megabytes', async () => {
    const { engine } = suite;
    const runId = await journalOf(engine, 2);
    const text = '{"ü":1}'.repeat(2 ** 19);
    await engine.checkpointStore.compact(runId, text, 2);
    assert.equal((await engine.checkpointStore.read(runId))?.snapshot?.text, text);
  });
}

function testInProcess(suite: Suite): void {
  testCheckpointStores({
    describe: (part, tests) => suite.describe(part, tests),
    it: (sentence, test) => suite.it(sentence, test),
    get store() {
      return suite.engine.checkpointStore;
    },
    get other() {
      return suite.other.checkpointStore;
    },
  });

  suite.it('does not show the runs of the fleet', async () => {
    const { engine, other } = suite;
    const ofFleet = await begun(engine);
    assert.equal((await other.checkpointStore.list()).includes(ofFleet), false);
    assert.equal(await other.checkpointStore.load(ofFleet), undefined);
  });

  suite.it('accepts all characters in ids and texts', async () => {
    const { checkpointStore } = suite.engine;
    const unique = newId('');
    for (const text of oddTexts) {
      const runId = `${text}${unique}`;
      await checkpointStore.save(runId, text, 0);
      await checkpointStore.append(runId, 1, text);
      assert.deepEqual(await suite.other.checkpointStore.load(runId), { snapshot: text, seq: 0, entries: [text] });
      assert.ok((await checkpointStore.list()).includes(runId));
      await checkpointStore.delete(runId);
    }
  });
}

/** Starts a run whose journal has the given number of entries. */
async function journalOf(engine: Engine, length: number): Promise<string> {
  const runId = await begun(engine);
  await commit(engine, runId, 0, ...Array.from({ length }, (_, n) => ({ text: `entry ${n + 1}` })));
  return runId;
}

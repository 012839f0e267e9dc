import assert from 'node:assert/strict';
import { type Checkpoint, CheckpointError, type CheckpointStore, LockedError } from '../../flow/index.js';
import { newId, oddTexts, type TestFramework, until } from './suite.js';

/** Which checkpoint store is tested, and how one comes by it. */
export interface CheckpointStoreOptions {
  /** Stands before the names of the tests. */
  readonly name: string;
  /** Makes a store on empty data. It is called once. */
  readonly create: () => Promise<CheckpointStore>;
  /** Makes a second store on the same data, as another program would have it. Default: the first is used for both. */
  readonly again?: (() => Promise<CheckpointStore>) | undefined;
  /** Claims a run in another program, and resolves once that program has been killed. Default: not tested. */
  readonly claimAndDie?: ((runId: string) => Promise<void>) | undefined;
  /** Makes the present holder of a run lose its hold, as a program does that was suspended for long. Default: not tested. */
  readonly loseHold?: ((runId: string) => Promise<void>) | undefined;
  /** After how many milliseconds a dead holder holds nothing any more. Default: 60,000 */
  readonly takeover?: number | undefined;
}

/** What the tests of checkpoint stores have: where they register, and the stores under test. */
export interface CheckpointStoreSuite extends Pick<CheckpointStoreOptions, 'claimAndDie' | 'loseHold' | 'takeover'> {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The store, once tests run. */
  readonly store: CheckpointStore;
  /** A store on the same data; the same one where there is no other. */
  readonly other: CheckpointStore;
}

/**
 * Registers tests that a checkpoint store has to pass: each method as it is documented, and each pattern of calls that
 * runs make.
 *
 * @param framework - what registers tests: vitest, jest, or `node:test` with `beforeAll: before, afterAll: after`
 *
 * @example
 * checkpointStoreConformanceOf({ name: 'my store', create: async () => new MyStore() }, { describe, it, beforeAll, afterAll });
 */
export function checkpointStoreConformanceOf(options: CheckpointStoreOptions, framework: TestFramework): void {
  const { name, create, again, claimAndDie, loseHold, takeover } = options;
  let store: CheckpointStore | undefined;
  let other: CheckpointStore | undefined;
  const made = (): CheckpointStore => {
    if (store === undefined) throw new Error(`${name} could not be made`);
    return store;
  };
  framework.describe(name, () => {
    framework.beforeAll(async () => {
      store = await create();
      other = await again?.();
    });
    testCheckpointStores({
      describe: (part, tests) => void framework.describe(part, tests),
      it: (sentence, test) => void framework.it(sentence, test),
      get store() {
        return made();
      },
      get other() {
        return other ?? made();
      },
      claimAndDie,
      loseHold,
      takeover,
    });
  });
}

export function testCheckpointStores(suite: CheckpointStoreSuite): void {
  suite.describe('its entries', () => testEntries(suite));
  suite.describe('its snapshots', () => testSnapshots(suite));
  suite.describe('writes at the same time', () => testConcurrency(suite));
  suite.describe('ids and texts', () => testTexts(suite));
  suite.describe('a hold', () => testHolds(suite));
  suite.describe('a hold that is lost', () => testLostHolds(suite));
}

function testEntries(suite: CheckpointStoreSuite): void {
  suite.it('are kept behind a snapshot, in order, for whoever reads them', async () => {
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

  suite.it('hold once when they are sent twice: at once, later, or by somebody else', async () => {
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

  suite.it('are refused under a number that is there with another text', async () => {
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

  suite.it('are refused where they leave a gap', async () => {
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

  suite.it('are refused with a number that is none', async () => {
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

function testSnapshots(suite: CheckpointStoreSuite): void {
  suite.it('make a run, with whatever number', async () => {
    const { store, other } = suite;
    const runId = newId();
    assert.equal(await store.load(runId), undefined);
    await store.save(runId, 'forty', 40);
    assert.deepEqual(await other.load(runId), { snapshot: 'forty', seq: 40, entries: [] });
    await other.append(runId, 41, 'next');
    assert.deepEqual(await store.load(runId), { snapshot: 'forty', seq: 40, entries: ['next'] });
  });

  suite.it('replace the entries up to their number, and leave those behind it', async () => {
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

  suite.it('are refused before the last one, and beyond the entries', async () => {
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

  suite.it('are listed and forgotten, each by itself', async () => {
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

  suite.it('are given as copies', async () => {
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

/** Texts by their number, so that what is loaded can be compared with what was sent. */
function entryOf(seq: number, size: number): string {
  return `${seq}:${'x'.repeat(size)}:${seq}`;
}

function testConcurrency(suite: CheckpointStoreSuite): void {
  suite.it('keeps a thousand entries that are sent at once in the order of the calls', async () => {
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
    suite.it(`loses no entry of ${size} characters to a snapshot that is saved beside it`, async () => {
      const { store, other } = suite;
      const runId = newId();
      await store.save(runId, 'begin', 0);
      let last = 0;
      for (let round = 0; round < rounds; round++) {
        // The snapshot has what is there: sent before the entries, between them, and behind them.
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

  suite.it('refuses what is sent behind an entry that is refused, and nothing else', async () => {
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

  suite.it('lets one of two texts have a number', async () => {
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

  suite.it('shows whole checkpoints to whoever reads meanwhile', async () => {
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

function testTexts(suite: CheckpointStoreSuite): void {
  suite.it('may have whatever characters', async () => {
    const { store, other } = suite;
    const unique = newId('');
    for (const text of ['', ...oddTexts]) {
      const runId = `${text.slice(0, 20)}${unique}`;
      await store.save(runId, text, 0);
      await store.append(runId, 1, text);
      await store.append(runId, 2, 'between');
      await store.append(runId, 3, text);
      assert.deepEqual(await other.load(runId), { snapshot: text, seq: 0, entries: [text, 'between', text] });
      assert.ok((await other.list()).includes(runId));
      await store.delete(runId);
    }
  });

  suite.it('that look alike are kept apart', async () => {
    const { store, other } = suite;
    const unique = newId('');
    const ids = ['a/b', 'a%2Fb', 'a_b', 'a b', 'a+b', 'a%20b', 'A/B', '\u00fc', 'u\u0308'].map((id) => id + unique);
    for (const id of ids) await store.save(id, id, 0);
    for (const id of ids) assert.equal((await other.load(id))?.snapshot, id);
    const listed = await other.list();
    assert.deepEqual(listed.filter((id) => ids.includes(id)).sort(), [...ids].sort());
    for (const id of ids) await store.delete(id);
  });

  suite.it('may be of megabytes', async () => {
    const { store, other } = suite;
    const runId = newId();
    const text = '{"ü":1}'.repeat(2 ** 18);
    await store.save(runId, text, 0);
    await Promise.all([1, 2, 3].map((seq) => store.append(runId, seq, `${seq}${text}`)));
    const kept = (await other.load(runId)) as Checkpoint;
    assert.ok(kept.snapshot === text);
    assert.deepEqual(
      kept.entries.map((entry, index) => entry === `${index + 1}${text}`),
      [true, true, true],
    );
    await store.delete(runId);
  });
}

function testHolds(suite: CheckpointStoreSuite): void {
  suite.it('is had by one, and refused to others with who has it and since when', async () => {
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

  suite.it('is of one run, and makes none', async () => {
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

  suite.it('is had by one of those who ask at the same moment', async () => {
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

  suite.it('is free for the next once it is released, however often that is done', async () => {
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

  suite.it('lets nobody write but its holder', async () => {
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

  suite.it('that is given back writes nothing more, whether somebody has the run since or not', async () => {
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

  suite.it('stays when its holder forgets the run', async () => {
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

  suite.it('holds what is written while it is given back', async () => {
    const { store, other } = suite;
    for (let round = 0; round < 10; round++) {
      const runId = newId();
      const { token, release } = await held(store, runId);
      await store.save(runId, 'one', 0, token);
      const appending = store.append(runId, 1, 'a', token);
      const [appended] = await Promise.allSettled([appending, release()]);
      const kept = await other.load(runId);
      // Written or refused: it is as it was said to be.
      assert.deepEqual(kept?.entries, appended?.status === 'fulfilled' ? ['a'] : []);
      if (appended?.status === 'rejected') assert.ok(appended.reason instanceof LockedError);
    }
  });
}

function testLostHolds(suite: CheckpointStoreSuite): void {
  const { claimAndDie, loseHold, takeover = 60_000 } = suite;
  if (claimAndDie !== undefined) {
    suite.it('because its program has died is free for the next', async () => {
      const { store } = suite;
      const runId = newId();
      await claimAndDie(runId);
      const claim = await until(() => store.claim(runId), takeover);
      await store.save(runId, 'one', 0, claim.token);
      await claim.release();
    });
  }
  if (loseHold !== undefined) {
    suite.it('to somebody else writes nothing more', async () => {
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
  suite.it('says so where nobody has the run any more', async () => {
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

/** A call is refused with an error that says which run it is about. */
async function refused(call: Promise<unknown>, runId: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CheckpointError, `refused with a CheckpointError, not ${String(error)}`);
  assert.equal(error.runId, runId);
}

async function locked(call: Promise<unknown>, runId: string): Promise<LockedError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof LockedError, `refused with a LockedError, not ${String(error)}`);
  assert.equal(error.runId, runId);
  return error;
}

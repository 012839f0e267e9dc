import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { aCommit, always, aRun, begun, commit, newId, type Suite } from './suite.js';

export function testCommit(suite: Suite): void {
  suite.it('numbers entries without gaps, and dates them by its clock', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const one = await commit(engine, runId, 0, { text: 'a' }, { text: 'b' });
    const two = await commit(other, runId, 2, { text: 'c' }, { text: '' });
    assert.deepEqual([one.verdicts, one.seq, two.verdicts, two.seq], [[1, 2], 2, [3, 4], 4]);
    const { entries, record, now } = await read(engine, runId);
    assert.deepEqual(
      entries.map(({ seq, text }) => [seq, text]),
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
        [4, ''],
      ],
    );
    assert.ok(entries.every(({ time }) => time >= record.createdAt && time <= now));
    assert.equal(record.updatedAt, two.now);
  });

  suite.it('returns what others have committed since, without the own entries', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    await commit(engine, runId, 0, { text: 'a' }, { text: 'b' }, { text: 'c' });
    const { entries, verdicts } = await commit(engine, runId, 1, { text: 'd' });
    assert.deepEqual(
      entries?.map(({ seq, text }) => [seq, text]),
      [
        [2, 'b'],
        [3, 'c'],
      ],
    );
    assert.deepEqual(verdicts, [4]);
    assert.deepEqual((await commit(engine, runId, 4, { text: 'e' })).entries, []);
    assert.equal((await commit(engine, runId, 0)).entries?.length, 5);
  });

  suite.it('adds to a slot only entries with a higher number', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const numbers = [3, 3, 2, 4, 2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 2];
    const verdicts: unknown[] = [];
    for (const number of numbers) {
      verdicts.push(...(await commit(engine, runId, 0, { slot: 'a', number, text: String(number) })).verdicts);
    }
    const dup = 'duplicate';
    assert.deepEqual(verdicts, [1, dup, dup, 2, 3, dup, dup]);
    assert.deepEqual((await commit(engine, runId, 3, { slot: 'b', number: 1 }, { slot: 'b', number: 1 })).verdicts, [
      4,
      dup,
    ]);
  });

  suite.it('changes nothing when the same call is repeated', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const asked = [
      { text: 'a', slot: 'a', number: 1 },
      { text: 'b', slot: 'b', number: 1, becomes: { status: 'awaiting' } as const },
    ];
    await commit(engine, runId, 0, ...asked);
    const before = await read(engine, runId);
    const { verdicts, entries } = await commit(other, runId, 0, ...asked);
    assert.deepEqual(verdicts, ['duplicate', 'duplicate']);
    assert.deepEqual(
      entries?.map(({ text }) => text),
      ['a', 'b'],
    );
    const after = await read(engine, runId);
    assert.deepEqual([after.record, after.entries], [before.record, before.entries]);
  });

  suite.it('changes nothing when the first call has ended the run', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const asked = { slot: 'a', number: 1, becomes: { status: 'completed', output: 'done' } as const };
    assert.deepEqual((await commit(engine, runId, 0, asked)).verdicts, [1]);
    const before = await read(engine, runId);
    const { verdicts, status } = await commit(engine, runId, 0, asked);
    assert.equal(typeof verdicts[0], 'string');
    assert.equal(status, 'completed');
    assert.deepEqual((await read(engine, runId)).record, before.record);
  });

  suite.it('refuses what the status does not allow, and leaves the number of the slot free', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const { verdicts, seq } = await commit(engine, runId, 0, { during: ['paused', 'awaiting'], slot: 'a', number: 1 });
    assert.deepEqual([verdicts, seq], [['refused'], 0]);
    assert.deepEqual((await commit(engine, runId, 0, { during: ['running'], slot: 'a', number: 1 })).verdicts, [1]);
    assert.deepEqual((await commit(engine, runId, 1, { during: [] })).verdicts, ['refused']);
  });

  suite.it('judges each commit by the status of the run after the commits before it', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const { verdicts, status } = await commit(
      engine,
      runId,
      0,
      { during: ['running'], becomes: { status: 'paused' } },
      { during: ['running'] },
      { during: ['paused'] },
      { during: ['paused'], becomes: { status: 'failed', error: 'e' } },
      { during: ['paused'] },
    );
    assert.deepEqual([verdicts, status], [[1, 'refused', 2, 3, 'refused'], 'failed']);
  });

  suite.it('adds an entry that goes with the one before it only together with it', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const together = [
      { text: 'a', slot: 'a', number: 1, onlyIfNext: true },
      { text: 'b', slot: 'b', number: 1, withPrevious: true },
      { text: 'c', slot: 'c', number: 1, withPrevious: true },
    ] as const;
    await commit(engine, runId, 0, { text: 'other', slot: 'other', number: 1 });
    const late = await commit(engine, runId, 0, ...together, { text: 'alone' });
    assert.deepEqual([late.verdicts, late.seq], [['refused', 'refused', 'refused', 2], 2]);
    assert.deepEqual((await commit(engine, runId, 2, ...together)).verdicts, [3, 4, 5]);
    // The answer may have been lost, so the call is repeated.
    const dup = 'duplicate';
    assert.deepEqual((await commit(other, runId, 2, ...together)).verdicts, [dup, dup, dup]);
    const after = { text: 'd', slot: 'd', number: 1, withPrevious: true };
    assert.deepEqual((await commit(engine, runId, 5, together[2], after)).verdicts, [dup, 'refused']);
    assert.deepEqual((await commit(engine, runId, 5, after)).verdicts, ['refused']);
    assert.deepEqual((await commit(engine, runId, 5, {}, after, { during: [] }, { withPrevious: true })).verdicts, [
      6,
      7,
      'refused',
      'refused',
    ]);
  });

  suite.it('changes the run by an entry that goes with the next one', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const becomesIfNext = { status: 'failed', error: 'last' } as const;
    await commit(engine, runId, 0, { text: 'other' });
    const late = await commit(engine, runId, 0, {}, { withPrevious: true, becomesIfNext });
    assert.deepEqual([late.verdicts, late.status], [[2, 3], 'running']);
    const beside = await commit(engine, runId, 3, {}, {}, { withPrevious: true, becomesIfNext });
    assert.deepEqual([beside.verdicts, beside.status], [[4, 5, 6], 'running']);
    const last = [{ onlyIfNext: true }, { withPrevious: true }, { withPrevious: true, becomesIfNext }];
    const ended = await commit(engine, runId, 6, ...last);
    assert.deepEqual([ended.verdicts, ended.status], [[7, 8, 9], 'failed']);
  });

  suite.it('sets a scheduled run to running, and leaves other statuses as they are', async () => {
    const { engine } = suite;
    const scheduled = await begun(engine, { status: 'scheduled' });
    assert.equal((await commit(engine, scheduled, 0, {})).status, 'running');
    const paused = await begun(engine);
    await commit(engine, paused, 0, { becomes: { status: 'paused' } });
    assert.equal((await commit(engine, paused, 1, {})).status, 'paused');
  });

  suite.it('sets output, error and the time of the end, and clears them again', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const at = await commit(engine, runId, 0, { becomes: { status: 'failed', error: 'bad' } });
    const failed = await other.runInfoStore.getRun(runId);
    assert.deepEqual(
      [failed?.status, failed?.error, failed?.output, failed?.finishedAt],
      ['failed', 'bad', undefined, at.now],
    );
    await commit(engine, runId, 1, always({ becomes: { status: 'running' } }));
    const again = await other.runInfoStore.getRun(runId);
    assert.deepEqual([again?.status, again?.error, again?.finishedAt], ['running', undefined, undefined]);
    await commit(engine, runId, 2, { becomes: { status: 'completed', output: '' } });
    const done = await other.runInfoStore.getRun(runId);
    assert.deepEqual([done?.status, done?.error, done?.output], ['completed', undefined, '']);
    assert.equal(typeof done?.finishedAt, 'number');
  });

  suite.it('sets error and output even if the status stays the same', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    await commit(engine, runId, 0, { becomes: { status: 'failed', error: 'one' } });
    await commit(engine, runId, 1, always({ becomes: { status: 'failed', error: 'two', output: 'o' } }));
    const { record } = await read(engine, runId);
    assert.deepEqual([record.error, record.output], ['two', 'o']);
  });

  suite.it('answers calls that are made at the same time each for its own run', async () => {
    const { engine } = suite;
    const runIds = await Promise.all(Array.from({ length: 150 }, () => begun(engine)));
    await Promise.all(runIds.map((runId) => commit(engine, runId, 0, { text: 'first', slot: 'a', number: 1 })));
    const text = (index: number) => `${index} ${'é😀'.repeat(index)}`;
    const answers = await Promise.all(
      runIds.map((runId, index) => {
        switch (index % 5) {
          case 0:
            return engine.commit(newId(), 1, [aCommit()]);
          case 1:
            return engine.commit(runId, 1, [aCommit({ slot: 'a', number: 1 })]);
          case 2:
            return engine.commit(runId, 0, [aCommit({ onlyIfNext: true })]);
          case 3:
            return engine.commit(runId, 1, [
              aCommit({ text: text(index) }),
              aCommit(always({ becomes: { status: 'completed', output: text(index) } })),
            ]);
          default:
            return engine.commit(runId, 1, []);
        }
      }),
    );
    for (const [index, answer] of answers.entries()) {
      const kinds = [undefined, ['duplicate'], ['refused'], [2, 3], []];
      assert.deepEqual(answer?.verdicts, kinds[index % 5]);
      if (index % 5 === 0) continue;
      const { record, entries } = await read(engine, runIds[index] as string);
      assert.equal(answer?.status, record.status);
      assert.equal(record.output, index % 5 === 3 ? text(index) : undefined);
      assert.deepEqual(
        entries.slice(0, 2).map((entry) => entry.text),
        index % 5 === 3 ? ['first', text(index)] : ['first'],
      );
    }
  });

  suite.it('returns undefined for an unknown run', async () => {
    assert.equal(await suite.engine.commit(newId(), 0, [aCommit()]), undefined);
  });

  suite.it('accepts two hundred commits in one call', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const many = Array.from({ length: 200 }, (_, n) => ({
      text: `entry ${n}`,
      slot: `s${n % 100}`,
      number: n + 1,
    }));
    const { verdicts } = await commit(engine, runId, 0, ...many);
    assert.deepEqual(
      verdicts,
      many.map((_, n) => n + 1),
    );
    const { entries } = await read(engine, runId);
    assert.deepEqual(
      entries.map(({ text }) => text),
      many.map(({ text }) => text),
    );
  });

  suite.it('accepts entries of a megabyte', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    const text = 'ä"\\'.repeat(2 ** 18);
    await commit(engine, runId, 0, { text });
    assert.equal((await read(engine, runId)).entries[0]?.text, text);
  });

  suite.it('orders concurrent commits one after another', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        commit([engine, other][n % 2] as Engine, runId, 0, { text: `${n}`, slot: `s${n % 25}`, number: 1 }),
      ),
    );
    const { entries, seq } = await read(engine, runId);
    assert.deepEqual(
      entries.map((entry) => entry.seq),
      Array.from({ length: 25 }, (_, n) => n + 1),
    );
    assert.equal(seq, 25);
    for (const [n, { verdicts, entries: others }] of answers.entries()) {
      const [verdict] = verdicts;
      if (typeof verdict !== 'number') continue;
      assert.equal(entries[verdict - 1]?.text, `${n}`);
      assert.deepEqual(others, entries.slice(0, verdict - 1));
    }
  });

  suite.it('never changes objects that it has returned', async () => {
    const { engine } = suite;
    const run = aRun();
    const { record } = await engine.begin(run);
    const copy = { ...record };
    const tail = await read(engine, record.runId);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await commit(engine, record.runId, 0, { text: 'a' });
    await commit(engine, record.runId, 1, { becomes: { status: 'failed' } });
    assert.deepEqual({ ...record }, copy);
    assert.deepEqual([{ ...tail.record }, tail.entries], [copy, []]);
  });
}

export async function read(engine: Engine, runId: string) {
  const tail = await engine.checkpointStore.read(runId);
  assert.ok(tail !== undefined, 'the run is known');
  return tail;
}

import assert from 'node:assert/strict';
import type { Engine } from '../contracts.js';
import { read, testCommit } from './commits.js';
import { always, aRun, begun, commit, newId, oddTexts, type Suite } from './suite.js';

export function testJournals(suite: Suite): void {
  suite.describe('begin', () => testBegin(suite));
  suite.describe('commit', () => testCommit(suite));
  suite.describe('commits that depend on the last known entry', () => testNext(suite));
}

function testBegin(suite: Suite): void {
  suite.it('stores a run and its first snapshot', async () => {
    const { engine, other } = suite;
    const run = aRun({ workflow: 'w', version: 'v', priority: 7, retention: 5_000, delay: 60_000, timeout: 1_000 });
    const { existed, record, now, seq } = await engine.begin({
      ...run,
      record: { ...run.record, status: 'scheduled' },
    });
    assert.deepEqual({ existed, seq }, { existed: false, seq: 0 });
    assert.deepEqual(
      { ...record },
      {
        ...run.record,
        status: 'scheduled',
        createdAt: record.createdAt,
        updatedAt: record.createdAt,
        startAt: record.createdAt + 60_000,
        deadline: record.createdAt + 61_000,
        finishedAt: undefined,
      },
    );
    assert.ok(Math.abs(now - record.createdAt) < 60_000, 'it is created by the clock of the engine');
    const tail = await other.checkpointStore.read(run.record.runId);
    assert.deepEqual(tail?.snapshot, { text: 'the beginning', seq: 0 });
    assert.deepEqual({ record: tail?.record, entries: tail?.entries, seq: tail?.seq }, { record, entries: [], seq: 0 });
  });

  suite.it('changes nothing for an id that is taken, and returns the existing run', async () => {
    const { engine, other } = suite;
    const run = aRun();
    const { record } = await engine.begin(run);
    await commit(engine, record.runId, 0, { text: 'first' });
    const again = aRun({ runId: record.runId, workflow: 'another', snapshot: 'another', priority: 9 });
    const { existed, record: found, seq } = await other.begin(again);
    assert.deepEqual(
      { existed, seq, workflow: found.workflow, priority: found.priority },
      {
        existed: true,
        seq: 1,
        workflow: 'workflow',
        priority: 0,
      },
    );
    assert.equal((await engine.checkpointStore.read(record.runId))?.snapshot?.text, 'the beginning');
  });

  suite.it('starts a run once, however many callers ask for it at the same time', async () => {
    const { engine, other } = suite;
    const runId = newId();
    const starts = Array.from({ length: 20 }, (_, n) => [engine, other][n % 2] as Engine);
    const answers = await Promise.all(starts.map((one, n) => one.begin(aRun({ runId, snapshot: `of ${n}` }))));
    const first = answers.findIndex(({ existed }) => !existed);
    assert.equal(answers.filter(({ existed }) => !existed).length, 1);
    assert.equal((await engine.checkpointStore.read(runId))?.snapshot?.text, `of ${first}`);
  });

  suite.it('accepts all characters in ids and texts', async () => {
    const { engine, other } = suite;
    const unique = newId('');
    for (const text of oddTexts) {
      const runId = `${text.slice(0, 450)}${unique}`;
      await engine.begin(aRun({ runId, workflow: text, version: text, snapshot: text }));
      const { verdicts } = await commit(engine, runId, 0, { text, slot: text, number: 1 });
      assert.deepEqual(verdicts, [1], text);
      await commit(engine, runId, 1, always({ text, becomes: { status: 'failed', error: text, output: text } }));
      const tail = await other.checkpointStore.read(runId);
      const { workflow, version, error, output } = tail?.record ?? {};
      assert.deepEqual([workflow, version, error, output, tail?.record.runId], [text, text, text, text, runId]);
      assert.equal(tail?.snapshot?.text, text);
      assert.deepEqual(
        tail?.entries.map((entry) => entry.text),
        [text, text],
      );
      assert.deepEqual(await other.runInfoStore.getRun(runId), tail?.record);
    }
  });

  suite.it('keeps runs with similar ids apart', async () => {
    const { engine } = suite;
    const id = newId('Run');
    const ids = [id, id.toLowerCase(), `${id} `, ` ${id}`, `${id}.`, `${id}\n`, `{${id}}`, `${id}é`, `${id}e\u0301`];
    for (const runId of ids) assert.equal((await engine.begin(aRun({ runId, snapshot: runId }))).existed, false, runId);
    for (const runId of ids) assert.equal((await engine.checkpointStore.read(runId))?.snapshot?.text, runId);
  });
}

function testNext(suite: Suite): void {
  suite.it('are refused if they must be next and are not', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    await commit(engine, runId, 0, { text: 'of another' });
    const late = await commit(engine, runId, 0, { text: 'mine', onlyIfNext: true, slot: 'a', number: 1 });
    assert.deepEqual(late.verdicts, ['refused']);
    assert.deepEqual(
      late.entries?.map(({ text }) => text),
      ['of another'],
    );
    assert.deepEqual((await commit(engine, runId, 1, { onlyIfNext: true, slot: 'a', number: 1 })).verdicts, [2]);
    assert.deepEqual((await commit(engine, runId, 2, {}, { onlyIfNext: true })).verdicts, [3, 'refused']);
  });

  suite.it('change the status only if no other entry came in between', async () => {
    const { engine } = suite;
    const becomesIfNext = { status: 'completed', output: 'last' } as const;
    const first = await begun(engine);
    assert.equal((await commit(engine, first, 0, { becomesIfNext })).status, 'completed');
    assert.equal((await engine.runInfoStore.getRun(first))?.output, 'last');
    const second = await begun(engine);
    await commit(engine, second, 0, {});
    const { status, verdicts } = await commit(engine, second, 0, { becomesIfNext });
    assert.deepEqual([status, verdicts], ['running', [2]]);
    const third = await begun(engine);
    const becomes = { status: 'awaiting' } as const;
    assert.equal((await commit(engine, third, 0, { becomes, becomesIfNext })).status, 'completed');
    const fourth = await begun(engine);
    await commit(engine, fourth, 0, {});
    assert.equal((await commit(engine, fourth, 0, { becomes, becomesIfNext })).status, 'awaiting');
    const fifth = await begun(engine);
    assert.equal((await commit(engine, fifth, 0, {}, { becomesIfNext })).status, 'running');
  });

  suite.it('let only one of two final commits be the last', async () => {
    const { engine, other } = suite;
    for (let turn = 0; turn < 50; turn++) {
      const runId = await begun(engine);
      const ask = (one: Engine, text: string) =>
        commit(one, runId, 0, { text, becomesIfNext: { status: 'completed', output: text } });
      const answers = await Promise.all([ask(engine, 'a'), ask(other, 'b')]);
      const [first] = (await read(engine, runId)).entries;
      assert.equal((await engine.runInfoStore.getRun(runId))?.output, first?.text);
      // The second commit is refused, because the first commit has ended the run.
      assert.deepEqual(answers.flatMap(({ verdicts }) => verdicts).sort(), [1, 'refused']);
    }
  });
}

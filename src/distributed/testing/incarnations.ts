import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import type { Engine } from '../contracts.js';
import { read } from './commits.js';
import { withFleet } from './fleet.js';
import { aCommit, always, aRun, commit, newId, type Suite, until } from './suite.js';

/** Tests successive runs that have the same id. */
export function testIncarnations(suite: Suite): void {
  suite.describe('an id that is reused', () => {
    testRecords(suite);
    testRuns(suite);
  });
}

function testRecords(suite: Suite): void {
  suite.it('has a new incarnation, which is part of every record', async () => {
    const { engine, other } = suite;
    const [first, second] = await twice(engine);
    assert.notEqual(first, second.incarnation);
    const { runId } = second;
    assert.deepEqual(
      [
        (await other.runInfoStore.getRun(runId))?.incarnation,
        (await read(other, runId)).record.incarnation,
        (await other.begin(aRun({ runId }))).record.incarnation,
      ],
      Array.from({ length: 3 }, () => second.incarnation),
    );
  });

  suite.it('rejects commits to an earlier run of the id: that run is unknown', async () => {
    const { engine, other } = suite;
    const [before, { runId, incarnation }] = await twice(engine);
    const asked = [aCommit({ text: 'late', becomes: { status: 'completed', output: 'of the run before' } })];
    assert.equal(await other.commit(runId, 0, asked, before), undefined);
    assert.equal(await other.commit(runId, 1_000_000, asked, before), undefined);
    const { record, entries } = await read(engine, runId);
    assert.deepEqual([record.status, entries], ['running', []]);
    assert.deepEqual((await other.commit(runId, 0, asked, incarnation))?.verdicts, [1]);
  });

  suite.it('accepts commits without an incarnation, and runs without one', async () => {
    const { engine } = suite;
    const [, { runId }] = await twice(engine);
    assert.deepEqual((await engine.commit(runId, 0, [aCommit()]))?.verdicts, [1]);
    const old = aRun({ incarnation: undefined });
    await engine.begin(old);
    assert.equal((await read(engine, old.record.runId)).record.incarnation, undefined);
    assert.deepEqual((await engine.commit(old.record.runId, 0, [aCommit()]))?.verdicts, [1]);
    assert.equal(await engine.commit(old.record.runId, 1, [aCommit()], 5), undefined);
  });

  suite.it('has a journal that a compaction for an earlier run leaves alone', async () => {
    const { engine, other } = suite;
    const [before, { runId, incarnation }] = await twice(engine);
    await commit(engine, runId, 0, { text: 'a' }, { text: 'b' });
    await other.checkpointStore.compact(runId, 'of the run before', 2, before);
    assert.equal((await read(engine, runId)).snapshot?.text, 'the beginning');
    await other.checkpointStore.compact(runId, 'of this run', 2, incarnation);
    assert.equal((await read(engine, runId)).snapshot?.text, 'of this run');
  });

  suite.it('is not removed by a call that means an earlier run', async () => {
    const { engine, other } = suite;
    const [before, { runId, incarnation }] = await twice(engine);
    await commit(engine, runId, 0, { text: 'a' });
    await other.runInfoStore.deleteRun(runId, before);
    assert.equal((await engine.runInfoStore.getRun(runId))?.incarnation, incarnation);
    assert.deepEqual(
      (await read(engine, runId)).entries.map(({ text }) => text),
      ['a'],
    );
    await other.runInfoStore.deleteRun(runId, incarnation);
    assert.equal(await engine.runInfoStore.getRun(runId), undefined);
  });

  suite.it('has nothing of an earlier run: no entries, no numbers of slots, no crashes', async () => {
    const { engine } = suite;
    const { record } = await engine.begin(aRun());
    const { runId } = record;
    await commit(engine, runId, 0, { slot: 'a', number: 9 }, { slot: 'b', number: 9 });
    await engine.workItemStateStore.countCrash(runId, '0.1.1', 'one');
    await commit(engine, runId, 2, always({ becomes: { status: 'failed', error: 'bad' } }));
    await engine.runInfoStore.deleteRun(runId);
    const again = await engine.begin(aRun({ runId }));
    assert.deepEqual([again.existed, again.seq, again.record.error], [false, 0, undefined]);
    assert.deepEqual((await commit(engine, runId, 0, { slot: 'a', number: 1 })).verdicts, [1]);
    assert.equal(await engine.workItemStateStore.countCrash(runId, '0.1.1', 'two'), 1);
  });
}

function testRuns(suite: Suite): void {
  suite.it('starts anew while a worker still executes the earlier run, whose result is discarded', async () => {
    const keys: string[] = [];
    const gates = new Map<number, () => void>();
    const open = (cents: number) => gates.get(cents)?.();
    const flow = new Flow<{ cents: number }>(newId('charge')).node('charge', async (_, { context, idempotencyKey }) => {
      const { cents } = context;
      keys.push(idempotencyKey);
      // The node ignores its signal.
      await new Promise<void>((resolve) => gates.set(cents, resolve));
      return { charged: cents };
    });
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = newId('order');
      const first = await orchestrator.start({ cents: 100 }, undefined, { runId });
      await until(() => assert.ok(gates.has(100)));
      await orchestrator.cancel(runId);
      await orchestrator.deleteRun(runId);
      const second = await orchestrator.start({ cents: 999 }, undefined, { runId });
      assert.deepEqual([first.existed, second.existed], [false, false]);
      assert.notEqual(first.incarnation, second.incarnation);
      await until(() => assert.ok(gates.has(999), 'the new run has started'));
      open(100);
      const there = await orchestrator.start({ cents: 1 }, undefined, { runId });
      assert.deepEqual(there, { ...second, existed: true });
      assert.equal(await orchestrator.status(runId), 'running');
      open(999);
      assert.deepEqual((await orchestrator.waitForCompletion(runId)).output, { charged: 999 });
      assert.deepEqual(
        (await orchestrator.metrics(runId)).steps.map(({ nodeId }) => nodeId),
        ['charge'],
      );
    });
    assert.equal(new Set(keys).size, 2, 'the keys of effects differ');
  });

  suite.it('is not ended by the deadline of an earlier run', async () => {
    const flow = new Flow(newId('deadline')).wait('go');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = newId();
      await orchestrator.start({}, undefined, { runId, timeout: 300 });
      await orchestrator.cancel(runId);
      await orchestrator.deleteRun(runId);
      await orchestrator.start({}, undefined, { runId });
      await new Promise((resolve) => setTimeout(resolve, 600));
      await until(async () => assert.equal(await orchestrator.status(runId), 'awaiting'));
      await orchestrator.signal(runId, 'go');
      assert.equal((await orchestrator.waitForCompletion(runId)).status, 'completed');
    });
  });
}

/**
 * Starts a run under the id of an earlier run.
 *
 * @returns the incarnation of the earlier run, and the new run
 */
async function twice(engine: Engine) {
  const { record } = await engine.begin(aRun());
  const { runId, incarnation } = record;
  await commit(engine, runId, 0, always({ becomes: { status: 'cancelled' } }));
  await engine.runInfoStore.deleteRun(runId);
  const second = await engine.begin(aRun({ runId }));
  return [incarnation, second.record] as const;
}

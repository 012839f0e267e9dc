import assert from 'node:assert/strict';
import type { Engine, NewRun } from '../contracts.js';
import { isFinished, type RunCursor, type RunStatus, runStatuses } from '../run-info.js';
import { aState, idsOf } from './runs.js';
import { always, begun, commit, newId, oddTexts, type Suite, timeOf, until } from './suite.js';

/** Tests the maintenance methods: removing runs, listing expired and idle runs, and counting runs. */
export function testUpkeep(suite: Suite): void {
  suite.describe('runInfoStore.deleteRun and listExpired', () => testRemoval(suite));
  suite.describe('runInfoStore.listIdle', () => testIdle(suite));
  suite.describe('runInfoStore.countRuns, as runs change', () => testCounts(suite));
}

function testRemoval(suite: Suite): void {
  suite.it('removes everything that is stored of a run', async () => {
    const { engine, other } = suite;
    const workflow = newId('workflow');
    const runId = await begun(engine, { workflow });
    const neighbour = await begun(engine, { workflow });
    await commit(engine, runId, 0, { slot: 'a', number: 5 });
    await engine.workItemStateStore.setStates([{ runId, item: 'i', state: { ...aState } }]);
    await engine.workItemStateStore.countCrash(runId, 'i', 'c');
    await engine.checkpointStore.compact(runId, 'compacted', 1);
    await other.runInfoStore.deleteRun(runId);
    assert.equal(await engine.runInfoStore.getRun(runId), undefined);
    assert.equal(await engine.checkpointStore.read(runId), undefined);
    assert.equal(await engine.commit(runId, 0, []), undefined);
    assert.deepEqual(await engine.workItemStateStore.getStates(runId), []);
    assert.deepEqual(await idsOf(engine, { workflow }), [neighbour]);
    await engine.runInfoStore.deleteRun(runId);
    await begun(engine, { runId, workflow, snapshot: 'anew' });
    assert.deepEqual((await engine.checkpointStore.read(runId))?.snapshot, { text: 'anew', seq: 0 });
    assert.deepEqual((await commit(engine, runId, 0, { slot: 'a', number: 1 })).verdicts, [1]);
    assert.equal(await engine.workItemStateStore.countCrash(runId, 'i', 'd'), 1);
    assert.equal((await idsOf(engine, { workflow })).length, 2);
  });

  suite.it('lists runs whose retention has passed', async () => {
    const { engine, other } = suite;
    const end = async (given: Partial<NewRun['record']>) => {
      const runId = await begun(engine, given);
      await commit(engine, runId, 0, { becomes: { status: 'completed' } });
      return runId;
    };
    const expired = await end({ retention: 0 });
    const soon = await end({ retention: 300 });
    const never = await end({});
    const late = await end({ retention: 3_600_000 });
    const running = await begun(engine, { retention: 0 });
    const all = await until(async () => {
      const listed = await expiredIn(other);
      assert.ok(listed.includes(expired) && listed.includes(soon));
      return listed;
    });
    for (const runId of [never, late, running]) assert.equal(all.includes(runId), false);
    assert.equal((await other.runInfoStore.listExpired(1)).length, 1);
    await engine.runInfoStore.deleteRun(expired);
    assert.equal((await expiredIn(other)).includes(expired), false);
  });

  suite.it('returns the incarnation of an expired run, so that no later run of the id is removed', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine, { retention: 0, incarnation: 7 });
    await commit(engine, runId, 0, { becomes: { status: 'completed' } });
    const expired = await until(async () => {
      const found = (await other.runInfoStore.listExpired(1_000)).find((one) => one.runId === runId);
      assert.equal(found?.incarnation, 7);
      return found;
    });
    await engine.runInfoStore.deleteRun(runId, 7);
    await begun(engine, { runId, incarnation: 8 });
    await other.runInfoStore.deleteRun(expired.runId, expired.incarnation);
    assert.equal((await engine.runInfoStore.getRun(runId))?.incarnation, 8);
    await engine.runInfoStore.deleteRun(runId);
  });

  suite.it('does not list a run as expired after it was retried', async () => {
    const { engine } = suite;
    const runId = await begun(engine, { retention: 0 });
    const control = await begun(engine, { retention: 0 });
    await commit(engine, runId, 0, { becomes: { status: 'failed' } });
    await commit(engine, runId, 1, always({ becomes: { status: 'running' } }));
    await commit(engine, control, 0, { becomes: { status: 'failed' } });
    const listed = await until(async () => {
      const ids = await expiredIn(engine);
      assert.ok(ids.includes(control));
      return ids;
    });
    assert.equal(listed.includes(runId), false);
  });

  suite.it('has no item states in a finished run, whatever its status', async () => {
    const { engine, other } = suite;
    for (const status of runStatuses.filter(isFinished)) {
      const runId = await begun(engine);
      const { setStates, countCrash } = engine.workItemStateStore;
      await setStates.call(engine.workItemStateStore, [{ runId, item: 'i', state: { ...aState } }]);
      await countCrash.call(engine.workItemStateStore, runId, 'i', 'c');
      await commit(engine, runId, 0, { becomes: { status } });
      assert.deepEqual(await other.workItemStateStore.getStates(runId), [], status);
      // Crashes are kept, because the run may be retried.
      const crashes = await other.workItemStateStore.countCrash(runId, 'i', 'd');
      if (status !== 'completed') assert.equal(crashes, 2, status);
      await engine.runInfoStore.deleteRun(runId);
    }
  });

  suite.it('ignores item states that arrive after a run has ended or was removed', async () => {
    const { engine, other } = suite;
    const { setStates, getStates } = other.workItemStateStore;
    const [completed, deleted, failed] = [await begun(engine), await begun(engine), await begun(engine)];
    await commit(engine, completed, 0, { becomes: { status: 'completed' } });
    await commit(engine, failed, 0, { becomes: { status: 'failed' } });
    await engine.runInfoStore.deleteRun(deleted);
    const all = [completed, deleted, failed];
    await setStates.call(
      other.workItemStateStore,
      all.map((runId) => ({ runId, item: '1.1', state: { ...aState } })),
    );
    const kept = await Promise.all(all.map((runId) => getStates.call(other.workItemStateStore, runId)));
    assert.deepEqual(
      kept.map(({ length }) => length),
      [0, 0, 0],
    );
    // If the states of a removed run were kept, they would show up in a new run with the same id.
    await begun(engine, { runId: deleted });
    assert.deepEqual(await other.workItemStateStore.getStates(deleted), []);
    for (const runId of all) await engine.runInfoStore.deleteRun(runId);
  });
}

async function expiredIn({ runInfoStore }: Engine): Promise<string[]> {
  return (await runInfoStore.listExpired(1_000)).map(({ runId }) => runId);
}

function testIdle(suite: Suite): void {
  suite.it('lists active runs in which nothing has happened for a while', async () => {
    const { engine, other } = suite;
    const idle = await begun(engine);
    const scheduled = await begun(engine, { status: 'scheduled' });
    const delayed = await begun(engine, { status: 'scheduled', delay: 3_600_000 });
    const [over, paused, awaiting] = [await begun(engine), await begun(engine), await begun(engine)];
    await commit(engine, over, 0, { becomes: { status: 'completed' } });
    await commit(engine, paused, 0, { becomes: { status: 'paused' } });
    await commit(engine, awaiting, 0, { becomes: { status: 'awaiting' } });
    const ours = [idle, scheduled, delayed, over, paused, awaiting];
    const listed = async (milliseconds: number) =>
      (await idleRuns(other, milliseconds, 1_000)).filter((runId) => ours.includes(runId)).sort();
    assert.deepEqual(await listed(600_000), []);
    await until(async () => assert.deepEqual(await listed(200), [idle, scheduled, paused, awaiting].sort()));
    const { now } = await commit(engine, idle, 0, {});
    const after = await listed(1_000);
    // On a slow machine, the query itself may have taken a second.
    if ((await timeOf(engine)) < now + 1_000) assert.equal(after.includes(idle), false);
    await until(async () => assert.ok((await listed(200)).includes(idle)));
    for (const runId of ours) await engine.runInfoStore.deleteRun(runId);
    assert.deepEqual(await listed(0), []);
  });

  suite.it('lists idle runs a page at a time, in order of creation, so that all are reached', async () => {
    const { engine, other } = suite;
    const odd = oddTexts.map((text) => `${text.slice(0, 400)}${newId('')}`);
    const plain = Array.from({ length: 130 }, () => newId());
    const ids = [...odd, ...plain];
    for (const runId of ids) await begun(engine, { runId });
    for (const [n, runId] of plain.entries()) {
      const status = (['running', 'awaiting', 'paused', 'failed'] as const)[n % 4] as RunStatus;
      if (n % 5 > 0) await commit(engine, runId, 0, { becomes: { status } });
    }
    const underWay = ids.filter((runId) => {
      const n = plain.indexOf(runId);
      return n === -1 || n % 5 === 0 || n % 4 !== 3;
    });
    await until(async () => {
      for (const limit of [1, 7, 50, 1_000]) {
        const found = (await idleRuns(other, 0, limit)).filter((runId) => ids.includes(runId));
        assert.deepEqual(new Set(found), new Set(underWay));
        assert.equal(found.length, underWay.length);
        const records = await Promise.all(found.map((runId) => other.runInfoStore.getRun(runId)));
        const times = records.map((record) => record?.createdAt as number);
        assert.deepEqual(
          times,
          times.toSorted((one, next) => one - next),
        );
      }
    });
    for (const runId of ids) await engine.runInfoStore.deleteRun(runId);
  });

  suite.it('reaches all idle runs, however many busy ones come before them', async () => {
    const { engine, other } = suite;
    const runIds = await Promise.all(Array.from({ length: 30 }, () => begun(engine)));
    const [lost = ''] = runIds.slice(20);
    await until(async () => assert.ok((await idleRuns(other, 1_500, 10)).includes(lost)), 20_000);
    for (const runId of runIds) if (runId !== lost) await commit(engine, runId, 0, {});
    const found = await idleRuns(other, 1_500, 10);
    assert.ok(found.includes(lost));
    for (const runId of runIds) await engine.runInfoStore.deleteRun(runId);
  });
}

function testCounts(suite: Suite): void {
  suite.it('counts runs correctly while they are started, changed and removed concurrently', async () => {
    const { engine, other } = suite;
    const engines = [engine, other];
    const before = await engine.runInfoStore.countRuns();
    const counted = async () => {
      const counts = await other.runInfoStore.countRuns();
      return Object.fromEntries(runStatuses.map((status) => [status, counts[status] - before[status]]));
    };
    const none = Object.fromEntries(runStatuses.map((status) => [status, 0]));
    const runIds = await Promise.all(Array.from({ length: 40 }, (_, n) => begun(engines[n % 2] as Engine)));
    await Promise.all(runIds.map((runId) => begun(engine, { runId })));
    assert.deepEqual(await counted(), { ...none, running: 40 });
    await Promise.all(
      runIds.map(async (runId, n) => {
        const one = engines[n % 2] as Engine;
        await commit(one, runId, 0, { becomes: { status: 'paused' } }, always({ becomes: { status: 'running' } }));
        const status = (['completed', 'failed', 'awaiting', 'running'] as const)[n % 4] as RunStatus;
        await commit(one, runId, 2, { becomes: { status } });
      }),
    );
    assert.deepEqual(await counted(), { ...none, completed: 10, failed: 10, awaiting: 10, running: 10 });
    await Promise.all(runIds.flatMap((runId) => engines.map((one) => one.runInfoStore.deleteRun(runId))));
    assert.deepEqual(await counted(), none);
  });
}

/** Lists the ids of all idle runs, page by page. */
async function idleRuns(engine: Engine, milliseconds: number, limit: number): Promise<string[]> {
  const found: string[] = [];
  for (let after: RunCursor | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const { runIds, cursor } = await engine.runInfoStore.listIdle(milliseconds, limit, after);
    assert.ok(runIds.length <= limit);
    found.push(...runIds);
    after = cursor;
  }
  return found;
}

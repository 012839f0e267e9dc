import assert from 'node:assert/strict';
import type { StatusChange, WorkerReport, WorkItemStateStore } from '../contracts.js';
import { aState } from './runs.js';
import { begun, commit, newId, oddTexts, type Suite, until } from './suite.js';

export function testStores(suite: Suite): void {
  suite.describe('an engine', () => testEngine(suite));
  suite.describe('livenessStore', () => testLiveness(suite));
  suite.describe('workItemStateStore', () => testItemStates(suite));
  suite.describe('contextStore, metricsStore and errorStore', () => testDerived(suite));
  suite.describe('subscribe', () => testSubscribe(suite));
}

function testEngine(suite: Suite): void {
  suite.it('is the `engine` of all its parts, and has a name without a password', () => {
    const { engine } = suite;
    const { queue, contextStore, runInfoStore, metricsStore, errorStore } = engine;
    const { livenessStore, workItemStateStore, checkpointStore, workflowStore } = engine;
    const parts = [queue, contextStore, runInfoStore, metricsStore, errorStore, livenessStore, workItemStateStore];
    for (const part of [...parts, checkpointStore, workflowStore]) assert.equal(part.engine, engine);
    assert.equal(typeof engine.name, 'string');
    assert.doesNotMatch(engine.name, /@/);
    return Promise.resolve();
  });

  suite.it('can be opened any number of times', async () => {
    const { engine, other } = suite;
    await Promise.all(Array.from({ length: 10 }, () => Promise.all([engine.open(), other.open()])));
  });
}

function testLiveness(suite: Suite): void {
  suite.it('lists workers by their last report, dated by the engine', async () => {
    const { engine, other } = suite;
    const workerId = newId('worker');
    const report = aReport({ workerId, startedAt: 5, workflows: ['a@1', `b@"'{`] });
    await engine.livenessStore.heartbeat({ ...report, active: 1 });
    const now = await engine.livenessStore.heartbeat(report);
    assert.ok(Number.isSafeInteger(now));
    const [found, ...more] = (await other.livenessStore.list()).filter((worker) => worker.workerId === workerId);
    assert.deepEqual(more, []);
    assert.ok(found !== undefined && found.age >= 0 && found.age < 60_000);
    const { age, ...rest } = found;
    assert.deepEqual(rest, { ...report, alive: true }, `${age}`);
  });

  suite.it('considers a worker dead after longer silence than expected, until it reports again', async () => {
    const { engine } = suite;
    const report = aReport({ expectedWithin: 100 });
    await engine.livenessStore.heartbeat(report);
    const isAlive = async () => {
      const workers = await engine.livenessStore.list();
      return workers.find(({ workerId }) => workerId === report.workerId)?.alive;
    };
    await until(async () => assert.equal(await isAlive(), false));
    await engine.livenessStore.heartbeat({ ...report, expectedWithin: 60_000 });
    assert.equal(await isAlive(), true);
  });

  suite.it('forgets a worker that has stopped', async () => {
    const { engine, other } = suite;
    const report = aReport();
    await engine.livenessStore.heartbeat(report);
    await other.livenessStore.remove(report.workerId);
    await other.livenessStore.remove(newId('worker'));
    const workers = await engine.livenessStore.list();
    assert.equal(
      workers.some(({ workerId }) => workerId === report.workerId),
      false,
    );
  });

  suite.it('accepts all characters in ids', async () => {
    const { engine } = suite;
    for (const workerId of oddTexts) await engine.livenessStore.heartbeat(aReport({ workerId, host: workerId }));
    const workers = await engine.livenessStore.list();
    for (const text of oddTexts) {
      assert.equal(workers.filter(({ workerId, host }) => workerId === text && host === text).length, 1, text);
      await engine.livenessStore.remove(text);
    }
    const left = await engine.livenessStore.list();
    assert.equal(
      left.some(({ workerId }) => oddTexts.includes(workerId)),
      false,
    );
  });
}

function testItemStates(suite: Suite): void {
  suite.it('returns the items that are being executed, and none that have ended', async () => {
    const { engine, other } = suite;
    const [one, two] = [await begun(engine), await begun(engine)];
    const state = (nodeId: string) => ({ ...aState, nodeId });
    await engine.workItemStateStore.setStates([
      { runId: one, item: '1.1', state: state('a') },
      { runId: two, item: '1.1', state: state('b') },
      { runId: one, item: '2.1', state: state('c') },
    ]);
    await engine.workItemStateStore.setStates([{ runId: one, item: '1.1', state: state('d') }]);
    const nodesOf = async (runId: string) => {
      const states = await other.workItemStateStore.getStates(runId);
      return states.map(({ nodeId }) => nodeId).sort();
    };
    assert.deepEqual([await nodesOf(one), await nodesOf(two)], [['c', 'd'], ['b']]);
    assert.deepEqual(await other.workItemStateStore.getStates(two), [state('b')]);
    await other.workItemStateStore.clearStates([
      { runId: one, item: '2.1' },
      { runId: two, item: '2.1' },
      { runId: newId(), item: '1.1' },
    ]);
    assert.deepEqual([await nodesOf(one), await nodesOf(two), await nodesOf(newId())], [['d'], ['b'], []]);
    await engine.workItemStateStore.setStates([]);
    await engine.workItemStateStore.clearStates([]);
  });

  suite.it('accepts all characters in items and nodes', async () => {
    const { engine } = suite;
    const runId = await begun(engine);
    await engine.workItemStateStore.setStates(
      oddTexts.map((text) => ({ runId, item: text, state: { ...aState, nodeId: text, workerId: text } })),
    );
    const states = await engine.workItemStateStore.getStates(runId);
    assert.deepEqual(states.map(({ nodeId }) => nodeId).sort(), oddTexts.toSorted());
    for (const text of oddTexts) {
      await engine.workItemStateStore.clearStates([{ runId, item: text }]);
      assert.equal(await engine.workItemStateStore.countCrash(runId, text, `${text}#1`), 1, text);
      assert.equal(await engine.workItemStateStore.countCrash(runId, text, `${text}#1`), 1, text);
    }
    assert.deepEqual(await engine.workItemStateStore.getStates(runId), []);
  });

  suite.it('counts each crash once, for the first item that it is reported for', async () => {
    const { engine, other } = suite;
    const [one, two] = [await begun(engine), await begun(engine)];
    const count = (runId: string, item: string, crash: string) =>
      other.workItemStateStore.countCrash(runId, item, crash);
    assert.equal(await count(one, 'a', 'job#1'), 1);
    assert.equal(await count(one, 'a', 'job#1'), 1);
    assert.equal(await count(one, 'b', 'job#1'), 0);
    assert.equal(await count(one, 'a', 'job#2'), 2);
    assert.equal(await count(one, 'b', 'job#3'), 1);
    assert.equal(await count(two, 'a', 'job#1'), 1);
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => engine.workItemStateStore.countCrash(two, 'c', `job#${n % 5}x`)),
    );
    assert.equal(await count(two, 'c', 'job#0x'), 5);
  });

  suite.it('counts no crash that was taken back, before or after it was counted', async () => {
    const { engine, other } = suite;
    const [one, two] = [await begun(engine), await begun(engine)];
    const { countCrash, takeBackCrash } = bound(engine.workItemStateStore);
    const others = bound(other.workItemStateStore);
    assert.equal(await countCrash(one, 'a', 'job#1'), 1);
    assert.equal(await countCrash(one, 'a', 'job#2'), 2);
    assert.equal(await countCrash(two, 'a', 'job#1'), 1);
    await others.takeBackCrash(one, 'job#1');
    await others.takeBackCrash(one, 'job#1');
    await others.takeBackCrash(one, 'job#3');
    assert.equal(await countCrash(one, 'a', 'job#1'), 1);
    assert.equal(await countCrash(one, 'a', 'job#3'), 1);
    assert.equal(await countCrash(one, 'b', 'job#3'), 0);
    assert.equal(await countCrash(two, 'a', 'job#1'), 1);
    for (const text of oddTexts) {
      await countCrash(one, text, text);
      await takeBackCrash(one, text);
      assert.equal(await others.countCrash(one, text, text), 0, text);
    }
  });

  suite.it('gives the same result whether a crash is counted or taken back first, or both at once', async () => {
    const { engine, other } = suite;
    const runId = await begun(engine);
    const { countCrash } = bound(engine.workItemStateStore);
    const { takeBackCrash } = bound(other.workItemStateStore);
    const crashes = Array.from({ length: 20 }, (_, n) => `job#${n}`);
    await Promise.all(
      crashes.flatMap((crash, n) => {
        const both = [() => countCrash(runId, 'a', crash), () => takeBackCrash(runId, crash)];
        return (n % 2 === 0 ? both : both.toReversed()).map((call) => call());
      }),
    );
    assert.equal(await countCrash(runId, 'a', 'job#0'), 0);
    assert.equal(await countCrash(runId, 'a', 'another'), 1);
  });

  suite.it('takes back no crash of a run that is unknown or completed', async () => {
    const { engine } = suite;
    const { takeBackCrash } = bound(engine.workItemStateStore);
    const runId = newId();
    await takeBackCrash(runId, 'job#1');
    await begun(engine, { runId });
    const { countCrash } = bound(engine.workItemStateStore);
    assert.equal(await countCrash(runId, 'a', 'job#1'), 1);
    await commit(engine, runId, 0, { becomes: { status: 'completed' } });
    await takeBackCrash(runId, 'job#2');
    assert.equal(await countCrash(runId, 'a', 'job#2'), 1);
  });
}

function bound(store: WorkItemStateStore): Pick<WorkItemStateStore, 'countCrash' | 'takeBackCrash'> {
  return { countCrash: store.countCrash.bind(store), takeBackCrash: store.takeBackCrash.bind(store) };
}

function testDerived(suite: Suite): void {
  suite.it('return undefined for an unknown run', async () => {
    const { contextStore, metricsStore, errorStore } = suite.engine;
    const runId = newId();
    assert.equal(await contextStore.getContext(runId), undefined);
    assert.equal(await metricsStore.getMetrics(runId), undefined);
    assert.equal(await errorStore.getErrors(runId), undefined);
  });
}

function testSubscribe(suite: Suite): void {
  suite.it('reports changes of status, until the subscription ends', async () => {
    const { engine, other } = suite;
    const heard: StatusChange[] = [];
    const late: StatusChange[] = [];
    const end = await engine.subscribe((change) => heard.push(change));
    const endToo = await other.subscribe((change) => late.push(change));
    const runId = `it's {odd}: 😀 ${newId()}`;
    await begun(engine, { runId });
    await commit(other, runId, 0, {});
    await commit(other, runId, 1, { becomes: { status: 'paused' } });
    await commit(engine, runId, 2, { becomes: { status: 'completed', output: 'o' } });
    const of = (changes: readonly StatusChange[]) => changes.filter((change) => change.runId === runId);
    const both = [
      { runId, status: 'paused' },
      { runId, status: 'completed' },
    ];
    await until(() => assert.deepEqual([of(heard), of(late)], [both, both]));
    end();
    const after = await begun(engine);
    await commit(engine, after, 0, { becomes: { status: 'failed' } });
    await until(() => assert.ok(late.some((change) => change.runId === after)));
    assert.equal(
      heard.some((change) => change.runId === after),
      false,
    );
    endToo();
  });
}

function aReport(given: Partial<WorkerReport> = {}): WorkerReport {
  return {
    workerId: newId('worker'),
    status: 'idle',
    concurrency: 10,
    active: 0,
    completed: 3,
    failed: 2,
    retried: 1,
    startedAt: 1_700_000_000_000,
    host: 'host',
    pid: 42,
    workflows: [],
    expectedWithin: 120_000,
    ...given,
  };
}

import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import type { DistributedOrchestrator } from '../orchestrator/orchestrator.js';
import { reaches, withFleet } from './fleet.js';
import { gateFor } from './gate.js';
import { newId, type Suite, until } from './suite.js';

/** Tests starts of runs: repeated starts, delayed starts, stops before the start, and starts after a removal. */
export function testStarts(suite: Suite): void {
  suite.it('a run starts once, however often it is started under its id', async () => {
    let calls = 0;
    const flow = new Flow(newId('once')).node('a', () => ++calls);
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = newId();
      await Promise.all(Array.from({ length: 10 }, () => orchestrator.startRun({}, undefined, { runId })));
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 1);
      await orchestrator.startRun({}, undefined, { runId });
    });
    assert.equal(calls, 1);
  });

  suite.it('a delayed run starts when its delay has passed', async () => {
    const flow = new Flow(newId('delayed')).node('a', () => Date.now());
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, undefined, { delay: 3_000 });
      const { status, createdAt, startAt } = await orchestrator.run(runId);
      assert.deepEqual([status, startAt - createdAt], ['scheduled', 3_000]);
      const run = await orchestrator.waitForCompletion(runId);
      assert.equal(run.status, 'completed');
      assert.ok((run.finishedAt as number) >= startAt);
    });
  });

  suite.it('a delayed run is running once its first node is executed', async () => {
    const gate = gateFor();
    const began = gateFor();
    const flow = new Flow(newId('begun'))
      .node('a', () => {
        began.open();
        return gate.opened;
      })
      .node('b', () => 'done')
      .edge('a', 'b');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, undefined, { delay: 500 });
      await began.opened;
      const { status, startAt, updatedAt } = await orchestrator.run(runId);
      gate.open();
      assert.equal(status, 'running');
      assert.ok(updatedAt >= startAt);
      const run = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([run.status, run.output], ['completed', 'done']);
      const events: unknown[] = [];
      for await (const { type, nodeId } of orchestrator.events(runId)) events.push([type, nodeId]);
      assert.deepEqual(events, [
        ['completed', 'a'],
        ['completed', 'b'],
      ]);
    });
  });

  for (const [stop, goOn] of [
    ['pause', 'resume'],
    ['cancel', 'retry'],
  ] as const) {
    suite.it(`a delayed run is scheduled again after ${stop} and ${goOn}, until its start`, async () => {
      const called: number[] = [];
      const workflow = newId(goOn);
      const flow = new Flow(workflow).node('a', () => void called.push(Date.now()));
      await withFleet(suite, [flow], async ({ orchestrator }) => {
        const far = await orchestrator.startRun({}, undefined, { delay: 3_600_000 });
        const { startAt } = await orchestrator.run(far);
        for (let turn = 0; turn < 2; turn++) {
          await orchestrator[stop](far);
          await orchestrator[goOn](far);
          const run = await orchestrator.run(far);
          assert.deepEqual([run.status, run.startAt, run.finishedAt], ['scheduled', startAt, undefined]);
          const work = await orchestrator.pendingWork(far);
          assert.deepEqual(
            work.map(({ nodeId, state }) => [nodeId, state]),
            [['a', 'delayed']],
          );
          await until(async () => {
            const { runs } = await orchestrator.listRuns({ workflow, status: 'scheduled' });
            assert.deepEqual(
              runs.map(({ runId }) => runId),
              [far],
            );
          });
        }
        await orchestrator.cancel(far);
        assert.deepEqual(called, []);
        const near = await stoppedBeforeStart(orchestrator, stop, called);
        const before = called.length;
        await orchestrator[goOn](near);
        const run = await orchestrator.waitForCompletion(near);
        assert.equal(run.status, 'completed');
        assert.ok((run.finishedAt as number) >= run.startAt);
        assert.equal(called.length, before + 1);
      });
    });
  }

  suite.it('a delayed run whose start passes while it is paused is running when it is resumed', async () => {
    const gate = gateFor();
    const called: string[] = [];
    const flow = new Flow(newId('due')).node('a', () => {
      called.push('a');
      return gate.opened;
    });
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await stoppedBeforeStart(orchestrator, 'pause', called);
      const isDue = async () => (await orchestrator.pendingWork(runId))[0]?.state === 'parked';
      await until(async () => assert.ok(await isDue()));
      assert.equal(await orchestrator.status(runId), 'paused');
      await orchestrator.resume(runId);
      assert.equal(await orchestrator.status(runId), 'running');
      gate.open();
      assert.equal((await orchestrator.waitForCompletion(runId)).status, 'completed');
    });
  });

  suite.it('a run that was removed can be started anew', async () => {
    const flow = new Flow(newId('anew'))
      .wait('go')
      .node('a', (payload) => payload)
      .edge('go', 'a');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = newId();
      for (const payload of [1, 2]) {
        await orchestrator.startRun({}, undefined, { runId });
        await reaches(orchestrator, runId, 'awaiting');
        await orchestrator.signal(runId, 'go', payload);
        assert.equal((await orchestrator.waitForCompletion(runId)).output, payload);
        await orchestrator.deleteRun(runId);
        await assert.rejects(orchestrator.status(runId), { code: 'ERR_RUN_NOT_FOUND' });
      }
    });
  });
}

/** Stops a delayed run before its start. If the machine was too slow, tries again with a longer delay. */
async function stoppedBeforeStart(
  orchestrator: DistributedOrchestrator,
  stop: 'pause' | 'cancel',
  called: readonly unknown[],
): Promise<string> {
  for (let delay = 1_000; ; delay *= 2) {
    const before = called.length;
    const runId = await orchestrator.startRun({}, undefined, { delay });
    const stopping = orchestrator[stop](runId);
    const isStopped = await stopping.then(() => true, isOver);
    if (isStopped && called.length === before) return runId;
    await orchestrator.cancel(runId).catch(isOver);
  }
}

function isOver(error: unknown): false {
  assert.equal(Object(error).code, 'ERR_RUN_STATE');
  return false;
}

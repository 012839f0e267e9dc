import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import type { DistributedOrchestrator } from '../orchestrator/orchestrator.js';
import type { RunStatus } from '../run-info.js';
import { withFleet } from './fleet.js';
import { assertWaited, newId, type Suite, until } from './suite.js';

/** Runs that wait, and runs that somebody interferes with. */
export function testControlledRuns(suite: Suite): void {
  suite.describe('runs under control', () => {
    testWaits(suite);
    testFarTimes(suite);
    testControl(suite);
    testStarts(suite);
  });
}

function testWaits(suite: Suite): void {
  suite.it('a run waits for a signal, and goes on with its payload', async () => {
    const flow = new Flow(newId('wait'))
      .node('before', () => 1)
      .wait('approval')
      .node('after', (payload) => payload)
      .edge('before', 'approval')
      .edge('approval', 'after');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await reaches(orchestrator, runId, 'awaiting');
      assert.deepEqual(await orchestrator.pendingWork(runId), []);
      await orchestrator.signal(runId, 'approval', { by: `it's "me"` });
      const run = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([run.status, run.output], ['completed', { by: `it's "me"` }]);
    });
  });

  suite.it('a signal that comes early is kept', async () => {
    const gate = gateFor();
    const flow = new Flow(newId('early'))
      .node('slow', () => gate.opened)
      .wait('paid')
      .edge('slow', 'paid');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await until(async () => assert.equal((await orchestrator.pendingWork(runId))[0]?.state, 'active'));
      await orchestrator.signal(runId, 'paid', 5);
      gate.open();
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 5);
    });
  });

  suite.it('a signal that is sent again under its id is one signal', async () => {
    const flow = new Flow(newId('twice'))
      .wait('first', { event: 'paid' })
      .wait('second', { event: 'paid' })
      .node('last', (payload) => payload)
      .edge('first', 'second')
      .edge('second', 'last');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await reaches(orchestrator, runId, 'awaiting');
      const send = (id: string, payload: number) => orchestrator.signal(runId, 'paid', payload, { id });
      await send('payment-1', 1);
      await send('payment-1', 2);
      await reaches(orchestrator, runId, 'awaiting');
      await Promise.all([send('payment-1', 3), send('payment-1', 4)]);
      assert.equal(await orchestrator.status(runId), 'awaiting');
      await Promise.all([send(`it's "2"`, 5), send(`it's "2"`, 5)]);
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 5);
      // The answer to the first may have been lost.
      await send(`it's "2"`, 5);
      await assert.rejects(send('payment-3', 6), { code: 'ERR_RUN_STATE' });
    });
  });

  suite.it('a sleep ends when its time has come', async () => {
    const flow = new Flow(newId('sleep'))
      .node('a', () => performance.now())
      .sleep('nap', { duration: 3_000 })
      .node('b', (began) => performance.now() - began)
      .edge('a', 'nap')
      .edge('nap', 'b');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await reaches(orchestrator, runId, 'awaiting');
      const [work, ...more] = await orchestrator.pendingWork(runId);
      assert.deepEqual([work?.nodeId, work?.state, more], ['nap', 'delayed', []]);
      const run = await orchestrator.waitForCompletion<number>(runId);
      assert.equal(run.status, 'completed');
      assertWaited(run.output, 3_000);
    });
  });
}

function testFarTimes(suite: Suite): void {
  const century = 100 * 365.25 * 86_400_000;
  suite.it('a start, a deadline and a sleep may be a hundred years away, and stay cancellable', async () => {
    const flow = new Flow(newId('century'))
      .node('a', () => 1)
      .sleep('long', { duration: century })
      .sleep('longest', { until: Number.MAX_VALUE })
      .edge('a', 'long')
      .edge('a', 'longest');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const later = await orchestrator.startRun({}, undefined, { delay: century, timeout: century });
      assert.equal(await orchestrator.status(later), 'scheduled');
      const { startAt, createdAt, deadline } = await orchestrator.run(later);
      assert.deepEqual([startAt - createdAt, (deadline as number) - startAt], [century, century]);
      const runId = await orchestrator.startRun({}, undefined, { timeout: century });
      await reaches(orchestrator, runId, 'awaiting');
      const delayed = async (run: string, nodes: readonly string[]) => {
        const work = await orchestrator.pendingWork(run);
        const found = work.map(({ nodeId, state }) => [nodeId, state]);
        assert.deepEqual(
          found.sort(),
          nodes.map((node) => [node, 'delayed']),
        );
      };
      await until(() => delayed(runId, ['long', 'longest']));
      await delayed(later, ['a']);
      for (const run of [runId, later]) {
        await orchestrator.cancel(run);
        assert.equal((await orchestrator.waitForCompletion(run)).status, 'cancelled');
      }
    });
  });
}

function testControl(suite: Suite): void {
  suite.it('a run that is cancelled ends, and its nodes see it', async () => {
    let reason: unknown;
    const called: string[] = [];
    const flow = new Flow(newId('cancel'))
      .node('long', async (_, { signal }) => {
        called.push('long');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        return 1;
      })
      .node('never', () => void called.push('never'))
      .edge('long', 'never');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await until(() => assert.deepEqual(called, ['long']));
      await orchestrator.cancel(runId, 'not needed');
      const run = await orchestrator.run(runId);
      assert.deepEqual([run.status, run.error], ['cancelled', 'not needed']);
      await until(() => assert.ok(reason instanceof Error));
      await assert.rejects(orchestrator.cancel(runId), { code: 'ERR_RUN_STATE' });
    });
    assert.deepEqual(called, ['long']);
  });

  suite.it('a run that is paused ends what it executes and starts nothing, until it is resumed', async () => {
    const gate = gateFor();
    const called: string[] = [];
    const flow = new Flow(newId('pause'))
      .node('a', () => {
        called.push('a');
        return gate.opened;
      })
      .node('b', () => void called.push('b'))
      .edge('a', 'b');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await until(() => assert.deepEqual(called, ['a']));
      await orchestrator.pause(runId);
      await orchestrator.pause(runId);
      gate.open();
      await until(async () => {
        const [work] = await orchestrator.pendingWork(runId);
        assert.deepEqual([work?.nodeId, work?.state], ['b', 'parked']);
      });
      assert.deepEqual([await orchestrator.status(runId), called], ['paused', ['a']]);
      await orchestrator.resume(runId);
      assert.equal((await orchestrator.waitForCompletion(runId)).status, 'completed');
      assert.deepEqual(called, ['a', 'b']);
    });
  });

  suite.it('a run that has failed can be retried from where it stopped', async () => {
    let isDown = true;
    const called: string[] = [];
    const flow = new Flow(newId('again'))
      .node('a', () => void called.push('a'))
      .node('b', () => {
        called.push('b');
        if (isDown) throw new Error('down');
        return 'up';
      })
      .node('c', (text) => `${text}!`)
      .edge('a', 'b')
      .edge('b', 'c');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const failed = await finish();
      assert.equal(failed.status, 'failed');
      await assert.rejects(orchestrator.resume(failed.runId), { code: 'ERR_RUN_STATE' });
      isDown = false;
      await orchestrator.retry(failed.runId);
      const run = await orchestrator.waitForCompletion(failed.runId);
      assert.deepEqual([run.status, run.output, run.error], ['completed', 'up!', undefined]);
      assert.deepEqual(called, ['a', 'b', 'b']);
      await assert.rejects(orchestrator.retry(failed.runId), { code: 'ERR_RUN_STATE' });
    });
  });

  suite.it('a run that was cancelled can be retried', async () => {
    const gates = [gateFor(), gateFor()];
    let calls = 0;
    const flow = new Flow(newId('again')).node('a', async (_, { signal }) => {
      const gate = gates[calls++];
      await Promise.race([gate?.opened, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      return calls;
    });
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await until(() => assert.equal(calls, 1));
      await orchestrator.cancel(runId);
      await orchestrator.retry(runId);
      await until(() => assert.equal(calls, 2));
      gates[1]?.open();
      const run = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([run.status, run.output, run.error], ['completed', 2, undefined]);
    });
  });

  suite.it('a run whose time is over is cancelled', async () => {
    const flow = new Flow(newId('timeout')).node('long', (_, { signal }) => {
      return new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, undefined, { timeout: 200 });
      const run = await orchestrator.waitForCompletion(runId);
      assert.equal(run.status, 'cancelled');
      assert.match(run.error as string, /timed out after 200 ms/);
    });
  });
}

function testStarts(suite: Suite): void {
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

  suite.it('a delayed run starts when its time has come', async () => {
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
    suite.it(`a delayed run is scheduled again after ${stop} and ${goOn}, until its time has come`, async () => {
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

  suite.it('a delayed run whose time comes while it is paused is running when it is resumed', async () => {
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

/** A delayed run that was stopped before its time had come, which takes a longer delay where the machine is busy. */
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

async function reaches(orchestrator: DistributedOrchestrator, runId: string, status: RunStatus): Promise<void> {
  await until(async () => assert.equal(await orchestrator.status(runId), status));
}

function gateFor(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import { reaches, withFleet } from './fleet.js';
import { gateFor } from './gate.js';
import { assertWaited, newId, type Suite, until } from './suite.js';

/** Tests runs that wait for a signal or a time. */
export function testWaits(suite: Suite): void {
  suite.it('a run waits for a signal, and continues with its payload', async () => {
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

  suite.it('a signal that arrives early is kept', async () => {
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

  suite.it('a signal that is sent again with its id counts once', async () => {
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
      // Repeats the signal, like a caller that has not received the first answer.
      assert.equal(await send(`it's "2"`, 5), 'duplicate');
      assert.equal(await send('payment-3', 6), 'too-late');
    });
  });

  suite.it('a signal is answered: it was delivered, is kept, comes too late, or was sent before', async () => {
    const gate = gateFor();
    const flow = new Flow(newId('answers'))
      .wait('one', { event: 'go' })
      .node('slow', () => gate.opened)
      .wait('two', { event: 'later' })
      .wait('three')
      .edge('one', 'slow')
      .edge('slow', 'two')
      .edge('two', 'three');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await reaches(orchestrator, runId, 'awaiting');
      const send = (event: string, id?: string) => orchestrator.signal(runId, event, event, { id });
      assert.equal(await send('go', 'a'), 'delivered');
      assert.equal(await send('go', 'a'), 'duplicate');
      assert.equal(await send('go'), 'duplicate');
      assert.equal(await send('go', 'b'), 'too-late');
      assert.equal(await orchestrator.signal(runId, 'go', 'another'), 'too-late');
      assert.equal(await send('later'), 'kept');
      gate.open();
      await reaches(orchestrator, runId, 'awaiting');
      assert.equal(await send('later'), 'duplicate');
      assert.equal(await send('three'), 'delivered');
      assert.equal((await orchestrator.waitForCompletion(runId)).status, 'completed');
      assert.equal(await send('three'), 'duplicate');
      assert.equal(await orchestrator.signal(runId, 'three', 'another'), 'too-late');
      await assert.rejects(send('four'), { code: 'ERR_VALIDATION' });
    });
  });

  suite.it('a sleep ends when its time has passed', async () => {
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

/** Tests waits that expire. */
export function testExpiry(suite: Suite): void {
  /** An order that is approved, or escalated when the wait has expired. */
  const order = (timeout: number) =>
    new Flow(newId('expiry'))
      .node('load', () => ({ total: 5 }))
      .wait('approve', { event: 'approved', timeout })
      .node('ship', (answer) => ['shipped', answer])
      .node('escalate', (loaded) => ['escalated', loaded])
      .edge('load', 'approve')
      .edge('approve', 'ship')
      .edge('approve', 'escalate', { action: 'timeout' });

  suite.it('a wait ends with its event before it expires, and leaves no work behind', async () => {
    const flow = order(3_600_000);
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      await reaches(orchestrator, runId, 'awaiting');
      assert.equal((await orchestrator.result(runId)).awaiting[0]?.expires, true);
      assert.equal(await orchestrator.signal(runId, 'approved', 'yes'), 'delivered');
      const run = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([run.status, run.output], ['completed', ['shipped', 'yes']]);
      await until(async () => assert.deepEqual(await orchestrator.pendingWork(runId), []));
    });
  });

  suite.it('a wait that expires is followed by its edge for that, and passes on its input', async () => {
    const flow = order(1_000);
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      const run = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([run.status, run.output], ['completed', ['escalated', { total: 5 }]]);
      assert.equal(await orchestrator.signal(runId, 'approved', 'yes'), 'too-late');
    });
  });

  suite.it('a wait that expires without an edge for that fails, and waits anew when the run is retried', async () => {
    const flow = new Flow(newId('strict')).wait('approve', { timeout: 1_000 });
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun();
      const run = await orchestrator.waitForCompletion(runId);
      assert.equal(run.status, 'failed');
      assert.match(String(run.error), /"approve" timed out after 1000 ms/);
      await orchestrator.retry(runId);
      await reaches(orchestrator, runId, 'awaiting');
      assert.equal(await orchestrator.signal(runId, 'approve', 'yes'), 'delivered');
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 'yes');
    });
  });

  suite.it('a wait in a sub-flow expires', async () => {
    const flow = new Flow(newId('outer')).node('inner', order(1_000)).node('last', (output) => output);
    flow.edge('inner', 'last');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const run = await orchestrator.waitForCompletion(await orchestrator.startRun());
      assert.deepEqual([run.status, run.output], ['completed', ['escalated', { total: 5 }]]);
    });
  });

  suite.it(
    'a signal that arrives after the expiry comes too late, even if no worker has noticed the expiry',
    async () => {
      const flow = order(5_000);
      await withFleet(suite, [flow], async ({ orchestrator, workers }) => {
        const runId = await orchestrator.startRun();
        await reaches(orchestrator, runId, 'awaiting');
        // The workers hold nothing any more that they would give back.
        const onlyTimer = { waiting: 0, delayed: 1, active: 0 };
        await until(async () => assert.deepEqual(await suite.engine.queue.depth(), onlyTimer));
        await Promise.all(workers.map((worker) => worker.stop()));
        await new Promise((resolve) => setTimeout(resolve, 5_500));
        assert.equal(await orchestrator.signal(runId, 'approved', 'yes'), 'too-late');
        assert.equal((await orchestrator.result(runId)).awaiting[0]?.nodeId, 'approve');
        await orchestrator.cancel(runId);
      });
    },
  );
}

/** Tests times that are too far away for `setTimeout`. */
export function testFarTimes(suite: Suite): void {
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

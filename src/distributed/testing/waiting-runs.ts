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
      await send(`it's "2"`, 5);
      await assert.rejects(send('payment-3', 6), { code: 'ERR_RUN_STATE' });
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

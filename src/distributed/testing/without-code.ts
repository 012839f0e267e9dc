import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import { OrchestratorBuilder } from '../orchestrator/builder.js';
import type { DistributedOrchestrator } from '../orchestrator/orchestrator.js';
import type { RunEvent } from '../orchestrator/run-events.js';
import { type Fleet, withFleet } from './fleet.js';
import { newId, type Suite, until } from './suite.js';

/** Tests an orchestrator without the workflows' code, which works through the graphs on the engine. */
export function testWithoutCode(suite: Suite): void {
  suite.describe('an orchestrator without code', () => {
    testLooking(suite);
    testActing(suite);
  });
}

function testLooking(suite: Suite): void {
  suite.it('knows the workflows of programs that have the code', async () => {
    const [one, two] = ['1', '2'].map((version) => new Flow(newId('graph'), { version }).node('a', () => version));
    const flow = new Flow(newId('graph'))
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b', { condition: (n) => n > 0 });
    await withoutCode(suite, [flow, one as Flow, two as Flow], async ({ orchestrator }) => {
      const expected = flow.toBlueprint();
      assert.deepEqual(await orchestrator.blueprint(flow.name), JSON.parse(JSON.stringify(expected)));
      const all = await orchestrator.listWorkflows();
      for (const { name } of [flow, one, two] as Flow[]) {
        assert.equal(all.filter(({ id }) => id === name).length, 1);
      }
      await assert.rejects(orchestrator.blueprint(newId('graph')), { code: 'ERR_WORKFLOW_NOT_FOUND' });
      await assert.rejects(orchestrator.blueprint(flow.name, 'another'), { code: 'ERR_WORKFLOW_NOT_FOUND' });
    });
  });

  suite.it('shows a run: its status, result, context, input, errors and events', async () => {
    const flow = new Flow(newId('shown'))
      .node('a', (input, { context }) => {
        context.written = true;
        return input.n;
      })
      .node('b', (n) => {
        throw new RangeError(`not ${n}`);
      })
      .edge('a', 'b');
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const input = { n: 5, at: new Date(7) };
      const runId = await withCode.startRun({ given: new Set([1]) }, input);
      const { status, error } = await orchestrator.waitForCompletion(runId);
      assert.deepEqual([status, error], ['failed', 'node "b" failed: not 5']);
      const result = await orchestrator.result(runId);
      assert.deepEqual([result.status, result.errors[0]?.nodeId, [...result.completed]], ['failed', 'b', ['a']]);
      assert.deepEqual({ ...(await orchestrator.context(runId)) }, { given: new Set([1]), written: true, a: 5 });
      assert.deepEqual(await orchestrator.input(runId), input);
      const messages = (await orchestrator.errors(runId)).map((failure) => String(failure.error));
      assert.deepEqual(messages, ['RangeError: not 5']);
      assert.equal((await orchestrator.metrics(runId)).attempts, 2);
      const events: RunEvent['type'][] = [];
      for await (const { type } of orchestrator.events(runId)) events.push(type);
      assert.deepEqual(events, ['completed', 'failed']);
    });
  });

  suite.it('shows which nodes are being executed, by which worker and since when', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const flow = new Flow(newId('executed')).node('a', () => opened);
    await withoutCode(suite, [flow], async ({ orchestrator, withCode, workers }) => {
      const before = Date.now();
      const runId = await withCode.startRun();
      const [work] = await until(async () => {
        const pending = await orchestrator.pendingWork(runId);
        assert.ok(pending[0]?.startedAt !== undefined);
        return pending;
      });
      assert.deepEqual([work?.nodeId, work?.visit, work?.attempt, work?.state], ['a', 1, 1, 'active']);
      assert.ok(workers.some(({ id }) => id === work?.workerId));
      assert.ok((work?.startedAt as number) >= before && (work?.startedAt as number) <= Date.now());
      open();
      await orchestrator.waitForCompletion(runId);
      assert.deepEqual(await orchestrator.pendingWork(runId), []);
    });
  });
}

function testActing(suite: Suite): void {
  suite.it('starts runs, and sends them signals', async () => {
    const flow = new Flow(newId('started'))
      .node('a', (n) => n + 1)
      .wait('go')
      .node('b', (payload, { context }) => [payload, context.a])
      .edge('a', 'go')
      .edge('go', 'b');
    await withoutCode(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, 1, { workflow: flow.name });
      await until(async () => assert.equal(await orchestrator.status(runId), 'awaiting'));
      await assert.rejects(orchestrator.signal(runId, 'gone'), { name: 'ValidationError' });
      await orchestrator.signal(runId, 'go', { by: 'hand' });
      assert.deepEqual((await orchestrator.waitForCompletion(runId)).output, [{ by: 'hand' }, 2]);
      await assert.rejects(orchestrator.startRun({}, 1, { workflow: newId() }), { code: 'ERR_WORKFLOW_NOT_FOUND' });
      await assert.rejects(orchestrator.startRun(), { code: 'ERR_WORKFLOW_NOT_FOUND' });
    });
  });

  suite.it('starts the version that was put last, or the requested one', async () => {
    const id = newId('versions');
    const flows = ['1', '2', '3'].map((version) => new Flow(id, { version }).node('a', () => version));
    await withoutCode(suite, [], async ({ orchestrator }) => {
      for (const flow of flows) await withFleet(suite, [flow], async () => undefined);
      const options = { workflow: id, delay: 3_600_000 };
      const last = await orchestrator.startRun({}, undefined, options);
      const first = await orchestrator.startRun({}, undefined, { ...options, version: '1' });
      assert.deepEqual([(await orchestrator.run(last)).version, (await orchestrator.run(first)).version], ['3', '1']);
      await Promise.all([last, first].map((runId) => orchestrator.cancel(runId)));
    });
  });

  suite.it('pauses, resumes, cancels and retries runs', async () => {
    const calls: string[] = [];
    let isDown = true;
    const flow = new Flow(newId('acted'))
      .node('a', (_, { signal }) => {
        calls.push('a');
        return new Promise((resolve) => {
          if (!isDown) resolve('up');
          signal.addEventListener('abort', resolve);
        });
      })
      .node('b', (text) => `${text}!`)
      .edge('a', 'b');
    await withoutCode(suite, [flow], async ({ orchestrator, withCode }) => {
      const runId = await withCode.startRun();
      await until(() => assert.deepEqual(calls, ['a']));
      await orchestrator.pause(runId);
      assert.equal(await withCode.status(runId), 'paused');
      await orchestrator.resume(runId);
      await orchestrator.cancel(runId, 'not now');
      assert.deepEqual((await withCode.run(runId)).error, 'not now');
      isDown = false;
      await orchestrator.retry(runId);
      assert.equal((await orchestrator.waitForCompletion(runId)).output, 'up!');
      await orchestrator.deleteRun(runId);
    });
  });
}

interface Both extends Pick<Fleet, 'workers'> {
  readonly orchestrator: DistributedOrchestrator;
  readonly withCode: DistributedOrchestrator;
}

/** Runs a test with a fleet, and with an orchestrator that was given no workflow, as in another program. */
export async function withoutCode(
  suite: Suite,
  flows: readonly Flow[],
  test: (both: Both) => Promise<void>,
): Promise<void> {
  const orchestrator = new OrchestratorBuilder().engine(suite.other).build();
  try {
    if (flows.length === 0) await test({ orchestrator, withCode: orchestrator, workers: [] });
    else {
      await withFleet(suite, flows, ({ orchestrator: withCode, workers }) => test({ orchestrator, withCode, workers }));
    }
  } finally {
    await orchestrator.close();
  }
}

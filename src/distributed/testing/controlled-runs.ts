import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import { Orchestrator } from '../../kernel/face.js';
import { withFleet } from './fleet.js';
import { gateFor } from './gate.js';
import { testStarts } from './starting-runs.js';
import { newId, type Suite, until } from './suite.js';
import { testExpiry, testFarTimes, testWaits } from './waiting-runs.js';

/** Tests runs that wait, runs that are paused, cancelled or retried, and starts of runs. */
export function testControlledRuns(suite: Suite): void {
  suite.describe('runs under control', () => {
    testWaits(suite);
    testExpiry(suite);
    testFarTimes(suite);
    testControl(suite);
    testStarts(suite);
  });
}

function testControl(suite: Suite): void {
  suite.it('a run that is cancelled ends, and the signals of its nodes abort', async () => {
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

  suite.it('a run that is paused finishes its current nodes and starts no others until it is resumed', async () => {
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

  suite.it('a run that has failed can be retried from the failed node', async () => {
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

  suite.it('a retried run does not repeat what has run after the failure', async () => {
    let isDown = true;
    const called: string[] = [];
    const flow = new Flow(newId('after'))
      .node('work', () => {
        called.push('work');
        if (isDown) throw new Error('down');
        return 'up';
      })
      .node('close', () => void called.push('close'), { joinStrategy: 'settled' })
      .node(
        'alarm',
        () => {
          called.push('alarm');
          throw new Error('no line');
        },
        { joinStrategy: 'failed' },
      )
      .edge('work', 'close')
      .edge('work', 'alarm');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const failed = await finish();
      assert.deepEqual([failed.status, [...called].sort()], ['failed', ['alarm', 'close', 'work']]);
      isDown = false;
      await orchestrator.retry(failed.runId);
      const run = await orchestrator.waitForCompletion(failed.runId);
      assert.deepEqual([run.status, run.output, called.slice(3)], ['completed', 'up', ['work']]);
      const { completed, skipped } = await orchestrator.result(failed.runId);
      assert.deepEqual([[...completed].sort(), skipped], [['close', 'work'], ['alarm']]);
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

  suite.it('a run whose deadline has passed is cancelled', async () => {
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

  suite.it('a node sees the time that its run has left, and no limit after a retry', async () => {
    const kernel = new Orchestrator();
    const left: number[] = [];
    const flow = new Flow(newId('left'))
      .node('a', () => left.push(kernel.remaining))
      .node('b', () => {
        left.push(kernel.remaining);
        if (left.length === 2) throw new Error('again');
      })
      .edge('a', 'b');
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const runId = await orchestrator.startRun({}, undefined, { timeout: 3_600_000 });
      assert.equal((await orchestrator.waitForCompletion(runId)).status, 'failed');
      await orchestrator.retry(runId);
      await orchestrator.waitForCompletion(runId);
    });
    const [first = 0, second = 0, third] = left;
    assert.ok(first > 3_000_000 && first <= 3_600_000, `${first} ms are left at first`);
    assert.ok(second > 3_000_000 && second < first, `${second} ms are left after ${first} ms`);
    assert.equal(third, Infinity);
  });
}

import assert from 'node:assert/strict';
import { Flow } from '../../flow/index.js';
import { withFleet } from './fleet.js';
import { testGraphs } from './graph-runs.js';
import { assertWaited, newId, oddTexts, type Suite } from './suite.js';

/** Tests small flows from start to end over the engine. */
export function testWholeRuns(suite: Suite): void {
  suite.describe('whole runs', () => {
    testGraphs(suite);
    testInside(suite);
    testAccounts(suite);
  });
}

function testInside(suite: Suite): void {
  suite.it('a node that fails is retried after its delay', async () => {
    const times: number[] = [];
    const attempts: number[] = [];
    const flow = new Flow(newId('retry')).node(
      'flaky',
      (_, { attempt }) => {
        attempts.push(attempt);
        times.push(performance.now());
        if (attempt < 3) throw new Error(`attempt ${attempt}`);
        return attempt;
      },
      { retry: { retries: 3, minTimeout: 1_000, factor: 1 } },
    );
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output, attempts], ['completed', 3, [1, 2, 3]]);
      const [first = 0, second = 0, third = 0] = times;
      assertWaited(second - first, 1_000);
      assertWaited(third - second, 1_000);
      const errors = await orchestrator.errors(run.runId);
      assert.deepEqual(
        errors.map(({ attempt, isFinal }) => [attempt, isFinal]),
        [
          [1, false],
          [2, false],
        ],
      );
      const { attempts: made, retries, completed, failed } = await orchestrator.metrics(run.runId);
      assert.deepEqual({ made, retries, completed, failed }, { made: 3, retries: 2, completed: 1, failed: 0 });
    });
  });

  suite.it('a batch handles each of its elements', async () => {
    const seen: number[] = [];
    const flow = new Flow(newId('batch')).batch(
      'double',
      (n: number, { index }) => {
        seen.push(index as number);
        return n * 2;
      },
      { concurrency: 4 },
    );
    await withFleet(suite, [flow], async ({ finish }) => {
      const input = Array.from({ length: 40 }, (_, n) => n);
      const run = await finish({}, input);
      assert.deepEqual([run.status, run.output], ['completed', input.map((n) => n * 2)]);
      assert.deepEqual(
        seen.toSorted((one, two) => one - two),
        input,
      );
    });
  });

  suite.it('a batch may have thousands of elements', async () => {
    const flow = new Flow(newId('batch')).batch('same', (n: number) => n);
    await withFleet(suite, [flow], async ({ finish }) => {
      const input = Array.from({ length: 10_000 }, (_, n) => n);
      const run = await finish({}, input);
      const output = run.output as readonly number[];
      assert.deepEqual([run.status, output.length, output.at(-1)], ['completed', 10_000, 9_999]);
    });
  });

  suite.it('a sub-flow is a node, with a context of its own', async () => {
    const inner = new Flow('inner')
      .node('x', (n: number, { context }) => {
        context.own = n;
        return n + 1;
      })
      .node('y', (n) => n * 10)
      .edge('x', 'y');
    const flow = new Flow(newId('outer'))
      .node('a', () => 1)
      .node('inner', inner)
      .node('b', (n) => n + 3)
      .edge('a', 'inner')
      .edge('inner', 'b');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output], ['completed', 23]);
      assert.deepEqual({ ...(await orchestrator.context(run.runId)) }, { a: 1, inner: 20, b: 23 });
    });
  });

  suite.it('values of all kinds come back unchanged', async () => {
    const values = {
      date: new Date(5),
      map: new Map([['a', new Set([1])]]),
      big: 2n ** 80n,
      bytes: new Uint8Array([1, 2]),
      nothing: undefined,
      zero: -0,
      none: Number.NaN,
      texts: oddTexts,
      object: Object.fromEntries(oddTexts.map((text) => [`key ${text}`, text])),
    };
    const flow = new Flow(newId('values'))
      .node('a', (input) => input)
      .node('b', (input) => input)
      .edge('a', 'b');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish({ values }, values);
      assert.equal(run.status, 'completed');
      assert.deepEqual(run.output, values);
      const context = await orchestrator.context(run.runId);
      assert.deepEqual([context.values, context.a], [values, values]);
    });
  });

  suite.it('runs, nodes and workflows may have any name', async () => {
    const names = oddTexts.filter((text) => text.length < 100 && !text.startsWith('__') && text !== 'constructor');
    let flow = new Flow<object, unknown, string>(`it's {odd}: "${newId('')}"`).node('start', () => 1);
    for (const name of names) flow = flow.node(name, (n) => n + 1).edge('start', name) as typeof flow;
    await withFleet(suite, [flow], async ({ orchestrator }) => {
      const unique = newId('');
      for (const text of oddTexts) {
        const runId = await orchestrator.startRun({}, undefined, { runId: `${text.slice(0, 440)}${unique}` });
        const run = await orchestrator.waitForCompletion(runId);
        assert.deepEqual([run.status, run.runId], ['completed', runId]);
        assert.deepEqual(run.output, Object.fromEntries(names.map((name) => [name, 2])));
      }
    });
  });
}

function testAccounts(suite: Suite): void {
  suite.it('context, metrics and errors of a run can be read', async () => {
    const flow = new Flow(newId('accounts'))
      .node('a', (_, { context }) => {
        context.written = 'by a';
        delete context.removed;
        return 1;
      })
      .node('b', (_, { attempt }) => (attempt === 1 ? Promise.reject(new Error('b')) : 2), { retry: { minTimeout: 0 } })
      .edge('a', 'b');
    await withFleet(suite, [flow], async ({ orchestrator, workers, finish }) => {
      const { runId } = await finish({ given: 1, removed: 2 });
      const { engine, other } = suite;
      const layers = await other.contextStore.getContext(runId);
      const keys = layers?.map(({ set, removed }) => [Object.keys(set).sort(), removed]);
      assert.deepEqual(keys, [
        [['given', 'removed'], []],
        [['a', 'written'], ['removed']],
        [['b'], []],
      ]);
      const metrics = await other.metricsStore.getMetrics(runId);
      assert.deepEqual(
        metrics?.steps.map(({ nodeId, visit, attempt, status }) => [nodeId, visit, attempt, status]),
        [
          ['a', 1, 1, 'completed'],
          ['b', 1, 1, 'retrying'],
          ['b', 1, 2, 'completed'],
        ],
      );
      const { attempts, completed, failed, retries, busyTime } = metrics ?? {};
      assert.deepEqual([attempts, completed, failed, retries, typeof busyTime], [3, 2, 0, 1, 'number']);
      const [error, ...more] = (await engine.errorStore.getErrors(runId)) ?? [];
      assert.deepEqual([error?.nodeId, error?.visit, error?.attempt, error?.isFinal, more], ['b', 1, 1, false, []]);
      assert.ok(workers.some(({ id }) => id === error?.workerId));
      assert.deepEqual({ ...(await orchestrator.context(runId)) }, { given: 1, written: 'by a', a: 1, b: 2 });
    });
  });
}

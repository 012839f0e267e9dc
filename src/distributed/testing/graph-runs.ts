import assert from 'node:assert/strict';
import { Flow, type NodeArgs, withAction } from '../../flow/index.js';
import { withFleet } from './fleet.js';
import { newId, type Suite } from './suite.js';

/** Tests runs of graphs: which nodes are executed, and with which inputs. */
export function testGraphs(suite: Suite): void {
  suite.it('a chain passes each output on, and each node is executed once', async () => {
    const calls: string[] = [];
    const step = (n: number, { nodeId }: NodeArgs) => {
      calls.push(nodeId);
      return n + 1;
    };
    const flow = new Flow(newId('chain')).node('a', step).node('b', step).node('c', step).edge('a', 'b').edge('b', 'c');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish({ kept: 'yes' }, 1);
      assert.deepEqual([run.status, run.output, calls], ['completed', 4, ['a', 'b', 'c']]);
      assert.deepEqual({ ...(await orchestrator.context(run.runId)) }, { kept: 'yes', a: 2, b: 3, c: 4 });
    });
  });

  suite.it('a fan-out ends in its join, which is executed once', async () => {
    const joins: unknown[] = [];
    let flow = new Flow<object, unknown, string>(newId('fan')).node('start', () => 1);
    const width = 20;
    flow = flow.node('join', (inputs) => {
      joins.push(inputs);
      return Object.keys(inputs).length;
    });
    for (let n = 0; n < width; n++) {
      const id = `worker ${n}`;
      flow = flow
        .node(id, (input) => input + n)
        .edge('start', id)
        .edge(id, 'join') as typeof flow;
    }
    await withFleet(suite, [flow], async ({ finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output, joins.length], ['completed', width, 1]);
      const expected = Object.fromEntries(Array.from({ length: width }, (_, n) => [`worker ${n}`, n + 1]));
      assert.deepEqual(joins[0], expected);
    });
  });

  suite.it('the last two predecessors of a join may end at the same time', async () => {
    const joins = new Map<string, number>();
    const flow = new Flow(newId('join'))
      .node('a', () => 1)
      .node('b', () => 2)
      .node('join', (_, { runId }) => void joins.set(runId, (joins.get(runId) ?? 0) + 1))
      .edge('a', 'join')
      .edge('b', 'join');
    await withFleet(suite, [flow], async ({ finish }) => {
      const runs = await Promise.all(Array.from({ length: 100 }, () => finish()));
      assert.deepEqual(new Set(runs.map(({ status }) => status)), new Set(['completed']));
      assert.deepEqual([joins.size, new Set(joins.values())], [100, new Set([1])]);
    });
  });

  suite.it('edges are chosen by action and condition, and transform what they pass on', async () => {
    const flow = new Flow(newId('choice'))
      .node('check', (n: number) => withAction(n > 3 ? 'large' : 'small', n))
      .node('large', (n) => ['large', n])
      .node('small', (n) => ['small', n])
      .node('odd', (n) => ['odd', n])
      .edge('check', 'large', { action: 'large', transform: (n) => n * 100 })
      .edge('check', 'small', { action: 'small', condition: (n) => n % 2 === 0 })
      .edge('check', 'odd', { action: 'small', condition: (n) => n % 2 === 1 });
    await withFleet(suite, [flow], async ({ finish }) => {
      const outputs = await Promise.all([5, 2, 3].map(async (n) => (await finish({}, n)).output));
      assert.deepEqual(outputs, [
        ['large', 500],
        ['small', 2],
        ['odd', 3],
      ]);
    });
  });

  suite.it('a fallback stands in for a node that fails', async () => {
    const flow = new Flow(newId('fallback'))
      .node('risky', () => Promise.reject(new Error('down')), { fallback: 'safe' })
      .node('safe', () => 'saved')
      .node('after', (text) => `${text} and on`)
      .edge('risky', 'after');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output, run.error], ['completed', 'saved and on', undefined]);
      const { errors, completed } = await orchestrator.result(run.runId);
      assert.deepEqual(
        errors.map(({ nodeId, recoveredBy }) => [nodeId, recoveredBy]),
        [['risky', 'safe']],
      );
      assert.deepEqual([...completed].sort(), ['after', 'risky', 'safe']);
    });
  });

  suite.it('a run has not failed before its clean-up and its alarm have run', async () => {
    const calls: string[] = [];
    const flow = new Flow(newId('after'))
      .node('open', () => 'handle')
      .node('work', () => Promise.reject(new RangeError('broken')))
      .node('report', () => calls.push('report'))
      .node('close', (input) => void calls.push(`close ${JSON.stringify(input)}`), { joinStrategy: 'settled' })
      .node('alarm', (_, { failures }) => void calls.push(...failures.map(({ message }) => message)), {
        joinStrategy: 'failed',
      })
      .edge('open', 'work')
      .edge('work', 'report')
      .edge('open', 'close')
      .edge('report', 'close')
      .edge('report', 'alarm');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.equal(run.status, 'failed');
      assert.match(run.error as string, /work/);
      assert.deepEqual(calls.sort(), ['close {"open":"handle"}', 'node "work" failed: broken']);
      const { completed, unreached } = await orchestrator.result(run.runId);
      assert.deepEqual([...completed].sort(), ['alarm', 'close', 'open']);
      assert.deepEqual(
        unreached.map(({ nodeId }) => nodeId),
        ['report'],
      );
    });
  });

  suite.it('a clean-up runs after a success, and is not the output of the run', async () => {
    const calls: string[] = [];
    const flow = new Flow(newId('clean'))
      .node('work', () => 'done')
      .node('close', (input) => calls.push(`close ${input}`), { joinStrategy: 'settled' })
      .node('alarm', () => calls.push('alarm'), { joinStrategy: 'failed' })
      .edge('work', 'close')
      .edge('work', 'alarm');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output, calls], ['completed', 'done', ['close done']]);
      assert.deepEqual((await orchestrator.result(run.runId)).skipped, ['alarm']);
    });
  });

  suite.it('a loop repeats until a node ends it', async () => {
    const flow = new Flow(newId('loop'))
      .node('turn', (n: number) => withAction(n >= 9 ? 'end' : 'again', n + 1), { joinStrategy: 'any' })
      .node('end', (n) => n)
      .edge('turn', 'turn', { action: 'again' })
      .edge('turn', 'end', { action: 'end' })
      .node('start', () => 0)
      .edge('start', 'turn');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.deepEqual([run.status, run.output], ['completed', 10]);
      const { steps } = await orchestrator.metrics(run.runId);
      const visits = steps.filter(({ nodeId }) => nodeId === 'turn').map(({ visit }) => visit);
      assert.deepEqual(visits, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });
  });

  suite.it('a node that fails for good fails its run', async () => {
    const flow = new Flow(newId('failing'))
      .node('bad', () => Promise.reject(new RangeError('"bad" {luck}')))
      .node('never', () => 1)
      .edge('bad', 'never');
    await withFleet(suite, [flow], async ({ orchestrator, finish }) => {
      const run = await finish();
      assert.equal(run.status, 'failed');
      assert.match(run.error as string, /bad/);
      const [{ nodeId, isFinal, attempt, error } = Object(undefined), ...more] = await orchestrator.errors(run.runId);
      assert.deepEqual([nodeId, isFinal, attempt, more], ['bad', true, 1, []]);
      assert.equal((error as Error).message, '"bad" {luck}');
    });
  });
}

import { setTimeout as sleep } from 'node:timers/promises';
import { DistributedWorker, type Engine, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { type Context, Flow, type WorkflowResult } from 'orchestrator/flow';
import { afterEach, describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

/*
 * Programs of one fleet that have the same version of a workflow, and declare its parts in another order, or have another
 * graph under that version.
 */

type AnyFlow = Flow<Context, WorkflowResult, string>;

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function workerOf(engine: Engine, flow: AnyFlow) {
  const worker = new DistributedWorker({ engine, workflows: [flow], watchInterval: 50, maintenanceInterval: 200 });
  const warnings: Error[] = [];
  worker.on('warning', (error) => warnings.push(error));
  ends.push(() => worker.stop({ deadline: 100 }));
  await worker.start();
  return { worker, warnings };
}

function orchestratorOf(engine: Engine, flow: AnyFlow) {
  const orchestrator = new OrchestratorBuilder().engine(engine).workflow(flow).build();
  ends.push(() => orchestrator.close());
  return orchestrator;
}

const deadline = () => ({ signal: AbortSignal.timeout(60_000), pollInterval: 20 });

/**
 * A flow with a loop, a branch, a wait, a fallback and a sub-flow. Its nodes are declared front to back or back to
 * front.
 */
function order(calls: string[], from: 'front' | 'back', version: string | undefined = '1'): AnyFlow {
  const flow: AnyFlow = new Flow('order', { version });
  const seen =
    (id: string, work: (input: unknown, context: Context) => unknown = (input) => input) =>
    (input: unknown, { context }: { context: Context }) => {
      calls.push(`${id} (${from})`);
      return work(input, context);
    };
  const inner = () => {
    const sub: AnyFlow = new Flow('inner', { version });
    const parts = [
      () =>
        sub.node(
          'x',
          seen('x', () => 1),
        ),
      () =>
        sub.node(
          'w',
          seen('w', (input) => `inner ${input}`),
        ),
    ];
    for (const part of from === 'front' ? parts : parts.toReversed()) part();
    return sub.edge('x', 'w');
  };
  const nodes = [
    () =>
      flow.node(
        'start',
        seen('start', () => 0),
      ),
    () =>
      flow.node(
        'turn',
        seen('turn', (_, context) => {
          context.turns = (context.turns ?? 0) + 1;
          return context.turns;
        }),
      ),
    () => flow.wait('pause'),
    () =>
      flow.node(
        'risky',
        seen('risky', () => Promise.reject(new Error('no'))),
        { fallback: 'saved' },
      ),
    () =>
      flow.node(
        'saved',
        seen('saved', () => 'saved'),
      ),
    () => flow.node('left', seen('left')),
    () => flow.node('inner', inner()),
    () =>
      flow.node(
        'end',
        seen('end', (input) => JSON.stringify(input)),
      ),
  ];
  const edges = [
    () => flow.edge('start', 'turn'),
    () => flow.edge('turn', 'pause'),
    () => flow.edge('pause', 'turn', { condition: 'output == "more"' }),
    () => flow.edge('pause', 'risky', { condition: (output) => output !== 'more', transform: () => 'transformed' }),
    () => flow.edge('pause', 'left', { condition: (output) => output === 'left' }),
    () => flow.edge('risky', 'inner'),
    () => flow.edge('left', 'end'),
    () => flow.edge('inner', 'end'),
  ];
  for (const part of from === 'front' ? [...nodes, ...edges] : [...nodes.toReversed(), ...edges.toReversed()]) part();
  return flow;
}

describe('a fleet whose programs declare the nodes of a workflow in different orders', () => {
  it.each(['1', undefined])(
    'executes the right nodes, whichever worker executes them, in version %s',
    async (version) => {
      const engine = memory();
      const calls: string[] = [];
      const orchestrator = orchestratorOf(engine, order(calls, 'front', version));
      const other = orchestratorOf(engine, order(calls, 'back', version));
      let { worker } = await workerOf(engine, order(calls, 'back', version));
      const runId = await orchestrator.startRun();
      for (const [at, event] of ['more', 'more', 'right'].entries()) {
        await expect.poll(() => orchestrator.status(runId)).toBe('awaiting');
        await worker.stop();
        expect(await (at % 2 === 0 ? orchestrator : other).pendingWork(runId)).toEqual([]);
        ({ worker } = await workerOf(engine, order(calls, at % 2 === 0 ? 'front' : 'back', version)));
        await (at % 2 === 0 ? other : orchestrator).signal(runId, 'pause', event);
      }
      const run = await other.waitForCompletion(runId, deadline());
      expect(run).toMatchObject({ status: 'completed', output: '{"inner":"inner 1"}' });
      expect(calls.map((call) => call.replace(/ .*/, ''))).toEqual([
        ...['start', 'turn', 'turn', 'turn', 'risky', 'saved', 'x', 'w', 'end'],
      ]);
      expect(await orchestrator.result(runId)).toMatchObject({ skipped: ['left'], context: { turns: 3 } });
      expect((await other.result(runId)).completed.toSorted()).toEqual(
        (await orchestrator.result(runId)).completed.toSorted(),
      );
    },
  );

  it('lets workers of both orders take part in one run', async () => {
    const engine = memory();
    const make = (from: 'front' | 'back') => {
      const flow: AnyFlow = new Flow('wide', { version: '1' });
      const ids = Array.from({ length: 12 }, (_, at) => `n${at}`);
      for (const id of from === 'front' ? ids : ids.toReversed()) flow.node(id, () => id);
      flow.node('all', (outputs: Record<string, string>) => Object.values(outputs).toSorted().join());
      for (const id of from === 'front' ? ids : ids.toReversed())
        flow.edge(id, 'all', { condition: () => id !== 'n3' });
      return flow;
    };
    const orchestrator = orchestratorOf(engine, make('front'));
    for (const from of ['front', 'back'] as const) await workerOf(engine, make(from));
    const runIds = await Promise.all(Array.from({ length: 20 }, () => orchestrator.startRun()));
    for (const runId of runIds) {
      const { status, output } = await orchestrator.waitForCompletion<Context>(runId, deadline());
      expect([status, output.all]).toEqual(['completed', 'n0,n1,n10,n11,n2,n4,n5,n6,n7,n8,n9']);
    }
  });

  it('uses the order of declaration for runs that earlier versions have started', async () => {
    const engine = memory();
    const calls: string[] = [];
    const orchestrator = orchestratorOf(engine, order(calls, 'front'));
    const snapshot = JSON.stringify({ flow: 'order', version: '1', runId: 'old', input: 'jnull', values: [] });
    const record = { runId: 'old', workflow: 'order', version: '1', status: 'running', priority: 0 } as const;
    const rest = { retention: undefined, output: undefined, error: undefined };
    await engine.begin({ record: { ...record, ...rest }, delay: 0, timeout: undefined, snapshot });
    await orchestrator.startRun({}, null, { runId: 'old' });
    await workerOf(engine, order(calls, 'front'));
    await expect.poll(() => orchestrator.status('old')).toBe('awaiting');
    const { entries } = (await engine.checkpointStore.read('old')) ?? { entries: [] };
    expect(entries.map(({ text }) => text).join()).toContain('"job":"old.0.1.1.0"');
    await orchestrator.signal('old', 'pause', 'right');
    const run = await orchestrator.waitForCompletion('old', deadline());
    expect(run).toMatchObject({ status: 'completed', output: '{"inner":"inner 1"}' });
    const after = (await engine.checkpointStore.read('old')) ?? { entries: [] };
    const texts = after.entries.map(({ text }) => text).join();
    expect(texts).toContain('"arcs":[');
    expect(texts).not.toContain('"targets"');
  });
});

describe('a fleet with a program that has another graph of the same version', () => {
  const first = (): AnyFlow =>
    new Flow('f', { version: '1' })
      .wait('a')
      .node('b', () => 'b')
      .edge('a', 'b') as never;
  const changed = (): AnyFlow => {
    const flow: AnyFlow = new Flow('f', { version: '1' });
    return flow
      .wait('a')
      .node('c', () => 'c')
      .edge('a', 'c');
  };

  async function waiting(engine: Engine) {
    const orchestrator = orchestratorOf(engine, first());
    const { worker } = await workerOf(engine, first());
    const runId = await orchestrator.startRun();
    await expect.poll(() => orchestrator.status(runId)).toBe('awaiting');
    return { orchestrator, worker, runId };
  }

  const expected = {
    name: 'WorkflowChangedError',
    code: 'ERR_WORKFLOW_CHANGED',
    workflow: 'f',
    version: '1',
    message: expect.stringContaining('node added: "c"; node removed: "b"; edge added: "a" → "c"'),
  };

  it('refuses the other graph while runs of the version are active', async () => {
    const engine = memory();
    const { orchestrator, runId } = await waiting(engine);
    const graph = await engine.workflowStore.get('f', '1');
    expect(await rejection(workerOf(engine, changed()))).toMatchObject(expected);
    expect(await rejection(orchestratorOf(engine, changed()).startRun())).toMatchObject(expected);
    expect(await engine.workflowStore.get('f', '1')).toBe(graph);
    await orchestrator.signal(runId, 'a', 1);
    expect(await orchestrator.waitForCompletion(runId, deadline())).toMatchObject({ output: 'b' });
  });

  it('accepts the other graph after the runs have ended', async () => {
    const engine = memory();
    const { orchestrator, worker, runId } = await waiting(engine);
    await orchestrator.signal(runId, 'a', 1);
    await orchestrator.waitForCompletion(runId, deadline());
    await worker.stop();
    await workerOf(engine, changed());
    const other = orchestratorOf(engine, changed());
    const next = await other.startRun();
    await other.signal(next, 'a', 1);
    expect(await other.waitForCompletion(next, deadline())).toMatchObject({ output: 'c' });
    expect(await rejection(other.result(runId))).toMatchObject({ code: 'ERR_WORKFLOW_CHANGED', runId });
    expect(await other.run(runId)).toMatchObject({ output: 'b' });
  });

  it('gives the runs back if the graph was replaced nevertheless, with a warning that names the difference', async () => {
    const engine = memory();
    const { orchestrator, worker, runId } = await waiting(engine);
    await worker.stop();
    const graph = (await engine.workflowStore.get('f', '1')) as string;
    await engine.workflowStore.put('f', '1', JSON.stringify(changed().toBlueprint()));
    const { worker: wrong, warnings } = await workerOf(engine, changed());
    await engine.workflowStore.put('f', '1', graph);
    await orchestrator.signal(runId, 'a', 1);
    await expect.poll(() => warnings[0]).toMatchObject({ ...expected, runId });
    expect(await orchestrator.status(runId)).toBe('running');
    await wrong.stop();
    await workerOf(engine, first());
    expect(await orchestrator.waitForCompletion(runId, deadline())).toMatchObject({ output: 'b' });
  });

  it('reads the runs through the graph on the engine', async () => {
    const engine = memory();
    const { runId } = await waiting(engine);
    const other = orchestratorOf(engine, changed());
    expect(await other.result(runId)).toMatchObject({ status: 'awaiting', unreached: [{ nodeId: 'b' }] });
    await other.signal(runId, 'a', 1);
    expect(await other.waitForCompletion(runId, deadline())).toMatchObject({ output: 'b' });
  });

  it('accepts other policies and parameters', async () => {
    const engine = memory();
    await waiting(engine);
    const flow: AnyFlow = new Flow('f', { version: '1' });
    flow
      .wait('a')
      .node('b', () => 'B', { retry: 3, timeout: 5_000, params: { x: 1 } })
      .edge('a', 'b');
    await workerOf(engine, flow);
    expect(await engine.workflowStore.get('f', '1')).toContain('5000');
  });

  it('gives a run back if an active sub-flow has another graph, and fails no node', async () => {
    const engine = memory();
    const outer = (...more: string[]): AnyFlow => {
      const inner: AnyFlow = new Flow('inner', { version: '1' });
      inner.wait('ask');
      for (const id of ['then', ...more]) inner.node(id, () => id).edge('ask', id);
      const flow: AnyFlow = new Flow('outer', { version: '1' });
      return flow.node('sub', inner, { fallback: 'instead' }).node('instead', () => 'instead');
    };
    const orchestrator = orchestratorOf(engine, outer());
    const { worker } = await workerOf(engine, outer());
    const runId = await orchestrator.startRun();
    await expect.poll(() => orchestrator.status(runId)).toBe('awaiting');
    await worker.stop();
    const { worker: other, warnings } = await workerOf(engine, outer('more'));
    await orchestrator.signal(runId, 'ask', 1);
    await expect
      .poll(() => warnings.map(({ message }) => message).join())
      .toContain('began with another graph of "inner" under the same version 1 (node added: "more"');
    expect(await orchestrator.status(runId)).toBe('running');
    await other.stop();
    await workerOf(engine, outer());
    expect(await orchestrator.waitForCompletion(runId, deadline())).toMatchObject({
      status: 'completed',
      output: 'then',
    });
    expect(await orchestrator.errors(runId)).toEqual([]);
  });
});

describe('two workers whose flows fork and are declared in different orders', () => {
  it('execute each ready node, whichever worker has made it ready', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const edges = ['a-b', 'a-c', 'b-d', 'c-d'].map((edge) => edge.split('-') as [string, string]);
    const declared = (ids: readonly string[], arcs: readonly (readonly [string, string])[]) => {
      const flow: AnyFlow = new Flow('fork', { version: '1' });
      for (const id of ids) flow.node(id, () => sleep(5, id));
      for (const [source, target] of arcs) flow.edge(source, target);
      return flow;
    };
    const engine = memory();
    const flow = declared(names, edges);
    const orchestrator = orchestratorOf(engine, flow);
    for (const each of [flow, declared(names.toReversed(), edges.toReversed())]) {
      const worker = new DistributedWorker({ engine, workflows: [each], maintenanceInterval: 600_000 });
      ends.push(() => worker.stop({ deadline: 100 }));
      await worker.start();
    }
    for (let run = 0; run < 20; run++) {
      const runId = await orchestrator.startRun();
      expect((await orchestrator.waitForCompletion(runId, deadline())).output).toBe('d');
    }
  });
});

import { type Engine, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, FlowRuntime, type Graph } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const withoutCode = (engine: Engine) => new OrchestratorBuilder().engine(engine).build();

/** A flow whose two nodes write the same key at the same time. The key is merged, then the flow waits. */
function merging() {
  const [both, committed] = [deferred(), deferred()];
  let readers = 0;
  const add = (n: number) => (context: Record<string, number>) => {
    context.sum = (context.sum ?? 0) + n;
    if (++readers === 2) both.resolve();
  };
  const [one, two] = [add(1), add(10)];
  return new Flow('merging', {
    version: '1',
    merge: { sum: (current = 0, written = 0, base = 0) => current + written - base },
  })
    .node('one', async (_, { context }) => {
      one(context);
      await both.promise;
    })
    .node('told', () => committed.resolve())
    .node('two', async (_, { context }) => {
      two(context);
      await committed.promise;
    })
    .wait('go')
    .node('end', (_, { context }) => context.sum)
    .edge('one', 'told')
    .edge('told', 'go')
    .edge('two', 'go')
    .edge('go', 'end');
}

/** Makes a journal longer, with entries that have no effect. */
async function lengthen({ commit, checkpointStore }: Pick<Engine, 'commit' | 'checkpointStore'>, runId: string) {
  const entry = { text: `{"type":"paused"${' '.repeat(300)}}`, during: ['awaiting'] as const };
  for (let n = 0; n < 5; n++) {
    const tail = await checkpointStore.read(runId);
    await commit(
      runId,
      tail?.seq as number,
      Array.from({ length: 200 }, () => entry),
    );
  }
}

describe('a program without the code', () => {
  it('shows the last written value of a merged key, and never stores it', async () => {
    const { engine, orchestrator } = await fleetOf(merging());
    const blind = withoutCode(engine);
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    expect((await orchestrator.context(runId)).sum).toBe(11);
    expect((await blind.context(runId)).sum).toBe(10);
    await lengthen({ commit: engine.commit.bind(engine), checkpointStore: engine.checkpointStore }, runId);
    const compact = vi.spyOn(engine.checkpointStore, 'compact');
    await blind.pause(runId);
    await blind.resume(runId);
    expect(compact).not.toHaveBeenCalled();
    // A program that has the code compacts the journal.
    await orchestrator.pause(runId);
    expect(compact).toHaveBeenCalledTimes(1);
    expect((await blind.context(runId)).sum).toBe(11);
    await blind.resume(runId);
    await blind.signal(runId, 'go');
    expect((await blind.waitForCompletion(runId)).output).toBe(11);
  });

  it('reads the input of a run, however long its journal is', async () => {
    const { engine, orchestrator } = await fleetOf(new Flow('f').wait('go'));
    const input = { big: 1n };
    const runId = await orchestrator.startRun({}, input);
    const none = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    await lengthen({ commit: engine.commit.bind(engine), checkpointStore: engine.checkpointStore }, runId);
    await orchestrator.pause(runId);
    expect((await engine.checkpointStore.read(runId))?.snapshot?.seq).toBeGreaterThan(1_000);
    expect([await withoutCode(engine).input(runId), await orchestrator.input(none)]).toEqual([input, undefined]);
  });

  it('rejects if the graph is missing, and shows what needs no graph', async () => {
    const { engine, orchestrator, finish } = await fleetOf(new Flow('f', { version: '1' }).node('a', (n) => n));
    const { runId } = await finish({ given: 1 }, 5);
    vi.spyOn(engine.workflowStore, 'get').mockResolvedValue(undefined);
    const blind = withoutCode(engine);
    expect(await rejection(blind.result(runId))).toMatchObject({ code: 'ERR_WORKFLOW_NOT_FOUND', workflow: 'f' });
    expect(await blind.run(runId)).toEqual(await orchestrator.run(runId));
    expect([await blind.input(runId), await blind.errors(runId)]).toEqual([5, []]);
    expect(await blind.metrics(runId)).toMatchObject({ completed: 1 });
  });

  it.each([
    ['not JSON', '{', 'is not JSON'],
    ['no blueprint', '{"id":"f","nodes":[]}', 'edges must be an array'],
    ['of a later version', '{"id":"f","nodes":[{"id":"a","uses":"a"}],"edges":[],"later":1}', 'later is unknown'],
  ])('refuses a graph on the engine that is %s', async (_kind, text, message) => {
    const { engine, finish } = await fleetOf(new Flow('f', { version: '1' }).node('a', (n) => n));
    const { runId } = await finish();
    await engine.workflowStore.put('f', '1', text);
    const expected = { code: 'ERR_BLUEPRINT', message: expect.stringContaining(message) };
    expect(await rejection(withoutCode(engine).result(runId))).toMatchObject(expected);
  });

  it('notices within ten seconds that a workflow was changed and kept its version', async () => {
    const engine = memory();
    const graphOf = (uses: string) => JSON.stringify({ id: 'f', nodes: [{ id: 'a', uses }], edges: [] });
    await engine.workflowStore.put('f', '1', graphOf('old'));
    const blind = withoutCode(engine);
    const used = async () => (await blind.blueprint('f', '1')).nodes[0]?.uses;
    const get = vi.spyOn(engine.workflowStore, 'get');
    let now = 1_000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    expect([await used(), await used(), get.mock.calls.length]).toEqual(['old', 'old', 1]);
    await engine.workflowStore.put('f', '1', graphOf('new'));
    expect(await used()).toBe('old');
    now += 10_000;
    expect([await used(), await used(), get.mock.calls.length]).toEqual(['new', 'new', 2]);
    now += 10_000;
    expect([await used(), get.mock.calls.length]).toEqual(['new', 3]);
  });

  it('keeps no more than a hundred graphs in memory', async () => {
    const engine = memory();
    const graph = JSON.stringify({ id: 'f', nodes: [{ id: 'a', uses: 'a' }], edges: [] });
    for (let n = 0; n <= 100; n++) await engine.workflowStore.put('f', `${n}`, graph);
    const blind = withoutCode(engine);
    for (let n = 0; n <= 100; n++) await blind.blueprint('f', `${n}`);
    const get = vi.spyOn(engine.workflowStore, 'get');
    await blind.blueprint('f', '100');
    await blind.blueprint('f', '1');
    expect(get).not.toHaveBeenCalled();
    await blind.blueprint('f', '0');
    expect(get).toHaveBeenCalledTimes(1);
  });

  it('names some of the known workflows when an unknown one is requested', async () => {
    const engine = memory();
    for (let n = 0; n < 25; n++) await engine.workflowStore.put(`f${n}`, '1', '{}');
    const error = (await rejection(withoutCode(engine).blueprint('g'))) as Error;
    expect(error.message).toMatch(/^workflow "g" is not known here, expected f0@1, .*, f19@1, or one of 5 more$/);
    expect(await rejection(withoutCode(memory()).startRun())).toMatchObject({
      message: expect.stringContaining('a workflow to be given'),
    });
  });

  it.each([[''], [5], [null]])('refuses %o as a workflow or a version', async (wrong) => {
    const blind = withoutCode(memory());
    expect(await rejection(blind.blueprint(wrong as string))).toMatchObject({ name: 'ValidationError' });
    expect(await rejection(blind.blueprint('f', wrong as string))).toMatchObject({ name: 'ValidationError' });
  });
});

describe('the graph of a workflow', () => {
  const flow = () => new Flow('f', { version: '1' }).node('a', (n) => n);

  it('is put before the first run is started, once per program', async () => {
    const engine = memory();
    const calls: string[] = [];
    const { put } = engine.workflowStore;
    vi.spyOn(engine.workflowStore, 'put').mockImplementation((...args) => {
      calls.push(`put ${args[0]}`);
      return put.apply(engine.workflowStore, args);
    });
    const { begin } = engine;
    vi.spyOn(engine, 'begin').mockImplementation((run) => {
      calls.push('begin');
      return begin.call(engine, run);
    });
    const [one, other] = [flow(), new Flow('g').node('a', () => 1)];
    const build = () => new OrchestratorBuilder().workflow(one).workflow(other).engine(engine).build();
    const first = build();
    await Promise.all([first.startRun(), first.startRun()]);
    await build().startRun();
    expect(calls).toEqual(['put f', 'begin', 'begin', 'begin']);
    await build().startRun({}, 1, { workflow: 'g' });
    expect(calls.slice(4)).toEqual(['put g', 'begin']);
    const elsewhere = memory();
    await new OrchestratorBuilder().workflow(one).engine(elsewhere).build().startRun();
    expect(await elsewhere.workflowStore.list()).toEqual([{ id: 'f', version: '1' }]);
  });

  it('that cannot be put prevents the run from starting, until it can', async () => {
    const engine = memory();
    vi.spyOn(engine.workflowStore, 'put').mockRejectedValueOnce(new Error('full'));
    const orchestrator = new OrchestratorBuilder().workflow(flow()).engine(engine).build();
    expect(await rejection(orchestrator.startRun())).toMatchObject({ message: 'full' });
    expect((await orchestrator.listRuns()).runs).toEqual([]);
    await orchestrator.startRun();
    expect(await engine.workflowStore.list()).toEqual([{ id: 'f', version: '1' }]);
  });

  it('is put by workers when they start; a worker that fails to does not start', async () => {
    const engine = memory();
    const put = vi.spyOn(engine.workflowStore, 'put').mockRejectedValueOnce(new Error('full'));
    const flows = [flow(), new Flow('f', { version: '2' }).node('b', () => 1)];
    expect(await rejection(fleetOf(flows, { engine }))).toMatchObject({ message: 'full' });
    await fleetOf(flows, { engine });
    expect(await engine.workflowStore.list()).toHaveLength(2);
    put.mockClear();
    await fleetOf(flows, { engine });
    expect(put).not.toHaveBeenCalled();
  });

  it('is listed even before it was put', async () => {
    const engine = memory();
    await engine.workflowStore.put('g', '1', '{}');
    const orchestrator = new OrchestratorBuilder().workflow(flow()).engine(engine).build();
    const both = [
      { id: 'g', version: '1' },
      { id: 'f', version: '1' },
    ];
    expect(await orchestrator.listWorkflows()).toEqual(both);
    await orchestrator.startRun();
    expect(await orchestrator.listWorkflows()).toEqual(both);
    expect((await orchestrator.blueprint('f')).nodes).toEqual([{ id: 'a', uses: 'a' }]);
  });

  it('of a workflow that is data has everything derived from it', async () => {
    const graph: Graph = { id: 'data', nodes: [{ id: 'a', uses: 'a' }], edges: [] };
    const runtime = new FlowRuntime({ registry: { a: () => 1 } });
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(graph).runtime(runtime).engine(engine).build();
    const derived = { ...graph, predecessorCountMap: { a: 0 }, originalPredecessorIdMap: { a: [] } };
    expect(await orchestrator.blueprint('data')).toEqual(derived);
    await orchestrator.startRun();
    expect(await withoutCode(engine).blueprint('data')).toEqual(derived);
  });

  it('is put without values that JSON cannot hold, and the run without code continues', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const odd = new Flow('odd', { version: '1', maxVisits: Infinity })
      .node('circle', () => 1, { params: circle })
      .node('big', () => 2, { params: { n: 1n, at: new Date(0), none: Number.NaN, kept: [1] }, maxVisits: Infinity })
      .edge('circle', 'big');
    const { engine, finish } = await fleetOf(odd);
    const { runId } = await finish();
    const blind = withoutCode(engine);
    expect((await blind.result(runId)).status).toBe('completed');
    expect((await blind.blueprint('odd')).nodes).toEqual([
      { id: 'circle', uses: 'circle' },
      { id: 'big', uses: 'big', params: { at: '1970-01-01T00:00:00.000Z', kept: [1] }, config: {} },
    ]);
  });

  it('can be read from a separate store of the same engine', async () => {
    const [engine, other] = [memory(), memory()];
    const builder = new OrchestratorBuilder().engine(engine);
    expect(() => builder.workflowStore(other.workflowStore).build()).toThrow(/workflowStore \(memory\)/);
    expect(await builder.workflowStore(engine.workflowStore).build().listWorkflows()).toEqual([]);
  });
});

import { DistributedWorker, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import {
  BlueprintError,
  Flow,
  FlowRuntime,
  GraphBuilder,
  GraphTraverser,
  MemoryCheckpointStore,
  RunToCompletionOrchestrator,
  WorkflowState,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

interface Draft {
  id: string;
  maxVisits?: number;
  nodes: {
    id: string;
    uses: string;
    params?: Record<string, unknown>;
    inputs?: unknown;
    config?: Record<string, unknown>;
  }[];
  edges: { source: string; target: string; condition?: string; transform?: string; action?: string }[];
}

const draft = (): Draft => ({
  id: 'draft',
  nodes: [
    { id: 'a', uses: 'one' },
    { id: 'b', uses: 'given' },
  ],
  edges: [{ source: 'a', target: 'b' }],
});

const registry = {
  one: () => 1,
  two: () => 2,
  given: (input: unknown, { params }: { params: Record<string, unknown> }) => params.answer ?? input,
  fails: () => {
    throw new Error('declined');
  },
};

/** Runs a graph, changes it, and runs it again. */
async function twice(change: (graph: Draft) => void, graph = draft()) {
  const runtime = new FlowRuntime({ registry });
  const before = await runtime.run(graph as never);
  change(graph);
  const after = await runtime.run(graph as never);
  return { before: before.output, after: after.output, status: after.status, context: after.context };
}

describe('a blueprint that is changed between two runs', () => {
  it('runs another function where a node uses another', async () => {
    const seen = await twice((graph) => {
      (graph.nodes[0] as Draft['nodes'][0]).uses = 'two';
    });
    expect(seen).toMatchObject({ before: 1, after: 2 });
  });

  it('runs nodes that were added, and not those that were removed', async () => {
    const added = await twice(({ nodes, edges }) => {
      nodes.push({ id: 'c', uses: 'two' });
      edges.push({ source: 'b', target: 'c' });
    });
    expect(added).toMatchObject({ before: 1, after: 2, context: { a: 1, b: 1, c: 2 } });
    const removed = await twice(({ nodes, edges }) => {
      nodes.pop();
      edges.pop();
    });
    expect(Object.keys(removed.context)).toEqual(['a']);
  });

  it.each<[string, (graph: Draft) => void, unknown]>([
    ['a transform', ({ edges: [edge] }) => Object.assign(edge as object, { transform: 'output + 40' }), 41],
    ['the mapping of inputs', ({ nodes }) => Object.assign(nodes[1] as object, { inputs: { x: 'a' } }), { x: 1 }],
    ['parameters', ({ nodes }) => Object.assign(nodes[1] as object, { params: { answer: 42 } }), 42],
    ['a node that is put in the place of another', ({ nodes }) => nodes.splice(0, 1, { id: 'a', uses: 'two' }), 2],
  ])('follows %s', async (_, change, after) => {
    expect(await twice(change)).toMatchObject({ before: 1, after });
  });

  it('sees what is changed inside parameters, mappings and policies', async () => {
    const graph = draft();
    const [a, b] = graph.nodes as [Draft['nodes'][0], Draft['nodes'][0]];
    a.uses = 'batch';
    a.params = { worker: 'one', items: 'list' };
    b.inputs = { x: 'list' };
    b.config = { retry: { retries: 0 } };
    const runtime = new FlowRuntime({ registry });
    const run = async () => (await runtime.run(graph as never, { list: [1, 2], other: [1, 2, 3] })).context;
    expect(await run()).toMatchObject({ a: [1, 1], b: { x: [1, 2] } });
    a.params.items = 'other';
    expect(await run()).toMatchObject({ a: [1, 1, 1], b: { x: [1, 2] } });
    a.params.worker = 'two';
    expect(await run()).toMatchObject({ a: [2, 2, 2] });
    (b.inputs as { x: string }).x = 'other';
    expect(await run()).toMatchObject({ b: { x: [1, 2, 3] } });
    (b.config.retry as { retries: number }).retries = -1;
    await expect(run()).rejects.toThrow('nodes[1].config.retry.retries must be');
  });

  it('is refused when the change is a fault, and runs when the fault is mended', async () => {
    const runtime = new FlowRuntime({ registry });
    const graph = draft();
    await runtime.run(graph as never);
    const [edge] = graph.edges as [Draft['edges'][0]];
    edge.target = 'nowhere';
    await expect(runtime.run(graph as never)).rejects.toThrow(BlueprintError);
    expect(() => new GraphTraverser(graph as never)).toThrow(BlueprintError);
    edge.target = 'b';
    expect((await runtime.run(graph as never)).status).toBe('completed');
  });

  it('stays unchanged in a run that is in progress', async () => {
    const graph = draft();
    let go = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      go = resolve;
    });
    const runtime = new FlowRuntime({ registry: { ...registry, one: () => until.then(() => 1) } });
    const first = runtime.run(graph as never);
    graph.nodes.unshift({ id: 'z', uses: 'two' });
    graph.edges.unshift({ source: 'z', target: 'b' });
    const second = runtime.run(graph as never);
    go();
    expect((await first).context).toEqual({ a: 1, b: 1 });
    expect((await second).context).toEqual({ a: 1, z: 2, b: { z: 2, a: 1 } });
  });

  it('is noticed by each runtime, and in flows that are part of others', async () => {
    const inner = draft();
    const outer = { id: 'outer', nodes: [{ id: 'sub', uses: 'subflow', params: { flow: 'inner' } }], edges: [] };
    const runtimes = [1, 2].map(() => new FlowRuntime({ registry: { ...registry, inner: inner as never } }));
    const outputs = async () => Promise.all(runtimes.map(async (runtime) => (await runtime.run(outer)).output));
    expect(await outputs()).toEqual([1, 1]);
    (inner.nodes[0] as Draft['nodes'][0]).uses = 'two';
    expect(await outputs()).toEqual([2, 2]);
  });

  it('is another version for a run that was saved', async () => {
    const graph = draft();
    const runtime = new FlowRuntime({ registry: { ...registry, one: registry.fails } });
    const checkpoint = new MemoryCheckpointStore();
    const { runId } = await runtime.run(graph as never, {}, { checkpoint });
    (graph.nodes[0] as Draft['nodes'][0]).uses = 'two';
    await expect(runtime.resume(graph as never, runId, { checkpoint })).rejects.toThrow('version');
  });

  it('is noticed by an orchestrator that is driven with services and a traverser', async () => {
    const graph = draft();
    (graph.edges[0] as Draft['edges'][0]).transform = 'output + 1';
    const runtime = new FlowRuntime({ registry });
    const run = () => {
      const traverser = new GraphTraverser(graph as never);
      const state = new WorkflowState({});
      return new RunToCompletionOrchestrator().run(traverser, runtime.executorFactory, state, runtime.services);
    };
    expect((await run()).output).toBe(2);
    (graph.edges[0] as Draft['edges'][0]).transform = 'output + 2';
    expect((await run()).output).toBe(3);
  });

  it('applies the transform of an edge of the blueprint that was given', async () => {
    const graph = draft();
    (graph.edges[0] as Draft['edges'][0]).transform = 'output + 1';
    const runtime = new FlowRuntime({ registry });
    const { services, state } = runtime.prepare(graph as never);
    const context = state.getContext();
    await services.applyEdgeTransform(
      graph.edges[0] as never,
      { output: 1 } as never,
      graph.nodes[1] as never,
      context,
    );
    expect([...state.memory.passed.values()]).toEqual([2]);
  });

  it('may have circular parts, and keys of any name', async () => {
    const graph = draft();
    const ring: Record<string, unknown> = { list: [new Date(0), new Map()] };
    ring.self = ring;
    const [, b] = graph.nodes as [unknown, Draft['nodes'][0]];
    b.params = { ring, ...JSON.parse('{"__proto__": {"x": 1}}') };
    const seen = await twice(() => {
      ring.more = 1;
      (b.params as Record<string, unknown>).answer = 'changed';
    }, graph);
    expect(seen).toMatchObject({ before: 1, after: 'changed' });
  });
});

describe('blueprints that cannot change', () => {
  it('refuses changes of the blueprint of a flow', () => {
    const flow = new Flow('f').node('a', () => 1, { params: { mine: [1] }, inputs: { x: 'y' }, retry: { retries: 1 } });
    const blueprint = flow.toBlueprint() as unknown as Draft;
    const [node] = blueprint.nodes as [Draft['nodes'][0]];
    for (const part of [blueprint, blueprint.nodes, blueprint.edges, node, node.params, node.inputs, node.config]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(Object.isFrozen(node.config?.retry)).toBe(true);
    expect(() => blueprint.nodes.push(node)).toThrow(TypeError);
  });

  it('hands the values of parameters to nodes as they are', async () => {
    const mine: number[] = [];
    const flow = new Flow('f').node('a', (_, { params }) => (params.mine as number[]).push(1), { params: { mine } });
    await flow.run();
    expect(mine).toEqual([1]);
  });

  it('builds flows that do not change with their graph', async () => {
    const graph = draft();
    const flow = new GraphBuilder(registry).build(graph as never);
    (graph.nodes[0] as Draft['nodes'][0]).uses = 'two';
    expect((await flow.run()).output).toBe(1);
    expect(Object.isFrozen(graph.nodes[0])).toBe(false);
  });

  it('runs on a fleet the graph that the fleet was given', async () => {
    const graph = draft();
    (graph.edges[0] as Draft['edges'][0]).transform = 'output + 1';
    const engine = memory();
    const runtime = new FlowRuntime({ registry });
    const orchestrator = new OrchestratorBuilder()
      .workflow(graph as never)
      .engine(engine)
      .runtime(runtime)
      .build();
    const worker = new DistributedWorker({ engine, workflows: [graph as never], runtime });
    await worker.start();
    (graph.nodes[0] as Draft['nodes'][0]).uses = 'two';
    await runtime.run(graph as never);
    const run = await orchestrator.waitForCompletion(await orchestrator.startRun({}));
    expect(run).toMatchObject({ status: 'completed', output: 2 });
    await worker.stop();
    await orchestrator.close();
    await engine.close();
  });
});

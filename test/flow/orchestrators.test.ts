import {
  BlueprintError,
  type Context,
  DefaultSerializer,
  EventDrivenOrchestrator,
  type ExecutionServices,
  executeBatch,
  Flow,
  FlowRuntime,
  type Graph,
  GraphBuilder,
  GraphTraverser,
  type ICoordinationStore,
  type IOrchestrator,
  MemoryCoordinationStore,
  type NodeArgs,
  NodeError,
  type NodeExecutorFactory,
  processResults,
  type Registry,
  ResumptionOrchestrator,
  RunToCompletionOrchestrator,
  type Serializer,
  StepByStepOrchestrator,
  type WorkflowBlueprint,
  type WorkflowResult,
  WorkflowState,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, settled } from '../support.js';
import { diamond } from './diamond.js';

/** A custom orchestrator: executes batches of ready nodes until none is ready. */
class BatchByBatch implements IOrchestrator {
  batches: string[][] = [];

  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    const { signal, concurrency, serializer } = services.options;
    while (traverser.hasMoreWork()) {
      signal?.throwIfAborted();
      const ready = traverser.getReadyNodes();
      this.batches.push(ready.map(({ nodeId }) => nodeId));
      const blueprint = traverser.getDynamicBlueprint();
      const results = await executeBatch(ready, blueprint, state, executorFactory, services, concurrency);
      await processResults(results, traverser, state, services);
    }
    const result = state.toResult(serializer);
    result.status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
    return result;
  }
}

/** A custom orchestrator that executes one batch per call. */
class OneBatch implements IOrchestrator {
  async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState,
    services: ExecutionServices,
  ): Promise<WorkflowResult> {
    if (traverser.hasMoreWork()) {
      const ready = traverser.getReadyNodes();
      const blueprint = traverser.getDynamicBlueprint();
      const results = await executeBatch(ready, blueprint, state, executorFactory, services);
      await processResults(results, traverser, state, services);
    }
    const result = state.toResult(services.options.serializer);
    result.status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
    return result;
  }
}

let log: string[] = [];
const note = (input: unknown, { nodeId }: NodeArgs) => {
  log.push(nodeId);
  return input ?? nodeId;
};

/** Flows of every kind, with their expected results. */
const kinds: readonly (readonly [string, () => Flow, object])[] = [
  ['a diamond', diamond, { status: 'completed', output: 6 }],
  [
    'a branch that joins again',
    () =>
      new Flow('branch')
        .node('a', () => withAction('left' as string, 0))
        .node('left', () => 'L')
        .node('right', () => 'R')
        .node('join', (input) => input)
        .edge('a', 'left', { action: 'left' })
        .edge('a', 'right', { action: 'right' })
        .edge('left', 'join')
        .edge('right', 'join'),
    { status: 'completed', output: { left: 'L' }, skipped: ['right'] },
  ],
  [
    'a loop',
    () =>
      new Flow('loop')
        .node('a', (_, { visit }) => visit)
        .node('b', (n) => withAction(n < 3 ? 'again' : 'done', n))
        .node('end', (n) => n * 10)
        .edge('a', 'b')
        .edge('b', 'a', { action: 'again' })
        .edge('b', 'end', { action: 'done' }),
    { status: 'completed', output: 30 },
  ],
  [
    'a fallback',
    () =>
      new Flow('fallback')
        .node('a', () => Promise.reject(new Error('no')), { fallback: 'safe' })
        .node('safe', () => 5)
        .node('b', (n) => n + 1)
        .edge('a', 'b'),
    { status: 'completed', output: 6, errors: [{ nodeId: 'a', recoveredBy: 'safe' }] },
  ],
  [
    'a failure',
    () =>
      new Flow('failure')
        .node('a', () => Promise.reject(new Error('no')))
        .node('b', () => 1)
        .node('c', () => 2)
        .edge('a', 'b'),
    { status: 'failed', completed: ['c'], errors: [{ nodeId: 'a' }], unreached: [{ nodeId: 'b' }] },
  ],
  [
    'a wait',
    () =>
      new Flow('wait')
        .node('a', () => 1)
        .wait('w')
        .node('b', () => 2)
        .edge('a', 'w')
        .edge('w', 'b'),
    { status: 'awaiting', completed: ['a'], awaiting: [{ nodeId: 'w' }] },
  ],
  [
    'a sub-flow and a batch',
    () =>
      new Flow('parts')
        .node('a', () => [1, 2])
        .batch('batch', (n) => n * 2)
        .node('sub', diamond())
        .edge('a', 'batch')
        .edge('a', 'sub'),
    { status: 'completed', output: { batch: [2, 4], sub: 6 } },
  ],
  [
    'conditions, transforms and mappings',
    () =>
      new Flow('edges')
        .node('a', () => ({ n: 4 }))
        .node('b', (n) => n)
        .node('c', () => 'not')
        .node('d', (input) => input, { inputs: { b: 'b', n: 'a.n' } })
        .edge('a', 'b', { condition: 'output.n > 3', transform: 'output.n * 2' })
        .edge('a', 'c', { condition: 'output.n < 3' })
        .edge('b', 'd')
        .edge('c', 'd'),
    { status: 'completed', output: { b: 8, n: 4 }, skipped: ['c'] },
  ],
];

describe('an orchestrator of one’s own', () => {
  it.each(kinds)('that goes batch by batch brings %s to its end', async (_, make, expected) => {
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(make());
    expect(await new BatchByBatch().run(traverser, executorFactory, state, services)).toMatchObject(expected);
    expect(traverser.hasMoreWork()).toBe(false);
  });

  it.each(kinds)('that goes one batch a call brings %s to its end', async (_, make, expected) => {
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(make());
    let result: WorkflowResult;
    do result = await new OneBatch().run(traverser, executorFactory, state, services);
    while (traverser.hasMoreWork());
    expect(result).toMatchObject(expected);
  });

  it.each(kinds)('may be the one of a run: it brings %s to its end', async (_, make, expected) => {
    const orchestrator = new BatchByBatch();
    expect(await make().run({}, { orchestrator })).toMatchObject(expected);
    expect(orchestrator.batches.length).toBeGreaterThan(0);
  });

  it('sees the ready nodes, batch by batch', async () => {
    const orchestrator = new BatchByBatch();
    await diamond().run({}, { orchestrator });
    expect(orchestrator.batches).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  it('may choose which nodes to execute next', async () => {
    const order: string[] = [];
    class Backwards implements IOrchestrator {
      async run(...[traverser, executorFactory, state, services]: Parameters<IOrchestrator['run']>) {
        while (traverser.hasMoreWork()) {
          for (const ready of traverser.getReadyNodes().reverse()) {
            order.push(ready.nodeId);
            const blueprint = traverser.getDynamicBlueprint();
            const results = await executeBatch([ready], blueprint, state, executorFactory, services);
            await processResults(results, traverser, state, services);
          }
        }
        const result = state.toResult(services.options.serializer);
        result.status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
        return result;
      }
    }
    expect(await diamond().run({}, { orchestrator: new Backwards() })).toMatchObject({
      status: 'completed',
      output: 6,
    });
    expect(order).toEqual(['a', 'c', 'b', 'd']);
  });
});

describe('the built-in orchestrators', () => {
  it.each(kinds)('bring %s to its end, driven by hand', async (_, make, expected) => {
    for (const orchestrator of [new RunToCompletionOrchestrator(), new ResumptionOrchestrator()]) {
      const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(make());
      expect(await orchestrator.run(traverser, executorFactory, state, services)).toMatchObject(expected);
    }
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(make());
    let result: WorkflowResult;
    do result = await new StepByStepOrchestrator().run(traverser, executorFactory, state, services);
    while (traverser.hasMoreWork());
    expect(result).toMatchObject(expected);
  });
});

describe('preparing a run', () => {
  it('returns all arguments of an orchestrator', () => {
    const runtime = new FlowRuntime();
    const flow = diamond();
    const { signal } = new AbortController();
    const { traverser, executorFactory, state, services } = runtime.prepare(
      flow,
      { key: 1 },
      { concurrency: 3, failFast: true, signal, runId: 'run', input: 5 },
    );
    expect(traverser).toBeInstanceOf(GraphTraverser);
    expect(traverser.getDynamicBlueprint()).toBe(flow.toBlueprint());
    expect(state).toBeInstanceOf(WorkflowState);
    expect(state).toMatchObject({ runId: 'run', input: 5 });
    expect(state.getContext()).toEqual({ key: 1 });
    expect(services.executorFactory).toBe(executorFactory);
    expect(services.options).toMatchObject({ concurrency: 3, failFast: true, signal });
    expect(services.options.serializer).toBeInstanceOf(DefaultSerializer);
  });

  it('executes nothing, and refuses an invalid flow', () => {
    new FlowRuntime().prepare(new Flow('idle').node('a', () => expect.fail('was called')));
    const broken = { id: 'broken', nodes: [{ id: 'a', uses: 'nothing' }], edges: [] };
    expect(() => new FlowRuntime().prepare(broken)).toThrow(BlueprintError);
  });
});

describe('step by step', () => {
  const graph: Graph = {
    id: 'steps',
    nodes: [
      { id: 'start', uses: 'start' },
      { id: 'left', uses: 'add', params: { by: 10 } },
      { id: 'right', uses: 'add', params: { by: 20 } },
      { id: 'sum', uses: 'sum' },
    ],
    edges: [
      { source: 'start', target: 'left' },
      { source: 'start', target: 'right' },
      { source: 'left', target: 'sum' },
      { source: 'right', target: 'sum' },
    ],
  };
  const registry: Registry = {
    start: () => 1,
    add: (n, { params }) => n + params.by,
    sum: ({ left, right }) => left + right,
  };

  it.each([
    ['the one that there is', () => new StepByStepOrchestrator()],
    ['one’s own', () => new OneBatch()],
  ])('a blueprint goes on one batch a call, by %s, with a state and a traverser made by hand', async (_, make) => {
    const runtime = new FlowRuntime({ registry });
    const blueprint = new GraphBuilder(registry).build(graph).toBlueprint();
    const state = new WorkflowState({});
    const traverser = new GraphTraverser(blueprint);
    const step = () => make().run(traverser, runtime.executorFactory, state, runtime.services);
    const first = await step();
    expect(first.status).toBe('stalled');
    expect(first.context).toEqual({ start: 1 });
    expect(first.unreached).toMatchObject([{ nodeId: 'left' }, { nodeId: 'right' }, { nodeId: 'sum' }]);
    const second = await step();
    expect(second.status).toBe('stalled');
    expect(second.context).toEqual({ start: 1, left: 11, right: 21 });
    expect(traverser.hasMoreWork()).toBe(true);
    const third = await step();
    expect(traverser.hasMoreWork()).toBe(false);
    expect(third).toMatchObject({ status: 'completed', output: 32, completed: ['start', 'left', 'right', 'sum'] });
    expect(await step()).toMatchObject({ status: 'completed', output: 32 });
  });

  it('works on the given context itself', async () => {
    const context: Context = { given: true };
    const runtime = new FlowRuntime({ registry });
    const { traverser, executorFactory, services } = runtime.prepare(graph);
    const state = new WorkflowState(context);
    const result = await new StepByStepOrchestrator().run(traverser, executorFactory, state, services);
    expect(result.context).toBe(context);
    expect(context).toEqual({ given: true, start: 1 });
  });

  it('keeps to the order of nodes and the concurrency limit', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await settled();
      running--;
    };
    const flow = new Flow('limit').node('a', work).node('b', work).node('c', work).node('d', work);
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow, {}, { concurrency: 2 });
    const result = await new StepByStepOrchestrator().run(traverser, executorFactory, state, services);
    expect({ status: result.status, most }).toEqual({ status: 'completed', most: 2 });
  });

  it('ends a run after the first step, as the orchestrator of the run', async () => {
    const result = await new FlowRuntime({ registry }).run(graph, {}, { orchestrator: new StepByStepOrchestrator() });
    expect(result).toMatchObject({ status: 'stalled', completed: ['start'] });
    const runtime = new FlowRuntime({ registry });
    expect(await runtime.resume(graph, result)).toMatchObject({ status: 'completed', output: 32 });
  });
});

describe('executing and processing a batch', () => {
  it('reports how each node has ended, and never rejects', async () => {
    const failure = new RangeError('no');
    const flow = new Flow('ends')
      .node('good', () => withAction('go', 1))
      .node('bad', () => Promise.reject(failure))
      .wait('waits')
      .node('unmapped', () => 0, { inputs: 'context.missing.deeper > 1' });
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    const ready = traverser.getReadyNodes();
    const results = await executeBatch(ready, traverser.getDynamicBlueprint(), state, executorFactory, services);
    expect(results).toMatchObject([
      {
        status: 'fulfilled',
        value: { nodeId: 'good', executionResult: { status: 'success', result: { output: 1, action: 'go' } } },
      },
      {
        status: 'fulfilled',
        value: { nodeId: 'bad', executionResult: { status: 'failed', error: { nodeId: 'bad' } } },
      },
      {
        status: 'fulfilled',
        value: { nodeId: 'waits', executionResult: { status: 'awaiting', awaiting: [{ nodeId: 'waits' }] } },
      },
      { status: 'rejected', reason: { nodeId: 'unmapped', error: { name: 'ExpressionError' } } },
    ]);
    expect(state.getCompletedNodes().size).toBe(0);
    await processResults(results, traverser, state, services);
    expect([...state.getCompletedNodes()]).toEqual(['good']);
    expect(state.getErrors().map(({ nodeId }) => nodeId)).toEqual(['bad', 'unmapped']);
    expect(state.getErrors()[0]?.cause).toBe(failure);
    expect(state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds())).toBe('awaiting');
  });

  it('keeps to the limit', async () => {
    const gates = Array.from({ length: 5 }, () => deferred());
    let started = 0;
    const node = () => gates[started++]?.promise;
    const flow = new Flow('limit').node('a', node).node('b', node).node('c', node).node('d', node).node('e', node);
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    const blueprint = traverser.getDynamicBlueprint();
    const pending = executeBatch(traverser.getReadyNodes(), blueprint, state, executorFactory, services, 2);
    await settled();
    expect(started).toBe(2);
    gates[0]?.resolve();
    await settled();
    expect(started).toBe(3);
    for (const gate of gates) gate.resolve();
    expect(await pending).toHaveLength(5);
  });

  it('of no nodes does nothing', async () => {
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(diamond());
    expect(await executeBatch([], traverser.getDynamicBlueprint(), state, executorFactory, services)).toEqual([]);
    await processResults([], traverser, state, services);
    expect(traverser.hasMoreWork()).toBe(true);
  });
});

describe('the services of a runtime', () => {
  const graph: Graph = {
    id: 'services',
    nodes: [
      { id: 'a', uses: 'echo' },
      { id: 'b', uses: 'echo', inputs: { n: 'a.n' } },
      { id: 'c', uses: 'echo' },
      { id: 'join', uses: 'echo' },
    ],
    edges: [
      { source: 'a', target: 'b', action: 'go' },
      { source: 'a', target: 'c', condition: 'output.n > 3', transform: 'output.n * 2' },
      { source: 'b', target: 'join' },
      { source: 'c', target: 'join' },
    ],
  };
  const runtime = new FlowRuntime({ registry: { echo: (input: unknown) => input } });
  const blueprint = graph as WorkflowBlueprint;

  it('give a node its input', async () => {
    const { services } = runtime;
    const state = new WorkflowState({}, { input: 'in' });
    expect(await services.resolveNodeInput('a', blueprint, state.getContext())).toBe('in');
    state.addCompletedNode('a', { n: 4 });
    expect(await services.resolveNodeInput('b', blueprint, state.getContext())).toEqual({ n: 4 });
    expect(await services.resolveNodeInput('c', blueprint, state.getContext())).toEqual({ n: 4 });
    state.addCompletedNode('b', 'B');
    state.addCompletedNode('c', 'C');
    expect(await services.resolveNodeInput('join', blueprint, state.getContext())).toEqual({ b: 'B', c: 'C' });
  });

  it('say which nodes follow, and by which edges', async () => {
    const { services } = runtime;
    const next = async (output: unknown, action?: string) => {
      const found = await services.determineNextNodes(blueprint, 'a', { output, action }, {});
      return found.map(({ node, edge }) => [node.id, edge.source, edge.target]);
    };
    expect(await next({ n: 4 }, 'go')).toEqual([['b', 'a', 'b']]);
    expect(await next({ n: 4 })).toEqual([['c', 'a', 'c']]);
    expect(await next({ n: 4 }, 'other')).toEqual([['c', 'a', 'c']]);
    expect(await next({ n: 1 })).toEqual([]);
    await expect((async () => next('no object'))()).rejects.toThrow('cannot be evaluated');
  });

  it('transform what an edge passes on, for the input of its target', async () => {
    const { services } = runtime;
    const state = new WorkflowState({});
    const result = { output: { n: 4 } };
    state.addCompletedNode('a', result.output);
    const [next] = await services.determineNextNodes(blueprint, 'a', result, state.getContext());
    expect(next).toBeDefined();
    if (next !== undefined) await services.applyEdgeTransform(next.edge, result, next.node, state.getContext());
    expect(await services.resolveNodeInput('c', blueprint, state.getContext())).toBe(8);
    expect(state.getContext()).toEqual({ a: { n: 4 } });
  });

  it('execute a node, however it ends', async () => {
    const failure = new RangeError('no');
    const flow = new Flow('execute')
      .node('good', (n) => withAction('go', n + 1))
      .node('bad', () => Promise.reject(failure), { retry: { retries: 1, minTimeout: 0 } })
      .wait('waits');
    const { executorFactory, traverser } = new FlowRuntime().prepare(flow);
    const executorOf = executorFactory(traverser.getDynamicBlueprint());
    expect(await executorOf('good').execute(1)).toMatchObject({
      status: 'success',
      result: { output: 2, action: 'go' },
    });
    const failed = await executorOf('bad').execute(1);
    expect(failed).toMatchObject({ status: 'failed', error: { nodeId: 'bad', attempts: 2 } });
    expect(failed.status === 'failed' && failed.error.cause).toBe(failure);
    expect(await executorOf('waits').execute(1)).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'waits' }] });
    expect(() => executorOf('nowhere')).toThrow(RangeError);
  });
});

/** A custom worker: executes one node per call, and coordinates joins in a shared store. */
class OneJob {
  constructor(
    private readonly services: ExecutionServices,
    private readonly store: ICoordinationStore,
  ) {}

  async handleJob(nodeId: string, blueprint: WorkflowBlueprint, state: WorkflowState, runId: string) {
    const executor = this.services.executorFactory(blueprint)(nodeId);
    const input = await this.services.resolveNodeInput(nodeId, blueprint, state.getContext());
    const execution = await executor.execute(input);
    if (execution.status !== 'success') return { nodesToEnqueue: [], error: execution.error };
    await state.addCompletedNode(nodeId, execution.result.output);
    const next = await this.services.determineNextNodes(blueprint, nodeId, execution.result, state.getContext());
    const nodesToEnqueue: string[] = [];
    for (const { node, edge } of next) {
      await this.services.applyEdgeTransform(edge, execution.result, node, state.getContext());
      if (await this.#isReady(runId, blueprint, node.id)) nodesToEnqueue.push(node.id);
    }
    return { nodesToEnqueue };
  }

  async #isReady(runId: string, { nodes, edges }: WorkflowBlueprint, nodeId: string): Promise<boolean> {
    const { joinStrategy = 'all' } = nodes.find(({ id }) => id === nodeId)?.config ?? {};
    const sources = edges.filter(({ target }) => target === nodeId);
    if (sources.length < 2) return true;
    if (joinStrategy === 'any') return this.store.setIfNotExist(`own:lock:${runId}:${nodeId}`, 'taken', 3_600);
    return (await this.store.increment(`own:count:${runId}:${nodeId}`, 3_600)) >= sources.length;
  }
}

/** Handles the jobs of a queue until it is empty, and returns the jobs in their order. */
async function workOff(
  worker: Pick<EventDrivenOrchestrator, 'handleJob'> | OneJob,
  start: readonly string[],
  blueprint: WorkflowBlueprint,
  state: WorkflowState,
  pick: (queue: string[]) => string | undefined = (queue) => queue.shift(),
): Promise<string[]> {
  const queue = [...start];
  const done: string[] = [];
  for (let nodeId = pick(queue); nodeId !== undefined; nodeId = pick(queue)) {
    done.push(nodeId);
    queue.push(...(await worker.handleJob(nodeId, blueprint, state, 'run')).nodesToEnqueue);
  }
  return done;
}

/** A store that records the keys that were set, with their lifetimes. */
class NotingStore extends MemoryCoordinationStore {
  readonly keys = new Map<string, number>();
  override increment(key: string, ttlSeconds: number) {
    this.keys.set(key, ttlSeconds);
    return super.increment(key, ttlSeconds);
  }
  override setIfNotExist(key: string, value: string, ttlSeconds: number) {
    this.keys.set(key, ttlSeconds);
    return super.setIfNotExist(key, value, ttlSeconds);
  }
}

describe('a worker of one’s own', () => {
  const joins = (joinStrategy: 'all' | 'any') =>
    new Flow('joins')
      .node('a', () => 1)
      .node('b', (n) => n + 1)
      .node('c', (n) => n + 2)
      .node('join', (input) => input, { joinStrategy })
      .node('end', (input) => ({ end: input }))
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'join')
      .edge('c', 'join')
      .edge('join', 'end', { transform: 'output' });

  it.each([
    ['all', ['a', 'b', 'c', 'join', 'end'], { b: 2, c: 3 }],
    ['any', ['a', 'b', 'c', 'join', 'end'], expect.objectContaining({ b: 2 })],
  ] as const)('handles a job a call, and joins of %s', async (joinStrategy, jobs, joined) => {
    const flow = joins(joinStrategy);
    const { services } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState({});
    const worker = new OneJob(services, new MemoryCoordinationStore());
    expect(await workOff(worker, ['a'], flow.toBlueprint(), state)).toEqual(jobs);
    expect(state.getContext()).toMatchObject({ a: 1, b: 2, c: 3, join: joined, end: { end: joined } });
    expect([...state.getCompletedNodes()].sort()).toEqual(['a', 'b', 'c', 'end', 'join']);
  });

  it('passes nodes the context that their input was resolved for', async () => {
    const flow = new Flow('context')
      .node('a', (_, { context }) => {
        context.written = true;
        return context.given;
      })
      .node('b', (n, { context }) => [n, context.given, context.written])
      .edge('a', 'b');
    const { services } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState({ given: 7 });
    await workOff(new OneJob(services, new MemoryCoordinationStore()), ['a'], flow.toBlueprint(), state);
    expect(state.getContext()).toMatchObject({ given: 7, written: true, a: 7, b: [7, 7, true] });
  });

  it('joins by the set of predecessors that the blueprint knows', async () => {
    const flow = joins('all');
    const blueprint = flow.toBlueprint();
    expect(blueprint.predecessorCountMap).toEqual({ a: 0, b: 1, c: 1, join: 2, end: 1 });
    expect(blueprint.originalPredecessorIdMap).toEqual({ a: [], b: ['a'], c: ['a'], join: ['b', 'c'], end: ['join'] });
    const { services, executorFactory } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState({});
    const arrived = new Map<string, Set<string>>();
    const queue = ['a'];
    const done: string[] = [];
    for (let nodeId = queue.shift(); nodeId !== undefined; nodeId = queue.shift()) {
      done.push(nodeId);
      const input = await services.resolveNodeInput(nodeId, blueprint, state.getContext());
      const execution = await executorFactory(blueprint)(nodeId).execute(input);
      if (execution.status !== 'success') break;
      state.addCompletedNode(nodeId, execution.result.output);
      for (const { node } of await services.determineNextNodes(
        blueprint,
        nodeId,
        execution.result,
        state.getContext(),
      )) {
        const set = (arrived.get(node.id) ?? new Set()).add(nodeId);
        arrived.set(node.id, set);
        if (set.size >= (blueprint.predecessorCountMap[node.id] ?? 0)) queue.push(node.id);
      }
    }
    expect(done).toEqual(['a', 'b', 'c', 'join', 'end']);
  });
});

describe('the event-driven orchestrator', () => {
  const build = () =>
    new Flow('events')
      .node('a', () => withAction('left' as string, 1))
      .node('left', (n) => n + 1)
      .node('right', () => 'R')
      .node('both', () => 'B')
      .node('join', (input) => input)
      .node('any', (input) => input, { joinStrategy: 'any' })
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .edge('a', 'both', { action: 'left' })
      .edge('left', 'join', { transform: 'output * 10' })
      .edge('right', 'join')
      .edge('both', 'join')
      .edge('left', 'any')
      .edge('both', 'any');

  const start = (flow: Flow, store: ICoordinationStore = new MemoryCoordinationStore()) => {
    const { services } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState<Context>({}, { runId: 'run' });
    const orchestrator = new EventDrivenOrchestrator(services, store);
    return { orchestrator, state, blueprint: flow.toBlueprint() };
  };

  it('handles one job per call, and returns the ready nodes', async () => {
    const { orchestrator, state, blueprint } = start(build());
    const jobs = await workOff(orchestrator, ['a'], blueprint, state);
    expect(jobs.slice(0, 3)).toEqual(['a', 'left', 'both']);
    expect(jobs.slice(3).sort()).toEqual(['any', 'join']);
    expect(state.getContext()).toMatchObject({ left: 2, both: 'B', join: { left: 20, both: 'B' } });
    expect([...state.getSkippedNodes()]).toEqual(['right']);
    const ids = new Set(blueprint.nodes.map(({ id }) => id));
    expect(state.getStatus(ids, new Set())).toBe('completed');
  });

  it('joins in any order of the queue', async () => {
    const { orchestrator, state, blueprint } = start(build());
    const jobs = await workOff(orchestrator, ['a'], blueprint, state, (queue) => queue.pop());
    expect([...jobs].sort()).toEqual(['a', 'any', 'both', 'join', 'left']);
  });

  it('returns the same nodes when a job is delivered again, and makes a join ready once', async () => {
    const { orchestrator, state, blueprint } = start(build());
    const handle = async (nodeId: string) =>
      (await orchestrator.handleJob(nodeId, blueprint, state, 'run')).nodesToEnqueue;
    expect(await handle('a')).toEqual(['left', 'both']);
    expect(await handle('a')).toEqual(['left', 'both']);
    expect(await handle('left')).toEqual(['any']);
    expect(await handle('left')).toEqual(['any']);
    expect(await handle('both')).toEqual(['join']);
    expect(await handle('left')).toEqual(['any']);
    expect(await handle('both')).toEqual(['join']);
  });

  it('keeps runs apart that share a store', async () => {
    const store = new MemoryCoordinationStore();
    const { orchestrator, state, blueprint } = start(build(), store);
    const other = new WorkflowState<Context>({});
    await orchestrator.handleJob('a', blueprint, state, 'one');
    await orchestrator.handleJob('left', blueprint, state, 'one');
    await orchestrator.handleJob('a', blueprint, other, 'two');
    expect((await orchestrator.handleJob('both', blueprint, other, 'two')).nodesToEnqueue).toEqual(['any']);
    expect((await orchestrator.handleJob('both', blueprint, state, 'one')).nodesToEnqueue).toEqual(['join']);
  });

  it('keeps its keys for an hour, under a prefix that can be set', async () => {
    const store = new NotingStore();
    const { services } = new FlowRuntime().prepare(build());
    const flow = build();
    const prepared = new FlowRuntime().prepare(flow);
    const orchestrator = new EventDrivenOrchestrator(prepared.services, store, { keyPrefix: 'flowcraft' });
    await workOff(orchestrator, ['a'], flow.toBlueprint(), new WorkflowState<Context>({}));
    expect([...store.keys.keys()]).toEqual(
      expect.arrayContaining(['flowcraft:fanin:run:join', 'flowcraft:joinlock:run:join', 'flowcraft:joinlock:run:any']),
    );
    expect([...store.keys.keys()].every((key) => key.startsWith('flowcraft:'))).toBe(true);
    expect(new Set(store.keys.values())).toEqual(new Set([3_600]));
    expect(() => new EventDrivenOrchestrator(services, store, { keyPrefix: '' })).toThrow('keyPrefix');
    const own = new NotingStore();
    const byDefault = start(flow, own);
    await byDefault.orchestrator.handleJob('a', byDefault.blueprint, byDefault.state, 'run');
    expect([...own.keys.keys()].every((key) => key.startsWith('orchestrator:'))).toBe(true);
  });

  it('enqueues nothing after a failed node, and stores its error in the state', async () => {
    const failure = new RangeError('no');
    const flow = new Flow('fails')
      .node('a', () => Promise.reject(failure))
      .node('b', () => 1)
      .edge('a', 'b');
    const { orchestrator, state, blueprint } = start(flow);
    expect(await orchestrator.handleJob('a', blueprint, state, 'run')).toEqual({ nodesToEnqueue: [] });
    expect(state.getErrors()[0]).toBeInstanceOf(NodeError);
    expect(state.getErrors()[0]?.cause).toBe(failure);
  });

  it('enqueues the fallback of a failed node, which stands in for the node', async () => {
    const flow = new Flow('fallback')
      .node('a', () => Promise.reject(new Error('no')), { fallback: 'safe' })
      .node('safe', (n) => `saved ${n}`)
      .node('b', (text) => text)
      .edge('a', 'b');
    const { services } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState<Context>({}, { input: 5 });
    const orchestrator = new EventDrivenOrchestrator(services, new MemoryCoordinationStore());
    expect(await workOff(orchestrator, ['a'], flow.toBlueprint(), state)).toEqual(['a', 'safe', 'b']);
    expect(state.getContext()).toEqual({ a: 'saved 5', safe: 'saved 5', b: 'saved 5' });
    expect(state.getErrors()).toMatchObject([{ nodeId: 'a', recoveredBy: 'safe' }]);
  });

  it('gives a fallback the input of the node that it stands in for', async () => {
    const flow = new Flow('input')
      .node('start', () => 'start')
      .node('a', () => Promise.reject(new Error('no')), { fallback: 'safe' })
      .node('b', () => 'B', { fallback: 'safe' })
      .node('safe', (input) => ({ instead: input }))
      .edge('start', 'a')
      .edge('start', 'b');
    const { orchestrator, state, blueprint } = start(flow);
    await workOff(orchestrator, ['start'], blueprint, state);
    expect(state.getContext()).toMatchObject({ a: { instead: 'start' }, safe: { instead: 'start' } });
  });

  it('passes the nodes after a loop the value that left the loop first', async () => {
    const flow = new Flow('exit')
      .node('head', (_, { visit }) => visit)
      .node('check', (turn) => withAction(turn < 3 ? 'again' : 'done', `turn ${turn}`))
      .node('join', (input) => input)
      .edge('head', 'check')
      .edge('head', 'join', { condition: 'output == 2' })
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'join', { action: 'done' });
    const { orchestrator, state, blueprint } = start(flow);
    await workOff(orchestrator, ['head'], blueprint, state);
    expect(state.getContext().join).toEqual({ head: 2, check: 'turn 3' });
  });

  it('runs loops, with joins in every turn', async () => {
    const inputs: unknown[] = [];
    const flow = new Flow('loop')
      .node('head', (_, { visit }) => visit)
      .node('left', (n) => `l${n}`)
      .node('right', (n) => `r${n}`)
      .node('join', (input, { visit }) => {
        inputs.push(input);
        return withAction(visit < 3 ? 'again' : 'done', visit);
      })
      .node('end', (n) => n)
      .edge('head', 'left')
      .edge('head', 'right')
      .edge('left', 'join')
      .edge('right', 'join')
      .edge('join', 'head', { action: 'again' })
      .edge('join', 'end', { action: 'done' });
    const { orchestrator, state, blueprint } = start(flow);
    const jobs = await workOff(orchestrator, ['head'], blueprint, state);
    const turn = ['head', 'left', 'right', 'join'];
    expect(jobs).toEqual([...turn, ...turn, ...turn, 'end']);
    expect(inputs).toEqual([1, 2, 3].map((n) => ({ left: `l${n}`, right: `r${n}` })));
    expect(state.getContext().end).toBe(3);
  });

  it('works with an asynchronous state that keeps its context elsewhere', async () => {
    const context: Context = {};
    const completed: string[] = [];
    const remote = {
      getContext: () => context,
      addCompletedNode: async (nodeId: string, output: unknown) => {
        await settled();
        completed.push(nodeId);
        context[nodeId] = output;
      },
    };
    const flow = diamond();
    const { services } = new FlowRuntime().prepare(flow);
    const orchestrator = new EventDrivenOrchestrator(services, new MemoryCoordinationStore());
    const queue = ['a'];
    for (let nodeId = queue.shift(); nodeId !== undefined; nodeId = queue.shift()) {
      queue.push(...(await orchestrator.handleJob(nodeId, flow.toBlueprint(), remote, 'run')).nodesToEnqueue);
    }
    expect(completed).toEqual(['a', 'b', 'c', 'd']);
    expect(context.d).toBe(6);
  });

  it('refuses an unknown node', async () => {
    const { orchestrator, state, blueprint } = start(build());
    await expect(orchestrator.handleJob('nowhere', blueprint, state, 'run')).rejects.toThrow('"nowhere" is not a node');
  });
});

/** Resumes a run by custom rules: only the completed nodes are known. */
class OwnResumption implements IOrchestrator {
  frontier: string[] = [];

  constructor(private readonly next: IOrchestrator = new RunToCompletionOrchestrator()) {}

  async run(...[traverser, executorFactory, state, services]: Parameters<IOrchestrator['run']>) {
    const { nodes, edges } = traverser.getDynamicBlueprint();
    const completed = state.getCompletedNodes();
    const isReady = (nodeId: string) => {
      const sources = [...new Set(edges.filter(({ target }) => target === nodeId).map(({ source }) => source))];
      const arrived = sources.filter((source) => completed.has(source)).length;
      const { joinStrategy } = nodes.find(({ id }) => id === nodeId)?.config ?? {};
      return arrived === sources.length || (joinStrategy === 'any' && arrived > 0);
    };
    this.frontier = nodes.map(({ id }) => id).filter((id) => !completed.has(id) && isReady(id));
    traverser.setFrontier(new Set(this.frontier));
    traverser.setCompletedNodes(completed);
    return this.next.run(traverser, executorFactory, state, services);
  }
}

describe('resuming by hand', () => {
  const build = () => {
    log = [];
    return new Flow('resume')
      .node('a', note)
      .node('b', note)
      .node('c', note)
      .node('d', note)
      .node('any', note, { joinStrategy: 'any' })
      .node('end', note)
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'd')
      .edge('c', 'd')
      .edge('b', 'any')
      .edge('d', 'any')
      .edge('any', 'end');
  };

  it.each([
    ['one’s own orchestrator', () => new OwnResumption()],
    ['the one that there is', () => new ResumptionOrchestrator()],
    ['the one that there is, over one’s own loop', () => new ResumptionOrchestrator(new BatchByBatch())],
  ])('goes on from what has completed, by %s', async (_, make) => {
    const flow = build();
    const runtime = new FlowRuntime();
    const { executorFactory, services } = runtime.prepare(flow);
    const state = new WorkflowState<Context>({ a: 'A', b: 'B' });
    state.addCompletedNode('a', 'A');
    state.addCompletedNode('b', 'B');
    const result = await make().run(new GraphTraverser(flow.toBlueprint()), executorFactory, state, services);
    expect(result).toMatchObject({ status: 'completed', unreached: [] });
    expect([...log].sort()).toEqual(['any', 'c', 'd', 'end']);
    expect(result.context).toMatchObject({ a: 'A', b: 'B', c: 'A', d: { b: 'B', c: 'A' } });
  });

  it('starts at the beginning if nothing has completed', async () => {
    const flow = build();
    const { executorFactory, services } = new FlowRuntime().prepare(flow);
    const own = new OwnResumption();
    const result = await own.run(
      new GraphTraverser(flow.toBlueprint()),
      executorFactory,
      new WorkflowState({}),
      services,
    );
    expect(own.frontier).toEqual(['a']);
    expect(result.status).toBe('completed');
    expect([...log].sort()).toEqual(['a', 'any', 'b', 'c', 'd', 'end']);
  });

  it('has nothing to do if everything has completed', async () => {
    const flow = build();
    const { executorFactory, services } = new FlowRuntime().prepare(flow);
    const state = new WorkflowState<Context>({});
    for (const { id } of flow.toBlueprint().nodes) state.addCompletedNode(id, id);
    const traverser = new GraphTraverser(flow.toBlueprint());
    const result = await new ResumptionOrchestrator().run(traverser, executorFactory, state, services);
    expect(result.status).toBe('completed');
    expect(log).toEqual([]);
  });

  it('does not run a fallback that was not needed', async () => {
    for (const orchestrator of [new OwnResumption(), new ResumptionOrchestrator()]) {
      const flow = new Flow('fallback')
        .node('a', () => expect.fail('was called again'), { fallback: 'safe' })
        .node('safe', () => expect.fail('was revived'))
        .node('b', (n) => n + 1)
        .edge('a', 'b');
      const { executorFactory, services } = new FlowRuntime().prepare(flow);
      const state = new WorkflowState<Context>({});
      state.addCompletedNode('a', 1);
      const result = await orchestrator.run(new GraphTraverser(flow.toBlueprint()), executorFactory, state, services);
      expect(result).toMatchObject({ status: 'completed', output: 2, errors: [] });
    }
  });

  it('keeps to the decisions of a traverser: a branch that was not taken stays so', async () => {
    const flow = new Flow('branch')
      .node('a', () => withAction('left' as string, 1))
      .node('left', note)
      .node('right', () => expect.fail('was revived'))
      .node('join', note)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .edge('left', 'join')
      .edge('right', 'join');
    log = [];
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    await new StepByStepOrchestrator().run(traverser, executorFactory, state, services);
    const result = await new OwnResumption().run(traverser, executorFactory, state, services);
    expect(result).toMatchObject({ status: 'completed', skipped: ['right'] });
    expect(log).toEqual(['left', 'join']);
  });

  it('moves another traverser to the position of a state', async () => {
    const flow = build();
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    const stepper = new StepByStepOrchestrator();
    await stepper.run(traverser, executorFactory, state, services);
    await stepper.run(traverser, executorFactory, state, services);
    const other = new GraphTraverser(flow.toBlueprint());
    const result = await new ResumptionOrchestrator().run(other, executorFactory, state, services);
    expect(result.status).toBe('completed');
    expect([...log].sort()).toEqual(['a', 'any', 'b', 'c', 'd', 'end']);
  });

  it('tries failed nodes again', async () => {
    let calls = 0;
    const flow = new Flow('fails').node('a', () => {
      if (++calls === 1) throw new Error('once');
      return 'done';
    });
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(flow);
    expect((await new RunToCompletionOrchestrator().run(traverser, executorFactory, state, services)).status).toBe(
      'failed',
    );
    expect(await new ResumptionOrchestrator().run(traverser, executorFactory, state, services)).toMatchObject({
      status: 'completed',
      output: 'done',
      errors: [],
    });
  });
});

describe('a traverser', () => {
  const blueprint = () =>
    new Flow('traverse')
      .node('a', () => 1, { fallback: 'safe' })
      .node('safe', () => 0)
      .node('b', () => 2)
      .node('c', () => 3)
      .node('join', () => 4)
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'join')
      .edge('c', 'join')
      .toBlueprint();
  const ids = (traverser: GraphTraverser) => traverser.getReadyNodes().map(({ nodeId }) => nodeId);

  it('knows its blueprint, its nodes and its fallbacks', () => {
    const given = blueprint();
    const traverser = new GraphTraverser(given);
    expect(traverser.getDynamicBlueprint()).toBe(given);
    expect([...traverser.getAllNodeIds()]).toEqual(['a', 'safe', 'b', 'c', 'join']);
    expect([...traverser.getFallbackNodeIds()]).toEqual(['safe']);
  });

  it('returns each ready node once, with its definition and visit', () => {
    const given = blueprint();
    const traverser = new GraphTraverser(given);
    expect(traverser.hasMoreWork()).toBe(true);
    expect(traverser.getReadyNodes()).toEqual([{ nodeId: 'a', nodeDef: given.nodes[0], visit: 1 }]);
    expect(traverser.hasMoreWork()).toBe(false);
    expect(traverser.getReadyNodes()).toEqual([]);
  });

  it('advances as nodes are marked', () => {
    const given = blueprint();
    const traverser = new GraphTraverser(given);
    ids(traverser);
    traverser.markNodeCompleted('a');
    expect(ids(traverser)).toEqual(['b', 'c']);
    traverser.markNodeCompleted('b');
    expect(ids(traverser)).toEqual([]);
    traverser.markNodeCompleted('c');
    expect(ids(traverser)).toEqual(['join']);
    traverser.markNodeCompleted('join');
    expect(traverser.hasMoreWork()).toBe(false);
  });

  it('changes nothing when a node is marked twice', () => {
    const traverser = new GraphTraverser(blueprint());
    ids(traverser);
    traverser.markNodeCompleted('a');
    traverser.markNodeCompleted('a');
    expect(ids(traverser)).toEqual(['b', 'c']);
    traverser.markNodeCompleted('b');
    traverser.markNodeCompleted('b');
    expect(ids(traverser)).toEqual([]);
  });

  it('follows only the given edges', () => {
    const given = blueprint();
    const traverser = new GraphTraverser(given);
    ids(traverser);
    const [edge, node] = [given.edges[0], given.nodes[2]];
    if (edge === undefined || node === undefined) throw new Error('no edge');
    traverser.markNodeCompleted('a', [{ edge, node }]);
    expect(ids(traverser)).toEqual(['b']);
    traverser.markNodeCompleted('b');
    expect(ids(traverser)).toEqual(['join']);
  });

  it('makes the fallback of a failed node ready', () => {
    const traverser = new GraphTraverser(blueprint());
    ids(traverser);
    traverser.markNodeFailed('a');
    expect(ids(traverser)).toEqual(['safe']);
  });

  it('has nothing ready after a node that waits', () => {
    const traverser = new GraphTraverser(blueprint());
    ids(traverser);
    traverser.markNodeAwaiting('a');
    expect(traverser.hasMoreWork()).toBe(false);
  });

  it('can be set to an earlier position of a run', () => {
    const traverser = new GraphTraverser(blueprint());
    traverser.setFrontier(['c']);
    traverser.setCompletedNodes(new Set(['a', 'b']));
    expect(ids(traverser)).toEqual(['c']);
    traverser.markNodeCompleted('c');
    expect(ids(traverser)).toEqual(['join']);
  });

  it('leaves completed nodes and unneeded fallbacks out of a frontier', () => {
    const traverser = new GraphTraverser(blueprint());
    traverser.setCompletedNodes(['a']);
    traverser.setFrontier(['a', 'safe', 'b']);
    expect(ids(traverser)).toEqual(['b']);
  });

  it('refuses an unknown node, and an invalid blueprint', () => {
    const traverser = new GraphTraverser(blueprint());
    expect(() => traverser.markNodeCompleted('nowhere')).toThrow('"nowhere" is not a node of "traverse"');
    expect(() => traverser.setFrontier(['nowhere'])).toThrow(RangeError);
    expect(() => new GraphTraverser({ ...blueprint(), edges: [{ source: 'a', target: 'nowhere' }] })).toThrow(
      BlueprintError,
    );
  });

  it('does not change its blueprint, and shares nothing with another traverser', () => {
    const given = blueprint();
    const before = JSON.stringify(given);
    const [one, two] = [new GraphTraverser(given), new GraphTraverser(given)];
    ids(one);
    one.markNodeCompleted('a');
    expect(ids(one)).toEqual(['b', 'c']);
    expect(ids(two)).toEqual(['a']);
    expect(JSON.stringify(given)).toBe(before);
  });
});

describe('a state', () => {
  const all = new Set(['a', 'b', 'safe']);
  const fallbacks = new Set(['safe']);
  const serializer = new DefaultSerializer();

  it('has its context, and the outputs of the nodes that have completed', () => {
    const context: Context = { given: 1 };
    const state = new WorkflowState(context);
    expect(state.getContext()).toBe(context);
    state.addCompletedNode('a', 'A');
    state.addCompletedNode('b', undefined);
    expect(context).toEqual({ given: 1, a: 'A' });
    expect(state.getCompletedNodes()).toEqual(new Set(['a', 'b']));
    expect([state.isCompleted('a'), state.isCompleted('safe')]).toEqual([true, false]);
  });

  it('gives its completed nodes as a set of their own', () => {
    const state = new WorkflowState({});
    state.getCompletedNodes().add('a');
    expect(state.getCompletedNodes().size).toBe(0);
  });

  it('has default values for id, input and context', () => {
    const state = new WorkflowState();
    expect(state.runId).toMatch(/./);
    expect(state.getContext()).toEqual({});
    expect(new WorkflowState({}, { runId: 'run', input: 1 })).toMatchObject({ runId: 'run', input: 1 });
  });

  it('is completed once all nodes but fallbacks have completed or were skipped, and stalled before', () => {
    const state = new WorkflowState({});
    expect(state.getStatus(all, fallbacks)).toBe('stalled');
    state.addCompletedNode('a', 1);
    expect(state.getStatus(all, fallbacks)).toBe('stalled');
    state.addSkippedNode('b');
    expect(state.getStatus(all, fallbacks)).toBe('completed');
    expect(state.getStatus(all, new Set())).toBe('stalled');
    expect([...state.getSkippedNodes()]).toEqual(['b']);
  });

  it('is failed if an error was not recovered by a fallback', () => {
    const state = new WorkflowState({});
    const failure = new RangeError('no');
    state.addCompletedNode('b', 1);
    state.addError('a', failure);
    expect(state.getErrors()).toEqual([new NodeError('a', 1, failure)]);
    expect(state.getErrors()[0]?.cause).toBe(failure);
    expect(state.getStatus(all, fallbacks)).toBe('failed');
    state.addCompletedNode('a', 'saved');
    state.markRecovered('a', 'safe');
    expect(state.getErrors()).toMatchObject([{ nodeId: 'a', recoveredBy: 'safe' }]);
    expect(state.getStatus(all, fallbacks)).toBe('completed');
    state.addError('b', failure);
    expect(state.getStatus(all, fallbacks)).toBe('failed');
    state.clearError('b');
    expect(state.getErrors()).toHaveLength(1);
  });

  it('returns its result at any time, written by the given serializer', () => {
    const state = new WorkflowState({ when: new Date(0) }, { runId: 'run' });
    state.addCompletedNode('a', 1);
    const result = state.toResult(serializer);
    expect(result).toMatchObject({ runId: 'run', completed: ['a'], context: { a: 1 } });
    expect(serializer.deserialize(result.serializedContext)).toEqual({ when: new Date(0), a: 1 });
    const json: Serializer = { serialize: JSON.stringify, deserialize: JSON.parse };
    expect(state.toResult(json).serializedContext).toBe('{"when":"1970-01-01T00:00:00.000Z","a":1}');
  });

  it('returns a result that does not change while the run goes on', () => {
    const state = new WorkflowState({});
    state.addCompletedNode('a', 1);
    const { completed } = state.toResult(serializer);
    state.addCompletedNode('b', 2);
    expect(completed).toEqual(['a']);
  });
});

import { Orchestrator } from 'orchestrator';
import {
  type AbstractNode,
  analyze,
  type Context,
  Flow,
  FlowRuntime,
  type Graph,
  GraphBuilder,
  GraphTraverser,
  type IExecutor,
  InMemoryExecutor,
  type InternalRunOptions,
  type Logger,
  Node,
  type NodeArgs,
  NullLogger,
  type RunOptions,
  RunToCompletionOrchestrator,
  toBlueprint,
  toMermaid,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, failing, rejection } from '../support.js';

/** Freezes a value and everything inside, so that every write throws. */
function frozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}

function viaJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value));
}

const double = (value: number) => value * 2;
const sum = (values: Record<string, number>) => Object.values(values).reduce((total, value) => total + value, 0);

/** A blueprint with every kind of content. */
function everything() {
  const inner = new Flow('inner')
    .node('first', (value: number) => value + 1)
    .node('second', double)
    .edge('first', 'second');
  return new Flow('everything', { version: 'v1', maxVisits: 7 })
    .node('start', () => withAction('go' as string, { list: [1, 2, 3], total: 6, n: 4 }), {
      params: { level: { deep: [1] } },
    })
    .node('other', () => 'never')
    .node('large', (total: number) => total, { joinStrategy: 'any', maxVisits: 3 })
    .node('sub', inner, { inputs: 'start.n' })
    .batch('each', double, { items: 'start.list', concurrency: 2, failFast: true })
    .node('risky', failing(1, 'saved'), {
      retry: { retries: 2, minTimeout: 0 },
      timeout: { attempt: 1000, total: 5000 },
    })
    .node('broken', () => Promise.reject(new Error('no')), { fallback: 'rescue' })
    .node('rescue', () => 'rescued')
    .sleep('pause', { until: 0 })
    .wait('approval', { event: 'approved' })
    .node('end', (values: Record<string, unknown>) => values)
    .edge('start', 'other', { action: 'stop' })
    .edge('start', 'large', { action: 'go', condition: 'output.total > 5', transform: 'output.total' })
    .edge('start', 'sub', { action: 'go', condition: (output) => output.n === 4 })
    .edge('start', 'each', { action: 'go' })
    .edge('start', 'risky', { action: 'go' })
    .edge('start', 'broken', { action: 'go' })
    .edge('large', 'end')
    .edge('sub', 'end', { transform: (output) => output + 1 })
    .edge('each', 'end')
    .edge('risky', 'end')
    .edge('broken', 'end')
    .edge('end', 'approval');
}

describe('the blueprint of a flow', () => {
  it('has its nodes and edges as declared, and the predecessors of each node', () => {
    const flow = new Flow('order')
      .node('a', () => 1)
      .node('b', () => 2, { retry: { retries: 3 }, params: { level: 1 } })
      .node('c', () => 3, { joinStrategy: 'any', timeout: { attempt: 50 }, inputs: { left: 'a', right: 'b.x' } })
      .edge('a', 'b', { action: 'go' })
      .edge('a', 'c')
      .edge('b', 'c', { condition: 'output > 1', transform: 'output + 1' });
    expect(flow.toBlueprint()).toStrictEqual({
      id: 'order',
      nodes: [
        { id: 'a', uses: 'a' },
        { id: 'b', uses: 'b', params: { level: 1 }, config: { retry: { retries: 3 } } },
        {
          id: 'c',
          uses: 'c',
          inputs: { left: 'a', right: 'b.x' },
          config: { joinStrategy: 'any', timeout: { attempt: 50 } },
        },
      ],
      edges: [
        { source: 'a', target: 'b', action: 'go' },
        { source: 'a', target: 'c' },
        { source: 'b', target: 'c', condition: 'output > 1', transform: 'output + 1' },
      ],
      predecessorCountMap: { a: 0, b: 1, c: 2 },
      originalPredecessorIdMap: { a: [], b: ['a'], c: ['a', 'b'] },
    });
  });

  it('counts two edges from one source as one predecessor', async () => {
    const flow = new Flow('twice')
      .node('a', () => withAction('x' as string, 1))
      .node('b', double)
      .node('c', (input: unknown) => input)
      .edge('a', 'b', { action: 'x' })
      .edge('a', 'b', { action: 'y' })
      .edge('a', 'c', { action: 'x' })
      .edge('b', 'c', { condition: 'output > 100' })
      .edge('b', 'c', { condition: 'output == 2' });
    expect(flow.toBlueprint()).toMatchObject({
      predecessorCountMap: { a: 0, b: 1, c: 2 },
      originalPredecessorIdMap: { a: [], b: ['a'], c: ['a', 'b'] },
    });
    expect(await flow.run()).toMatchObject({ status: 'completed', output: { a: 1, b: 2 } });
  });

  it('counts a node that leads to itself among its predecessors', () => {
    const { predecessorCountMap, originalPredecessorIdMap } = toBlueprint({
      id: 'loop',
      nodes: [{ id: 'a', uses: 'x' }],
      edges: [{ source: 'a', target: 'a', action: 'again' }],
    });
    expect({ predecessorCountMap, originalPredecessorIdMap }).toEqual({
      predecessorCountMap: { a: 1 },
      originalPredecessorIdMap: { a: ['a'] },
    });
  });

  it('keeps ids as their author gave them, also names of object properties', async () => {
    const ids = ['toString', 'hasOwnProperty', 'valueOf', '1', ' ', 'naïve ☂', 'a.b', 'a/b', 'wait', 'batch'];
    let flow = new Flow<Context, unknown, string>('names').node('first', () => 1);
    for (const id of ids) flow = flow.node(id, double).edge('first', id);
    const blueprint = flow.toBlueprint();
    for (const id of ids) {
      expect(blueprint.predecessorCountMap[id]).toBe(1);
      expect(blueprint.originalPredecessorIdMap[id]).toEqual(['first']);
    }
    const result = await new FlowRuntime({ registry: flow.registry }).run(viaJson(blueprint));
    expect(result.completed.toSorted()).toEqual(['first', ...ids].toSorted());
    for (const id of ids) expect(result.context[id]).toBe(2);
  });

  it('is the same from code and from data', () => {
    const flow = everything();
    const { predecessorCountMap, originalPredecessorIdMap, ...graph } = flow.toBlueprint();
    const built = new GraphBuilder(flow.registry).build(viaJson(graph)).toBlueprint();
    expect(built).toStrictEqual(flow.toBlueprint());
    expect(toBlueprint(graph)).toStrictEqual(flow.toBlueprint());
  });

  it('is made once, and anew when the flow has changed', async () => {
    const flow = new Flow('growing').node('a', () => 1);
    const first = flow.toBlueprint();
    expect(flow.toBlueprint()).toBe(first);
    expect((await flow.run()).completed).toEqual(['a']);
    const grown = flow.node('b', double).edge('a', 'b');
    expect(grown.toBlueprint()).not.toBe(first);
    expect(first.nodes).toHaveLength(1);
    expect(await grown.run()).toMatchObject({ completed: ['a', 'b'], output: 2 });
    grown.use(async (_args, next) => Number(await next()) + 10);
    expect((await grown.run()).output).toBe(32);
  });

  it('survives JSON, whatever is in it', () => {
    const blueprint = everything().toBlueprint();
    expect(viaJson(blueprint)).toStrictEqual(blueprint);
  });

  it('runs again after JSON, with the registry of its flow', async () => {
    const flow = everything();
    const runtime = new FlowRuntime({ registry: flow.registry });
    const blueprint = viaJson(flow.toBlueprint());
    const waiting = await runtime.run(blueprint, { user: 'Ada' });
    expect(waiting).toMatchObject({
      status: 'awaiting',
      awaiting: [
        { nodeId: 'pause', event: 'pause', until: 0 },
        { nodeId: 'approval', event: 'approved' },
      ],
      skipped: ['other'],
    });
    const result = await runtime.resume(viaJson(blueprint), waiting, { events: { approved: 'yes' } });
    expect(result).toMatchObject({ status: 'completed', context: { user: 'Ada', approval: 'yes' } });
    expect(result.context.end).toEqual({ large: 6, sub: 11, each: [2, 4, 6], risky: 'saved', broken: 'rescued' });
    expect(result.errors).toMatchObject([{ nodeId: 'broken', recoveredBy: 'rescue' }]);
  });

  it('keeps retry and timeouts through JSON', async () => {
    const slow = (_input: unknown, { signal }: NodeArgs) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const flow = new Flow('policies')
      .node('flaky', failing(2, 'done'), { retry: { retries: 2, minTimeout: 0 } })
      .node('slow', slow, { timeout: 5 });
    const blueprint = viaJson(flow.toBlueprint());
    const result = await new FlowRuntime({ registry: flow.registry }).run(blueprint);
    expect(result.context.flaky).toBe('done');
    expect(result.errors).toMatchObject([{ nodeId: 'slow', cause: { name: 'TimeoutError' } }]);
  });

  it('omits what is not data, and still runs with it', async () => {
    const flow = new Flow('functions').node('flaky', failing(3, 'done'), {
      retry: { retries: Infinity, minTimeout: 0, shouldRetry: ({ attemptNumber }) => attemptNumber < 3 },
    });
    expect(flow.toBlueprint().nodes).toEqual([{ id: 'flaky', uses: 'flaky', config: { retry: { minTimeout: 0 } } }]);
    expect((await flow.run()).errors).toMatchObject([{ nodeId: 'flaky', attempts: 3 }]);
  });

  it('keeps the number that was given for retry', async () => {
    const flow = new Flow('number').node('flaky', () => Promise.reject(new Error('no')), { retry: 0 });
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } });
    const blueprint = viaJson(flow.toBlueprint());
    const runtime = new FlowRuntime({ registry: flow.registry, orchestrator });
    expect((await runtime.run(blueprint)).errors).toMatchObject([{ nodeId: 'flaky', attempts: 1 }]);
  });
});

describe("the caller's graph", () => {
  const registry = { one: () => 1, double, sum, again: (_: unknown, { visit }: NodeArgs) => again(visit) };
  const again = (visit: number) => withAction(visit < 3 ? 'again' : 'on', visit);
  const graph = (): Graph => ({
    id: 'kept',
    nodes: [
      { id: 'a', uses: 'one', params: { list: [1, { two: 2 }] } },
      { id: 'b', uses: 'double', config: { retry: { retries: 1 } } },
      { id: 'c', uses: 'again', config: { maxVisits: 5 } },
      { id: 'd', uses: 'sum', inputs: { b: 'b', c: 'c' } },
    ],
    edges: [
      { source: 'a', target: 'b' },
      { source: 'a', target: 'c', condition: 'output == 1', transform: 'output + 1' },
      { source: 'c', target: 'c', action: 'again' },
      { source: 'b', target: 'd' },
      { source: 'c', target: 'd', action: 'on' },
    ],
  });

  it('is never changed', async () => {
    const given = frozen(graph());
    const flow = new GraphBuilder(registry).build(given);
    expect((await flow.run()).output).toBe(5);
    const runtime = new FlowRuntime({ registry });
    expect((await runtime.run(given)).output).toBe(5);
    const blueprint = frozen(toBlueprint(given));
    expect((await runtime.run(blueprint)).output).toBe(5);
    const { traverser, executorFactory, state, services } = runtime.prepare(blueprint);
    await new RunToCompletionOrchestrator().run(traverser, executorFactory, state, services);
    expect(new GraphTraverser(blueprint).hasMoreWork()).toBe(true);
    toMermaid(given, await runtime.run(given));
    analyze(given);
    expect(given).toStrictEqual(graph());
    expect(JSON.stringify(given)).toBe(JSON.stringify(graph()));
  });

  it('is not changed by calls on the flow that was built from it', async () => {
    const given = graph();
    const flow = new GraphBuilder(registry).build(given);
    const grown = (flow as Flow<Context, unknown, string>).node('e', double).edge('d', 'e');
    expect(await grown.run()).toMatchObject({ output: 10 });
    expect(given).toStrictEqual(graph());
  });

  it('may be changed by its owner later, without changing the flow that was built from it', async () => {
    const given = graph() as { nodes: object[]; edges: object[] } & Graph;
    const flow = new GraphBuilder(registry).build(given);
    given.nodes.length = 0;
    given.edges.length = 0;
    expect((await flow.run()).output).toBe(5);
  });

  it('can run any number of times in parallel, without one run affecting another', async () => {
    const given = frozen(graph());
    const gates = [deferred<number>(), deferred<number>()];
    let runs = 0;
    const runtime = new FlowRuntime({ registry: { ...registry, one: () => gates[runs++]?.promise } });
    const [first, second] = [runtime.run(given, { user: 'Ada' }), runtime.run(given, { user: 'Bob' })];
    gates[1]?.resolve(1);
    expect(await second).toMatchObject({ context: { user: 'Bob', b: 2, c: 3, d: 5 } });
    gates[0]?.resolve(10);
    const failed = await first;
    expect(failed).toMatchObject({ status: 'completed', context: { user: 'Ada', b: 20 }, skipped: ['c'] });
    expect(failed.runId).not.toBe((await second).runId);
  });

  it('can be run by runtimes whose registries differ', async () => {
    const given = frozen(graph());
    expect(await rejection(new FlowRuntime({ registry: { one: () => 1 } }).run(given))).toMatchObject({
      name: 'BlueprintError',
    });
    expect((await new FlowRuntime({ registry }).run(given)).output).toBe(5);
    expect((await new FlowRuntime({ registry: { ...registry, double: () => 100 } }).run(given)).output).toBe(103);
    expect((await new FlowRuntime({ registry }).run(given)).output).toBe(5);
  });

  it('with faults is refused with the same faults each time', async () => {
    const runtime = new FlowRuntime({ registry });
    const broken = frozen({ ...graph(), edges: [{ source: 'a', target: 'nowhere' }] });
    const [first, second] = [await rejection(runtime.run(broken)), await rejection(runtime.run(broken))];
    expect(second).toStrictEqual(first);
    expect(first).toMatchObject({ name: 'BlueprintError', blueprintId: 'kept' });
  });

  it('gives its context to a run as a copy', async () => {
    const context = frozen({ user: { name: 'Ada' } });
    const rename = (_: unknown, { context: own }: NodeArgs) => {
      own.user.name = 'Bob';
    };
    const result = await new Flow('copy').node('rename', rename).run(context);
    expect(result.context.user.name).toBe('Bob');
    expect(context).toEqual({ user: { name: 'Ada' } });
  });
});

describe('params', () => {
  it('are those of the flow, the run and the node, each overriding the ones before', async () => {
    const seen = (_: unknown, { params }: NodeArgs) => ({ ...params });
    const flow = new Flow('params', { params: { flow: 1, run: 1, node: 1 } })
      .node('a', seen, { params: { node: 3 } })
      .node('b', seen);
    expect(flow.params).toEqual({ flow: 1, run: 1, node: 1 });
    const { context } = await flow.run({}, { params: { run: 2, node: 2 } });
    expect(context.a).toEqual({ flow: 1, run: 2, node: 3 });
    expect(context.b).toEqual({ flow: 1, run: 2, node: 2 });
  });

  it('of a sub-flow are its own, and those of the outer flow', async () => {
    const seen = (_: unknown, { params }: NodeArgs) => ({ ...params });
    const inner = new Flow('inner', { params: { inner: 1 } }).node('see', seen);
    const outer = new Flow('outer', { params: { outer: 1 } }).node('sub', inner);
    expect((await outer.run()).output).toMatchObject({ inner: 1, outer: 1 });
  });
});

/** A visited node, and the action that the node chose. */
type Visit = { readonly node: AbstractNode; action?: unknown };

class Begin extends Node {
  override prep({ context }: NodeArgs) {
    return context.amount;
  }
  override exec({ prepRes }: NodeArgs): number {
    return prepRes * 2;
  }
  override post({ context, execRes }: NodeArgs) {
    context.doubled = execRes;
    return context.amount > 10 ? 'large' : 'small';
  }
}

class Large extends Node {
  override exec(): unknown {
    return 'large';
  }
}

class Small extends Node {
  override exec(): unknown {
    return 'small';
  }
}

class Inner extends Node {
  override exec(): unknown {
    return 'inner';
  }
  override post() {
    return 'finished';
  }
}

class End extends Node {
  override exec({ input }: NodeArgs): unknown {
    return { end: input };
  }
}

/** Begin, then Large and a nested flow or Small, then End. */
function written() {
  const start = new Begin();
  const end = new End();
  const nested = new Flow(new Inner());
  start.next(new Large(), 'large').next(nested).next(end, 'finished');
  start.next(new Small(), 'small').next(end);
  return { flow: new Flow(start), start, nested, end };
}

describe('a flow that is written from a start node', () => {
  it('runs along the links that the actions choose', async () => {
    const { flow } = written();
    const large = await flow.run({ amount: 11 });
    expect(large).toMatchObject({
      status: 'completed',
      completed: ['Begin', 'Large', 'flow', 'End'],
      skipped: ['Small'],
      context: { amount: 11, doubled: 22, Large: 'large' },
      output: { end: { flow: 'inner' } },
    });
    const small = await flow.run({ amount: 1 });
    expect(small).toMatchObject({ completed: ['Begin', 'Small', 'End'], output: { end: { Small: 'small' } } });
    expect(small.skipped.toSorted()).toEqual(['Large', 'flow']);
  });

  it('gives an ordinary blueprint', async () => {
    const { flow, start } = written();
    expect(flow.startNode).toBe(start);
    const blueprint = flow.toBlueprint();
    expect(blueprint.nodes.map(({ id }) => id)).toEqual(['Begin', 'Large', 'Small', 'flow', 'End']);
    expect(blueprint.edges).toEqual([
      { source: 'Begin', target: 'Large', action: 'large' },
      { source: 'Begin', target: 'Small', action: 'small' },
      { source: 'Large', target: 'flow' },
      { source: 'Small', target: 'End' },
      { source: 'flow', target: 'End', action: 'finished' },
    ]);
    expect(blueprint.predecessorCountMap).toMatchObject({ Begin: 0, flow: 1, End: 2 });
    const runtime = new FlowRuntime({ registry: flow.registry });
    expect((await runtime.run(viaJson(blueprint), { amount: 11 })).output).toEqual({ end: { flow: 'inner' } });
  });

  it('numbers the ids of nodes that share a class', async () => {
    const [first, second, third] = [new Small(), new Small(), new Small()];
    first.next(second).next(third);
    const flow = new Flow(first);
    expect(flow.toBlueprint().nodes.map(({ id }) => id)).toEqual(['Small', 'Small-2', 'Small-3']);
    expect(first.graphData?.id).toBe('Small');
    expect(third.graphData).toMatchObject({ id: 'Small-3', data: { originalId: 'Small-3' } });
    expect((await flow.run()).completed).toEqual(['Small', 'Small-2', 'Small-3']);
  });

  it('does not give a node an id that another has by its name', async () => {
    class Named extends Node {
      constructor(readonly name: string) {
        super();
      }
    }
    const start = new Named('a');
    start.next(new Named('a')).next(new Named('a-2')).next(new Named('b'));
    const ids = new Flow(start).toBlueprint().nodes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect((await new Flow(start).run()).completed).toHaveLength(4);
  });

  it('can lead back to a node', async () => {
    class Count extends Node {
      override post({ context }: NodeArgs) {
        context.count = (context.count ?? 0) + 1;
        return context.count < 3 ? 'again' : 'done';
      }
    }
    const count = new Count();
    count.next(count, 'again');
    count.next(new End(), 'done');
    expect(await new Flow(count).run()).toMatchObject({ status: 'completed', context: { count: 3 } });
  });

  it('can be one node, and can be part of a flow that is written as a builder', async () => {
    const one = new Flow(new Inner());
    expect(await one.run()).toMatchObject({ completed: ['Inner'], output: 'inner', action: 'finished' });
    const outer = new Flow('outer')
      .node('sub', one)
      .node('yes', () => 'yes')
      .node('no', () => 'no')
      .edge('sub', 'yes', { action: 'finished' })
      .edge('sub', 'no');
    expect(await outer.run()).toMatchObject({ completed: ['sub', 'yes'], skipped: ['no'] });
  });

  it('tells its nodes their place in the graph', () => {
    const { flow, start } = written();
    expect(flow.startNode?.graphData?.id).toBe('Begin');
    expect(start.successors.get('large')?.[0]?.graphData).toMatchObject({ id: 'Large', data: { originalId: 'Large' } });
  });

  it('returns the following node from next, so that links can be chained', () => {
    const [first, second] = [new Small(), new Large()];
    expect(first.next(second)).toBe(second);
    expect(first.next(second, 'again')).toBe(second);
    expect([...first.successors]).toEqual([
      [undefined, [second]],
      ['again', [second]],
    ]);
  });

  it('can be extended with further nodes', async () => {
    const { flow } = written();
    const grown = (flow as unknown as Flow<Context, unknown, string>)
      .node('more', (input: unknown) => ({ more: input }))
      .edge('End', 'more');
    expect(await grown.run({ amount: 1 })).toMatchObject({ output: { more: { end: { Small: 'small' } } } });
  });
});

describe('the nodes of a builder flow as objects', () => {
  const inner = new Flow('inner').node('only', Inner);
  const flow = new Flow('order', { params: { level: 1 } })
    .node('begin', Begin)
    .node('plain', () => 'plain', { params: { size: 2 } })
    .node('sub', inner)
    .node('end', End)
    .edge('begin', 'plain', { action: 'large' })
    .edge('begin', 'sub', { action: 'small' })
    .edge('begin', 'end')
    .edge('plain', 'end')
    .edge('sub', 'end');

  it('are linked from the start node on', () => {
    const { startNode } = flow;
    expect(startNode).toBeInstanceOf(Begin);
    const next = (node: AbstractNode | undefined, action?: string) => node?.successors.get(action) ?? [];
    expect(startNode?.graphData?.id).toBe('begin');
    expect(next(startNode, 'large').map(({ graphData }) => graphData?.id)).toEqual(['plain']);
    expect(next(startNode, 'small').map(({ graphData }) => graphData?.id)).toEqual(['sub']);
    expect(next(startNode).map(({ graphData }) => graphData?.id)).toEqual(['end']);
    const [sub] = next(startNode, 'small');
    expect(sub).toBeInstanceOf(Flow);
    expect(next(sub)).toEqual(next(startNode));
  });

  it('know their place in the graph', () => {
    const [plain] = flow.startNode?.successors.get('large') ?? [];
    expect(plain?.graphData).toEqual({ id: 'plain', type: 'plain', data: { size: 2, originalId: 'plain' } });
    expect(flow.startNode).toBe(flow.startNode);
  });

  it('are undefined for a flow without nodes', () => {
    expect(new Flow('empty').startNode).toBeUndefined();
  });

  it('are separate for each flow that uses a node instance', async () => {
    const shared = new Large();
    const left = new Flow('left')
      .node('a', shared)
      .node('b', () => 'b')
      .edge('a', 'b');
    const right = new Flow('right')
      .node('x', shared)
      .node('y', () => 'y')
      .edge('x', 'y');
    expect(left.startNode?.graphData?.id).toBe('a');
    expect(right.startNode?.graphData?.id).toBe('x');
    expect(left.startNode?.successors.get(undefined)?.[0]?.graphData?.id).toBe('b');
    expect(left.startNode?.graphData?.id).toBe('a');
    expect((await left.run()).completed).toEqual(['a', 'b']);
  });

  it('do not change a flow that is also written from a start node', async () => {
    const { flow: linked, nested } = written();
    const outer = new Flow('outer').node('nested', nested).node('after', () => 'after');
    outer.edge('nested', 'after');
    expect(outer.startNode).toBeDefined();
    expect(await linked.run({ amount: 11 })).toMatchObject({ completed: ['Begin', 'Large', 'flow', 'End'] });
  });
});

/** A custom executor that follows the links: it calls `prep` and `post` of every node, but not `exec`. */
class Rehearsal implements IExecutor {
  readonly visits: Visit[] = [];

  async run(flow: Flow, context: Context, options: RunOptions = {}): Promise<unknown> {
    const internal: InternalRunOptions = {
      logger: options.logger ?? new NullLogger(),
      signal: options.signal,
      params: { ...flow.params, ...options.params },
      executor: this,
    };
    internal.logger.info(`rehearses ${flow.constructor.name}`);
    return flow.startNode === undefined ? undefined : this.#walk(flow.startNode, context, internal);
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return node.successors.get(action as string | undefined)?.[0];
  }

  async #walk(start: AbstractNode, context: Context, options: InternalRunOptions): Promise<unknown> {
    let action: unknown;
    for (let node: AbstractNode | undefined = start; node !== undefined; node = this.getNextNode(node, action)) {
      const visit: Visit = { node };
      this.visits.push(visit);
      const args = { ...options, context, params: { ...options.params, ...node.params } } as unknown as NodeArgs;
      action = await this.#visit(node, args);
      visit.action = action;
    }
    return action;
  }

  async #visit(node: AbstractNode, args: NodeArgs): Promise<unknown> {
    if (node instanceof Flow) return node.exec(args);
    if (!(node instanceof Node)) return undefined;
    const prepRes = await node.prep(args);
    return node.post({ ...args, prepRes, execRes: undefined });
  }
}

describe('an executor of the user', () => {
  it('walks through a flow from its start node, nested flows too, and executes nothing', async () => {
    const { flow } = written();
    const executor = new Rehearsal();
    expect(await flow.run({ amount: 11 }, { executor })).toBeUndefined();
    expect(executor.visits.map(({ node, action }) => [node.constructor.name, action])).toEqual([
      ['Begin', 'large'],
      ['Large', undefined],
      ['Flow', 'finished'],
      ['Inner', 'finished'],
      ['End', undefined],
    ]);
    const other = new Rehearsal();
    await flow.run({ amount: 1 }, { executor: other });
    expect(other.visits.map(({ node }) => node.constructor.name)).toEqual(['Begin', 'Small', 'End']);
  });

  it('gets the arguments of run', async () => {
    const seen: unknown[] = [];
    const executor: IExecutor = {
      run: async (flow, context, options) => seen.push(flow, context, options),
      getNextNode: () => undefined,
    };
    const { flow } = written();
    const context = { amount: 1 };
    const options = { executor, params: { level: 2 }, logger: new NullLogger() };
    expect(await flow.run(context, options)).toBe(3);
    expect(seen).toEqual([flow, context, options]);
  });

  it('finds the parameters and the logger where the options have them', async () => {
    const lines: string[] = [];
    class Recorder extends NullLogger implements Logger {
      override info(message: string): void {
        lines.push(message);
      }
    }
    class Asks extends Node {
      override post({ params }: NodeArgs) {
        return params.level;
      }
    }
    const asks = new Asks();
    asks.next(new Small(), 'high');
    const flow = new Flow(asks, { params: { level: 'low' } });
    const [low, high] = [new Rehearsal(), new Rehearsal()];
    await flow.run({}, { executor: low, logger: new Recorder() });
    await flow.run({}, { executor: high, params: { level: 'high' } });
    expect(low.visits).toMatchObject([{ action: 'low' }]);
    expect(high.visits.map(({ node }) => node.constructor.name)).toEqual(['Asks', 'Small']);
    expect(lines).toEqual(['rehearses Flow']);
  });

  it('walks through a builder flow as well', async () => {
    const flow = new Flow('order')
      .node('begin', Begin)
      .node('plain', () => 'plain')
      .node('sub', new Flow('inner').node('only', Inner))
      .node('end', End)
      .edge('begin', 'plain', { action: 'large' })
      .edge('plain', 'sub')
      .edge('sub', 'end', { action: 'finished' });
    const executor = new Rehearsal();
    await flow.run({ amount: 11 }, { executor });
    expect(executor.visits.map(({ node }) => node.graphData?.id)).toEqual(['begin', 'plain', 'sub', 'only', 'end']);
  });

  it('is the executor that nodes see', async () => {
    const seen: unknown[] = [];
    const flow = new Flow('sees').node('see', (_: unknown, { executor }: NodeArgs) => seen.push(executor));
    const executor = new InMemoryExecutor();
    await flow.run({}, { executor });
    await new Flow('outer').node('inner', flow).run({}, { executor });
    expect(seen).toEqual([executor, executor]);
  });
});

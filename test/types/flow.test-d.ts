// biome-ignore-all lint/suspicious/noExplicitAny: those who write orchestrators and executors of their own write it
import { Orchestrator } from 'orchestrator';
import {
  type AbstractNode,
  type Context,
  type ContinueOptions,
  type EdgeArgs,
  type EventDrivenOrchestrator,
  type ExecutionServices,
  executeBatch,
  Flow,
  FlowRuntime,
  type GraphTraverser,
  type ICoordinationStore,
  type IExecutor,
  type InternalRunOptions,
  type IOrchestrator,
  Node,
  type NodeArgs,
  type NodeError,
  type NodeExecutor,
  type NodeExecutorFactory,
  NullLogger,
  processResults,
  type ResumeOptions,
  type RunOptions,
  RunToCompletionOrchestrator,
  StepByStepOrchestrator,
  toMermaid,
  type WorkflowBlueprint,
  type WorkflowResult,
  type WorkflowState,
  withAction,
} from 'orchestrator/flow';
import { describe, expectTypeOf, it } from 'vitest';

interface Cart {
  total: number;
  user?: string;
}

const orchestrator = new Orchestrator();
const charge = orchestrator.action(async (amount: number): Promise<string> => `charged ${amount}`, { retry: 1 });

class Pay extends Node {
  override exec({ input }: NodeArgs): unknown {
    return input;
  }
}

class Check extends Node<Cart, number, boolean> {
  override prep({ context }: NodeArgs<Cart>): number {
    expectTypeOf(context).toEqualTypeOf<Cart>();
    return context.total;
  }
  override exec({ prepRes }: NodeArgs<Cart, number>): boolean {
    expectTypeOf(prepRes).toEqualTypeOf<number>();
    return prepRes > 1;
  }
  override post({ execRes }: NodeArgs<Cart, number, boolean>): string {
    expectTypeOf(execRes).toEqualTypeOf<boolean>();
    return execRes ? 'ok' : 'no';
  }
}

describe('the builder', () => {
  it('knows the nodes that were declared', () => {
    const flow = new Flow<Cart>('order')
      .node('fetch', () => 1)
      .node('charge', charge)
      .batch('each', () => 2, { items: 'list' })
      .wait('approval')
      .sleep('pause', { duration: 1 });
    flow
      .edge('fetch', 'charge')
      .edge('charge', 'each', { action: 'ok' })
      .edge('each', 'approval')
      .edge('approval', 'pause');
    // @ts-expect-error there is no such node to lead to
    flow.edge('fetch', 'chargee');
    // @ts-expect-error there is no such node to come from
    flow.edge('fetc', 'charge');
    // @ts-expect-error nothing is declared yet
    new Flow('empty').edge('a', 'b');
    // @ts-expect-error a node has to be declared before its edges
    new Flow('order').edge('a', 'a').node('a', () => 1);
  });

  it('does not take an id twice', () => {
    const flow = new Flow('order').node('fetch', () => 1).wait('approval');
    // @ts-expect-error the id is taken
    flow.node('fetch', () => 2);
    // @ts-expect-error the id is taken by a wait
    flow.node('approval', () => 2);
    // @ts-expect-error the id is taken
    flow.batch('fetch', () => 2);
    // @ts-expect-error the id is taken
    flow.wait('fetch');
    // @ts-expect-error the id is taken
    flow.sleep('fetch', { duration: 1 });
    new Flow('order')
      .node('a', () => 1)
      .node('b', () => 2)
      // @ts-expect-error the id was taken a moment ago
      .node('a', () => 3);
  });

  it('keeps what it knows through edges and middleware', () => {
    const flow = new Flow('order')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b')
      .use((args, next) => {
        expectTypeOf(args.nodeId).toEqualTypeOf<string>();
        expectTypeOf(next).toEqualTypeOf<() => Promise<unknown>>();
        return next();
      })
      .node('c', () => 3)
      .edge('b', 'c');
    // @ts-expect-error there is still no such node
    flow.edge('c', 'd');
  });

  it('takes any id where ids are not known before', () => {
    let flow = new Flow<Cart, WorkflowResult<Cart>, string>('dynamic');
    for (const id of ['a', 'b', 'c']) flow = flow.node(id, () => id);
    flow = flow
      .edge('a', 'b')
      .edge('b', 'anything')
      .wait('w')
      .batch('w2', () => 1);
    expectTypeOf(flow.run({ total: 1 })).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
  });

  it('takes ids from a list that is known', () => {
    type Step = 'fetch' | 'charge';
    const steps: Step[] = ['fetch', 'charge'];
    const flow = new Flow<Cart, WorkflowResult<Cart>, Step>('known');
    flow.edge('fetch', 'charge');
    // @ts-expect-error there is no such step
    flow.edge('fetch', 'check');
    expectTypeOf(steps).items.toEqualTypeOf<Step>();
  });

  it('takes functions, actions, classes and instances of Node, and flows', () => {
    const inner = new Flow('inner').node('a', () => 1);
    new Flow<Cart>('all')
      .node('function', (input: number) => input)
      .node('async', async () => 1)
      .node('generic', <Value>(value: Value) => value)
      .node('typed', (input: { total: number }, args) => input.total + args.context.total)
      .node('action', charge)
      .node('class', Pay)
      .node('typed class', Check)
      .node('instance', new Pay())
      .node('flow', inner)
      .node(
        'typed flow',
        new Flow<{ size: number }>('other').node('a', () => 1),
      )
      .batch('each', charge)
      .batch('each class', Pay)
      .batch('each flow', inner);
    const flow = new Flow('none');
    // @ts-expect-error a number does nothing
    flow.node('number', 1);
    // @ts-expect-error a text does nothing
    flow.node('text', 'charge');
    // @ts-expect-error an object does nothing
    flow.node('object', { exec: () => 1 });
    // @ts-expect-error something is needed
    flow.node('nothing', undefined);
    // @ts-expect-error a promise is done already
    flow.node('promise', charge(1));
    // @ts-expect-error a class that is no Node
    flow.node('date', Date.prototype);
    // @ts-expect-error a batch needs a worker
    flow.batch('each', 1);
  });

  it('checks the action of an edge against those that its source may choose', () => {
    const route = (total: number) => withAction(total > 100 ? 'review' : 'ok', total);
    class Decide extends Node {
      override post() {
        return Math.random() > 0.5 ? 'left' : 'right';
      }
    }
    class Chooses extends Node {
      override async post({ execRes }: NodeArgs) {
        return execRes ? withAction('yes', 1) : undefined;
      }
    }
    const flow = new Flow<Cart>('actions')
      .node('route', route)
      .node('later', async (input: number) => (input > 1 ? withAction('more', input) : input))
      .node('action', orchestrator.action(route))
      .node('class', Decide)
      .node('instance', new Chooses())
      .node('end', () => 1)
      .wait('approval')
      .sleep('pause', { duration: 1 });
    flow
      .edge('route', 'end', { action: 'review' })
      .edge('route', 'end', { action: 'ok', condition: (_output, { context }) => context.total > 1 })
      .edge('route', 'end')
      .edge('later', 'end', { action: 'more' })
      .edge('action', 'end', { action: 'ok' })
      .edge('class', 'end', { action: 'left' })
      .edge('instance', 'end', { action: 'yes' });
    // @ts-expect-error it never chooses that
    flow.edge('route', 'end', { action: 'reveiw' });
    // @ts-expect-error nor that
    flow.edge('later', 'end', { action: 'less' });
    // @ts-expect-error nor that
    flow.edge('action', 'end', { action: 'more' });
    // @ts-expect-error nor that
    flow.edge('class', 'end', { action: 'up' });
    // @ts-expect-error nor that
    flow.edge('instance', 'end', { action: 'no' });
    flow.edge('approval', 'end', { action: 'timeout' });
    // @ts-expect-error a wait chooses nothing else
    flow.edge('approval', 'end', { action: 'approved' });
    // @ts-expect-error nor does a sleep
    flow.edge('pause', 'end', { action: 'over' });
  });

  it('takes any action where types cannot tell which are chosen', () => {
    const named = (name: string) => withAction(name, 1);
    const untyped: (input: unknown) => unknown = () => 1;
    const flow = new Flow<Cart>('open')
      .node('named', named)
      .node('untyped', untyped)
      .node('any', (input) => input)
      .node('pay', Pay)
      .node('check', Check)
      .node(
        'inner',
        new Flow('inner').node('a', () => withAction('done', 1)),
      )
      .node('saved', () => withAction('own', 1), { fallback: 'spare', retry: 2 })
      .node('spare', () => withAction('spare', 1))
      // Middleware may choose in its place.
      .node('plain', () => 1)
      .batch('each', () => withAction('x', 1));
    flow.edge('named', 'plain', { action: 'x' }).edge('untyped', 'plain', { action: 'x' });
    flow.edge('any', 'plain', { action: 'x' }).edge('pay', 'plain', { action: 'x' });
    flow.edge('check', 'plain', { action: 'x' }).edge('inner', 'plain', { action: 'x' });
    flow.edge('saved', 'plain', { action: 'spare' }).edge('plain', 'any', { action: 'x' });
    flow.edge('each', 'plain', { action: 'x' });
    const either = 'named' as 'named' | 'spare';
    flow.edge(either, 'plain', { action: 'x' });
    // @ts-expect-error there is still no such option
    flow.node('options', () => 1, { retires: 3 });
    expectTypeOf(withAction('ok', 1).action).toEqualTypeOf<'ok'>();
    expectTypeOf(withAction<number>('ok', 1).action).toEqualTypeOf<string>();
  });

  it('takes options by name', () => {
    const flow = new Flow('options');
    flow.node('a', () => 1, {
      retry: { retries: 2, minTimeout: 0 },
      timeout: { attempt: 10, total: 100 },
      joinStrategy: 'any',
      fallback: 'declared later',
      maxVisits: 3,
      inputs: { user: 'fetch.user', total: 'context.total + 1' },
      params: { level: 1 },
    });
    flow.batch('b', () => 1, { items: 'a.list', concurrency: 2, failFast: true, retry: 1 });
    flow.wait('c', { event: 'approved' });
    flow.sleep('d', { until: 5 });
    // @ts-expect-error there is no such option
    flow.node('e', () => 1, { retires: 3 });
    flow.node('close', () => 1, { joinStrategy: 'settled' });
    flow.batch('each', () => 1, { joinStrategy: 'allCompleted' });
    flow.node(
      'alarm',
      (_, { failures }) => {
        expectTypeOf(failures).toEqualTypeOf<readonly NodeError[]>();
      },
      { joinStrategy: 'failed' },
    );
    // @ts-expect-error there is no such strategy
    flow.node('f', () => 1, { joinStrategy: 'some' });
    // @ts-expect-error a mapping has paths and expressions
    flow.node('g', () => 1, { inputs: { user: 7 } });
    // @ts-expect-error a wait has no retry
    flow.wait('h', { retry: 1 });
    // @ts-expect-error there is no such option
    new Flow('x', { versoin: 'v1' });
    // @ts-expect-error a name is a text
    new Flow(7);
  });
});

describe('the context', () => {
  it('reaches node functions', () => {
    new Flow<Cart>('order').node('a', (input, args) => {
      expectTypeOf(input).toBeAny();
      expectTypeOf(args).toEqualTypeOf<NodeArgs<Cart>>();
      expectTypeOf(args.context).toEqualTypeOf<Cart>();
      expectTypeOf(args.signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(args.visit).toEqualTypeOf<number>();
      args.context.user = 'Ada';
      // @ts-expect-error there is no such key
      args.context.usre = 'Ada';
      // @ts-expect-error a total is a number
      args.context.total = '1';
      // @ts-expect-error what names an execution is not to be changed
      args.nodeId = 'b';
    });
    new Flow<Cart>('order').batch('a', (_item, { context, index }) => {
      expectTypeOf(context).toEqualTypeOf<Cart>();
      expectTypeOf(index).toEqualTypeOf<number | undefined>();
    });
  });

  it('reaches conditions and transforms', () => {
    const flow = new Flow<Cart>('order').node('a', () => 1).node('b', () => 2);
    flow.edge('a', 'b', {
      condition: (output, { context, action }) => {
        expectTypeOf(output).toBeAny();
        expectTypeOf(context).toEqualTypeOf<Cart>();
        expectTypeOf(action).toEqualTypeOf<string | undefined>();
        return context.total > 1;
      },
      transform: (output: number, { context }) => output + context.total,
    });
    flow.edge('a', 'b', { condition: async (_output, more) => expectTypeOf(more).toEqualTypeOf<EdgeArgs<Cart>>() });
    flow.edge('a', 'b', { condition: 'output.total > 3', transform: 'output.total' });
    // @ts-expect-error a condition decides
    flow.edge('a', 'b', { condition: () => 'yes' });
    // @ts-expect-error there is no such key
    flow.edge('a', 'b', { condition: (_output, { context }) => context.totla > 1 });
    // @ts-expect-error there is no such option
    flow.edge('a', 'b', { actoin: 'ok' });
  });

  it('is what a run is given, and what its result has', async () => {
    const flow = new Flow<Cart>('order').node('a', () => 1);
    expectTypeOf(flow.run({ total: 1 })).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
    expectTypeOf(flow.run()).resolves.toHaveProperty('context').toEqualTypeOf<Cart>();
    expectTypeOf(flow.continue('run')).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
    expectTypeOf(flow.continue).toEqualTypeOf(flow.resume);
    expectTypeOf<ResumeOptions>().toEqualTypeOf<ContinueOptions>();
    flow.continue('run', { events: { approved: { by: 'Ada' } } });
    // @ts-expect-error a run that goes on has its id already
    flow.continue('run', { id: 'run' });
    // @ts-expect-error nor is there the former name of the id
    flow.continue('run', { runId: 'run' });
    flow.run({}, { id: 'run' });
    flow.run({});
    // @ts-expect-error there is no such key
    flow.run({ totla: 1 });
    // @ts-expect-error a total is a number
    flow.run({ total: '1' });
    // @ts-expect-error there is no such option
    flow.run({}, { concurency: 1 });
    const runtime = new FlowRuntime();
    expectTypeOf(runtime.run<Cart>(flow, { total: 1 })).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
    expectTypeOf(runtime.run(flow)).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
    expectTypeOf(runtime.run(flow.toBlueprint())).resolves.toEqualTypeOf<WorkflowResult<Context>>();
    expectTypeOf(runtime.continue<Cart>(flow, 'run')).resolves.toEqualTypeOf<WorkflowResult<Cart>>();
    expectTypeOf(runtime.continue).toEqualTypeOf(runtime.resume);
    // @ts-expect-error a number is no flow
    runtime.run(7);
  });

  it('is open where a flow does not say what it is', () => {
    const flow = new Flow('open').node('a', (_, { context }) => {
      expectTypeOf(context).toBeAny();
      context.anything = 1;
    });
    flow.run({ anything: 1 });
  });

  it('has results whose status can be told apart', async () => {
    const result = await new Flow<Cart>('order').node('a', () => 1).run();
    expectTypeOf(result.status).toEqualTypeOf<
      'running' | 'completed' | 'failed' | 'stalled' | 'awaiting' | 'cancelled'
    >();
    expectTypeOf(result.errors).toEqualTypeOf<readonly NodeError[]>();
    expectTypeOf(result.completed).toEqualTypeOf<readonly string[]>();
    expectTypeOf(result.output).toBeAny();
    expectTypeOf(result.serializedContext).toEqualTypeOf<string>();
    expectTypeOf(result.errors[0]?.recoveredBy).toEqualTypeOf<string | undefined>();
    // An orchestrator of one's own sets it, as the texts do.
    result.status = 'completed';
    // @ts-expect-error there is no such status
    result.status = 'done';
    toMermaid(new Flow('x').toBlueprint(), result);
  });
});

describe('Flow<any>', () => {
  it('takes any flow as a parameter', () => {
    const names = (...flows: Flow<any>[]) => flows.map(({ name }) => name);
    const typed = new Flow<Cart>('typed').node('a', (_, { context }) => context.total);
    const open = new Flow('open').node('b', () => 1).node('c', () => 2);
    const dynamic = new Flow<Cart, WorkflowResult<Cart>, string>('dynamic');
    expectTypeOf(names(typed, open, dynamic, new Flow(new Pay()))).toEqualTypeOf<string[]>();
    const plain = (flow: Flow) => flow.toBlueprint();
    expectTypeOf(plain(typed)).toEqualTypeOf<WorkflowBlueprint>();
    expectTypeOf(plain(dynamic)).toEqualTypeOf<WorkflowBlueprint>();
    new FlowRuntime().run(typed);
    new FlowRuntime().prepare(open);
    new Flow('outer').node('typed', typed).node('open', open).node('dynamic', dynamic);
  });

  it('has what executors go along', () => {
    const { startNode } = new Flow(new Pay());
    expectTypeOf(startNode).toEqualTypeOf<AbstractNode | undefined>();
    expectTypeOf(startNode?.successors.get('ok')).toEqualTypeOf<AbstractNode[] | undefined>();
    expectTypeOf(startNode?.graphData?.id).toEqualTypeOf<string | undefined>();
    expectTypeOf(startNode?.graphData?.data.originalId).toEqualTypeOf<string | undefined>();
    expectTypeOf(new Pay().next(new Check(), 'ok')).toEqualTypeOf<Check>();
    // @ts-expect-error a function has no links: it is made a node by a flow
    new Pay().next(() => 1);
    expectTypeOf(withAction('ok', 1).output).toEqualTypeOf<number>();
  });
});

/** An executor of one's own, which records the nodes that it visits. */
class Walker implements IExecutor {
  public readonly names: string[] = [];

  async run(flow: Flow, context: Context, options?: RunOptions): Promise<any> {
    const logger = options?.logger ?? new NullLogger();
    const internal: InternalRunOptions = {
      logger,
      signal: options?.signal,
      params: { ...flow.params, ...options?.params },
      executor: this,
    };
    if (!flow.startNode) return;
    logger.info(flow.constructor.name);
    return this.walk(flow.startNode, context, internal);
  }

  getNextNode(curr: AbstractNode, action: any): AbstractNode | undefined {
    const successors = curr.successors.get(action);
    return successors?.[0];
  }

  private async walk(start: AbstractNode, context: Context, options: InternalRunOptions): Promise<any> {
    let current: AbstractNode | undefined = start;
    let last: any;
    while (current) {
      const args = { ...options, context } as unknown as NodeArgs;
      if (current instanceof Flow) last = await current.exec(args);
      else if (current instanceof Node) {
        const prepRes = await current.prep(args);
        last = await current.post({ ...args, prepRes, execRes: undefined });
      }
      this.names.push(current.constructor.name);
      current = this.getNextNode(current, last);
    }
    return last;
  }
}

/** One that goes on until nothing is left, by executeBatch and processResults, with the members that such orchestrators use. */
class Loop implements IOrchestrator {
  public async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState<any>,
    services: ExecutionServices,
  ): Promise<WorkflowResult<any>> {
    const { signal, concurrency, serializer } = services.options;
    while (traverser.hasMoreWork()) {
      signal?.throwIfAborted();
      const ready = traverser.getReadyNodes();
      const blueprint = traverser.getDynamicBlueprint();
      const settled = await executeBatch(ready, blueprint, state, executorFactory, services, concurrency);
      await processResults(settled, traverser, state, services);
    }
    const status = state.getStatus(traverser.getAllNodeIds(), traverser.getFallbackNodeIds());
    const result = state.toResult(serializer);
    result.status = status;
    return result;
  }
}

/** One that sets where to begin, and lets another go on. */
class Again implements IOrchestrator {
  private readonly next: IOrchestrator;

  constructor(next?: IOrchestrator) {
    this.next = next || new RunToCompletionOrchestrator();
  }

  public async run(
    traverser: GraphTraverser,
    executorFactory: NodeExecutorFactory,
    state: WorkflowState<any>,
    services: ExecutionServices,
  ): Promise<WorkflowResult<any>> {
    const blueprint = traverser.getDynamicBlueprint();
    const completed: Set<string> = state.getCompletedNodes();
    const frontier = new Set<string>();
    for (const { id, config } of blueprint.nodes) {
      const before = new Set(blueprint.edges.filter((edge) => edge.target === id).map((edge) => edge.source));
      const strategy = config?.joinStrategy || 'all';
      if (!completed.has(id) && (before.size === 0 || strategy === 'any')) frontier.add(id);
    }
    traverser.setFrontier(frontier);
    traverser.setCompletedNodes(completed);
    return this.next.run(traverser, executorFactory, state, services);
  }
}

/** A handler of jobs with what such a handler asks of services and store. */
class Handler {
  constructor(
    private services: ExecutionServices,
    private store: ICoordinationStore,
  ) {}

  public async handleJob(nodeId: string, blueprint: WorkflowBlueprint, state: any, runId: string) {
    const executor: NodeExecutor<any, any> = this.services.executorFactory(blueprint)(nodeId);
    const input = await this.services.resolveNodeInput(nodeId, blueprint, state.getContext());
    const execution = await executor.execute(input);
    if (execution.status !== 'success') return { nodesToEnqueue: [], error: execution.error };
    const result = execution.result;
    await state.addCompletedNode(nodeId, result.output);
    const next = await this.services.determineNextNodes(blueprint, nodeId, result, state.getContext());
    const nodesToEnqueue: string[] = [];
    for (const { node, edge } of next) {
      await this.services.applyEdgeTransform(edge, result, node, state.getContext());
      const count = await this.store.increment(`fanin:${runId}:${node.id}`, 3600);
      const isFirst = await this.store.setIfNotExist(`lock:${runId}:${node.id}`, 'locked', 3600);
      if (isFirst && count >= (blueprint.predecessorCountMap[node.id] ?? 0)) nodesToEnqueue.push(node.id);
    }
    return { nodesToEnqueue };
  }
}

class Store implements ICoordinationStore {
  readonly #values = new Map<string, string>();

  async increment(key: string, _ttl: number): Promise<number> {
    const sum = Number(this.#values.get(key) ?? 0) + 1;
    this.#values.set(key, String(sum));
    return sum;
  }
  async setIfNotExist(key: string, value: string, _ttl: number): Promise<boolean> {
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    return true;
  }
  async get(key: string): Promise<string | undefined> {
    return this.#values.get(key);
  }
  async extendTTL(key: string, _ttl: number): Promise<boolean> {
    return this.#values.has(key);
  }
  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
}

describe('executors, orchestrators and stores of the user', () => {
  const flow = new Flow<Cart>('order').node('a', () => 1);

  it('can be written against the contracts, and are taken', () => {
    flow.run({ total: 1 }, { executor: new Walker() });
    flow.run({}, { orchestrator: new Loop() });
    flow.run({}, { orchestrator: new Again(new StepByStepOrchestrator()) });
    const { services, traverser, executorFactory, state } = new FlowRuntime().prepare(flow);
    expectTypeOf(new Loop().run(traverser, executorFactory, state, services)).resolves.toEqualTypeOf<
      WorkflowResult<any>
    >();
    expectTypeOf(services.executorFactory).toEqualTypeOf<NodeExecutorFactory>();
    expectTypeOf(new Handler(services, new Store()).handleJob).parameters.toEqualTypeOf<
      [string, WorkflowBlueprint, any, string]
    >();
    expectTypeOf<EventDrivenOrchestrator['handleJob']>().returns.resolves.toEqualTypeOf<{ nodesToEnqueue: string[] }>();
    expectTypeOf<ConstructorParameters<typeof EventDrivenOrchestrator>[1]>().toEqualTypeOf<ICoordinationStore>();
  });

  it('are refused where a member is missing', () => {
    // @ts-expect-error an executor also says what follows
    flow.run({}, { executor: { run: async () => 1 } });
    // @ts-expect-error an orchestrator runs
    flow.run({}, { orchestrator: {} });
    // @ts-expect-error a store also keeps values that are not there yet
    const store: ICoordinationStore = { increment: async () => 1 };
    expectTypeOf(store).toExtend<object>();
  });

  it('see plain types of what they are given', () => {
    const { traverser, state } = new FlowRuntime().prepare(flow);
    expectTypeOf(traverser.hasMoreWork()).toEqualTypeOf<boolean>();
    expectTypeOf(traverser.getAllNodeIds()).toEqualTypeOf<ReadonlySet<string>>();
    expectTypeOf(traverser.getReadyNodes()).items.toHaveProperty('nodeId').toEqualTypeOf<string>();
    expectTypeOf(state.getCompletedNodes()).toEqualTypeOf<Set<string>>();
    const known = new Set(['a']);
    expectTypeOf(state.getStatus(known, known)).toEqualTypeOf<WorkflowResult['status']>();
  });
});

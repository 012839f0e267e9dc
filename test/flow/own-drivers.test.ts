import { Orchestrator } from 'orchestrator';
import {
  type AbstractNode,
  type Context,
  type ExecutionServices,
  executeBatch,
  Flow,
  FlowRuntime,
  type GraphTraverser,
  type ICoordinationStore,
  type IExecutor,
  type IOrchestrator,
  MemoryCoordinationStore,
  Node,
  type NodeArgs,
  type NodeExecutor,
  type NodeExecutorFactory,
  NullLogger,
  processResults,
  type RunOptions,
  RunToCompletionOrchestrator,
  type WorkflowBlueprint,
  type WorkflowResult,
  type WorkflowState,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

/** Custom orchestrators and a custom executor, written only with exports of the package. */

/** The end of a run: its result, with the status derived from the graph. */
// biome-ignore lint/suspicious/noExplicitAny: user code that does not know the type of the context
function ended(walk: GraphTraverser, memory: WorkflowState<any>, tools: ExecutionServices): WorkflowResult<any> {
  const ending = memory.toResult(tools.options.serializer);
  ending.status = memory.getStatus(walk.getAllNodeIds(), walk.getFallbackNodeIds());
  return ending;
}

// biome-ignore lint/suspicious/noExplicitAny: as above
type AnyState = WorkflowState<any>;

class Wave implements IOrchestrator {
  async run(walk: GraphTraverser, factory: NodeExecutorFactory, memory: AnyState, tools: ExecutionServices) {
    tools.options.signal?.throwIfAborted();
    if (walk.hasMoreWork()) {
      const wave = walk.getReadyNodes();
      const { concurrency } = tools.options;
      const outcomes = await executeBatch(wave, walk.getDynamicBlueprint(), memory, factory, tools, concurrency);
      await processResults(outcomes, walk, memory, tools);
    }
    return ended(walk, memory, tools);
  }
}

class Waves implements IOrchestrator {
  readonly #wave = new Wave();

  async run(walk: GraphTraverser, factory: NodeExecutorFactory, memory: AnyState, tools: ExecutionServices) {
    while (walk.hasMoreWork()) await this.#wave.run(walk, factory, memory, tools);
    return ended(walk, memory, tools);
  }
}

class Rejoin implements IOrchestrator {
  readonly #then: IOrchestrator;

  constructor(then?: IOrchestrator) {
    this.#then = then ?? new RunToCompletionOrchestrator();
  }

  run(walk: GraphTraverser, factory: NodeExecutorFactory, memory: AnyState, tools: ExecutionServices) {
    const done = memory.getCompletedNodes();
    walk.setFrontier(this.#openIn(walk.getDynamicBlueprint(), done));
    walk.setCompletedNodes(done);
    return this.#then.run(walk, factory, memory, tools);
  }

  #openIn({ nodes, edges }: WorkflowBlueprint, done: Set<string>): Set<string> {
    const open = new Set<string>();
    for (const { id, config } of nodes) {
      const before = [...new Set(edges.filter((arrow) => arrow.target === id).map((arrow) => arrow.source))];
      const met = before.filter((source) => done.has(source)).length;
      const enough = config?.joinStrategy === 'any' ? Math.min(1, before.length) : before.length;
      if (!done.has(id) && met >= enough) open.add(id);
    }
    return open;
  }
}

/** Executes one node per call, like a worker on a queue. */
class OneByOne {
  constructor(
    private readonly tools: ExecutionServices,
    private readonly shared: ICoordinationStore,
  ) {}

  async take(job: string, plan: WorkflowBlueprint, memory: AnyState, run: string): Promise<string[]> {
    const known = plan.nodes.some(({ id }) => id === job);
    if (!known) throw new Error(`${job} is not in the plan`);
    const worker: NodeExecutor = this.tools.executorFactory(plan)(job);
    const given = await this.tools.resolveNodeInput(job, plan, memory.getContext());
    const outcome = await worker.execute(given);
    if (outcome.status !== 'success') return [];
    await memory.addCompletedNode(job, outcome.result.output);
    const following = await this.tools.determineNextNodes(plan, job, outcome.result, memory.getContext());
    const queue: string[] = [];
    for (const { node, edge } of following) {
      await this.tools.applyEdgeTransform(edge, outcome.result, node, memory.getContext());
      if (await this.#isMet(run, plan, node.id)) queue.push(node.id);
    }
    return queue;
  }

  async #isMet(run: string, plan: WorkflowBlueprint, id: string): Promise<boolean> {
    const arrows = plan.edges.filter(({ target }) => target === id);
    if (arrows.length < 2) return true;
    const isAny = plan.nodes.find((node) => node.id === id)?.config?.joinStrategy === 'any';
    if (isAny) return this.shared.setIfNotExist(`first:${run}:${id}`, 'taken', 60);
    return (await this.shared.increment(`count:${run}:${id}`, 60)) >= arrows.length;
  }
}

const diamond = () =>
  new Flow('diamond')
    .node('start', () => 1)
    .node('left', (n) => Number(n) + 10)
    .node('right', (n) => Number(n) + 20)
    .node('sum', ({ left, right }) => left + right)
    .edge('start', 'left')
    .edge('start', 'right', { transform: (n) => n * 2 })
    .edge('left', 'sum')
    .edge('right', 'sum');

describe('an orchestrator of one’s own', () => {
  it.each([
    ['waves', new Waves()],
    ['rejoins a run that has not begun', new Rejoin()],
    ['rejoins, and goes on in waves', new Rejoin(new Waves())],
  ])('%s', async (_, orchestrator) => {
    expect(await diamond().run({}, { orchestrator })).toMatchObject({ status: 'completed', output: 33 });
  });

  it('stops after each wave, and goes on with the next call', async () => {
    const { traverser, executorFactory, state, services } = new FlowRuntime().prepare(diamond());
    const orchestrator = new Wave();
    const statuses: string[] = [];
    while (traverser.hasMoreWork()) {
      statuses.push((await orchestrator.run(traverser, executorFactory, state, services)).status);
    }
    expect(statuses).toEqual(['stalled', 'stalled', 'completed']);
    expect(state.getContext()).toMatchObject({ start: 1, left: 11, right: 22, sum: 33 });
  });

  it('resumes a run with two completed nodes, and executes only the others', async () => {
    const executed: string[] = [];
    const kernel = new Orchestrator().onTaskBegin(({ name }) => void executed.push(name));
    const prepared = new FlowRuntime({ orchestrator: kernel }).prepare(diamond());
    const { traverser, executorFactory, state, services } = prepared;
    await state.addCompletedNode('start', 1);
    await state.addCompletedNode('left', 100);
    const result = await new Rejoin().run(traverser, executorFactory, state, services);
    expect(result).toMatchObject({ status: 'completed', context: { left: 100, right: 21, sum: 121 } });
    expect(executed).toEqual(['right', 'sum']);
  });

  it('executes one node per job, and coordinates joins in a store', async () => {
    const flow = diamond();
    const { state, services } = new FlowRuntime().prepare(flow);
    const worker = new OneByOne(services, new MemoryCoordinationStore());
    const order: string[] = [];
    const jobs = ['start'];
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      order.push(job);
      jobs.push(...(await worker.take(job, flow.toBlueprint(), state, 'run-1')));
    }
    expect(order).toEqual(['start', 'left', 'right', 'sum']);
    expect(state.getContext()).toMatchObject({ sum: 33 });
    await expect(worker.take('nowhere', flow.toBlueprint(), state, 'run-1')).rejects.toThrow('nowhere');
  });
});

/** Visits all nodes without executing them. */
class Rehearsal implements IExecutor {
  async run(flow: Flow, context: Context, options?: RunOptions): Promise<unknown> {
    const logger = options?.logger ?? new NullLogger();
    const args = { context, logger, executor: this, signal: options?.signal, params: { ...flow.params } };
    let chosen: unknown;
    for (let at: AbstractNode | undefined = flow.startNode; at !== undefined; at = this.getNextNode(at, chosen)) {
      logger.info(`by ${at.constructor.name}`);
      chosen = await this.#by(at, args as unknown as NodeArgs);
    }
    return chosen;
  }

  async #by(node: AbstractNode, args: NodeArgs): Promise<unknown> {
    if (node instanceof Flow) return node.exec(args);
    if (!(node instanceof Node)) return undefined;
    const prepRes = await node.prep(args);
    return node.post({ ...args, prepRes, execRes: undefined });
  }

  // biome-ignore lint/suspicious/noExplicitAny: an action may be anything
  getNextNode(node: AbstractNode, action: any): AbstractNode | undefined {
    return node.successors.get(action)?.[0];
  }
}

describe('an executor of one’s own', () => {
  it('visits the nodes in order, by the actions that they choose', async () => {
    const said: string[] = [];
    class Ask extends Node {
      override prep({ context }: NodeArgs) {
        said.push(`asks ${context.name}`);
        return 'ready';
      }
      override exec(): never {
        throw new Error('executed');
      }
      override post({ prepRes }: NodeArgs) {
        return prepRes === 'ready' ? 'yes' : 'no';
      }
    }
    class Thank extends Node {
      override post() {
        said.push('thanks');
        return undefined;
      }
    }
    class Curse extends Thank {}
    const ask = new Ask();
    ask.next(new Curse(), 'no');
    ask.next(new Thank(), 'yes');
    const logged: string[] = [];
    const logger = {
      ...new NullLogger(),
      debug() {},
      warn() {},
      error() {},
      info: (line: string) => logged.push(line),
    };
    const chosen = await new Rehearsal().run(new Flow(ask), { name: 'ann' }, { logger: logger as never });
    expect(chosen).toBeUndefined();
    expect(said).toEqual(['asks ann', 'thanks']);
    expect(logged).toEqual(['by Ask', 'by Thank']);
  });

  it('finds the joins of a blueprint', async () => {
    const blueprint = diamond().toBlueprint();
    const shared = new Set<string>();
    const arrive = (node: string, from: string): boolean => {
      const expected = blueprint.predecessorCountMap[node] as number;
      if (expected <= 1) return true;
      shared.add(from);
      return shared.size >= expected;
    };
    expect(arrive('left', 'start')).toBe(true);
    expect([arrive('sum', 'left'), arrive('sum', 'left'), arrive('sum', 'right')]).toEqual([false, false, true]);
    expect(blueprint.originalPredecessorIdMap.sum).toEqual(['left', 'right']);
  });
});

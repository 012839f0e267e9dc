import { Orchestrator } from 'orchestrator';
import {
  type ExecutionServices,
  Flow,
  FlowRuntime,
  type GraphTraverser,
  type IOrchestrator,
  type NodeExecutorFactory,
  RunToCompletionOrchestrator,
  type WorkflowState,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';

/** A chain of nodes with the same function, as data. */
function chainOf(length: number) {
  return {
    id: 'chain',
    nodes: Array.from({ length }, (_, at) => ({ id: `n${at}`, uses: 'work' })),
    edges: Array.from({ length: length - 1 }, (_, at) => ({ source: `n${at}`, target: `n${at + 1}` })),
  };
}

describe('orchestrator.task in many nodes with one function', () => {
  it('is known in all nodes once a node has read it', async () => {
    const orchestrator = new Orchestrator();
    const seen: (string | undefined)[] = [];
    const runtime = new FlowRuntime({
      registry: { work: () => void seen.push(orchestrator.task?.name) },
      orchestrator,
    });
    await runtime.run(chainOf(1_200));
    expect(seen).toEqual(chainOf(1_200).nodes.map(({ id }) => id));
  });

  it('may be undefined at its first read after a thousand nodes, and is known from then on', async () => {
    const orchestrator = new Orchestrator();
    const seen: (string | undefined)[] = [];
    const work = (_: unknown, { nodeId }: { nodeId: string }) => {
      if (Number(nodeId.slice(1)) >= 1_100) seen.push(orchestrator.task?.name);
    };
    await new FlowRuntime({ registry: { work }, orchestrator }).run(chainOf(1_103));
    expect(seen).toEqual([undefined, 'n1101', 'n1102']);
  });
});

describe("services of an orchestrator of one's own", () => {
  class Choosing implements IOrchestrator {
    constructor(private readonly wrap: (services: ExecutionServices) => ExecutionServices) {}

    run(walk: GraphTraverser, factory: NodeExecutorFactory, state: WorkflowState, services: ExecutionServices) {
      return new RunToCompletionOrchestrator().run(walk, factory, state, this.wrap(services));
    }
  }

  const onlyRight = (services: ExecutionServices) => ({
    determineNextNodes: async (...args: Parameters<ExecutionServices['determineNextNodes']>) => {
      const next = await services.determineNextNodes(...args);
      return next.filter(({ node }) => node.id !== 'left');
    },
  });

  it.each<[string, (services: ExecutionServices) => ExecutionServices]>([
    ['inherits from those of the run', (services) => Object.assign(Object.create(services), onlyRight(services))],
    [
      'is a proxy',
      (services) => new Proxy(services, { get: (of, key) => Reflect.get({ ...bound(of), ...onlyRight(of) }, key) }),
    ],
    ['is an object of its own', (services) => ({ ...bound(services), ...onlyRight(services) })],
  ])('choose the edges, also of nodes whose edges have no conditions, if the object %s', async (_, wrap) => {
    const flow = new Flow('choice')
      .node('start', () => 1)
      .node('left', () => 2, { after: 'start' })
      .node('right', () => 3, { after: 'start' });
    const result = await new FlowRuntime().run(flow, {}, { orchestrator: new Choosing(wrap) });
    expect(result.completed).toEqual(['start', 'right']);
    expect(result.skipped).toEqual(['left']);
  });

  function bound(services: ExecutionServices): ExecutionServices {
    return {
      options: services.options,
      executorFactory: services.executorFactory,
      resolveNodeInput: (...args) => services.resolveNodeInput(...args),
      determineNextNodes: (...args) => services.determineNextNodes(...args),
      applyEdgeTransform: (...args) => services.applyEdgeTransform(...args),
    };
  }
});

describe('names of targets', () => {
  it('are not confused with sub-flows, whatever they contain', async () => {
    const inner = new Flow('inner').node('only', () => 'of the flow');
    const runtime = new FlowRuntime({ registry: { inner, 'flow:inner': () => 'of the function' } });
    const result = await runtime.run({
      id: 'outer',
      nodes: [
        { id: 'plain', uses: 'flow:inner' },
        { id: 'nested', uses: 'subflow', params: { flow: 'inner' } },
        { id: 'again', uses: 'flow:inner' },
      ],
      edges: [],
    });
    expect(result.context).toEqual({ plain: 'of the function', nested: 'of the flow', again: 'of the function' });
  });
});

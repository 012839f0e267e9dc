import { Orchestrator, type Policy } from 'orchestrator';
import {
  BlockingNode,
  type Done,
  done,
  type EdgeDefinition,
  type Idle,
  type Implementation,
  idle,
  Loop,
  type LoopDefinition,
  type LoopEdgeDefinition,
  type LoopEnd,
  LoopManager,
  type LoopNodeClass,
  type LoopNodeConfig,
  type LoopNodeDefinition,
  type LoopNodeFunction,
  type LoopRegistry,
  type LoopWorkflow,
  type Message,
  type NodeClass,
  type NodeConfig,
  type NodeData,
  type NodeDefinition,
  type NodeFunction,
  NonBlockingNode,
  ProducerNode,
  planOf,
  QueueNode,
  QueueReader,
  type Registry,
  type Routed,
  to,
  type Workflow,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { describe, expectTypeOf, it } from 'vitest';

interface Order {
  total: number;
}

class Poll extends ProducerNode<Order, { url: string }> {
  run({ value }: NodeData<undefined>) {
    expectTypeOf(value).toEqualTypeOf<undefined>();
    expectTypeOf(this.config.options.url).toEqualTypeOf<string>();
    return Math.random() > 0.5 ? { total: 1 } : idle();
  }
}
class Price extends BlockingNode<Order, number> {
  run({ value }: NodeData<Order>) {
    return value.total;
  }
}
class Log extends NonBlockingNode<Order> {
  async run({ value, signal, message }: NodeData<Order>) {
    expectTypeOf(value).toEqualTypeOf<Order>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf(message).toEqualTypeOf<Message | undefined>();
  }
}

const options = {} as never;

describe('the options of a node', () => {
  it('are those of a node of a flow, and not those of an action alone', () => {
    const policy: Policy = { execute: (fn) => fn() };
    new Loop('l').blocking('b', () => 1, { policy: [policy], timeout: { attempt: 5, total: null } });
    // @ts-expect-error nodes do not share calls
    new Loop('l').blocking('b', () => 1, { share: true });
    // @ts-expect-error a fallback belongs to an action
    new Loop('l').blocking('b', () => 1, { fallback: () => 2 });
  });
});

describe('the fluent form', () => {
  it('gives the loop back from every step', () => {
    const loop = new Loop('orders', {
      schedule: { every: 1_000, missed: 'skip' },
      onError: { action: 'restart', limit: 3 },
    })
      .producer('poll', async () => (Math.random() > 0.5 ? { total: 1 } : idle(5)))
      .blocking('price', (order: Order) => order.total)
      .nonBlocking('log', async (order: Order, { iteration }) => {
        expectTypeOf(iteration).toEqualTypeOf<number>();
        return order;
      })
      .push('out', 'priced')
      .edge('poll', 'price');
    expectTypeOf(loop).toEqualTypeOf<Loop>();
    expectTypeOf(loop.toDefinition()).toEqualTypeOf<LoopDefinition>();
    expectTypeOf(loop.read('r', 'q', { batch: 5 }, (orders: Order[]) => orders.length)).toEqualTypeOf<Loop>();
  });

  it('takes classes of every kind, whatever their options', () => {
    expectTypeOf(Poll).toExtend<NodeClass>();
    expectTypeOf(Price).toExtend<NodeClass>();
    expectTypeOf(Log).toExtend<NodeClass>();
    expectTypeOf(QueueReader).toExtend<NodeClass>();
    expectTypeOf(QueueNode).toExtend<NodeClass>();
    new Loop('l')
      .node('poll', Poll, options)
      .producer('p', Poll)
      .blocking('price', Price)
      .nonBlocking('log', Log)
      .node('q', QueueNode, options);
  });

  it('takes actions as nodes', () => {
    const orchestrator = new Orchestrator();
    const double = orchestrator.action(async (value: number) => value * 2);
    new Loop('l', { orchestrator })
      .producer('p', () => 1)
      .blocking('double', double)
      .nonBlocking('again', double);
  });

  it('refuses what is misspelt', () => {
    // @ts-expect-error there is no such option
    new Loop('l', { schedul: 5 });
    // @ts-expect-error a policy has a name
    new Loop('l', { onError: 'ignore' });
    // @ts-expect-error a calendar has no delay of its own
    new Loop('l', { schedule: { every: 5, missed: 'never' } });
    // @ts-expect-error where to go when it is full
    new Loop('l').nonBlocking('n', () => {}, { whenFull: 'block' });
    // @ts-expect-error the kind is said by the method
    new Loop('l').blocking('b', () => {}, { kind: 'producer' });
    // @ts-expect-error a loop is no class of a node
    new Loop('l').node('n', Loop);
    // @ts-expect-error a producer gets no value
    new Loop('l').producer('p', (order: Order) => order);
  });
});

describe('what nodes return', () => {
  it('is a value with its way, nothing for now, or the end', () => {
    expectTypeOf(to('a', 5)).toEqualTypeOf<Routed<number | undefined>>();
    expectTypeOf(to(['a', 'b'])).toExtend<Routed<unknown>>();
    expectTypeOf(idle(5)).toEqualTypeOf<Idle>();
    expectTypeOf(done).toEqualTypeOf<Done>();
    expectTypeOf<ReturnType<ProducerNode<Order>['run']>>().toEqualTypeOf<
      Order | Routed<Order | undefined> | Idle | Done | Promise<Order | Routed<Order | undefined> | Idle | Done>
    >();
    expectTypeOf<ReturnType<BlockingNode<Order, number>['run']>>().toEqualTypeOf<
      number | Routed<number | undefined> | Promise<number | Routed<number | undefined>>
    >();
  });

  it('has to be what the class says', () => {
    class Wrong extends BlockingNode<Order, number> {
      // @ts-expect-error a number was promised
      run() {
        return 'text';
      }
    }
    expectTypeOf(Wrong).toExtend<NodeClass>();
    class Late extends ProducerNode<number> {
      async run({ iteration }: NodeData<undefined>) {
        return iteration > 3 ? done : iteration;
      }
    }
    expectTypeOf(Late).toExtend<NodeClass>();
  });
});

it('gives nodes their configuration, which they cannot change', () => {
  expectTypeOf<NodeConfig<{ url: string }>['options']>().toEqualTypeOf<{ url: string }>();
  expectTypeOf<NodeConfig['messaging']['push']>().returns.toEqualTypeOf<void | Promise<void>>();
  expectTypeOf<NodeConfig['cursor']['value']>().toEqualTypeOf<unknown>();
  const config = {} as NodeConfig;
  // @ts-expect-error it is read only
  config.nodeId = 'other';
});

it('runs a loop alone, or in a workflow', () => {
  const plan = planOf(new Loop('l').source);
  expectTypeOf<ReturnType<LoopManager['start']>>().resolves.toEqualTypeOf<{ readonly ended: Promise<LoopEnd> }>();
  expectTypeOf(LoopManager).constructorParameters.toHaveProperty(0);
  expectTypeOf(plan.producer.implementation).toEqualTypeOf<Implementation>();
  const workflow = new WorkflowOrchestrator();
  expectTypeOf(workflow.load).returns.toEqualTypeOf<WorkflowOrchestrator>();
  workflow.on('state', ({ loopId }) => expectTypeOf(loopId).toEqualTypeOf<string>());
  workflow.load({
    loops: [new Loop('a'), { loop: new Loop('b'), pool: 'async' }, { id: 'c', module: './c.js', pool: 'thread' }],
    queues: { q: { overflow: 'drop-oldest' } },
  });
  // @ts-expect-error there is no such pool
  workflow.load({ loops: [{ id: 'c', module: './c.js', pool: 'fibre' }] });
  // @ts-expect-error there is no such policy
  workflow.load({ loops: [], queues: { q: { overflow: 'drop' } } });
});

describe('types that flows and fleets have in another shape', () => {
  it('have names of their own, and keep the former ones', () => {
    expectTypeOf<EdgeDefinition>().toEqualTypeOf<{ readonly from: string; readonly to: string }>();
    expectTypeOf<LoopEdgeDefinition>().toEqualTypeOf<{ readonly source: string; readonly target: string }>();
    expectTypeOf<NodeDefinition>().toEqualTypeOf<LoopNodeDefinition>();
    expectTypeOf<NodeConfig<number>>().toEqualTypeOf<LoopNodeConfig<number>>();
    expectTypeOf<NodeClass>().toEqualTypeOf<LoopNodeClass>();
    expectTypeOf<NodeFunction<number, string>>().toEqualTypeOf<LoopNodeFunction<number, string>>();
    expectTypeOf<Registry>().toEqualTypeOf<LoopRegistry>();
    expectTypeOf<Workflow>().toEqualTypeOf<LoopWorkflow>();
  });
});

import { type } from 'arktype';
import { Orchestrator } from 'orchestrator';
import {
  BlockingNode,
  done,
  idle,
  Loop,
  type NodeData,
  NonBlockingNode,
  ProducerNode,
  type QueueHandle,
  QueueReader,
  queue,
  type TypedQueue,
  to,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import * as z from 'zod';

interface Order {
  id: string;
  total: number;
}

declare const order: Order;

class Poll extends ProducerNode<Order> {
  run() {
    return Math.random() > 0.5 ? order : idle();
  }
}
class Price extends BlockingNode<Order, number> {
  run({ value }: NodeData<Order>) {
    return value.total;
  }
}
class Log extends NonBlockingNode<Order> {
  async run({ value }: NodeData<Order>) {
    void value.total;
  }
}

describe('a chain', () => {
  it('types the input of a node by the output of the node before it', () => {
    new Loop('l')
      .producer('p', () => 1)
      .blocking('text', (value, data) => {
        expectTypeOf(value).toEqualTypeOf<number>();
        expectTypeOf(data.value).toEqualTypeOf<number>();
        return `${value}`;
      })
      .nonBlocking('log', async (value) => {
        expectTypeOf(value).toEqualTypeOf<string>();
        return 5;
      })
      .push('out', 'anywhere')
      .blocking('last', (value) => expectTypeOf(value).toEqualTypeOf<string>());
  });

  it('waits for promises, and leaves out idle, done and the way of a value', () => {
    new Loop('l')
      .producer('p', async () => (Math.random() > 0.5 ? order : Math.random() > 0.5 ? idle(5) : done))
      .blocking('check', (value) => {
        expectTypeOf(value).toEqualTypeOf<Order>();
        return value.total > 5 ? to('after', value.total) : to();
      })
      .blocking('after', async (value) => {
        expectTypeOf(value).toEqualTypeOf<number>();
        return { delay: value, label: 'not idle' };
      })
      .blocking('last', (value) => expectTypeOf(value).toEqualTypeOf<{ delay: number; label: string }>());
  });

  it('carries the types of classes and actions', () => {
    const double = new Orchestrator().action(async (value: number) => value * 2);
    new Loop('l')
      .producer('poll', Poll)
      .nonBlocking('log', Log)
      .blocking('price', Price)
      .blocking('double', double)
      .blocking('last', (value) => expectTypeOf(value).toEqualTypeOf<number>());
    new Loop('l').node('poll', Poll).blocking('price', (value: Order) => value.total);
  });

  it('follows nothing that is not known', () => {
    const loop = new Loop('l');
    loop.producer('p', () => 1);
    loop.blocking('b', (value) => expectTypeOf(value).toBeAny());
    new Loop('l').producer('p', () => JSON.parse('1')).blocking('b', (value: Order) => value.total);
    new Loop('l').producer('p', (): unknown => 1).blocking('b', (value: Order) => value.total);
    let later = new Loop('l');
    later = later.producer('p', () => 1).blocking('b', (value) => value + 1);
    expectTypeOf(later).toExtend<Loop>();
  });

  it('refuses, in the node, what its input does not have', () => {
    new Loop('l')
      .producer('p', () => 1)
      // @ts-expect-error a number has no total
      .blocking('b', (value) => value.total);
  });

  it('cannot be loaded with a node that does not take what it gets', () => {
    const workflow = new WorkflowOrchestrator();
    const wrong = new Loop('l').producer('p', () => order).blocking('price', (value: { total: string }) => value.total);
    expectTypeOf(wrong.mistakes).toEqualTypeOf<'"price" does not take what the node before it gives' | undefined>();
    // @ts-expect-error the total is a number
    workflow.load({ loops: [wrong] });
    // @ts-expect-error as above, with a placement
    workflow.load({ loops: [{ loop: wrong, pool: 'async' }] });
    const classes = new Loop('l').producer('p', () => 'text').blocking('price', Price);
    // @ts-expect-error the class takes an order
    workflow.load({ loops: [classes] });
    const optional = new Loop('l').producer('p', () => order).blocking('price', (value: { total?: number }) => value);
    workflow.load({ loops: [optional] });
  });
});

describe('edges', () => {
  it('count instead of the order of the nodes', () => {
    const loop = new Loop('l')
      .producer('p', () => order)
      .blocking('ship', (value) => void value.total)
      .blocking('log', (value: Order) => value.id)
      .edge('p', 'ship')
      .edge('p', 'log');
    expectTypeOf(loop.mistakes).toEqualTypeOf<undefined>();
    new WorkflowOrchestrator().load({ loops: [loop] });
  });

  it('refuse a target that does not take what the source gives', () => {
    new Loop('l')
      .producer('p', () => order)
      .blocking('total', (value) => value.total)
      .blocking('log', (value: string) => value)
      .edge('p', 'total')
      // @ts-expect-error the total is a number
      .edge('total', 'log');
  });

  it('may name nodes that are not known', () => {
    const names: string[] = ['a', 'b'];
    const loop = new Loop('l').producer('p', () => order).edge('p', 'later');
    for (const name of names) loop.blocking(name, (value: string) => value).edge('p', name);
  });
});

const queues = {
  orders: queue<Order>({ capacity: 5 }),
  dates: queue({ schema: z.object({ at: z.coerce.date(), note: z.string().default('') }) }),
  lengths: queue({
    schema: v.pipe(
      v.string(),
      v.transform((text) => text.length),
    ),
    overflow: 'fail',
  }),
  points: queue({ schema: type({ x: 'number' }) }),
  plain: { capacity: 5 },
  data: queue({ schema: { type: 'object' } }),
};

describe('queues', () => {
  it('get the type of their messages from a schema, or from a type argument', () => {
    expectTypeOf(queues.orders).toEqualTypeOf<TypedQueue<Order>>();
    expectTypeOf(queues.lengths).toEqualTypeOf<TypedQueue<number, string>>();
    expectTypeOf(queues.points).toEqualTypeOf<TypedQueue<{ x: number }>>();
    // @ts-expect-error there is no such field
    queue({ capacty: 5 });
    // @ts-expect-error there is no such field
    queue({ schema: z.string(), capacty: 5 });
    // @ts-expect-error a schema is no text
    queue({ schema: 'string' });
  });

  it('type what loops read', () => {
    new Loop('l', { queues })
      .read('take', 'orders')
      .blocking('b', (value) => expectTypeOf(value).toEqualTypeOf<Order>());
    new Loop('l', { queues })
      .read('take', 'orders', { batch: 5 })
      .blocking('b', (value) => expectTypeOf(value).toEqualTypeOf<Order[]>());
    new Loop('l', { queues })
      .read('take', 'dates', {}, (value) => {
        expectTypeOf(value).toEqualTypeOf<{ at: Date; note: string }>();
        return value.at;
      })
      .blocking('b', (value) => expectTypeOf(value).toEqualTypeOf<Date>());
    new Loop('l', { queues }).read('take', 'plain').blocking('b', (value) => expectTypeOf(value).toBeAny());
    new Loop('l', { queues }).read('take', 'data').blocking('b', (value) => expectTypeOf(value).toBeAny());
    new Loop('l').read('take', 'anything').blocking('b', (value) => expectTypeOf(value).toBeAny());
    new Loop('l').read('take', 'anything', {}, QueueReader).blocking('b', (value: Order) => value.id);
    // @ts-expect-error there is no such queue
    new Loop('l', { queues }).read('take', 'order');
    const wrong = new Loop('l', { queues }).read('take', 'orders', {}, (value: string) => value);
    // @ts-expect-error an order is no text
    new WorkflowOrchestrator().load({ queues, loops: [wrong] });
  });

  it('type what loops push', () => {
    const right = new Loop('l', { queues }).producer('p', () => order).push('out', 'orders');
    new WorkflowOrchestrator().load({ queues, loops: [right] });
    const wrong = new Loop('l', { queues }).producer('p', () => 5).push('out', 'orders');
    // @ts-expect-error a number is no order
    new WorkflowOrchestrator().load({ queues, loops: [wrong] });
    const edges = new Loop('l', { queues }).producer('p', () => 5).push('out', 'orders');
    // @ts-expect-error a number is no order
    edges.edge('p', 'out');
    // @ts-expect-error there is no such queue
    new Loop('l', { queues }).producer('p', () => 5).push('out', 'order');
  });

  it('have messages of one type in all that is loaded', () => {
    const from = new Loop('from', { queues: { orders: queue<Order>(), other: queue<number>() } })
      .producer('p', () => order)
      .push('out', 'orders');
    const to = new Loop('to', { queues: { orders: queue<string>() } })
      .read('take', 'orders')
      .blocking('see', (text) => text.length);
    const same = new Loop('same', { queues: { orders: queue<{ id: string; total: number }>({ capacity: 5 }) } });
    const untyped = new Loop('untyped', { queues: { orders: { capacity: 5 }, other: {} } }).read('take', 'orders');
    const free = new Loop('free').read('take', 'orders');
    const placed = { loop: to, pool: 'async' as const };

    new WorkflowOrchestrator().load({ queues, loops: [from, same, untyped, free] }).load({ loops: [same] });
    new WorkflowOrchestrator().load({ loops: [to, untyped, free] }).load({ queues: { more: queue() }, loops: [to] });
    // @ts-expect-error orders are no texts
    new WorkflowOrchestrator().load({ loops: [from, to] });
    // @ts-expect-error as above, behind loops that do not say what they read
    new WorkflowOrchestrator().load({ loops: [untyped, from, free, placed] });
    // @ts-expect-error the loaded queue has orders
    new WorkflowOrchestrator().load({ queues, loops: [to] });
    // @ts-expect-error as above, in a later call
    new WorkflowOrchestrator().load({ loops: [from] }).load({ loops: [to] });
    // @ts-expect-error a queue that is loaded later has texts
    new WorkflowOrchestrator().load({ loops: [from] }).load({ queues: { orders: queue<string>() }, loops: [] });
    const loops = [from, same];
    new WorkflowOrchestrator().load({ queues, loops });
    // @ts-expect-error the loaded queue has texts
    new WorkflowOrchestrator().load({ queues: { orders: queue<string>() }, loops });
    expectTypeOf(new WorkflowOrchestrator().load({ queues, loops: [from] })).toExtend<WorkflowOrchestrator>();
  });

  it('type what is pushed from outside, before the schema converts it', () => {
    const workflow = new WorkflowOrchestrator().load({ queues, loops: [] });
    expectTypeOf(workflow.queue('orders')).toEqualTypeOf<QueueHandle<Order>>();
    expectTypeOf(workflow.queue('lengths').push).parameters.toEqualTypeOf<[string]>();
    expectTypeOf(workflow.queue('plain')).toEqualTypeOf<QueueHandle>();
    expectTypeOf(workflow.queue('unknown')).toEqualTypeOf<QueueHandle>();
    workflow.queue('dates').push({ at: '2026-01-01' });
    // @ts-expect-error a number is no order
    workflow.queue('orders').push(5);
    const both = workflow.load({ queues: { more: queue<string>() }, loops: [] });
    expectTypeOf(both.queue('orders')).toEqualTypeOf<QueueHandle<Order>>();
    expectTypeOf(both.queue('more')).toEqualTypeOf<QueueHandle<string>>();
    const open = new WorkflowOrchestrator();
    open.load({ queues, loops: [] });
    expectTypeOf(open.queue('orders')).toEqualTypeOf<QueueHandle>();
    expectTypeOf(workflow).toExtend<WorkflowOrchestrator>();
  });
});

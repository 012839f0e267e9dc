import { Orchestrator } from 'orchestrator';
import { Flow, type NodeArgs, withAction } from 'orchestrator/flow';
import { describe, expectTypeOf, it } from 'vitest';

interface Order {
  id: string;
  total: number;
}

const orchestrator = new Orchestrator();
const charge = orchestrator.action(async (order: Order): Promise<string> => `charged ${order.total}`);
const fetch = async (): Promise<Order> => ({ id: '1', total: 3 });
const check = (order: Order) => withAction(order.total > 1 ? 'review' : 'ok', order);

describe('a node after another', () => {
  it('gets the output of the other', () => {
    new Flow('one')
      .node('fetch', fetch)
      .node(
        'total',
        (order, args) => {
          expectTypeOf(order).toEqualTypeOf<Order>();
          expectTypeOf(args).toEqualTypeOf<NodeArgs>();
          return order.total;
        },
        { after: 'fetch', retry: 3 },
      )
      .node(
        'twice',
        (total) => {
          expectTypeOf(total).toEqualTypeOf<number>();
          return total * 2;
        },
        { after: 'total' },
      )
      .node('charge', charge, { after: 'fetch' })
      .node('receipt', (text) => expectTypeOf(text).toEqualTypeOf<string>(), { after: 'charge' });
  });

  it('does not compile if its code takes something else', () => {
    const flow = new Flow('one').node('fetch', fetch);
    // @ts-expect-error the total is a number
    flow.node('a', (order: { total: string }) => order.total, { after: 'fetch' });
    const twice = orchestrator.action((total: number) => total * 2);
    // @ts-expect-error an order is not a number
    flow.node('b', twice, { after: 'fetch' });
    // @ts-expect-error an order has no such key
    flow.node('c', (order) => order.totl, { after: 'fetch' });
    // @ts-expect-error there is no such node
    flow.node('d', () => 1, { after: 'fecth' });
    // @ts-expect-error a node does not follow itself
    flow.node('e', () => 1, { after: 'e' });
    flow.node('f', (order: Pick<Order, 'total'>) => order.total, { after: 'fetch' });
    flow.node('g', (order: Order | undefined) => order?.total, { after: 'fetch' });
    flow.node('h', () => 1, { after: 'fetch' });
    flow.node('i', <Value>(value: Value) => value, { after: 'fetch' });
  });

  it('gets an object by id after several', () => {
    new Flow('several')
      .node('fetch', fetch)
      .node('rate', () => 1.19)
      .node('maybe', () => 'x', { after: 'rate', condition: (rate) => rate > 1 })
      .node(
        'both',
        (input) => {
          expectTypeOf(input).toEqualTypeOf<{ readonly fetch: Order; readonly rate: number }>();
        },
        { after: ['fetch', 'rate'] },
      )
      .node(
        'some',
        (input) => {
          expectTypeOf(input).toEqualTypeOf<{ readonly fetch: Order; readonly maybe?: string }>();
        },
        { after: ['fetch', 'maybe'] },
      )
      .node(
        'first',
        (input) => {
          expectTypeOf(input).toEqualTypeOf<{ readonly fetch?: Order; readonly rate?: number }>();
        },
        { after: ['fetch', 'rate'], joinStrategy: 'any' },
      )
      .node('list', (order) => expectTypeOf(order).toEqualTypeOf<Order>(), { after: ['fetch'] });
  });

  it('follows one action', () => {
    new Flow('actions')
      .node('fetch', fetch)
      .node('check', check, { after: 'fetch' })
      .node('ok', (order) => expectTypeOf(order).toEqualTypeOf<Order>(), { after: { check: 'ok' } })
      .node('differs', (n: number) => (n > 1 ? withAction('large', n) : n > 0 ? withAction('small', 'x') : true))
      .node('large', (n) => expectTypeOf(n).toEqualTypeOf<number>(), { after: { differs: 'large' } })
      .node('small', (text) => expectTypeOf(text).toEqualTypeOf<string>(), { after: { differs: 'small' } })
      .node('any', (input) => expectTypeOf(input).toEqualTypeOf<number | string | boolean>(), { after: 'differs' })
      .node(
        'join',
        (input) => {
          expectTypeOf(input).toEqualTypeOf<{ readonly check?: Order; readonly fetch: Order }>();
        },
        { after: { check: 'review', fetch: true } },
      )
      .node('way', (n) => expectTypeOf(n).toEqualTypeOf<number>(), {
        after: { check: { action: 'ok', condition: 'output.total > 1', transform: (order: Order) => order.total } },
      })
      .node('ways', (n: number) => n, {
        after: { check: { action: 'ok', condition: (order) => order.total > 1, transform: (order) => order.total } },
      });
    const flow = new Flow('labels').node('fetch', fetch).node('check', check, { after: 'fetch' });
    // @ts-expect-error it never chooses that
    flow.node('a', () => 1, { after: { check: 'okk' } });
    // @ts-expect-error there is no such node
    flow.node('b', () => 1, { after: { chekc: 'ok' } });
    // @ts-expect-error nor that
    flow.edge('check', 'fetch', { action: 'okk' });
  });

  it('may have a condition and a transform', () => {
    new Flow<{ limit: number }>('beside')
      .node('fetch', fetch)
      .node('a', (order) => expectTypeOf(order).toEqualTypeOf<Order>(), {
        after: 'fetch',
        condition: (order, { context }) => {
          expectTypeOf(order).toEqualTypeOf<Order>();
          return order.total > context.limit;
        },
      })
      .node('b', (total) => expectTypeOf(total).toEqualTypeOf<number>(), {
        after: 'fetch',
        transform: async (order: Order) => order.total,
      })
      .node('b2', () => 1, { after: 'fetch', transform: (order) => order.total })
      .node('c', (anything) => expectTypeOf(anything).toBeAny(), { after: 'fetch', inputs: 'fetch.total' })
      .node('d', (total: string) => total, { after: 'fetch', transform: 'output.id' })
      .batch('e', (item) => expectTypeOf(item).toBeAny(), { after: 'fetch', items: 'fetch.items' });
    const flow = new Flow('untyped').node('fetch', fetch);
    // @ts-expect-error the compiler finds the type of this `order` too late, so the author has to name it
    flow.node('a', (total: number) => total, { after: 'fetch', transform: (order) => order.total });
    // @ts-expect-error an order has no such key
    flow.node('b', () => 1, { after: 'fetch', condition: (order) => order.totl > 1 });
    // @ts-expect-error a condition decides
    flow.node('c', () => 1, { after: 'fetch', condition: () => 'yes' });
  });
});

describe('a join after failures', () => {
  it('gets what there is, and leaves the output of the run open', async () => {
    const flow = new Flow('cleaning')
      .node('fetch', fetch)
      .node('rate', () => 1.19)
      .node(
        'clean',
        (input) => expectTypeOf(input).toEqualTypeOf<{ readonly fetch?: Order; readonly rate?: number }>(),
        {
          after: ['fetch', 'rate'],
          joinStrategy: 'settled',
        },
      )
      .node('alarm', (order) => expectTypeOf(order).toEqualTypeOf<Order | undefined>(), {
        after: 'fetch',
        joinStrategy: 'failed',
      });
    const result = await flow.run();
    if (result.status === 'completed') expectTypeOf<Order>().toExtend<typeof result.output>();
  });
});

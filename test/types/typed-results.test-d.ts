import { Orchestrator } from 'orchestrator';
import { DistributedOrchestrator, defineFleet, memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow, FlowRuntime, Node, type NodeArgs, type StandardSchema, withAction } from 'orchestrator/flow';
import { describe, expectTypeOf, it } from 'vitest';

interface Order {
  id: string;
  total: number;
}

declare function schema<Input, Output = Input>(): StandardSchema<Input, Output>;

const fetch = async (): Promise<Order> => ({ id: '1', total: 3 });
const check = (order: Order) => withAction(order.total > 1 ? 'review' : 'ok', order);
const straight = new Flow('straight').node('fetch', fetch).node('total', ({ total }) => total, { after: 'fetch' });

describe('the output of a flow', () => {
  it('is that of its last node, once the run has completed', async () => {
    const result = await straight.run();
    expectTypeOf(result.output).toEqualTypeOf<number | undefined>();
    if (result.status === 'completed') expectTypeOf(result.output).toEqualTypeOf<number>();
    else expectTypeOf(result.output).toEqualTypeOf<number | undefined>();
    const continued = await straight.continue('run');
    if (continued.status === 'completed') expectTypeOf(continued.output).toEqualTypeOf<number>();
    const inRuntime = await new FlowRuntime().run(straight);
    if (inRuntime.status === 'completed') expectTypeOf(inRuntime.output).toEqualTypeOf<number>();
    const continuedThere = await new FlowRuntime().continue(straight, 'run');
    if (continuedThere.status === 'completed') expectTypeOf(continuedThere.output).toEqualTypeOf<number>();
  });

  it('is that of one of several possible last nodes, or an object of some', async () => {
    const flow = new Flow('ends')
      .node('fetch', fetch)
      .node('check', check, { after: 'fetch' })
      .node('ok', () => 1, { after: { check: 'ok' } })
      .node('review', () => 'r', { after: { check: 'review' } });
    const result = await flow.run();
    if (result.status !== 'completed') return;
    expectTypeOf(result.output).toEqualTypeOf<number | string | { readonly ok?: number; readonly review?: string }>();
    const partly = await new Flow('partly')
      .node('check', check)
      .node('ok', () => 1, { after: { check: 'ok' } })
      .run();
    if (partly.status !== 'completed') return;
    expectTypeOf(partly.output).toEqualTypeOf<Order | number | { readonly check?: Order; readonly ok?: number }>();
    const conditional = await new Flow('conditional')
      .node('a', () => 1)
      .node('b', () => 'b', { after: 'a', condition: 'output > 1' })
      .run();
    if (conditional.status !== 'completed') return;
    expectTypeOf(conditional.output).toEqualTypeOf<number | string | { readonly a?: number; readonly b?: string }>();
  });

  it('is open if types do not know which action an edge has', async () => {
    const one = 'ok' as 'ok' | 'review';
    const result = await new Flow('either')
      .node('check', check)
      .node('next', () => 1, { after: { check: one } })
      .run();
    if (result.status !== 'completed') return;
    expectTypeOf(result.output).toEqualTypeOf<Order | number | { readonly check?: Order; readonly next?: number }>();
  });

  it('includes that of a fallback', async () => {
    const flow = new Flow('fallback')
      .node('fetch', fetch)
      .node('charge', (order) => order.total, { after: 'fetch', fallback: 'invoice' })
      .node('invoice', (order) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
        return order.id;
      });
    const result = await flow
      .node('tell', (charged) => expectTypeOf(charged).toEqualTypeOf<number | string>(), { after: 'charge' })
      .node('last', () => null, { after: 'tell', fallback: 'later' })
      .node('open', (last) => expectTypeOf(last).toBeAny(), { after: 'last' })
      .run();
    expectTypeOf(result.context.charge).toEqualTypeOf<number | string | undefined>();
    expectTypeOf(result.context.last).toBeAny();
    const direct = await flow.run();
    if (direct.status === 'completed') expectTypeOf(direct.output).toEqualTypeOf<number | string>();
  });

  it('is open without after, and for edges that types do not see', async () => {
    expectTypeOf((await new Flow('x').node('a', () => 1).run()).output).toBeAny();
    const flow = new Flow('statements')
      .node('a', () => 1)
      .node('b', () => 'b', { after: 'a' })
      .node('c', () => true);
    flow.edge('b', 'c');
    const result = await flow.run();
    if (result.status !== 'completed') return;
    expectTypeOf(result.output).toEqualTypeOf<string | boolean | { readonly b?: string; readonly c?: boolean }>();
  });

  it('of loops and classes', async () => {
    class Count extends Node {
      override exec({ context }: NodeArgs): number {
        return context.n;
      }
    }
    class Decide extends Node {
      override async exec(): Promise<number> {
        return 1;
      }
      override post({ execRes }: NodeArgs) {
        return execRes > 1 ? 'more' : 'enough';
      }
    }
    const flow = new Flow('loop')
      .node('count', Count)
      .node('decide', Decide, { after: 'count' })
      .node('end', (n) => expectTypeOf(n).toEqualTypeOf<number>(), { after: { decide: 'enough' } })
      .edge('decide', 'count', { action: 'more' });
    // @ts-expect-error it never chooses that
    flow.edge('decide', 'count', { action: 'less' });
    const result = await flow.run();
    if (result.status === 'completed') expectTypeOf(result.context.count).toEqualTypeOf<number>();
  });
});

describe('the context of a result', () => {
  it('has the outputs of the nodes', async () => {
    const flow = new Flow<{ limit: number; total?: bigint }>('order')
      .node('fetch', fetch)
      .node('check', check, { after: 'fetch' })
      .node('ok', () => 1, { after: { check: 'ok' } })
      .node('total', () => 'a key that the context declares', { after: 'fetch' });
    const result = await flow.run({ limit: 1 });
    expectTypeOf(result.context.limit).toEqualTypeOf<number>();
    expectTypeOf(result.context.fetch).toEqualTypeOf<Order | undefined>();
    expectTypeOf(result.context.total).toEqualTypeOf<bigint | undefined>();
    if (result.status === 'completed') {
      expectTypeOf(result.context.fetch).toEqualTypeOf<Order>();
      expectTypeOf(result.context.check).toEqualTypeOf<Order>();
      expectTypeOf(result.context.ok).toEqualTypeOf<number | undefined>();
    }
    // @ts-expect-error there is no such node
    void result.context.fecth;
    const open = await straight.run();
    expectTypeOf(open.context.fetch).toEqualTypeOf<Order | undefined>();
    expectTypeOf(open.context.anything).toBeAny();
  });
});

describe('sub-flows, batches and actions', () => {
  it('have the keys of an output mapping', () => {
    const inner = new Flow('inner').node('a', () => 1);
    new Flow('outer')
      .node('mapped', inner, { outputs: { sum: 'a', half: 'context.a / 2.0' } })
      .node(
        'after',
        (mapped) => {
          expectTypeOf<keyof typeof mapped>().toEqualTypeOf<'sum' | 'half'>();
          expectTypeOf(mapped.sum).toBeAny();
        },
        { after: 'mapped' },
      )
      .node('one', inner, { outputs: 'a' })
      .node('any', (one) => expectTypeOf(one).toBeAny(), { after: 'one' })
      .wait('approval', { after: 'one', timeout: 5 })
      .node('late', (input) => expectTypeOf(input).toBeAny(), { after: { approval: 'timeout' } });
    // @ts-expect-error the mapping has no such key
    new Flow('outer').node('m', inner, { outputs: { sum: 'a' } }).node('b', ({ total }) => total, { after: 'm' });
  });

  it('keep their types as nodes', () => {
    const orchestrator = new Orchestrator();
    const charge = orchestrator.action(async (order: Order): Promise<string> => order.id, {
      fallback: () => null,
    });
    new Flow('outer')
      .node('inner', straight)
      .node('after', (total) => expectTypeOf(total).toEqualTypeOf<number>(), { after: 'inner' })
      .node('orders', () => [{ id: '1', total: 1 }])
      .batch('charges', charge, { after: 'orders' })
      .node('sum', (charges) => expectTypeOf(charges).toEqualTypeOf<(string | null)[]>(), { after: 'charges' })
      .batch('each', (order) => expectTypeOf(order).toEqualTypeOf<Order>(), { after: 'orders' })
      .sleep('pause', { duration: 1, after: 'orders' })
      .node('rested', (orders) => expectTypeOf(orders).toEqualTypeOf<Order[]>(), { after: 'pause' });
    const typed = new Flow('typed', { input: schema<Order>() }).node('a', (order) => order.total);
    new Flow('outer').node('fetch', fetch).node('typed', typed, { after: 'fetch' });
    const flow = new Flow('outer').node('number', () => 1);
    // @ts-expect-error the sub-flow takes an order
    flow.node('typed', typed, { after: 'number' });
    // @ts-expect-error a batch needs an array
    flow.batch('each', (item: number) => item, { after: 'number' });
    const list = new Flow('list').node('list', () => [1]);
    // @ts-expect-error the elements are numbers
    list.batch('each', (item: string) => item, { after: 'list' });
  });
});

describe('edges', () => {
  it('are refused if the target cannot take what the source gives', () => {
    const flow = new Flow('edges')
      .node('number', () => 1)
      .node('text', (text: string) => text)
      .node('part', ({ number }: { number: number }) => number)
      .node('wrong', ({ number }: { number: string }) => number)
      .node('mapped', (text: string) => text, { inputs: 'number' })
      .node('loose', (input) => input);
    flow.edge('number', 'part').edge('number', 'mapped').edge('number', 'loose');
    flow.edge('number', 'text', { transform: (n: number) => String(n) }).edge('number', 'text', { transform: 'x' });
    // @ts-expect-error a number is not a text
    flow.edge('number', 'text');
    // @ts-expect-error not even as a part
    flow.edge('number', 'wrong');
    // @ts-expect-error nor after the transform
    flow.edge('loose', 'text', { transform: () => 1 });
  });

  it('may lead back to a node with after, but not turn its input into an object', () => {
    const flow = new Flow('back')
      .node('start', () => 1)
      .node('turn', (n) => n + 1, { after: 'start' })
      .node('again', (n) => withAction('again', n), { after: 'turn' })
      .node('other', () => 2);
    flow.edge('again', 'turn', { action: 'again' });
    // @ts-expect-error the input would be an object of both
    flow.edge('other', 'turn');
    const text = flow.node('text', () => 'x', { after: 'turn' });
    // @ts-expect-error a turn takes a number
    text.edge('text', 'turn');
  });
});

describe('a flow with schemas', () => {
  const flow = new Flow('order', {
    version: '1',
    input: schema<{ id: string; total?: number }, Order>(),
    events: { approved: schema<{ by: string }, { by: string; at: Date }>() },
    output: schema<string, number>(),
  })
    .node('start', (order) => {
      expectTypeOf(order).toEqualTypeOf<Order>();
      return order.id;
    })
    .wait('approved', { after: 'start' })
    .node('end', (approved) => expectTypeOf(approved).toEqualTypeOf<{ by: string; at: Date }>(), { after: 'approved' })
    .wait('review', { event: 'approved', after: 'end' })
    .wait('unknown', { after: 'review' })
    .node('last', (payload) => expectTypeOf(payload).toBeAny(), { after: 'unknown' });

  it('types what comes in and goes out', async () => {
    const result = await flow.run({}, { input: { id: '1' } });
    if (result.status === 'completed') expectTypeOf(result.output).toEqualTypeOf<number>();
    flow.continue('run', { events: { approved: { by: 'Ada' } } });
    flow.continue('run', { events: { unknown: 7 } });
    // @ts-expect-error the id is a text
    flow.run({}, { input: { id: 1 } });
    // @ts-expect-error an approval has an author
    flow.continue('run', { events: { approved: { by: 7 } } });
    // @ts-expect-error there is no such option
    new Flow('x', { input: schema<string>(), outptu: schema<string>() });
    // @ts-expect-error a schema is not a function
    new Flow('x', { input: () => true });
    expectTypeOf((await new Flow('x', { output: schema<number>() }).run()).output).toEqualTypeOf<number | undefined>();
  });

  it('carries them to a fleet', async () => {
    const engine = memory();
    const orchestrator = new DistributedOrchestrator({ engine, workflows: [flow] });
    for (const each of [
      orchestrator,
      new OrchestratorBuilder().workflow(flow).workflow(straight).engine(engine).build(),
      defineFleet({ engine, workflows: [flow] }).orchestrator(),
    ]) {
      const id = await each.startRun({}, { id: '1' });
      expectTypeOf(id).toExtend<string>();
      const run = await each.waitForCompletion(id);
      if (run.status === 'completed') expectTypeOf(run.output).toEqualTypeOf<number>();
      else expectTypeOf(run.output).toEqualTypeOf<undefined>();
      const record = await each.run(id);
      if (record.status === 'completed') expectTypeOf(record.output).toEqualTypeOf<number>();
      await each.signal(id, 'approved', { by: 'Ada' });
      await each.signal(id, 'unknown', 7);
      await each.signal('stored', 'approved', 7);
      // @ts-expect-error the id is a text
      await each.startRun({}, { id: 1 });
      // @ts-expect-error an approval has an author
      await each.signal(id, 'approved', { by: 7 });
    }
    const started = await orchestrator.start(straight, { input: 'anything' });
    const run = await orchestrator.waitForCompletion(started.id);
    if (run.status === 'completed') expectTypeOf(run.output).toEqualTypeOf<number>();
    const result = await orchestrator.result(started.id);
    if (result.status === 'completed') expectTypeOf(result.context.fetch).toEqualTypeOf<Order>();
    // @ts-expect-error the id is a text
    await orchestrator.start(flow, { input: { id: 1 } });
    const untyped = new Flow('untyped').node('a', () => 1);
    expectTypeOf((await orchestrator.start(untyped)).id).toEqualTypeOf<string>();
  });
});

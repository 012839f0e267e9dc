import { type } from 'arktype';
import { TimeoutError, ValidationError } from 'orchestrator';
import {
  BlueprintError,
  DryRunExecutor,
  Flow,
  FlowRuntime,
  type Graph,
  GraphBuilder,
  MemoryCheckpointStore,
  NodeError,
  StepByStepOrchestrator,
  WorkflowError,
} from 'orchestrator/flow';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { settled } from '../support.js';

const libraries = {
  zod: z.object({ lines: z.array(z.object({ total: z.number() })), customer: z.string() }),
  valibot: v.object({ lines: v.array(v.object({ total: v.number() })), customer: v.string() }),
  arktype: type({ lines: type({ total: 'number' }).array(), customer: 'string' }),
};
const wrong = { lines: [{ total: 'x' }, { total: 2 }, {}], customer: 5 } as never;

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  ) as Promise<Error>;

describe.each(Object.entries(libraries))('with %s', (_name, schema) => {
  it('a run is refused before anything runs or is saved, with every fault and its path', async () => {
    const ran: unknown[] = [];
    const flow = new Flow('order', { input: schema }).node('note', (order) => void ran.push(order));
    const checkpoint = new MemoryCheckpointStore();
    const error = await thrownBy(flow.run({}, { id: 'one', input: wrong, checkpoint }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toMatch(/input\.lines\[0\]\.total: .*number/);
    expect(error.message).toMatch(/input\.lines\[2\]\.total: /);
    expect(error.message).toMatch(/input\.customer: .*string/);
    expect(error.message).not.toMatch(/total: lines/);
    expect([ran, await checkpoint.load('one')]).toEqual([[], undefined]);
    const input = { lines: [{ total: 1 }], customer: 'c' };
    expect((await flow.run({}, { id: 'one', input, checkpoint })).status).toBe('completed');
    expect(ran).toEqual([input]);
  });
});

describe('the input', () => {
  it('is what the schema returns, which may be converted, and async', async () => {
    const schema = z.object({
      at: z.coerce.date(),
      note: z.string().default('none'),
      text: z.string().transform(async (text) => text.length),
    });
    const flow = new Flow('f', { input: schema }).node('first', (input) => input);
    const { output } = await flow.run({}, { input: { at: '2026-01-01', text: 'four' } as never });
    expect(output).toEqual({ at: new Date('2026-01-01'), note: 'none', text: 4 });
  });

  it('is checked once, and not again when the run continues', async () => {
    let checked = 0;
    const once = z.string().transform((text) => {
      checked++;
      return text.length;
    });
    let isBroken = true;
    const flow = new Flow('f', { input: once }).node('first', (length: number) => {
      if (isBroken) throw new Error('not yet');
      return length;
    });
    const checkpoint = new MemoryCheckpointStore();
    const failed = await flow.run({}, { id: 'r', input: 'three' as never, checkpoint });
    expect(failed.status).toBe('failed');
    isBroken = false;
    expect((await flow.continue('r', { checkpoint })).output).toBe(5);
    expect((await flow.continue(failed)).output).toBe(5);
    expect(checked).toBe(1);
  });

  it('may be missing only if the schema says so', async () => {
    const flow = (schema: z.ZodType) => new Flow('f', { input: schema as never }).node('first', (input) => input);
    await expect(flow(z.string()).run()).rejects.toThrow('input: Invalid input');
    expect((await flow(z.string().default('x')).run()).output).toBe('x');
  });

  it('of a schema that fails, or returns no result, is refused with a clear error', async () => {
    const broken = (validate: () => unknown) =>
      new Flow('f', { input: { '~standard': { version: 1, vendor: 'own', validate } } as never }).node('n', () => 1);
    const why = new Error('no database');
    const fails = [
      () => {
        throw why;
      },
      () => Promise.reject(why),
    ];
    for (const validate of fails) {
      const error = await thrownBy(broken(validate).run());
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toBe('input cannot be checked: its schema failed (no database), fix the schema');
      expect(error.cause).toBe(why);
    }
    await expect(broken(() => undefined).run()).rejects.toThrow(
      'input cannot be checked: its schema returned undefined',
    );
    await expect(broken(() => ({ issues: 5 })).run()).rejects.toThrow('its schema returned Object');
    await expect(broken(() => ({ issues: [] })).run()).rejects.toThrow('input: its schema refuses it');
    const unreadable = [
      { issues: [null] },
      { issues: [{ message: 'm', path: [null] }] },
      {
        get issues(): unknown {
          throw new Error('no issues');
        },
      },
    ];
    for (const answer of unreadable) {
      const error = await thrownBy(broken(() => answer).run());
      expect(error).toBeInstanceOf(ValidationError);
      expect(error.message).toMatch(/^input cannot be checked: its schema failed \(.+\), fix the schema$/);
    }
  });

  it('names odd keys, and at most 20 faults', async () => {
    const schema = z.object({ 'a.b': z.string(), list: z.array(z.number()) });
    const flow = new Flow('f', { input: schema }).node('n', () => 1);
    const input = { 'a.b': 1, list: Array.from({ length: 30 }, () => 'x') } as never;
    const { message } = await thrownBy(flow.run({}, { input }));
    expect(message).toContain('input["a.b"]: ');
    expect(message).toContain('input.list[18]: ');
    expect(message).toMatch(/; and 11 more faults$/);
  });

  it('is checked by prepare, which cannot wait', async () => {
    const runtime = new FlowRuntime();
    const flow = new Flow('f', { input: z.string() }).node('n', (text) => text);
    expect(() => runtime.prepare(flow, {}, { input: 5 as never })).toThrow('input: Invalid input');
    expect(runtime.prepare(flow, {}, { input: 'x' as never }).state.input).toBe('x');
    const async = z.string().refine(async () => false);
    const later = new Flow('f', { input: async }).node('n', () => 1);
    const { message } = (() => {
      try {
        return runtime.prepare(later, {}, { input: 'x' as never }) as never;
      } catch (error) {
        return error as Error;
      }
    })();
    expect(message).toMatch(/async/);
  });

  it('of a dry run is checked if it is given', async () => {
    const flow = new Flow('f', { input: z.string() }).node('n', () => 1);
    const executor = new DryRunExecutor();
    expect((await flow.run({}, { executor })).steps).toHaveLength(1);
    await expect(flow.run({}, { executor, input: 5 as never })).rejects.toThrow('input: Invalid input');
  });
});

describe('the payload of an event', () => {
  const flowWith = (events: Record<string, z.ZodType>) =>
    new Flow('order', { events: events as never })
      .wait('approval', { event: 'approved' })
      .wait('payment')
      .node('after', (both) => both)
      .edge('approval', 'after')
      .edge('payment', 'after');

  it('is refused before anything runs or is saved', async () => {
    const flow = flowWith({ approved: z.object({ by: z.string() }), payment: z.number() });
    const checkpoint = new MemoryCheckpointStore();
    await flow.run({}, { id: 'r', checkpoint });
    const before = await checkpoint.load('r');
    const events = { approved: { by: 5 }, payment: 'much' } as never;
    const { message } = await thrownBy(flow.continue('r', { checkpoint, events }));
    expect(message).toMatch(/^events\.approved\.by: .*string.*; events\.payment: .*number/);
    expect(await checkpoint.load('r')).toEqual(before);
    const right = { approved: { by: 'ann', more: 1 }, payment: 5 } as never;
    const { output } = await flow.continue('r', { checkpoint, events: right });
    expect(output).toEqual({ approval: { by: 'ann' }, payment: 5 });
  });

  it('without a schema may be anything', async () => {
    const flow = flowWith({ approved: z.string().transform(async (text) => text.length) });
    const waiting = await flow.run();
    const { output } = await flow.continue(waiting, { events: { approved: 'ok', payment: new Map() } as never });
    expect(output).toEqual({ approval: 2, payment: new Map() });
  });

  it('has a schema only if a node waits for the event', async () => {
    const error = await thrownBy(flowWith({ aproved: z.string() }).run());
    expect(error).toBeInstanceOf(BlueprintError);
    expect(error.message).toContain(
      'events.aproved must be an event that a node of the flow waits for (approved, payment)',
    );
    const none = new Flow('f', { events: { approved: z.string() } as never }).node('n', () => 1);
    await expect(none.run()).rejects.toThrow('waits for (no node waits)');
  });

  it('in a sub-flow is checked by the schema of the sub-flow', async () => {
    const inner = new Flow('inner', { events: { approved: z.object({ by: z.string().default('nobody') }) } })
      .wait('approval', { event: 'approved' })
      .node('read', (approval) => approval);
    inner.edge('approval', 'read');
    const outer = new Flow('outer').node('sub', inner);
    const waiting = await outer.run();
    await expect(outer.continue(waiting, { events: { approved: 5 } as never })).rejects.toThrow('events.approved: ');
    const { output } = await outer.continue(waiting, { events: { approved: {} } as never });
    expect(output).toEqual({ by: 'nobody' });
  });

  it('that several flows wait for passes their schemas from the outside in, and a shared schema once', async () => {
    let checked = 0;
    const shared = z.number().transform((value) => {
      checked++;
      return value + 1;
    });
    const inner = new Flow('inner', { events: { go: shared } }).wait('go');
    const own = new Flow('own', { events: { go: z.number().max(5) } }).wait('go');
    const outer = new Flow('outer', { events: { go: shared } }).wait('go').node('a', inner).node('b', own);
    const waiting = await outer.run();
    await expect(outer.continue(waiting, { events: { go: 5 } })).rejects.toThrow('events.go: ');
    const { output } = await outer.continue(waiting, { events: { go: 1 } });
    expect([output, checked]).toEqual([{ go: 2, a: 2, b: 2 }, 2]);
  });
});

describe('the output', () => {
  const flow = (value: unknown) =>
    new Flow('f', { output: z.object({ total: z.number(), note: z.string().default('') }) }).node('last', () => value);

  it('is what the schema returns', async () => {
    const { status, output, context } = await flow({ total: 5, more: 1 }).run();
    expect([status, output]).toEqual(['completed', { total: 5, note: '' }]);
    expect(context).toEqual({ last: { total: 5, more: 1 } });
  });

  it('that the schema refuses fails the run, although its nodes have completed', async () => {
    const result = await flow({ total: 'much' }).run();
    expect(result).toMatchObject({ status: 'failed', completed: ['last'], errors: [] });
    expect(result.reason).toBeInstanceOf(ValidationError);
    expect((result.reason as Error).message).toMatch(/^output\.total: /);
  });

  it('is checked again, and no node repeated, when the run continues', async () => {
    let isRight = false;
    let ran = 0;
    const schema = z.number().refine(() => isRight);
    const counted = new Flow('f', { output: schema }).node('last', () => ++ran);
    const checkpoint = new MemoryCheckpointStore();
    await counted.run({}, { id: 'r', checkpoint });
    expect((await counted.continue('r', { checkpoint })).status).toBe('failed');
    isRight = true;
    expect(await counted.continue('r', { checkpoint })).toMatchObject({ status: 'completed', output: 1 });
    expect(ran).toBe(1);
  });

  it('is not there if the run ends while a schema works on it: the run is cancelled', async () => {
    const schema = z.number().refine(() => new Promise<boolean>(() => {}));
    const flow = new Flow('f', { output: schema }).node('last', () => 1);
    const controller = new AbortController();
    const aborted = flow.run({}, { signal: controller.signal });
    await settled();
    const reason = new Error('stop');
    controller.abort(reason);
    expect(await aborted).toMatchObject({ status: 'cancelled', reason, completed: ['last'] });
    const late = await flow.run({}, { timeout: 20 });
    expect(late.status).toBe('cancelled');
    expect(late.reason).toBeInstanceOf(TimeoutError);
  });

  it('is checked when the last step is done', async () => {
    const steps = new Flow('f', { output: z.string() })
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b');
    const orchestrator = new StepByStepOrchestrator();
    const first = await steps.run({}, { orchestrator });
    expect(first.status).toBe('stalled');
    expect((await steps.continue(first, { orchestrator })).status).toBe('failed');
  });

  it('of a sub-flow fails its node, which is not retried', async () => {
    let attempts = 0;
    const inner = flow('nothing').use((_args, next) => {
      attempts++;
      return next();
    });
    const outer = new Flow('outer').node('sub', inner, { retry: { retries: 2, minTimeout: 1 } });
    const { errors } = await outer.run();
    expect(errors[0]).toBeInstanceOf(NodeError);
    expect(errors[0]?.cause).toBeInstanceOf(ValidationError);
    expect([errors[0]?.attempts, attempts]).toEqual([1, 1]);
  });

  it('is named by the error of the process', async () => {
    const { Orchestrator } = await import('orchestrator');
    const errors: unknown[] = [];
    const orchestrator = new Orchestrator().onProcessCompletion(({ error }) => void errors.push(error));
    await new FlowRuntime({ orchestrator }).run(flow(5));
    expect(errors[0]).toBeInstanceOf(WorkflowError);
    expect((errors[0] as Error).message).toMatch(/^flow "f" failed: .*output: /);
  });
});

describe('the input of a sub-flow', () => {
  it('is checked when the sub-flow starts: its node fails and is not retried', async () => {
    let began = 0;
    const inner = new Flow('inner', { input: z.object({ total: z.coerce.number() }) }).node('n', ({ total }) => {
      began++;
      return total;
    });
    const outer = new Flow('outer')
      .node('first', () => ({ total: 'x' }))
      .node('sub', inner as never, { retry: { retries: 2, minTimeout: 1 } })
      .edge('first', 'sub');
    const { status, errors } = await outer.run();
    expect(status).toBe('failed');
    expect(errors[0]).toMatchObject({ nodeId: 'sub', attempts: 1 });
    expect(errors[0]?.cause).toBeInstanceOf(ValidationError);
    expect(String(errors[0]?.cause)).toMatch(/^ValidationError: input of "sub"\.total: /);
    expect(began).toBe(0);
  });

  it('is converted, once for each item of a batch, and not again after a crash', async () => {
    let checked = 0;
    const schema = z.string().transform((text) => {
      checked++;
      return text.length;
    });
    let isBroken = true;
    const inner = new Flow('inner', { input: schema }).node('n', (length: number) => {
      if (isBroken) throw new Error('not yet');
      return length;
    });
    const outer = new Flow('outer')
      .node('items', () => ['a', 'bb'])
      .batch('each', inner as never)
      .edge('items', 'each');
    const checkpoint = new MemoryCheckpointStore();
    await outer.run({}, { id: 'r', checkpoint });
    isBroken = false;
    const { output } = await outer.continue('r', { checkpoint });
    expect([output, checked]).toEqual([[1, 2], 2]);
  });
});

describe('a blueprint', () => {
  const schema = z.object({ total: z.number(), at: z.date(), note: z.string().default('') });
  const flow = new Flow('f', { input: schema, events: { go: z.string() }, output: z.number() }).wait('go');

  it('has the schemas as JSON Schemas, if the library gives them', () => {
    const { input, events, output } = flow.toBlueprint();
    expect(input).toMatchObject({
      type: 'object',
      properties: { total: { type: 'number' }, at: {} },
      required: ['total', 'at'],
    });
    expect([events, output]).toEqual([{ go: { type: 'string' } }, { type: 'number' }]);
    const other = new Flow('g', { input: libraries.arktype, output: libraries.valibot }).node('n', () => 1);
    expect(other.toBlueprint().input).toMatchObject({ type: 'object', required: ['customer', 'lines'] });
    expect(other.toBlueprint().output).toEqual({});
    expect(new Flow('h').node('n', () => 1).toBlueprint()).not.toHaveProperty('input');
  });

  it('makes the same checks after a round trip through JSON, without converting', async () => {
    const graph = JSON.parse(JSON.stringify(flow.toBlueprint())) as Graph;
    expect(graph).toEqual(flow.toBlueprint());
    const built = new GraphBuilder().build(graph);
    expect(built.toBlueprint()).toEqual(graph);
    for (const one of [graph, built]) {
      const runtime = new FlowRuntime();
      const { message } = await thrownBy(runtime.run(one, {}, { input: { total: 'x' } }));
      expect(message).toMatch(/input\.total: .*number/);
      expect(message).toMatch(/input: .*at/);
      const waiting = await runtime.run(one, {}, { input: { total: 1, at: 'today' } });
      await expect(runtime.continue(one, waiting, { events: { go: 5 } })).rejects.toThrow('events.go: ');
      const ended = await runtime.continue(one, waiting, { events: { go: 'now' } });
      expect([ended.status, (ended.reason as Error).message]).toEqual([
        'failed',
        'output: Instance type "string" is invalid. Expected "number"',
      ]);
    }
  });

  it('is refused if a schema is none', () => {
    const graph = { id: 'f', nodes: [{ id: 'go', uses: 'wait' }], edges: [] };
    const faulty = { ...graph, input: 'string', events: { go: 5, gone: {} }, output: [] } as never;
    const validate = () => new FlowRuntime().validate(faulty);
    expect(validate).toThrow('input must be a JSON Schema (an object that is nested at most 200 deep), got String');
    expect(validate).toThrow('events.go must be a JSON Schema (an object that');
    expect(validate).toThrow('output must be a JSON Schema');
    expect(() => new FlowRuntime().validate({ ...graph, events: { gone: {} } })).toThrow(
      'events.gone must be an event that a node of the flow waits for (go)',
    );
    expect(() => new FlowRuntime().validate({ ...graph, events: [] as never })).toThrow('events must be an object');
    let deep: object = { type: 'string' };
    for (let level = 0; level < 100_000; level++) deep = { properties: { a: deep } };
    expect(() => new FlowRuntime().validate({ ...graph, input: deep as never })).toThrow('input must be a JSON Schema');
  });

  it('that is data may change between runs', async () => {
    const graph = { id: 'f', input: { type: 'string' }, nodes: [{ id: 'n', uses: 'n' }], edges: [] };
    const runtime = new FlowRuntime({ registry: { n: (input: unknown) => input } });
    await expect(runtime.run(graph, {}, { input: 5 })).rejects.toThrow('input: ');
    graph.input.type = 'number';
    expect((await runtime.run(graph, {}, { input: 5 })).output).toBe(5);
  });

  it('reports unresolvable references when the first value is checked', async () => {
    const graph = { id: 'f', input: { $ref: '#/nowhere' }, nodes: [{ id: 'n', uses: 'n' }], edges: [] };
    const runtime = new FlowRuntime({ registry: { n: () => 1 } });
    await expect(runtime.run(graph)).rejects.toThrow(/^input cannot be checked: its schema failed \(Unresolved \$ref/);
  });

  it('keeps its version if only a schema changes', async () => {
    const waiting = await new Flow('f').wait('go').run();
    const strict = new Flow('f', { events: { go: z.number() } }).wait('go');
    expect((await strict.continue(waiting, { events: { go: 5 } })).status).toBe('completed');
  });
});

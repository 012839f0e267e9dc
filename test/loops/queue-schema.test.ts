import { type } from 'arktype';
import { ValidationError } from 'orchestrator';
import { done, Loop, type QueueDefinition, queue, WorkflowOrchestrator } from 'orchestrator/loops';
import * as v from 'valibot';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';

let orchestrator: WorkflowOrchestrator | undefined;

afterEach(async () => {
  await orchestrator?.close({ timeout: 1_000 });
  orchestrator = undefined;
});

/** Starts a workflow with one queue, whose messages end up in `seen`. */
async function reading(definition: QueueDefinition) {
  const seen: unknown[] = [];
  const loop = new Loop('l').read('take', 'orders').blocking('see', (value) => void seen.push(value));
  orchestrator = new WorkflowOrchestrator().load({ queues: { orders: definition }, loops: [loop] });
  await orchestrator.start();
  return { seen, orders: orchestrator.queue('orders') };
}

const libraries = {
  zod: z.object({ lines: z.array(z.object({ total: z.number() })), note: z.string() }),
  valibot: v.object({ lines: v.array(v.object({ total: v.number() })), note: v.string() }),
  arktype: type({ lines: type({ total: 'number' }).array(), note: 'string' }),
  'a JSON Schema': {
    type: 'object',
    properties: {
      lines: { type: 'array', items: { type: 'object', properties: { total: { type: 'number' } } } },
      note: { type: 'string' },
    },
  },
};

describe.each(Object.entries(libraries))('a queue with a schema of %s', (_name, schema) => {
  it('refuses a value from outside, with every fault and its path', async () => {
    const { seen, orders } = await reading({ schema });
    const refused = await orders.push({ lines: [{ total: 1 }, { total: 'x' }], note: 5 }).catch((error) => error);
    expect(refused).toBeInstanceOf(ValidationError);
    expect(refused.message).toMatch(/queue "orders"\.lines\[1\]\.total: .*number/);
    expect(refused.message).toMatch(/queue "orders"\.note: .*string/);
    expect(orders.metrics.pushed).toBe(0);
    await orders.push({ lines: [], note: '' });
    await expect.poll(() => seen).toEqual([{ lines: [], note: '' }]);
  });
});

describe('a schema of a queue', () => {
  it('converts what is pushed, and may be async', async () => {
    const length = z.string().transform(async (text) => text.length);
    const { seen, orders } = await reading(queue({ schema: length }));
    await orders.push('three');
    await expect.poll(() => seen).toEqual([5]);
  });

  it('keeps the order of what is pushed', async () => {
    const { seen, orders } = await reading(queue({ schema: z.number() }));
    await Promise.all([1, 2, 3].map((value) => orders.push(value)));
    await expect.poll(() => seen).toEqual([1, 2, 3]);
  });

  it('keeps the order of the calls, also if it checks a later value first', async () => {
    const checks = new Map<number, () => void>();
    const slow = z.number().refine(async (value) => {
      await new Promise<void>((resolve) => checks.set(value, resolve));
      return value !== 3;
    });
    const { seen, orders } = await reading(queue({ schema: slow }));
    const pushes = [1, 2, 3, 4].map((value) => (orchestrator as WorkflowOrchestrator).queue('orders').push(value));
    await expect.poll(() => checks.size).toBe(4);
    for (const value of [4, 3]) checks.get(value)?.();
    await expect(pushes[2]).rejects.toThrow(ValidationError);
    expect(orders.metrics.pushed).toBe(0);
    for (const value of [2, 1]) checks.get(value)?.();
    await Promise.all([0, 1, 3].map((at) => pushes[at]));
    await expect.poll(() => seen).toEqual([1, 2, 4]);
  });

  it('does not hold up pushes behind one that waits for room', async () => {
    orchestrator = new WorkflowOrchestrator().load({
      queues: { full: { schema: z.number(), capacity: 1 } },
      loops: [],
    });
    await orchestrator.start();
    const full = orchestrator.queue('full');
    const pushes = [1, 2, 3].map((value) => full.push(value));
    await expect.poll(() => full.metrics.blocked).toBe(2);
    await orchestrator.close({ timeout: 10, drain: false });
    await Promise.allSettled(pushes);
  });

  it('does not check what loops push', async () => {
    const seen: unknown[] = [];
    let produced = 0;
    orchestrator = new WorkflowOrchestrator().load({
      queues: { orders: { schema: z.string() } },
      loops: [
        new Loop('from').producer('p', () => (produced++ > 0 ? done : 5)).push('out', 'orders'),
        new Loop('to').read('take', 'orders').blocking('see', (value) => void seen.push(value)),
      ],
    });
    await orchestrator.start();
    await expect.poll(() => seen).toEqual([5]);
  });

  it('that fails refuses the value with a clear error', async () => {
    const broken = z.string().refine(() => {
      throw new Error('no dictionary');
    });
    const { orders } = await reading({ schema: broken });
    const error = await orders.push('a').catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toBe('queue "orders" cannot be checked: its schema failed (no dictionary), fix the schema');
    expect(error.cause).toEqual(new Error('no dictionary'));
  });

  it('has to be a schema', () => {
    const load = (schema: never) => new WorkflowOrchestrator().load({ queues: { orders: { schema } }, loops: [] });
    expect(() => load('string' as never)).toThrow(
      'workflow.queues.orders.schema must be a schema that implements Standard Schema, or a JSON Schema (an object), got String',
    );
    expect(() => queue({ schema: 5 as never })).toThrow('queue.schema must be a schema');
    expect(() => queue({ capacity: 0 })).toThrow('queue.capacity must be a whole number of at least 1');
  });
});

describe('the queues of a loop', () => {
  it('are the only ones that it reads and pushes to', () => {
    const loop = () => new Loop('l', { queues: { orders: {} } });
    expect(() => loop().read('take', 'order' as 'orders')).toThrow(
      `queue of "take" must be one of the loop's queues (orders), got String`,
    );
    expect(() => loop().push('out', 'constructor' as 'orders')).toThrow('queue of "out" must be one of');
    expect(() => new Loop('l', { queues: [] as never })).toThrow('queues must be an object of queues by name');
  });
});

import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { Orchestrator } from 'orchestrator';
import { done, idle, Loop, lmdbStore, type Message, type NodeData } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';
import '../loops/typescript.js';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { workflow } from '../loops/support.js';
import { deferred } from '../support.js';
import { afterwards, spanOf, spansIn, started, tracingSdk, treeOf } from './support.js';

/** Creates a loop that pushes some values and ends. */
function source(queue: string, values: readonly unknown[], id = 'source'): Loop {
  const left = [...values];
  return new Loop(id).producer('make', () => left.shift() ?? done).push('put', queue);
}

/** Creates a loop that records the messages that it receives. */
function sink(queue: string, id = 'sink') {
  const messages: Message[] = [];
  const loop = new Loop(id).read('take', queue).blocking('note', (_: unknown, { message }: NodeData) => {
    if (message !== undefined) messages.push(message);
  });
  return { loop, messages };
}

async function inDirectory(): Promise<string> {
  const directory = await temporaryDirectory();
  afterwards(() => removeDirectory(directory));
  return directory;
}

describe('an iteration of a loop', () => {
  it('is a trace whose root is the producer', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    let left = 2;
    const loop = new Loop('sensor')
      .producer('read', () => (left-- > 0 ? left : done))
      .blocking('convert', async (value: number) => value * 2)
      .nonBlocking('log', async () => undefined);
    const orchestrator = workflow({ loops: [loop] });
    // The span that starts the loop may end long before the loop.
    await provider.getTracer('test').startActiveSpan('request', async (span) => {
      await orchestrator.start();
      span.end();
    });
    await orchestrator.ended();
    await eventually(() => treeOf(spans()).length === 5);
    expect(treeOf(spans()).sort()).toEqual([
      'read',
      'read > (convert, log)',
      'read > (convert, log)',
      'request',
      'sensor',
    ]);
    const [first] = spans().filter(({ name }) => name === 'convert');
    expect(first?.attributes).toMatchObject({
      'orchestrator.kind': 'task',
      'orchestrator.loop.id': 'sensor',
      'orchestrator.loop.iteration': 1,
      'orchestrator.task.name': 'convert',
    });
    expect(first?.attributes).not.toHaveProperty('messaging.system');
  });

  it('continues the trace of its message, across any number of queues', async () => {
    const { spans } = tracingSdk();
    await started();
    const relay = new Loop('relay').read('relay', 'in').push('pass', 'out');
    const { loop, messages } = sink('out');
    const orchestrator = workflow({ queues: { in: {}, out: {} }, loops: [source('in', ['a', 'b']), relay, loop] });
    await orchestrator.start();
    await eventually(() => messages.length === 2);
    await orchestrator.stop();
    await eventually(() => spans().filter(({ name }) => name === 'note').length === 2);
    const trees = treeOf(spans()).filter((tree) => tree.includes('>'));
    expect(trees).toEqual(Array(2).fill('make > put > relay > pass > take > note'));
    const traces = spans().filter(({ name }) => name === 'make' || name === 'note');
    expect(new Set(traces.map((span) => span.spanContext().traceId)).size).toBe(3);
  });

  it('names its message, and is its consumer', async () => {
    const { spans } = tracingSdk();
    await started();
    const { loop, messages } = sink('jobs');
    const orchestrator = workflow({ queues: { jobs: {} }, loops: [source('jobs', ['a']), loop] });
    await orchestrator.start();
    await eventually(() => messages.length === 1);
    await orchestrator.stop();
    const about = {
      'messaging.system': 'orchestrator',
      'messaging.destination.name': 'jobs',
      'messaging.message.id': '1',
      'orchestrator.message.deliveries': 1,
    };
    expect(spanOf(spans(), 'take')).toMatchObject({
      kind: SpanKind.CONSUMER,
      attributes: { ...about, 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' },
    });
    const note = spanOf(spans(), 'note');
    expect(note).toMatchObject({ kind: SpanKind.INTERNAL, attributes: about });
    expect(note.attributes).not.toHaveProperty('messaging.operation.type');
  });

  it('continues the trace of code that pushed from outside', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const { loop, messages } = sink('jobs');
    const orchestrator = workflow({ queues: { jobs: {} }, loops: [loop] });
    await orchestrator.start();
    await provider.getTracer('test').startActiveSpan('POST /jobs', async (request) => {
      await orchestrator.queue('jobs').push('job');
      request.end();
    });
    await orchestrator.queue('jobs').push('of nobody');
    await eventually(() => messages.length === 2);
    await orchestrator.stop();
    expect(treeOf(spans())).toEqual(expect.arrayContaining(['POST /jobs > take > note', 'take > note']));
    expect(messages.map(({ carrier }) => Object.keys(carrier ?? {}))).toEqual([['traceparent'], []]);
  });

  it('has the trace of the first message of a batch, and links to the traces of the rest', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const batches: unknown[] = [];
    const loop = new Loop('batching').read('take', 'jobs', { batch: 4 }).blocking('note', (values) => {
      batches.push(values);
    });
    const orchestrator = workflow({ queues: { jobs: {} }, loops: [loop] });
    await orchestrator.start();
    await orchestrator.pause();
    const tracer = provider.getTracer('test');
    for (const name of ['one', 'two']) {
      await tracer.startActiveSpan(name, async (span) => {
        await orchestrator.queue('jobs').push(name);
        span.end();
      });
    }
    // A carrier without a trace gets no link.
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    const carrying = propagation.setBaggage(ROOT_CONTEXT, baggage);
    await context.with(carrying, () => orchestrator.queue('jobs').push('three'));
    await orchestrator.queue('jobs').push('four');
    orchestrator.resume();
    await eventually(() => batches.length === 1);
    await orchestrator.stop();
    expect(batches).toEqual([['one', 'two', 'three', 'four']]);
    expect(treeOf(spans())).toEqual(expect.arrayContaining(['one > take > note', 'two']));
    const { links, attributes } = spanOf(spans(), 'take');
    expect(links.map(({ context }) => context.spanId)).toEqual([spanOf(spans(), 'two').spanContext().spanId]);
    expect(attributes['messaging.batch.message_count']).toBe(4);
    expect(attributes).not.toHaveProperty('messaging.message.id');
  });

  it('continues the trace of the message for each reader of a topic', async () => {
    const { spans } = tracingSdk();
    await started();
    const [left, right] = [sink('news', 'left'), sink('news', 'right')];
    const orchestrator = workflow({
      queues: { news: { type: 'topic' } },
      loops: [source('news', ['a']), left.loop, right.loop],
    });
    await orchestrator.start();
    await eventually(() => left.messages.length + right.messages.length === 2);
    await orchestrator.stop();
    expect(treeOf(spans())).toContain('make > put > (take > note, take > note)');
  });

  it('continues the trace of a message that has waited for room', async () => {
    const { spans } = tracingSdk();
    await started();
    const { loop, messages } = sink('narrow');
    const orchestrator = workflow({ queues: { narrow: { capacity: 1 } }, loops: [source('narrow', [1, 2, 3]), loop] });
    await orchestrator.start();
    await eventually(() => messages.length === 3);
    await orchestrator.stop();
    expect(treeOf(spans()).filter((tree) => tree === 'make > put > take > note')).toHaveLength(3);
  });

  it('keeps attempts of a node in one span, with retries as events', async () => {
    const { spans } = tracingSdk();
    await started();
    let calls = 0;
    const loop = new Loop('flaky', { orchestrator: new Orchestrator({ retry: { retries: 2, minTimeout: 0 } }) })
      .producer('make', () => (calls === 0 ? 'value' : done))
      .blocking('try', () => {
        if (++calls === 1) throw new RangeError('not yet');
      });
    const orchestrator = workflow({ loops: [loop] });
    await orchestrator.start();
    await orchestrator.ended();
    const { events, attributes } = spanOf(spans(), 'try');
    expect(events.map(({ name }) => name)).toEqual(['orchestrator.task.retry']);
    expect(attributes['orchestrator.task.attempts']).toBe(2);
    expect(treeOf(spans())).toContain('make > try');
  });

  it('continues its trace if its dead letter is replayed', async () => {
    const { spans } = tracingSdk();
    await started();
    let isRepaired = false;
    const { promise, resolve } = deferred();
    const loop = new Loop('fragile').read('take', 'jobs').blocking('work', () => {
      if (!isRepaired) throw new Error('broken');
      resolve();
    });
    const orchestrator = workflow({ queues: { jobs: {} }, loops: [source('jobs', ['job']), loop] });
    await orchestrator.start();
    await eventually(() => orchestrator.deadLetters.size === 1);
    isRepaired = true;
    await orchestrator.deadLetters.replay();
    await promise;
    await orchestrator.stop();
    expect(treeOf(spans())).toContain('make > put > (take > work, take > work)');
  });

  it('is a new trace if a value is replayed without a message', async () => {
    const { spans } = tracingSdk();
    await started();
    let calls = 0;
    const loop = new Loop('fragile')
      .producer('make', () => (calls === 0 ? 'value' : idle(5)))
      .blocking('work', () => {
        if (++calls === 1) throw new Error('broken');
      });
    const orchestrator = workflow({ loops: [loop] });
    await orchestrator.start();
    await eventually(() => orchestrator.deadLetters.size === 1);
    await orchestrator.deadLetters.replay();
    await eventually(() => calls === 2);
    await orchestrator.stop();
    expect(treeOf(spans())).toEqual(expect.arrayContaining(['make > work', 'work']));
  });

  it('has its span active in nodes', async () => {
    const { spans } = tracingSdk();
    await started();
    const active: (string | undefined)[] = [];
    const loop = new Loop('active')
      .producer('make', () => (active.length === 0 ? 1 : done))
      .blocking('look', () => active.push(trace.getActiveSpan()?.spanContext().spanId));
    const orchestrator = workflow({ loops: [loop] });
    await orchestrator.start();
    await orchestrator.ended();
    expect(active).toEqual([spanOf(spans(), 'look').spanContext().spanId]);
  });

  it('leaves no trace in messages without telemetry', async () => {
    tracingSdk();
    const { loop, messages } = sink('jobs');
    const orchestrator = workflow({ queues: { jobs: {} }, loops: [source('jobs', ['a']), loop] });
    await orchestrator.start();
    await eventually(() => messages.length === 1);
    expect(messages[0]).not.toHaveProperty('carrier');
  });
});

describe('a trace', () => {
  it('survives a restart of the program with the messages of a store', async () => {
    const { spans } = tracingSdk();
    await started();
    const directory = await inDirectory();
    const queues = { jobs: {} };
    const hold = new Loop('hold').read('hold', 'jobs').blocking('never', () => new Promise(() => undefined));
    const first = workflow({ queues, loops: [source('jobs', ['job']), hold] }, { store: lmdbStore(directory) });
    await first.start();
    await eventually(() => first.queue('jobs').metrics.unacknowledged === 1);
    await first.close({ deadline: 20, drain: false });
    const { loop, messages } = sink('jobs');
    const second = workflow({ queues, loops: [loop] }, { store: lmdbStore(directory) });
    await second.start();
    await eventually(() => messages.length === 1);
    await second.close();
    expect(treeOf(spans()).find((tree) => tree.startsWith('make >'))).toMatch(/^make > put > .*take > note/);
  });

  it.each(['thread', 'process'] as const)('continues in a %s and comes back', async (pool) => {
    const { spans } = tracingSdk();
    await started();
    const file = `${await inDirectory()}/spans`;
    const { loop, messages } = sink('out');
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        source('in', [1, 2, 3]),
        {
          id: 'doubler',
          module: new URL('./fixtures/loops.ts', import.meta.url),
          export: 'doubler',
          options: { from: 'in', to: 'out', file },
          pool,
        },
        loop,
      ],
    });
    await orchestrator.start();
    await eventually(() => messages.length === 3, { timeout: 100_000 });
    await orchestrator.stop();
    const written = await spansIn(file);
    const trees = treeOf([...spans(), ...written]).filter((tree) => tree.includes('>'));
    expect(trees).toEqual(Array(3).fill('make > put > take > (double, give > take > note)'));
    const places = new Set(written.map(({ place }) => place));
    expect(places.size).toBe(1);
    expect(places).not.toContain(`${process.pid}/0`);
    expect(written.filter(({ name }) => name === 'take').map(({ kind }) => kind)).toEqual(
      Array(3).fill(SpanKind.CONSUMER),
    );
  });
});

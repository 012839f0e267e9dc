import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-node';
import { AbortError, limit, Orchestrator } from 'orchestrator';
import { again, memoryJournal } from 'orchestrator/durable';
import { Flow } from 'orchestrator/flow';
import { startTelemetry } from 'orchestrator/telemetry';
import { describe, expect, it } from 'vitest';
import { deferred, failing, rejection, settled } from '../support.js';
import { spanOf, started, tracingSdk, treeOf } from './support.js';

describe('spans', () => {
  it('exist for a process, and for each of its tasks inside it', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'order' });
    const charge = orchestrator.action(async (amount: number) => amount, { name: 'charge' });
    const ship = orchestrator.action(async () => 'shipped', { name: 'ship' });
    await orchestrator.run(async () => {
      await charge(42);
      await ship();
    });
    await settled();
    expect(treeOf(spans())).toEqual(['order > (charge, ship)']);
    expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(spanOf(spans(), 'order').instrumentationScope).toMatchObject({
      name: 'orchestrator',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  it('name their work, and contain no arguments, results or state', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'order', state: { secret: 'hidden in state' } });
    const charge = orchestrator.action(async (_card: string) => 'hidden in result', { name: 'charge' });
    await orchestrator.run(() => charge('hidden in arguments'), { id: 'p' });
    await settled();
    const common = { 'orchestrator.process.id': 'p', 'orchestrator.status': 'completed' };
    expect(spanOf(spans(), 'order').attributes).toEqual({
      ...common,
      'orchestrator.kind': 'process',
      'orchestrator.process.name': 'order',
    });
    expect(spanOf(spans(), 'charge').attributes).toEqual({
      ...common,
      'orchestrator.kind': 'task',
      'orchestrator.task.name': 'charge',
      'orchestrator.task.number': 1,
      'orchestrator.task.attempts': 1,
    });
    const all = spans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
    expect(JSON.stringify(all)).not.toContain('hidden');
  });

  it('say which life of a durable run they are, and how much of it was replayed', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'import' });
    const journal = memoryJournal();
    const [good, bad] = [orchestrator.action('good', () => 1), orchestrator.action('bad', failing(1, 2))];
    const live = () => orchestrator.run(async () => [await good(), await bad()], { id: 'run', journal });
    await rejection(live());
    await live();
    await settled();
    const [first, second] = spans().filter(({ name }) => name === 'import');
    expect(first?.attributes).toMatchObject({ 'orchestrator.process.id': 'run', 'orchestrator.process.life': 1 });
    expect(first?.attributes).not.toHaveProperty('orchestrator.process.replayed');
    expect(second?.attributes).toMatchObject({
      'orchestrator.process.id': 'run',
      'orchestrator.process.life': 2,
      'orchestrator.process.replayed': 1,
    });
    expect(first?.links).toEqual([]);
    expect(second?.links.map(({ context }) => context.spanId)).toEqual([first?.spanContext().spanId]);
  });

  it('of a durable run link to the life before, also after the run has begun anew', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'watch' });
    const journal = memoryJournal();
    const outcomes = [() => again(), failing(1, 2), () => 'over'];
    const live = () => orchestrator.run(() => outcomes.shift()?.(), { id: 'run', journal });
    await rejection(live());
    await live();
    await settled();
    const [first, second] = spans().filter(({ name }) => name === 'watch');
    expect(second?.links.map(({ context }) => context.spanId)).toEqual([first?.spanContext().spanId]);
  });

  it('say how long a task has waited for a place of its limit, if it has', async () => {
    const { spans } = tracingSdk();
    await started();
    const shared = limit({ rate: 1, per: 30 });
    const orchestrator = new Orchestrator({ limit: shared });
    await Promise.all(['first', 'second'].map((name) => orchestrator.action(() => name, { name })()));
    await settled();
    expect(spanOf(spans(), 'first').attributes).not.toHaveProperty('orchestrator.task.waited');
    const waited = spanOf(spans(), 'second').attributes['orchestrator.task.waited'];
    expect(waited).toBeGreaterThan(0.02);
  });

  it('of shared work belong to the trace of the first caller', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const library = provider.getTracer('library');
    const orchestrator = new Orchestrator({ name: 'handle' });
    const load = orchestrator.action(() => library.startActiveSpan('SELECT', (span) => span.end()), {
      name: 'load',
      share: true,
    });
    await Promise.all([orchestrator.run(() => load()), orchestrator.run(() => load(), { name: 'second' })]);
    await settled();
    expect(treeOf(spans()).sort()).toEqual(['handle > load > load > SELECT', 'second > load']);
  });

  it('have the spans of libraries inside as children, and are children of the surrounding span', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const library = provider.getTracer('library');
    const orchestrator = new Orchestrator({ name: 'handle' });
    const load = orchestrator.action(
      async () => {
        await settled();
        library.startActiveSpan('SELECT', (span) => span.end());
      },
      { name: 'load' },
    );
    await library.startActiveSpan('GET /orders', async (request) => {
      await orchestrator.run(() => load());
      request.end();
    });
    await settled();
    expect(treeOf(spans())).toEqual(['GET /orders > handle > load > SELECT']);
  });

  it('nest across parallel, map and nested runs, also of other orchestrators', async () => {
    const { spans } = tracingSdk();
    await started();
    const outer = new Orchestrator({ name: 'outer' });
    const inner = new Orchestrator({ name: 'inner' });
    const leaf = inner.action(async () => settled(), { name: 'leaf' });
    const branch = outer.action(() => inner.run(() => leaf()), { name: 'branch' });
    const twig = outer.action(async (_: number) => settled(), { name: 'twig' });
    await outer.run(async () => {
      await outer.parallel([branch, branch])();
      await outer.map([1, 2], twig, { concurrency: 1 });
    });
    await settled();
    const branches = 'branch > inner > leaf';
    expect(treeOf(spans())).toEqual([`outer > (parallel > (${branches}, ${branches}), map twig > (twig, twig))`]);
    expect(spanOf(spans(), 'map twig').attributes).toMatchObject({
      'orchestrator.kind': 'group',
      'orchestrator.group.kind': 'map',
      'orchestrator.group.name': 'twig',
      'orchestrator.group.total': 2,
      'orchestrator.group.settled': 2,
      'orchestrator.group.failed': 0,
      'orchestrator.status': 'completed',
    });
  });

  it('nest across any and each, and a loop over each is outside of its span', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'page' });
    const act = orchestrator.action(async (_: number) => settled(), { name: 'act' });
    const body = orchestrator.action(() => {}, { name: 'body' });
    await orchestrator.run(async () => {
      await orchestrator.any([act.with(1)], { name: 'quote' })();
      for await (const _ of orchestrator.each([1, 2], act, { concurrency: 1 })) await body();
    });
    await settled();
    const [tree] = treeOf(spans());
    expect(tree).toMatch(/^page > \(.*each act > \(act, act\).*\)$/);
    expect(tree).toContain('quote > act,');
    expect(tree?.match(/body/g)).toHaveLength(2);
    expect(spanOf(spans(), 'each act').attributes).toMatchObject({
      'orchestrator.group.kind': 'each',
      'orchestrator.group.settled': 2,
    });
    expect(spanOf(spans(), 'quote').attributes).toMatchObject({ 'orchestrator.group.kind': 'any' });
  });

  it('exist for an action that is called alone, with the run around it', async () => {
    const { spans } = tracingSdk();
    await started();
    await new Orchestrator({ name: 'alone' }).action(() => 1, { name: 'act' })();
    await settled();
    expect(treeOf(spans())).toEqual(['alone > act']);
  });

  it('nest across flows, their sub-flows and batches', async () => {
    const { spans } = tracingSdk();
    await started();
    const child = new Flow('child').node('step', async () => settled());
    const flow = new Flow('parent')
      .node('load', async () => [1, 2])
      .batch('each', async (item: number) => item)
      .node('sub', child)
      .edge('load', 'each')
      .edge('each', 'sub');
    expect((await flow.run()).status).toBe('completed');
    await settled();
    const [tree] = treeOf(spans());
    expect(treeOf(spans())).toHaveLength(1);
    expect(tree).toMatch(/^parent > \(load, each > map \w+ > \(each, each\), sub > child > step\)$/);
  });

  it('contain each retry as an event of the task that is retried', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ retry: { retries: 3, minTimeout: 0 } });
    const names = ['one', 'two'];
    const actions = names.map((name) => orchestrator.action(failing(2, name), { name }));
    await orchestrator.parallel(actions)();
    await settled();
    for (const name of names) {
      const { events, attributes, status } = spanOf(spans(), name);
      expect(events.map((event) => [event.name, event.attributes])).toEqual(
        [1, 2].map((attempt) => [
          'orchestrator.task.retry',
          {
            'orchestrator.retry.attempt': attempt,
            'orchestrator.retry.left': 4 - attempt,
            'orchestrator.retry.delay': 0,
            'error.type': 'Error',
            'exception.message': 'failed',
          },
        ]),
      );
      expect(attributes['orchestrator.task.attempts']).toBe(3);
      expect(status.code).toBe(SpanStatusCode.UNSET);
    }
  });

  it('leave out the number of retries left if it is infinite', async () => {
    const { spans } = tracingSdk();
    await started();
    await new Orchestrator({ retry: { retries: Infinity, minTimeout: 0 } }).action(failing(1, 1), { name: 'act' })();
    await settled();
    expect(spanOf(spans(), 'act').events[0]?.attributes).not.toHaveProperty('orchestrator.retry.left');
  });

  it('are errors if work has failed, with class, message and stack of the error', async () => {
    const { spans } = tracingSdk();
    await started();
    class PaymentError extends Error {}
    const orchestrator = new Orchestrator({ name: 'order' });
    const charge = orchestrator.action(() => Promise.reject(new PaymentError('declined')), { name: 'charge' });
    await rejection(orchestrator.run(() => charge()));
    await settled();
    for (const name of ['order', 'charge']) {
      const { status, attributes, events } = spanOf(spans(), name);
      expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'declined' });
      expect(attributes).toMatchObject({ 'orchestrator.status': 'failed', 'error.type': 'PaymentError' });
      // The innermost span records the error; the spans around it only have the status.
      expect(events.map((event) => event.name)).toEqual(name === 'charge' ? ['exception'] : []);
    }
    expect(spanOf(spans(), 'charge').events[0]?.attributes).toMatchObject({
      'exception.type': 'PaymentError',
      'exception.message': 'declined',
      'exception.stacktrace': expect.stringContaining('traces.test.ts'),
    });
  });

  it('name an error whose class has no name by its base class', async () => {
    const { spans } = tracingSdk();
    await started();
    const nameless = new (class extends Error {})();
    await rejection(new Orchestrator({ name: 'act' }).run(() => Promise.reject(nameless)));
    await settled();
    expect(spanOf(spans(), 'act').attributes['error.type']).toBe('Error');
  });

  it('distinguish failed timeouts from aborted work, which is not an error', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'slow' });
    const hang = orchestrator.action(() => new Promise(() => {}), { name: 'hang' });
    await rejection(orchestrator.run(() => hang(), { timeout: 5 }));
    await rejection(orchestrator.run(() => hang.call(null), { name: 'cut', signal: AbortSignal.timeout(5) }));
    await settled();
    expect(spanOf(spans(), 'slow')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'TimeoutError', 'orchestrator.status': 'failed' },
    });
    for (const span of spans().filter(({ name }) => name === 'hang' || name === 'cut')) {
      expect(span).toMatchObject({
        status: { code: SpanStatusCode.UNSET },
        attributes: { 'orchestrator.status': 'cancelled' },
        events: [],
      });
      expect(span.attributes).not.toHaveProperty('error.type');
    }
  });

  it('distinguish a group that fails fast from the siblings that it has aborted', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'race' });
    const fail = orchestrator.action(() => Promise.reject(new AbortError('no')), { name: 'fail' });
    const hang = orchestrator.action(() => new Promise(() => {}), { name: 'hang' });
    await rejection(orchestrator.run(() => orchestrator.parallel([fail, hang], { failFast: true })()));
    await settled();
    expect(treeOf(spans())).toEqual(['race > parallel > (fail, hang)']);
    const statuses = spans().map(({ name, attributes }) => [name, attributes['orchestrator.status']]);
    expect(Object.fromEntries(statuses)).toEqual({
      race: 'failed',
      parallel: 'failed',
      fail: 'failed',
      hang: 'cancelled',
    });
    expect(spanOf(spans(), 'parallel').attributes).toMatchObject({ 'orchestrator.group.failed': 1 });
  });

  it('contain the attributes that users add, from the complete record', async () => {
    const { spans } = tracingSdk();
    await started({
      attributes: (record, kind) => {
        if (kind === 'process') return { 'app.tenant': record.context.tenant };
        if (kind === 'group') return undefined;
        return { 'app.amount': Number(record.args[0]), 'app.receipt': String(record.result) };
      },
    });
    const orchestrator = new Orchestrator({ name: 'order', state: { tenant: 'acme' } });
    const charge = orchestrator.action(async (amount: number) => `paid ${amount}`, { name: 'charge' });
    await orchestrator.run(() => orchestrator.parallel([() => charge(42)])());
    await settled();
    expect(spanOf(spans(), 'order').attributes['app.tenant']).toBe('acme');
    expect(spanOf(spans(), 'charge').attributes).toMatchObject({ 'app.amount': 42, 'app.receipt': 'paid 42' });
  });

  it('end, and nothing else breaks, if the function of the user throws', async () => {
    const { spans } = tracingSdk();
    await started({
      attributes: () => {
        throw new Error('of the user');
      },
    });
    await expect(new Orchestrator({ name: 'a' }).action(() => 1, { name: 'b' })()).resolves.toBe(1);
    await settled();
    expect(treeOf(spans())).toEqual(['a > b']);
  });

  it('are of the internal kind', async () => {
    const { spans } = tracingSdk();
    await started();
    await new Orchestrator().action(() => 1)();
    await settled();
    expect(spans().map(({ kind }) => kind)).toEqual([SpanKind.INTERNAL, SpanKind.INTERNAL]);
  });

  it('are not created if the sampler says no, and the function of the user is not called', async () => {
    const { spans } = tracingSdk(new AlwaysOffSampler());
    let asked = 0;
    await started({
      attributes: () => {
        asked++;
        return undefined;
      },
    });
    const orchestrator = new Orchestrator({ retry: { minTimeout: 0 } });
    let active: string | undefined;
    const act = orchestrator.action(failing(1, 'done'));
    await orchestrator.run(async () => {
      await act();
      active = trace.getActiveSpan()?.spanContext().traceId;
    });
    await settled();
    expect(spans()).toEqual([]);
    expect(asked).toBe(0);
    // Services downstream can see that the trace is not sampled.
    expect(active).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('telemetry', () => {
  it('ignores work that begins after it is stopped; open spans end with their work', async () => {
    const { spans } = tracingSdk();
    const telemetry = await started();
    const orchestrator = new Orchestrator({ name: 'work' });
    const { promise, resolve } = deferred();
    const wait = orchestrator.action(() => promise, { name: 'wait' });
    const behind = orchestrator.action(() => 1, { name: 'behind' });
    const run = orchestrator.run(async () => {
      await wait();
      await behind();
    });
    await settled();
    telemetry.stop();
    telemetry.stop();
    expect(spans()).toEqual([]);
    resolve();
    await run;
    await settled();
    expect(treeOf(spans())).toEqual(['work > wait']);
  });

  it('uses an SDK that is registered after it has started', async () => {
    await started();
    const { spans } = tracingSdk();
    await new Orchestrator({ name: 'late' }).run(() => 1);
    await settled();
    expect(treeOf(spans())).toEqual(['late']);
  });

  it('creates one span if it was started twice, until both are stopped', async () => {
    const { spans } = tracingSdk();
    const [first, second] = [await started(), await started()];
    const orchestrator = new Orchestrator({ name: 'once' });
    await orchestrator.run(() => 1);
    await settled();
    expect(treeOf(spans())).toEqual(['once']);
    first.stop();
    first.stop();
    await orchestrator.run(() => 1, { name: 'again' });
    second.stop();
    await orchestrator.run(() => 1, { name: 'never' });
    await settled();
    expect(treeOf(spans())).toEqual(['once', 'again']);
  });

  it('sends spans to the given provider', async () => {
    const registered = tracingSdk();
    const own = tracingSdk();
    await started({ tracerProvider: own.provider, metrics: false });
    await new Orchestrator({ name: 'mine' }).run(() => 1);
    await settled();
    expect(registered.spans()).toEqual([]);
    expect(treeOf(own.spans())).toEqual(['mine']);
  });

  it('creates no spans if it is told so', async () => {
    const { spans } = tracingSdk();
    await started({ traces: false });
    await new Orchestrator().run(() => 1);
    await settled();
    expect(spans()).toEqual([]);
  });

  it('changes nothing without an SDK', async () => {
    await started();
    const orchestrator = new Orchestrator({ retry: { minTimeout: 0 } });
    await expect(orchestrator.action(failing(1, 'done'))()).resolves.toBe('done');
    expect(context.active()).toBe(ROOT_CONTEXT);
  });

  it.each([
    ['cannot start a span', { startSpan: raise }],
    [
      'makes spans that cannot be ended',
      { startSpan: () => ({ isRecording: raise, end: raise, spanContext: () => undefined }) },
    ],
  ])('works with a tracer that %s', async (_, tracer) => {
    tracingSdk();
    await started({ tracerProvider: { getTracer: () => tracer } as never });
    const orchestrator = new Orchestrator();
    const act = orchestrator.action(async (value: number) => value);
    await expect(orchestrator.run(() => orchestrator.map([1, 2], act))).resolves.toEqual([1, 2]);
    const failure = new Error('own');
    expect(await rejection(orchestrator.run(() => Promise.reject(failure)))).toBe(failure);
    await settled();
  });

  it('rejects options that are unknown or have the wrong type', async () => {
    await expect(startTelemetry({ trace: true } as never)).rejects.toThrow(
      'trace is unknown, expected traces, metrics, attributes, tracerProvider, meterProvider',
    );
    await expect(startTelemetry({ attributes: {} } as never)).rejects.toThrow('attributes must be a function');
    await expect(startTelemetry({ meterProvider: {} } as never)).rejects.toThrow(
      'meterProvider must be an object with a getMeter method, got Object',
    );
  });
});

function raise(): never {
  throw new Error('of the tracer');
}

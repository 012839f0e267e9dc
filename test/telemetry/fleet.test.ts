import { SpanStatusCode } from '@opentelemetry/api';
import { OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { killWorkerProcesses, startWorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { describeWithRedis, type RedisServer, startRedis } from '../distributed/servers/redis.js';
import { order } from './fixtures/flow.js';
import { afterwards, spansIn, started, tracingSdk, treeOf } from './support.js';

describe('a run on a fleet', () => {
  it('is part of the trace that it was started in, whichever worker executes it', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const { orchestrator } = await fleetOf(order, { workers: 2 });
    const runId = await provider.getTracer('test').startActiveSpan('POST /orders', async (request) => {
      const id = await orchestrator.startRun();
      request.end();
      return id;
    });
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    const ended = () => spans().filter(({ name }) => name === 'charge').length === 2;
    await eventually(() => ended() && treeOf(spans()).length === 1);
    const ids = new Set(spans().map((span) => span.spanContext().traceId));
    expect(ids.size).toBe(1);
    const [tree] = treeOf(spans());
    expect(tree).toMatch(/^POST \/orders > .*order > .*load.*charge.*charge/);
    for (const span of spans().filter(({ name }) => name === 'order'))
      expect(span.attributes).toMatchObject({ 'orchestrator.process.id': runId });
  });

  it('has a span for each attempt, with the retry that follows a failed one', async () => {
    const { spans } = tracingSdk();
    await started();
    const { finish } = await fleetOf(order);
    await finish();
    await eventually(() => spans().filter(({ name }) => name === 'charge').length === 2);
    const [first, second] = spans().filter(({ name }) => name === 'charge');
    expect(first?.status.code).toBe(SpanStatusCode.ERROR);
    expect(first?.events.map(({ name }) => name)).toEqual(['orchestrator.task.retry', 'exception']);
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('is a trace of its own if it was started outside any, and separate from other runs', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const single = new Flow('single').node('work', async () => 1);
    // Workers that are started inside a span do not belong to it.
    const { orchestrator } = await provider.getTracer('test').startActiveSpan('boot', async (boot) => {
      const fleet = await fleetOf(single);
      boot.end();
      return fleet;
    });
    for (let index = 0; index < 2; index++) {
      const runId = await orchestrator.startRun();
      await orchestrator.waitForCompletion(runId);
    }
    await eventually(() => spans().length === 5);
    expect(treeOf(spans())).toEqual(['boot', 'single > work', 'single > work']);
    expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(3);
  });

  it('nests sub-flows and batches under its trace', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const child = new Flow('child').node('step', async () => 1);
    const parent = new Flow('parent')
      .node('list', async () => [1, 2])
      .batch('each', async (item: number) => item)
      .node('sub', child)
      .edge('list', 'each')
      .edge('each', 'sub');
    const { orchestrator } = await fleetOf(parent);
    const runId = await provider.getTracer('test').startActiveSpan('request', async (request) => {
      const id = await orchestrator.startRun();
      request.end();
      return id;
    });
    await orchestrator.waitForCompletion(runId);
    const whole = /^request > .*list.*each > map \w+ > \(each, each\).*sub > child > step/;
    await eventually(() => {
      expect(treeOf(spans())).toEqual([expect.stringMatching(whole)]);
    });
  });
});

describeWithRedis('a run on Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  afterEach(killWorkerProcesses);

  it('continues its trace in the processes of workers', async () => {
    const { spans, provider } = tracingSdk();
    await started();
    const directory = await temporaryDirectory();
    afterwards(() => removeDirectory(directory));
    const files = ['one', 'two'].map((name) => `${directory}/${name}`);
    const workers = files.map((file) =>
      startWorkerProcess<string>({
        module: new URL('./fixtures/worker.ts', import.meta.url),
        env: { WORKER: JSON.stringify({ url: server.url, file }) },
      }),
    );
    await Promise.all(workers.map((worker) => worker.waitFor((message) => message === 'started', 100_000)));
    const engine = redis(server.url);
    const orchestrator = new OrchestratorBuilder().workflow(order).engine(engine).build();
    afterwards(async () => {
      await orchestrator.close();
      await engine.close();
    });
    await provider.getTracer('test').startActiveSpan('POST /orders', async (request) => {
      const runIds = await Promise.all(Array.from({ length: 6 }, () => orchestrator.startRun()));
      for (const runId of runIds) await orchestrator.waitForCompletion(runId);
      request.end();
    });
    const written = async () => (await Promise.all(files.map(spansIn))).flat();
    await eventually(async () => {
      const all = await written();
      return all.filter(({ name }) => name === 'charge').length === 12 && treeOf([...spans(), ...all]).length === 1;
    });
    const places = new Set((await written()).map(({ place }) => place));
    expect(places).not.toContain(`${process.pid}/0`);
    expect(places.size).toBeGreaterThanOrEqual(1);
    const ids = new Set([...spans(), ...(await written())].map((span) => span.spanContext().traceId));
    expect(ids.size).toBe(1);
  });
});

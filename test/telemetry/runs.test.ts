import { SpanStatusCode } from '@opentelemetry/api';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import { Orchestrator } from 'orchestrator';
import { Flow } from 'orchestrator/flow';
import { logTo, prometheusEndpoint } from 'orchestrator/telemetry';
import { describe, expect, it } from 'vitest';
import { fleetOf } from '../distributed/fleet.js';
import { eventually } from '../distributed/servers/eventually.js';
import { rejection, settled } from '../support.js';
import { afterwards, metricsSdk, spanOf, started, tracingSdk, valueAt } from './support.js';

const declines = new Flow('order').node(
  'charge',
  () => {
    throw new RangeError('declined');
  },
  { retry: { retries: 2, minTimeout: 0 } },
);

const waitsBesideFailure = new Flow('order')
  .node('start', () => 1)
  .node('charge', () => {
    throw new RangeError('declined');
  })
  .wait('approval')
  .edge('start', 'charge')
  .edge('start', 'approval');

describe('a run that fails', () => {
  it.each([
    ['in process', async () => void (await declines.run())],
    ['on a fleet', async () => void (await (await fleetOf(declines)).finish())],
  ])('is counted and timed by its status, %s', async (_where, run) => {
    const { points } = metricsSdk();
    await started();
    await run();
    const failed = { 'orchestrator.workflow.name': 'order', 'orchestrator.run.status': 'failed' };
    await eventually(async () => expect(valueAt(await points('orchestrator.run.ended'), failed)).toBe(1));
    expect(await points('orchestrator.run.ended')).toHaveLength(1);
    expect(valueAt(await points<Histogram>('orchestrator.run.duration'), failed)).toMatchObject({ count: 1 });
    const values = async (name: string) => (await points(name)).map(({ value }) => value);
    expect(await values('orchestrator.task.failures')).toEqual([1]);
    expect(await values('orchestrator.task.retries')).toEqual([2]);
    expect(await values('orchestrator.task.attempts')).toEqual([3]);
  });

  it('is counted once if many of its nodes end at the same time, and so is a cancelled run', async () => {
    const { points } = metricsSdk();
    await started();
    const wide = new Flow('wide').node('a', () => 1);
    for (let n = 0; n < 20; n++) wide.node(`n${n}`, async () => n).edge('a', `n${n}`);
    const waiting = new Flow('waiting').wait('approval');
    const { orchestrator, finish } = await fleetOf([wide, waiting], { workers: 3 });
    await Promise.all(Array.from({ length: 10 }, () => finish({}, undefined, { workflow: 'wide' })));
    const runId = await orchestrator.startRun({}, undefined, { workflow: 'waiting' });
    await orchestrator.cancel(runId);
    await orchestrator.waitForCompletion(runId);
    await eventually(async () => {
      const ended = await points('orchestrator.run.ended');
      expect(ended.map(({ attributes, value }) => [Object.values(attributes), value])).toEqual([
        [['wide', 'completed'], 10],
        [['waiting', 'cancelled'], 1],
      ]);
    });
  });

  it('is an error of the process that ended it, whose attempts have their numbers', async () => {
    const { spans } = tracingSdk();
    await started();
    await (await fleetOf(declines)).finish();
    const ofProcesses = () => spans().filter(({ name }) => name === 'order');
    await eventually(() => ofProcesses().length === 3);
    const statuses = ofProcesses().map(({ attributes, status }) => [
      attributes['orchestrator.run.status'],
      status.code,
      status.message,
    ]);
    const unset = [undefined, SpanStatusCode.UNSET, undefined];
    expect(statuses).toEqual([unset, unset, ['failed', SpanStatusCode.ERROR, 'node "charge" failed: declined']]);
    const attempts = spans().filter(({ name }) => name === 'charge');
    expect(attempts.map(({ attributes }) => attributes['orchestrator.task.attempt'])).toEqual([1, 2, 3]);
  });

  it('is logged on a fleet as one failure, its retries as warnings', async () => {
    const lines: string[] = [];
    const log = (level: string) => (message: string) =>
      void lines.push(`${level} ${message.replace(/[\d.]+ ms/, 'N ms')}`);
    afterwards(logTo({ debug() {}, info: log('info'), warn: log('warn'), error: log('error') }));
    const { orchestrator } = await fleetOf(declines);
    const runId = await orchestrator.startRun({}, undefined, { runId: 'o-1' });
    await orchestrator.waitForCompletion(runId);
    await eventually(() => {
      expect(lines.filter((line) => !line.startsWith('info'))).toEqual([
        'warn task charge failed attempt 1, again in N ms: declined',
        'warn task charge failed attempt 2, again in N ms: declined',
        'error task charge failed after N ms: declined',
        'error run o-1 of order failed after N ms: node "charge" failed: declined',
      ]);
    });
  });

  it('is a process that failed, even if it was still waiting for an outside event', async () => {
    const { points } = metricsSdk();
    await started();
    expect((await waitsBesideFailure.run()).status).toBe('awaiting');
    await settled();
    expect(await points('orchestrator.process.failures')).toHaveLength(1);
    const ended = await points('orchestrator.run.ended');
    expect(valueAt(ended, { 'orchestrator.run.status': 'awaiting' })).toBe(1);
  });

  it('is served by an endpoint for Prometheus', async () => {
    const endpoint = await prometheusEndpoint({ port: 0 });
    afterwards(() => endpoint.close());
    await (await fleetOf(declines)).finish();
    await eventually(async () => {
      const text = await (await fetch(endpoint.url)).text();
      expect(text).toMatch(/^orchestrator_run_ended_total\{.*"order".*"failed".*\} 1$/m);
      expect(text).toMatch(
        /^orchestrator_run_duration_seconds_count\{.*"failed".*\} 1$|^orchestrator_run_duration_count\{.*"failed".*\} 1$/m,
      );
    });
  });
});

describe('an error', () => {
  it.each([
    ['with a code', Object.assign(new RangeError('no'), { code: 'ENOENT' }), 'RangeError'],
    ['of a database', Object.assign(new Error('duplicate'), { name: 'DatabaseError', code: '23505' }), 'DatabaseError'],
    ['of the platform', new DOMException('gone', 'NotFoundError'), 'NotFoundError'],
  ])('%s is an exception of its class, not of its code', async (_what, error, type) => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator();
    await rejection(orchestrator.action(() => Promise.reject(error), { name: 'fails' })());
    await settled();
    const [event] = spanOf(spans(), 'fails').events;
    expect(event?.attributes?.['exception.type']).toBe(type);
  });

  it('is recorded on its innermost span, and is bounded in length', async () => {
    const { spans } = tracingSdk();
    await started();
    const orchestrator = new Orchestrator();
    let action: () => Promise<unknown> = () => Promise.reject(new Error('x'.repeat(20_000)));
    for (let depth = 9; depth > 0; depth--) action = orchestrator.action(action, { name: `level ${depth}` });
    await rejection(action());
    await settled();
    const withEvents = spans().filter(({ events }) => events.length > 0);
    expect(withEvents.map(({ name }) => name)).toEqual(['level 9']);
    const sent = spans().map(({ events, attributes, status }) => JSON.stringify({ events, attributes, status }));
    expect(sent.join('').length).toBeLessThan(40_000);
    for (const { status } of spans()) expect(status.code).toBe(SpanStatusCode.ERROR);
  });

  it('is recorded in each trace that it passes through', async () => {
    const { spans } = tracingSdk();
    await started();
    const error = new Error('the same');
    const action = new Orchestrator().action(() => Promise.reject(error), { name: 'fails' });
    await rejection(action());
    await rejection(action());
    await settled();
    expect(spans().filter(({ name, events }) => name === 'fails' && events.length === 1)).toHaveLength(2);
  });

  it('with a generated class name creates no time series of its own', async () => {
    const { points } = metricsSdk();
    await started();
    const orchestrator = new Orchestrator();
    const action = orchestrator.action(
      (n: number) => Promise.reject(Object.assign(new Error('no'), { name: `Order${n}Error` })),
      { name: 'fails' },
    );
    const spaced = orchestrator.action(
      () => Promise.reject(Object.assign(new Error('no'), { name: 'order 7 failed' })),
      {
        name: 'spaced',
      },
    );
    for (let n = 0; n < 1_000; n++) await rejection(action(n));
    await rejection(spaced());
    await settled();
    const failures = await points('orchestrator.task.failures');
    expect(failures.length).toBeLessThanOrEqual(203);
    expect(failures.reduce((sum, { value }) => sum + value, 0)).toBe(1_001);
    const names = failures.filter(({ attributes }) => attributes['orchestrator.task.name'] === 'spaced');
    expect(names.map(({ attributes }) => attributes['error.type'])).toEqual(['_OTHER']);
  });

  it('that throws when it is read does no harm', async () => {
    const { spans } = tracingSdk();
    const { points } = metricsSdk();
    await started();
    const error = new Error('no');
    for (const field of ['stack', 'message', 'name']) {
      const get = () => {
        throw new Error(field);
      };
      Object.defineProperty(error, field, { get });
    }
    const action = new Orchestrator().action(() => Promise.reject(error), { name: 'fails' });
    expect((await rejection(action())) === error).toBe(true);
    await settled();
    expect(spanOf(spans(), 'fails').status.code).toBe(SpanStatusCode.ERROR);
    expect(await points('orchestrator.task.failures')).toHaveLength(1);
  });
});

import type { Histogram } from '@opentelemetry/sdk-metrics';
import { Orchestrator } from 'orchestrator';
import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { done, Loop } from 'orchestrator/loops';
import type { Fleet, Observed } from 'orchestrator/telemetry';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { workflow } from '../loops/support.js';
import { deferred, failing, rejection, settled } from '../support.js';
import { metricsSdk, started, tracingSdk, valueAt } from './support.js';

describe('metrics', () => {
  it('contain the durations of processes and tasks, in seconds, by name and by status', async () => {
    const { points } = metricsSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'order' });
    const charge = orchestrator.action(async (amount: number) => amount, { name: 'charge' });
    const decline = orchestrator.action(() => Promise.reject(new RangeError('no')), { name: 'decline' });
    const began = performance.now();
    await orchestrator.run(async () => {
      await charge(1);
      await charge(2);
    });
    const seconds = (performance.now() - began) / 1_000;
    await rejection(orchestrator.run(() => decline()));
    await settled();
    const process = { 'orchestrator.process.name': 'order' };
    const completed = { 'orchestrator.status': 'completed' };
    const failed = { 'orchestrator.status': 'failed', 'error.type': 'RangeError' };
    const tasks = await points<Histogram>('orchestrator.task.duration');
    expect(tasks.map(({ attributes, value }) => [attributes, value.count])).toEqual([
      [{ 'orchestrator.task.name': 'charge', ...process, ...completed }, 2],
      [{ 'orchestrator.task.name': 'decline', ...process, ...failed }, 1],
    ]);
    const processes = await points<Histogram>('orchestrator.process.duration');
    expect(processes.map(({ attributes, value }) => [attributes, value.count])).toEqual([
      [{ ...process, ...completed }, 1],
      [{ ...process, ...failed }, 1],
    ]);
    expect(valueAt(processes, completed)?.sum).toBeLessThanOrEqual(seconds);
    expect(valueAt(processes, completed)?.buckets.boundaries[0]).toBe(0.001);
  });

  it('count attempts, retries and failures', async () => {
    const { points } = metricsSdk();
    await started();
    const orchestrator = new Orchestrator({ name: 'order', retry: { retries: 2, minTimeout: 0 } });
    await orchestrator.action(failing(2, 'done'), { name: 'flaky' })();
    await rejection(
      orchestrator.action(
        failing(9, 'never', () => new RangeError('no')),
        { name: 'broken' },
      )(),
    );
    await settled();
    const values = async (name: string) =>
      Object.fromEntries(
        (await points(name)).map(({ attributes, value }) => [
          [attributes['orchestrator.task.name'], attributes['error.type']].filter(Boolean).join(' '),
          value,
        ]),
      );
    expect(await values('orchestrator.task.attempts')).toEqual({ flaky: 3, broken: 3 });
    expect(await values('orchestrator.task.retries')).toEqual({ 'flaky Error': 2, 'broken RangeError': 2 });
    expect(await values('orchestrator.task.failures')).toEqual({ 'broken RangeError': 1 });
    expect(await points('orchestrator.process.failures')).toMatchObject([
      { attributes: { 'orchestrator.process.name': 'order', 'error.type': 'RangeError' }, value: 1 },
    ]);
  });

  it('contain the number of running processes and tasks, and zero when they have ended', async () => {
    const { points } = metricsSdk();
    await started();
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator({ name: 'work' });
    const wait = orchestrator.action(() => promise, { name: 'wait' });
    const runs = [1, 2].map(() => orchestrator.run(() => orchestrator.map([1, 2, 3], () => wait()), { id: 'same' }));
    await settled();
    expect(await points('orchestrator.task.active')).toMatchObject([
      { attributes: { 'orchestrator.task.name': 'wait', 'orchestrator.process.name': 'work' }, value: 6 },
    ]);
    expect((await points('orchestrator.process.active')).map(({ value }) => value)).toEqual([2]);
    resolve();
    await Promise.all(runs);
    await settled();
    expect((await points('orchestrator.task.active')).map(({ value }) => value)).toEqual([0]);
    expect((await points('orchestrator.process.active')).map(({ value }) => value)).toEqual([0]);
  });

  it('name the process of tasks even if several processes have its id', async () => {
    const { points } = metricsSdk();
    await started();
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator({ name: 'job' });
    const late = orchestrator.action(() => 1, { name: 'late' });
    const slow = orchestrator.run(() => promise.then(() => late()), { id: 'run' });
    await orchestrator.run(() => 1, { id: 'run' });
    resolve();
    await slow;
    await settled();
    expect(await points('orchestrator.task.attempts')).toMatchObject([
      { attributes: { 'orchestrator.process.name': 'job' } },
    ]);
  });

  it('leave out the process of a task that outlives it', async () => {
    const { points } = metricsSdk();
    await started();
    const { promise, resolve } = deferred();
    const orchestrator = new Orchestrator({ name: 'hasty' });
    const task = orchestrator.action(() => 1, { name: 'task' });
    let left: Promise<unknown> | undefined;
    const hold = orchestrator.action(() => promise.then(() => task()), { name: 'hold' });
    await orchestrator.run(() => {
      left = hold();
    });
    await settled();
    resolve();
    await left;
    await settled();
    const [point] = (await points('orchestrator.task.attempts')).filter(
      ({ attributes }) => attributes['orchestrator.task.name'] === 'task',
    );
    expect(point?.attributes).toEqual({ 'orchestrator.task.name': 'task' });
  });

  it('are counted once if telemetry was started twice, and beside traces', async () => {
    tracingSdk();
    const { points } = metricsSdk();
    await started();
    await started({ traces: false });
    await new Orchestrator({ name: 'a' }).action(() => 1, { name: 'b' })();
    await settled();
    expect((await points('orchestrator.task.attempts')).map(({ value }) => value)).toEqual([1]);
  });

  it('go to an SDK that is registered later, and to a given one', async () => {
    await started();
    const orchestrator = new Orchestrator({ name: 'a' });
    await orchestrator.action(() => 1)();
    const registered = metricsSdk();
    const own = metricsSdk();
    await started({ traces: false, meterProvider: own.provider });
    await orchestrator.action(() => 1)();
    await settled();
    for (const { points } of [own, registered])
      expect((await points('orchestrator.task.attempts')).map(({ value }) => value)).toEqual([1]);
  });

  it('are missing if telemetry is told so, and after it is stopped', async () => {
    const { points } = metricsSdk();
    await started({ metrics: false });
    const telemetry = await started();
    telemetry.stop();
    await new Orchestrator().action(() => 1)();
    await settled();
    expect(await points('orchestrator.task.attempts')).toEqual([]);
  });
});

describe('an observed fleet', () => {
  it('reports its queue, its runs and its workers', async () => {
    const { points } = metricsSdk();
    const telemetry = await started();
    const flow = new Flow('order').node('charge', async () => 'done');
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(memory()).build();
    const stop = telemetry.observe(orchestrator, { attributes: { 'app.region': 'north' } });
    await orchestrator.startRun();
    await orchestrator.startRun({}, undefined, { delay: 60_000 });
    const region = { 'app.region': 'north' };
    const jobs = await points('orchestrator.queue.depth');
    expect(valueAt(jobs, { ...region, 'orchestrator.job.state': 'waiting' })).toBe(1);
    expect(valueAt(jobs, { ...region, 'orchestrator.job.state': 'delayed' })).toBe(1);
    expect(valueAt(jobs, { ...region, 'orchestrator.job.state': 'active' })).toBe(0);
    const runs = await points('orchestrator.runs');
    expect(valueAt(runs, { ...region, 'orchestrator.run.status': 'running' })).toBe(1);
    expect(valueAt(runs, { ...region, 'orchestrator.run.status': 'scheduled' })).toBe(1);
    expect(valueAt(runs, { ...region, 'orchestrator.run.status': 'failed' })).toBe(0);
    const workers = await points('orchestrator.workers');
    expect(valueAt(workers, { ...region, 'orchestrator.worker.state': 'alive' })).toBe(0);
    stop();
    stop();
    await orchestrator.startRun();
    expect(valueAt(await points('orchestrator.runs'), { 'orchestrator.run.status': 'running' })).toBe(1);
    await orchestrator.close();
  });

  it('reports what it can if a part of it does not answer', async () => {
    const { points } = metricsSdk();
    const telemetry = await started();
    const fleet: Fleet = {
      engine: { queue: { depth: async () => ({ waiting: 7, delayed: 0, active: 0 }) } },
      countRuns: () => Promise.reject(new Error('the database is away')),
      liveness: async () => [
        { workerId: 'a', alive: true, age: 5 },
        { workerId: 'b', alive: false, age: 50_000 },
      ],
    };
    telemetry.observe(fleet);
    expect(valueAt(await points('orchestrator.queue.depth'), { 'orchestrator.job.state': 'waiting' })).toBe(7);
    expect(await points('orchestrator.runs')).toEqual([]);
    expect(valueAt(await points('orchestrator.workers'), { 'orchestrator.worker.state': 'lost' })).toBe(1);
  });
});

describe('observed loops', () => {
  it('report iterations, errors, queues, dead letters and states', async () => {
    const { points } = metricsSdk();
    const telemetry = await started();
    let left = 3;
    const orchestrator = workflow({
      queues: { numbers: { capacity: 5, overflow: 'drop-newest' } },
      loops: [
        new Loop('count').producer('next', () => (left > 0 ? left-- : done)).push('put', 'numbers'),
        new Loop('read').read('take', 'numbers').blocking('check', (value: number) => {
          if (value === 2) throw new RangeError('two');
        }),
      ],
    });
    telemetry.observe(orchestrator);
    await orchestrator.start();
    await eventually(() => orchestrator.metrics().queues[0]?.acknowledged === 3);
    const read = { 'orchestrator.loop.id': 'read' };
    expect(valueAt(await points('orchestrator.loop.iterations'), read)).toBe(3);
    expect(valueAt(await points('orchestrator.loop.errors'), read)).toBe(1);
    expect(valueAt(await points('orchestrator.loop.restarts'), read)).toBe(0);
    expect(valueAt(await points('orchestrator.loop.missed_ticks'), read)).toBe(0);
    expect(valueAt(await points('orchestrator.loop.dropped_calls'), read)).toBe(0);
    expect(valueAt(await points('orchestrator.loop.in_flight'), read)).toBe(0);
    const durations = await points('orchestrator.loop.iteration.duration');
    const of = (quantile: string) => Number(valueAt(durations, { ...read, 'orchestrator.quantile': quantile }));
    expect(of('0.5')).toBeGreaterThan(0);
    expect(of('1')).toBeGreaterThanOrEqual(of('0.99'));
    const [longest] = orchestrator
      .metrics()
      .loops.flatMap(({ loopId, durations }) => (loopId === 'read' ? durations.max : []));
    expect(of('1')).toBeCloseTo(Number(longest) / 1_000, 9);
    const states = await points('orchestrator.loop.state');
    expect(valueAt(states, { ...read, 'orchestrator.loop.state': 'running' })).toBe(1);
    expect(valueAt(states, { ...read, 'orchestrator.loop.state': 'error' })).toBe(0);
    expect(await points('orchestrator.loop.dead_letters')).toMatchObject([{ attributes: {}, value: 1 }]);
    expect(await points('orchestrator.loop.dead_letters.dropped')).toMatchObject([{ attributes: {}, value: 0 }]);
    const queue = { 'messaging.destination.name': 'numbers' };
    const figures = ['depth', 'unacknowledged', 'capacity', 'blocked', 'pushed', 'acknowledged', 'dropped', 'age'];
    const values = await Promise.all(
      figures.map(async (name) => [name, valueAt(await points(`orchestrator.loop.queue.${name}`), queue)]),
    );
    expect(Object.fromEntries(values)).toEqual({
      depth: 0,
      unacknowledged: 0,
      capacity: 5,
      blocked: 0,
      pushed: 3,
      acknowledged: 3,
      dropped: 0,
      age: 0,
    });
    telemetry.stop();
    await orchestrator.queue('numbers').push(4);
    expect(valueAt(await points('orchestrator.loop.queue.pushed'), queue)).toBe(3);
  });

  it('continue their counts if a loop is started again', async () => {
    const { points } = metricsSdk();
    const telemetry = await started();
    let left = 0;
    const loop = new Loop('again').producer('next', () => (left-- > 0 ? left : done));
    const orchestrator = workflow({ loops: [loop] });
    telemetry.observe(orchestrator);
    const iterations = async () =>
      valueAt(await points('orchestrator.loop.iterations'), { 'orchestrator.loop.id': 'again' });
    for (const [lives, total] of [
      [5, 5],
      [2, 7],
      [4, 11],
    ] as const) {
      left = lives;
      await orchestrator.start();
      await orchestrator.ended();
      expect(await iterations()).toBe(total);
    }
  });
});

describe('an object that cannot be observed', () => {
  it('is rejected', async () => {
    metricsSdk();
    const telemetry = await started();
    const refused = 'observed must be a DistributedOrchestrator, or a WorkflowOrchestrator, got';
    expect(() => telemetry.observe(new Orchestrator() as unknown as Observed)).toThrow(refused);
    expect(() => telemetry.observe(undefined as unknown as Observed)).toThrow(refused);
    expect(() => telemetry.observe(workflow({ loops: [] }), { attributes: 'north' } as never)).toThrow(
      'attributes must be an object, got',
    );
  });
});

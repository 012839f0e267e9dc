import { DistributedExecutor, memory } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

const flow = new Flow('f')
  .node('a', (n: number) => n + 1)
  .node('b', (n, { context }) => {
    context.by = 'b';
    return n * 2;
  })
  .edge('a', 'b');

describe('a flow on the fleet', () => {
  it('gives the same result as in process', async () => {
    const { engine } = await fleetOf(flow);
    const executor = new DistributedExecutor(engine);
    const options = { runId: `it's {mine}`, input: 3 };
    const here = await flow.run({ given: 1 }, options);
    const there = await flow.run({ given: 1 }, { ...options, executor });
    expect({ ...there.context }).toEqual({ ...here.context });
    for (const key of [
      'runId',
      'status',
      'output',
      'action',
      'completed',
      'skipped',
      'awaiting',
      'unreached',
    ] as const) {
      expect(there[key]).toEqual(here[key]);
    }
    expect(there.errors).toEqual([]);
  });

  it('accepts limits that are too long for a timer', async () => {
    const month = 30 * 86_400_000;
    const { engine, orchestrator } = await fleetOf(flow);
    const executor = new DistributedExecutor(engine);
    await flow.run({}, { executor, id: 'month', input: 3, timeout: month });
    const { startAt, deadline = 0 } = await orchestrator.run('month');
    expect(deadline - startAt).toBe(month);
    expect(await rejection(flow.run({}, { executor, timeout: -1 }))).toMatchObject({ code: 'ERR_VALIDATION' });
  });

  it('gives the same failures as in process', async () => {
    const failing = new Flow('g')
      .node('bad', () => Promise.reject(new RangeError('bad')))
      .node('after', () => 1)
      .node('saved', () => Promise.reject(new Error('saved')), { fallback: 'safe' })
      .node('safe', () => 'instead')
      .edge('bad', 'after');
    const { engine } = await fleetOf(failing);
    const here = await failing.run();
    const there = await failing.run({}, { executor: new DistributedExecutor(engine) });
    const shape = ({ status, output, errors, unreached, completed }: typeof here) => ({
      status,
      output,
      unreached,
      completed: completed.toSorted(),
      errors: errors
        .map(({ nodeId, attempts, recoveredBy, cause }) => [nodeId, attempts, recoveredBy, (cause as Error).message])
        .toSorted(),
    });
    expect(shape(there)).toEqual(shape(here));
  });

  it.each(['orchestrator', 'checkpoint', 'concurrency', 'failFast', 'maxVisits', 'params'])(
    'refuses %s, which has no meaning on a fleet',
    async (name) => {
      const values = {
        orchestrator: { run: () => 1 },
        checkpoint: {},
        concurrency: 1,
        failFast: true,
        maxVisits: 1,
        params: {},
      };
      const options = { [name]: values[name as keyof typeof values], executor: new DistributedExecutor(memory()) };
      expect(await rejection(flow.run({}, options as object))).toMatchObject({ name: 'ValidationError' });
    },
  );

  it.each([
    ['a reason', new Error('enough')],
    ['an empty one', ''],
    ['none', undefined],
  ])('is cancelled when its signal aborts, with %s', async (_name, reason) => {
    const waiting = new Flow('w').wait('w');
    const { engine, orchestrator } = await fleetOf(waiting);
    const stop = new AbortController();
    const running = waiting.run({}, { executor: new DistributedExecutor(engine), signal: stop.signal, runId: 'r' });
    running.catch(() => undefined);
    await eventually(async () => expect(await orchestrator.status('r')).toBe('awaiting'));
    stop.abort(reason);
    expect(await running).toMatchObject({ status: 'cancelled', reason: stop.signal.reason });
    expect(await orchestrator.status('r')).toBe('cancelled');
  });

  it('is cancelled and starts nothing if the signal has already aborted, as in process', async () => {
    const { engine, orchestrator } = await fleetOf(flow);
    const signal = AbortSignal.abort(new Error('early'));
    const options = { id: 'r', input: 3, signal };
    const here = await flow.run({ given: 1 }, options);
    const there = await flow.run({ given: 1 }, { ...options, executor: new DistributedExecutor(engine) });
    const shape = ({ runId, status, reason, context, completed, unreached }: typeof here) => ({
      runId,
      status,
      reason,
      context: { ...context },
      completed,
      unreached,
    });
    expect(shape(there)).toEqual(shape(here));
    expect(there).toMatchObject({ runId: 'r', status: 'cancelled', reason: signal.reason, completed: [] });
    expect((await orchestrator.listRuns()).runs).toEqual([]);
  });

  it('is cancelled at its timeout', async () => {
    const waiting = new Flow('w').wait('w');
    const { engine } = await fleetOf(waiting);
    const { status, reason } = await waiting.run({}, { executor: new DistributedExecutor(engine), timeout: 100 });
    expect([status, (reason as Error).name]).toEqual(['cancelled', 'TimeoutError']);
  });

  it('can be run again and again, by one executor', async () => {
    const { engine } = await fleetOf(flow);
    const executor = new DistributedExecutor(engine);
    const outputs = [];
    for (const input of [1, 2, 3]) outputs.push((await flow.run({}, { executor, input })).output);
    expect(outputs).toEqual([4, 6, 8]);
  });

  it('rejects if the engine was closed', async () => {
    const { engine } = await fleetOf(flow, { workers: 0 });
    engine.runInfoStore.getRun = () => Promise.reject(new Error('away'));
    expect(await rejection(flow.run({}, { executor: new DistributedExecutor(engine) }))).toMatchObject({
      message: 'away',
    });
  });

  it('leaves no subscription on the engine after its runs, however many flows there were', async () => {
    const flows = Array.from({ length: 5 }, (_, n) => new Flow(`f${n}`).node('a', () => n));
    const { engine } = await fleetOf(flows);
    const { subscribe } = engine;
    let open = 0;
    let opened = 0;
    engine.subscribe = async (listener) => {
      const end = await subscribe.call(engine, listener);
      open++;
      opened++;
      return () => {
        open--;
        end();
      };
    };
    const executor = new DistributedExecutor(engine);
    const results = await Promise.all(flows.flatMap((one) => [one, one]).map((one) => one.run({}, { executor })));
    expect(results.map(({ output }) => output)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    expect(opened).toBeGreaterThan(0);
    await eventually(() => expect(open).toBe(0));
  });
});

import { getEventListeners } from 'node:events';
import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, rejection, timers } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

afterEach(() => {
  vi.useRealTimers();
});

describe('options of a start', () => {
  it('delay: the run starts after its delay', async () => {
    vi.useFakeTimers();
    const { orchestrator, engine } = await fleetOf(flow);
    const runId = await orchestrator.startRun({}, 1, { delay: 60_000 });
    await vi.advanceTimersByTimeAsync(59_999);
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 1, active: 0 });
    expect(await orchestrator.status(runId)).toBe('scheduled');
    expect((await orchestrator.result(runId)).status).toBe('running');
    await vi.advanceTimersByTimeAsync(1_000);
    const run = await orchestrator.waitForCompletion(runId);
    expect(run.output).toBe(1);
    expect((run.finishedAt as number) - run.createdAt).toBeGreaterThanOrEqual(60_000);
  });

  it('delay: a run that is cancelled, or paused and resumed, meanwhile does not start earlier', async () => {
    vi.useFakeTimers();
    const { orchestrator, engine } = await fleetOf(flow);
    const cancelled = await orchestrator.startRun({}, 1, { delay: 60_000 });
    await orchestrator.cancel(cancelled);
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
    const paused = await orchestrator.startRun({}, 1, { delay: 90_000 });
    await orchestrator.pause(paused);
    await orchestrator.resume(paused);
    await vi.advanceTimersByTimeAsync(89_999);
    expect(await orchestrator.status(paused)).not.toBe('completed');
    await vi.advanceTimersByTimeAsync(1_000);
    const { finishedAt, startAt } = await orchestrator.waitForCompletion(paused);
    expect(finishedAt as number).toBeGreaterThanOrEqual(startAt);
    expect(await orchestrator.status(cancelled)).toBe('cancelled');
  });

  it('priority: 0 goes first', async () => {
    const order: unknown[] = [];
    const gate = deferred();
    const noting = new Flow('noting').node('a', async (n) => {
      order.push(n);
      if (n === 'first') await gate.promise;
    });
    const { orchestrator } = await fleetOf(noting, { concurrency: 1 });
    const ids = [await orchestrator.startRun({}, 'first')];
    await eventually(() => expect(order).toEqual(['first']));
    for (const priority of [7, 0, 3, 0]) ids.push(await orchestrator.startRun({}, priority, { priority }));
    gate.resolve();
    for (const runId of ids) await orchestrator.waitForCompletion(runId);
    expect(order).toEqual(['first', 0, 0, 3, 7]);
  });

  it('timeout: the signals of nodes abort, and the run is cancelled', async () => {
    let isAborted = false;
    const long = new Flow('it`s "long"').node('a', (_, { signal }) => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          isAborted = true;
          resolve(1);
        });
      });
    });
    vi.useFakeTimers();
    const { orchestrator } = await fleetOf(long);
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    await vi.advanceTimersByTimeAsync(59_999);
    expect([await orchestrator.status(runId), isAborted]).toEqual(['running', false]);
    await vi.advanceTimersByTimeAsync(1_000);
    const run = await orchestrator.waitForCompletion(runId);
    expect(run).toMatchObject({ status: 'cancelled', error: 'TimeoutError: "it`s "long"" timed out after 60000 ms' });
    expect(isAborted).toBe(true);
    expect((await orchestrator.result(runId)).reason).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
  });

  it('timeout: nothing is left of it if the run ends earlier', async () => {
    const { orchestrator, engine } = await fleetOf(flow);
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    await orchestrator.waitForCompletion(runId);
    await eventually(async () => expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 }));
  });

  it('retention: workers remove runs that ended that long ago', async () => {
    const engine = memory();
    const { finish, orchestrator } = await fleetOf(flow, { engine, maintenanceInterval: 50 });
    const short = await finish({}, 1, { retention: 0 });
    const long = await finish({}, 1, { retention: 600_000 });
    const forever = await finish();
    await eventually(async () =>
      expect(await rejection(orchestrator.run(short.runId))).toMatchObject({ code: 'ERR_RUN_NOT_FOUND' }),
    );
    expect([await orchestrator.status(long.runId), await orchestrator.status(forever.runId)]).toEqual([
      'completed',
      'completed',
    ]);
    const ofBuilder = new OrchestratorBuilder().workflow(flow).engine(engine).retention(5).build();
    expect((await ofBuilder.run(await ofBuilder.startRun())).retention).toBe(5);
  });

  it('workflow and version: by default the first workflow in its last version', async () => {
    const newer = new Flow('f', { version: '2' }).node('a', () => 'of 2');
    const other = new Flow('g', { version: '1' }).node('a', () => 'of g');
    const { finish } = await fleetOf([flow, newer, other]);
    expect(await finish()).toMatchObject({ workflow: 'f', version: '2', output: 'of 2' });
    expect(await finish({}, 'of 1', { version: '1' })).toMatchObject({ version: '1', output: 'of 1' });
    expect(await finish({}, 1, { workflow: 'g' })).toMatchObject({ workflow: 'g', output: 'of g' });
  });
});

describe('questions', () => {
  it('waitForCompletion leaves no timer behind, and ends with its signal', async () => {
    const { orchestrator, finish, worker } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun();
    const stop = new AbortController();
    const waiting = orchestrator.waitForCompletion(runId, { signal: stop.signal });
    stop.abort(new Error('enough'));
    expect(await rejection(waiting)).toMatchObject({ message: 'enough' });
    await orchestrator.cancel(runId);
    await worker.stop();
    // Both counts include the timer of the check.
    const before = await eventually(timers);
    await orchestrator.waitForCompletion(runId, { pollInterval: 600_000 });
    await rejection(orchestrator.waitForCompletion('unknown', { pollInterval: 600_000 }));
    for await (const _ of orchestrator.events(runId, { pollInterval: 600_000 })) break;
    // Other timers may have ended meanwhile. A leaked timer would stay for minutes.
    await eventually(() => expect(timers()).toBeLessThanOrEqual(before));
    void finish;
  });

  it('waitForCompletion accepts a number as its poll interval', async () => {
    const { orchestrator, finish } = await fleetOf(flow);
    const { runId } = await finish();
    expect((await orchestrator.waitForCompletion(runId, 50)).status).toBe('completed');
    expect(await rejection(orchestrator.waitForCompletion(runId, 0))).toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('a whole number of milliseconds from 1'),
    });
  });

  it('listRuns accepts a status, or several, as its filter', async () => {
    const { orchestrator, finish } = await fleetOf([flow, new Flow('w').wait('w')]);
    const { runId } = await finish();
    const cancelled = await orchestrator.startRun({}, 1, { workflow: 'w' });
    await orchestrator.cancel(cancelled);
    const idsOf = async (filter: Parameters<typeof orchestrator.listRuns>[0]) =>
      (await orchestrator.listRuns(filter)).runs.map((run) => run.runId).sort();
    expect(await idsOf('completed')).toEqual([runId]);
    expect(await idsOf('failed')).toEqual([]);
    expect(await idsOf(['completed', 'cancelled'])).toEqual([runId, cancelled].sort());
    for (const filter of ['done', [], ['done'], 5]) {
      expect(await rejection(orchestrator.listRuns(filter as never))).toMatchObject({
        name: 'ValidationError',
        message: expect.stringContaining('one of scheduled, running'),
      });
    }
  });

  it('any number of waits share one listener on a signal, and remove it', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const { orchestrator } = await fleetOf([flow, new Flow('w').wait('w')]);
    const stop = new AbortController();
    const { signal } = stop;
    const runId = await orchestrator.startRun({}, 1, { workflow: 'w' });
    const waits = Array.from({ length: 50 }, () => orchestrator.waitForCompletion(runId, { signal, pollInterval: 20 }));
    const events = Array.from({ length: 50 }, async () => {
      for await (const _ of orchestrator.events(runId, { signal }));
    });
    await eventually(() => expect(getEventListeners(signal, 'abort')).toHaveLength(1));

    stop.abort(new Error('enough'));
    for (const wait of waits) expect(await rejection(wait)).toMatchObject({ message: 'enough' });
    await Promise.all(events);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const over = new AbortController();
    const short = Array.from({ length: 50 }, async () =>
      orchestrator.waitForCompletion(await orchestrator.startRun({}, 1), { signal: over.signal }),
    );
    await Promise.all(short);
    expect(getEventListeners(over.signal, 'abort')).toHaveLength(0);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('forgetWorker forgets only silent workers', async () => {
    const { orchestrator, engine, worker } = await fleetOf(flow);
    const report = { ...worker.health(), workerId: 'dead', expectedWithin: 20 };
    await engine.livenessStore.heartbeat(report);
    expect(await rejection(orchestrator.forgetWorker(worker.id))).toMatchObject({
      name: 'WorkerAliveError',
      code: 'ERR_WORKER_ALIVE',
      workerId: worker.id,
    });
    await eventually(async () => expect(await orchestrator.forgetWorker('dead')).toBe(true));
    expect((await orchestrator.liveness()).map(({ workerId }) => workerId)).toEqual([worker.id]);
    expect(await orchestrator.forgetWorker('dead')).toBe(false);
    await engine.livenessStore.heartbeat(report);
    expect(await orchestrator.liveness()).toHaveLength(2);
    expect(await rejection(orchestrator.forgetWorker(''))).toMatchObject({ name: 'ValidationError' });
  });

  it('close ends pending waits', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun();
    const waiting = orchestrator.waitForCompletion(runId, { pollInterval: 10 }).then(
      () => 'ended',
      () => 'ended',
    );
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    await orchestrator.close();
    expect(await waiting).toBe('ended');
  });

  it('listRuns pages with a cursor, and refuses an invalid cursor', async () => {
    const { orchestrator } = await fleetOf(flow);
    const ids = await Promise.all(Array.from({ length: 7 }, () => orchestrator.startRun()));
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await orchestrator.listRuns({ limit: 3, order: 'oldest', workflow: 'f', cursor });
      found.push(...page.runs.map(({ runId }) => runId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found.toSorted()).toEqual(ids.toSorted());
    for (const filter of [
      { cursor: 'none' },
      { limit: 0 },
      { limit: 1_001 },
      { status: 'gone' },
      { order: 'up' },
      { text: '' },
      { text: 5 },
      { text: 'x'.repeat(501) },
      { text: 'nul \0' },
      { text: 'half \ud800' },
      { x: 1 },
    ]) {
      expect(await rejection(orchestrator.listRuns(filter as object))).toMatchObject({ name: 'ValidationError' });
    }
    expect((await orchestrator.listRuns({ after: 1.5, before: 1e300 })).runs).toHaveLength(7);
  });

  it('listRuns finds runs by a part of their id or error', async () => {
    const { orchestrator } = await fleetOf(flow, { workers: 0 });
    const ids = ['Order-1', 'order-2', 'other'];
    for (const runId of ids) await orchestrator.startRun({}, 1, { runId });
    await orchestrator.cancel('other', 'the Order was taken back');
    const all: string[] = [];
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await orchestrator.listRuns({ text: 'ORDER', limit: 2, cursor });
      all.push(...page.runs.map(({ runId }) => runId));
      cursor = page.cursor;
    }
    expect(all.toSorted()).toEqual(ids.toSorted());
    expect((await orchestrator.listRuns({ text: 'order-', status: 'cancelled' })).runs).toEqual([]);
    const none = { scheduled: 0, awaiting: 0, paused: 0, completed: 0, failed: 0, stalled: 0 };
    expect(await orchestrator.countRuns()).toEqual({ ...none, running: 2, cancelled: 1 });
  });

  it('pendingWork reports the worker and the start of the current execution', async () => {
    const gates = [deferred(), deferred()];
    let calls = 0;
    const turning = new Flow('turning').node(
      'a',
      async () => {
        const gate = gates[calls++];
        await gate?.promise;
        if (gate === gates[0]) throw new Error('again');
      },
      { retry: { retries: 1, minTimeout: 60_000 } },
    );
    vi.useFakeTimers();
    const { orchestrator, engine, worker } = await fleetOf(turning);
    const runId = await orchestrator.startRun();
    await vi.advanceTimersByTimeAsync(1_000);
    const [first] = await orchestrator.pendingWork(runId);
    expect(first).toMatchObject({ state: 'active', workerId: worker.id, startedAt: expect.any(Number) });
    // A worker that dies does not clear its states.
    engine.workItemStateStore.clearStates = async () => undefined;
    gates[0]?.resolve();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(await orchestrator.pendingWork(runId)).toMatchObject([
      { state: 'delayed', attempt: 2, workerId: undefined, startedAt: undefined },
    ]);
    await vi.advanceTimersByTimeAsync(2_000);
    const [second] = await orchestrator.pendingWork(runId);
    expect(second?.startedAt).toBeGreaterThanOrEqual((first?.startedAt as number) + 60_000);
    gates[1]?.resolve();
    await vi.advanceTimersByTimeAsync(1_000);
    await orchestrator.waitForCompletion(runId);
  });

  it('deleteRun and prune remove only finished runs', async () => {
    const { orchestrator, finish } = await fleetOf([flow, new Flow('w').wait('w')]);
    const waiting = await orchestrator.startRun({}, 1, { workflow: 'w' });
    expect(await rejection(orchestrator.deleteRun(waiting))).toMatchObject({ code: 'ERR_RUN_STATE' });
    const runs = [await finish(), await finish()];
    await orchestrator.deleteRun(runs[0]?.runId as string);
    expect(await orchestrator.prune({ finishedBefore: runs[0]?.createdAt as number })).toBe(0);
    expect(await orchestrator.prune({ finishedBefore: Date.now() + 1_000 })).toBe(1);
    expect((await orchestrator.listRuns()).runs.map(({ runId }) => runId)).toEqual([waiting]);
  });

  it('signal refuses events that nothing waits for, and comes too late for runs that have ended', async () => {
    const { orchestrator, finish } = await fleetOf([flow, new Flow('w').wait('w', { event: 'paid' })]);
    const runId = await orchestrator.startRun({}, 1, { workflow: 'w' });
    expect(await rejection(orchestrator.signal(runId, 'payed'))).toMatchObject({
      message: expect.stringContaining('paid'),
    });
    await orchestrator.signal(runId, 'paid', 1);
    await orchestrator.waitForCompletion(runId);
    expect(await orchestrator.signal(runId, 'paid')).toBe('too-late');
    void finish;
  });

  it('a signal to a run that has not started leaves it scheduled', async () => {
    vi.useFakeTimers();
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun({}, 1, { delay: 60_000 });
    await orchestrator.signal(runId, 'w', 5);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(await orchestrator.status(runId)).toBe('scheduled');
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
  });

  it('a run with a timeout that is cancelled by hand keeps the reason', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun({}, undefined, { timeout: 60_000 });
    await orchestrator.cancel(runId, 'not needed any more');
    expect(await orchestrator.run(runId)).toMatchObject({ status: 'cancelled', error: 'not needed any more' });
    await eventually(async () => expect(await orchestrator.pendingWork(runId)).toEqual([]));
  });

  it('a run that is paused and resumed keeps its deadline', async () => {
    vi.useFakeTimers();
    const { orchestrator, engine } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun({}, undefined, { timeout: 60_000 });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await orchestrator.status(runId)).toBe('awaiting');
    await orchestrator.pause(runId);
    await orchestrator.pause(runId);
    await orchestrator.resume(runId);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(await orchestrator.status(runId)).toBe('awaiting');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await orchestrator.run(runId)).toMatchObject({
      status: 'cancelled',
      error: expect.stringContaining('timed out after 60000 ms'),
    });
    expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });

  it('accepts stores one by one', async () => {
    const engine = memory();
    const { queue, contextStore, runInfoStore, metricsStore, errorStore, livenessStore } = engine;
    const orchestrator = new OrchestratorBuilder()
      .workflow(flow)
      .queue(queue)
      .contextStore(contextStore)
      .runInfoStore(runInfoStore)
      .metricsStore(metricsStore)
      .errorStore(errorStore)
      .livenessStore(livenessStore)
      .workItemStateStore(engine.workItemStateStore)
      .checkpointStore(engine.checkpointStore)
      .build();
    const runId = await orchestrator.startRun({}, 1);
    expect(await engine.runInfoStore.getRun(runId)).toMatchObject({ runId, status: 'running' });
    {
      await using closed = orchestrator;
      expect(await closed.status(runId)).toBe('running');
    }
    await engine.close();
  });

  it('signal names the events that a flow waits for, if there are any', async () => {
    const sleeping = new Flow('s').sleep('nap', { duration: 60_000 }).wait('paid').edge('nap', 'paid');
    const { orchestrator } = await fleetOf([flow, sleeping], { workers: 0 });
    const nothing = await orchestrator.startRun({}, 1, { workflow: 'f' });
    expect(await rejection(orchestrator.signal(nothing, 'paid'))).toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('it waits for none'),
    });
    const naps = await orchestrator.startRun({}, 1, { workflow: 's' });
    expect(await rejection(orchestrator.signal(naps, 'other'))).toMatchObject({
      message: expect.stringContaining('nap, paid'),
    });
  });

  it('a signal to a run that is paused counts when it is resumed', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
    await orchestrator.pause(runId);
    await orchestrator.signal(runId, 'w', 'come');
    expect(await orchestrator.status(runId)).toBe('paused');
    await orchestrator.resume(runId);
    expect((await orchestrator.waitForCompletion(runId)).output).toBe('come');
  });

  it('a run whose work was parked while it was paused can be cancelled', async () => {
    const { orchestrator, newWorker, engine } = await fleetOf(flow, { workers: 0 });
    const runId = await orchestrator.startRun();
    await orchestrator.pause(runId);
    await newWorker();
    await eventually(async () => expect(await orchestrator.pendingWork(runId)).toMatchObject([{ state: 'parked' }]));
    await orchestrator.cancel(runId);
    expect(await orchestrator.pendingWork(runId)).toEqual([]);
    await eventually(async () => expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 }));
  });

  it('the result of a run that was cancelled says why, by hand or by its timeout', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const byHand = await orchestrator.startRun({}, undefined, { timeout: 60_000 });
    await orchestrator.cancel(byHand, 'enough');
    expect(await orchestrator.result(byHand)).toMatchObject({ status: 'cancelled' });
    const byTime = await orchestrator.startRun({}, undefined, { timeout: 50 });
    await orchestrator.waitForCompletion(byTime);
    expect(await orchestrator.result(byTime)).toMatchObject({ status: 'cancelled' });
  });
});

import { Orchestrator } from 'orchestrator';
import { DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

describe('health of a worker', () => {
  it('reports what the worker does and has done', async () => {
    const gate = deferred();
    const busy = new Flow('busy', { version: '2' })
      .node('a', () => 1)
      .node(
        'flaky',
        ({ attempt = 0 }, args) =>
          args.attempt === 1 ? Promise.reject(new Error('1')) : gate.promise.then(() => attempt),
        {
          retry: { retries: 1, minTimeout: 1 },
          inputs: 'a',
        },
      )
      .node('bad', () => Promise.reject(new Error('bad')))
      .edge('a', 'flaky')
      .edge('flaky', 'bad');
    const { worker, orchestrator } = await fleetOf(busy, { id: 'w', concurrency: 3 });
    expect(worker.health()).toMatchObject({
      workerId: 'w',
      status: 'idle',
      active: 0,
      concurrency: 3,
      workflows: ['busy@2'],
    });
    const runId = await orchestrator.startRun();
    await eventually(() =>
      expect(worker.health()).toMatchObject({ status: 'retrying', active: 1, completed: 1, retried: 1 }),
    );
    gate.resolve();
    await orchestrator.waitForCompletion(runId);
    await eventually(() =>
      expect(worker.health()).toMatchObject({ status: 'idle', completed: 2, failed: 1, retried: 1 }),
    );
    await worker.stop();
    expect(worker.health().status).toBe('stopping');
  });

  it('is visible to others until the worker stops', async () => {
    const { orchestrator, workers } = await fleetOf(flow, { workers: 2, heartbeatInterval: 10_000 });
    const ids = workers.map(({ id }) => id);
    expect((await orchestrator.liveness()).map(({ workerId, alive }) => [workerId, alive])).toEqual(
      ids.map((id) => [id, true]),
    );
    expect(await orchestrator.listWorkerHealth()).toMatchObject(ids.map((workerId) => ({ workerId, status: 'idle' })));
    await workers[0]?.stop();
    expect((await orchestrator.liveness()).map(({ workerId }) => workerId)).toEqual([ids[1]]);
  });

  it('reports nodes that are executed for longer than a moment', async () => {
    const gate = deferred();
    const { worker, orchestrator } = await fleetOf(new Flow('long').node('a', () => gate.promise));
    const runId = await orchestrator.startRun();
    await eventually(async () => {
      expect(await orchestrator.pendingWork(runId)).toMatchObject([
        { nodeId: 'a', state: 'active', workerId: worker.id },
      ]);
    });
    gate.resolve();
    await orchestrator.waitForCompletion(runId);
    expect(await orchestrator.pendingWork(runId)).toEqual([]);
  });
});

describe('a worker', () => {
  it('executes no more nodes at the same time than it may', async () => {
    let active = 0;
    let most = 0;
    const full = deferred();
    let wide = new Flow<object, unknown, string>('wide');
    for (let n = 0; n < 12; n++) {
      wide = wide.node(`${n}`, async () => {
        most = Math.max(most, ++active);
        if (most === 3) full.resolve();
        await full.promise;
        await new Promise((resolve) => setTimeout(resolve, 5));
        active--;
      }) as typeof wide;
    }
    const { finish } = await fleetOf(wide, { concurrency: 3 });
    expect((await finish()).status).toBe('completed');
    expect(most).toBe(3);
  });

  it('finishes its nodes when it stops, and leaves the other jobs to others', async () => {
    const gate = deferred();
    const calls: string[] = [];
    const chain = new Flow('chain')
      .node('a', () => {
        calls.push('a');
        return gate.promise;
      })
      .node('b', () => void calls.push('b'))
      .edge('a', 'b');
    const { worker, orchestrator, newWorker } = await fleetOf(chain);
    const runId = await orchestrator.startRun();
    await eventually(() => expect(calls).toEqual(['a']));
    const stopping = worker.stop();
    gate.resolve();
    await stopping;
    expect([calls, await orchestrator.status(runId)]).toEqual([['a'], 'running']);
    await newWorker();
    expect((await orchestrator.waitForCompletion(runId)).status).toBe('completed');
    expect(calls).toEqual(['a', 'b']);
  });

  it('aborts its nodes at the deadline, and another worker executes them again', async () => {
    const reasons: unknown[] = [];
    const begun = deferred();
    const long = new Flow('long').node('a', (_, { signal, attempt, visit }) => {
      begun.resolve();
      if (reasons.length > 0) return [attempt, visit];
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        });
      });
    });
    const { worker, orchestrator, newWorker } = await fleetOf(long);
    const runId = await orchestrator.startRun();
    await begun.promise;
    expect(worker.health().active).toBe(1);
    await worker.stop({ deadline: 50 });
    expect(reasons).toMatchObject([{ code: 'ERR_SUPERSEDED' }]);
    await newWorker();
    expect((await orchestrator.waitForCompletion(runId)).output).toEqual([1, 1]);
    expect(await orchestrator.errors(runId)).toEqual([]);
  });

  it('starts and stops once, however often it is called', async () => {
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await Promise.all([worker.start(), worker.start()]);
    await Promise.all([worker.stop(), worker.stop()]);
    await worker.stop();
    expect(await engine.livenessStore.list()).toEqual([]);
    expect(await rejection(Promise.resolve().then(() => worker.stop({ deadline: -1 })))).toMatchObject({
      name: 'ValidationError',
    });
  });

  it('can be started again after the engine was unreachable, and keeps nothing of failed attempts', async () => {
    const engine = memory();
    const { open, subscribe } = engine;
    const { heartbeat } = engine.livenessStore;
    let listeners = 0;
    engine.subscribe = async (listener) => {
      const end = await subscribe.call(engine, listener);
      listeners++;
      return () => {
        listeners--;
        end();
      };
    };
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    engine.open = () => Promise.reject(new Error('not there'));
    expect(await rejection(worker.start())).toMatchObject({ message: 'not there' });
    engine.open = open;
    engine.livenessStore.heartbeat = () => Promise.reject(new Error('gone again'));
    expect(await rejection(worker.start())).toMatchObject({ message: 'gone again' });
    expect(listeners).toBe(0);
    engine.livenessStore.heartbeat = heartbeat;
    await Promise.all([worker.start(), worker.start()]);
    const { finish } = await fleetOf(flow, { engine, workers: 0 });
    expect((await finish({}, 4)).output).toBe(4);
    await worker.stop();
    expect([listeners, await engine.livenessStore.list()]).toEqual([0, []]);
  });

  it('does not start if it is stopped while starting', async () => {
    const engine = memory();
    const gate = deferred();
    engine.open = () => gate.promise as Promise<void>;
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    const starting = rejection(worker.start());
    const stopping = worker.stop();
    gate.resolve();
    const stopped = {
      code: 'ERR_WORKER_STOPPED',
      workerId: worker.id,
      message: expect.stringContaining('create a new one'),
    };
    expect(await starting).toMatchObject(stopped);
    await stopping;
    expect(await rejection(worker.start())).toMatchObject(stopped);
    expect(await engine.livenessStore.list()).toEqual([]);
  });

  it('ends at the earlier of two deadlines, whichever was given first', async () => {
    for (const deadlines of [
      [600_000, 50],
      [50, 600_000],
    ]) {
      const aborted = deferred();
      const begun = deferred();
      const long = new Flow('long').node('a', (_, { signal }) => {
        begun.resolve();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.resolve();
            reject(signal.reason);
          });
        });
      });
      const { worker, orchestrator } = await fleetOf(long);
      await orchestrator.startRun();
      await begun.promise;
      await Promise.all(deadlines.map((deadline) => worker.stop({ deadline })));
      await aborted.promise;
      // A further stop after the end has no effect.
      await worker.stop({ deadline: 0 });
    }
  });

  it('waits for no deadline while it executes nothing, even if the engine does not answer', async () => {
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    const warnings: string[] = [];
    worker.on('warning', ({ message }) => warnings.push(message));
    await worker.start();
    engine.livenessStore.remove = () => new Promise(() => {});
    await worker.stop({ deadline: 600_000 });
    expect(warnings).toEqual([expect.stringContaining('did not release the worker in time')]);
  });

  it('takes no work if it was stopped before its start', async () => {
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.stop();
    await worker.start().catch(() => undefined);
    const { orchestrator } = await fleetOf(flow, { engine, workers: 0 });
    const runId = await orchestrator.startRun();
    expect([await orchestrator.status(runId), await engine.livenessStore.list()]).toEqual(['running', []]);
    expect(await engine.queue.depth()).toEqual({ waiting: 1, delayed: 0, active: 0 });
  });

  it('executes a run that was started inside a process that is aborted meanwhile', async () => {
    const abort = new AbortController();
    const long = new Flow('long').node('a', async () => {
      abort.abort();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return 1;
    });
    // With the same orchestrator, the inner process would end with the outer one.
    const outer = new Orchestrator();
    const { orchestrator } = await fleetOf(long, { runtime: new FlowRuntime({ orchestrator: outer }) });
    let runId = '';
    const running = outer.run(
      async () => {
        runId = await orchestrator.startRun();
        await new Promise(() => {});
      },
      { signal: abort.signal },
    );
    expect(await rejection(running)).toMatchObject({ name: 'AbortError' });
    expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed', output: 1 });
  });

  it('queues jobs again that the queue has lost', async () => {
    const engine = memory();
    const { orchestrator, newWorker } = await fleetOf(flow, { engine, workers: 0 });
    const runId = await orchestrator.startRun({}, 5);
    const [{ jobId = '' } = {}] = await orchestrator.pendingWork(runId);
    await engine.queue.purgeRun(runId, [jobId]);
    await newWorker({ maintenanceInterval: 50 });
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
  });

  it('drops a run that was removed meanwhile', async () => {
    const engine = memory();
    const { orchestrator, newWorker } = await fleetOf(flow, { engine, workers: 0 });
    await engine.runInfoStore.deleteRun(await orchestrator.startRun());
    expect(await engine.queue.depth()).toMatchObject({ waiting: 1 });
    const worker = await newWorker();
    const warnings: Error[] = [];
    worker.on('warning', (error) => warnings.push(error));
    await eventually(async () => expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 }));
    expect(warnings).toEqual([]);
  });

  it('executes a new run under the id of a run that was removed while it waited', async () => {
    const engine = memory();
    const waiting = new Flow('w')
      .node('a', (n) => n)
      .wait('w')
      .edge('a', 'w');
    const { orchestrator } = await fleetOf(waiting, { engine });
    for (const input of [1, 2]) {
      await orchestrator.startRun({}, input, { runId: 'again' });
      await eventually(async () => expect(await orchestrator.status('again')).toBe('awaiting'));
      expect(await orchestrator.context('again')).toMatchObject({ a: input });
      await engine.runInfoStore.deleteRun('again');
    }
  });

  it('continues any of more runs than it keeps in memory', async () => {
    const waiting = new Flow('w')
      .wait('w')
      .node('a', (n) => n)
      .edge('w', 'a');
    const { orchestrator } = await fleetOf(waiting);
    const runIds = await Promise.all(Array.from({ length: 520 }, () => orchestrator.startRun()));
    await eventually(async () => {
      expect((await orchestrator.listRuns({ status: 'awaiting', limit: 1_000 })).runs).toHaveLength(520);
    });
    for (const runId of [runIds[0], runIds.at(-1)] as string[]) {
      await orchestrator.signal(runId, 'w', runId);
      expect((await orchestrator.waitForCompletion(runId)).output).toBe(runId);
    }
  });

  it('warns when its heartbeats do not arrive, and continues', async () => {
    const engine = memory();
    const { livenessStore } = engine;
    const { heartbeat } = livenessStore;
    const warnings: string[] = [];
    const worker = new DistributedWorker({ engine, workflows: [flow], heartbeatInterval: 10 });
    worker.on('warning', ({ message }) => warnings.push(message));
    await worker.start();
    livenessStore.heartbeat = () => Promise.reject(new Error('not now'));
    await eventually(() => expect(warnings).toContain('not now'));
    livenessStore.heartbeat = heartbeat;
    const { finish } = await fleetOf(flow, { engine, workers: 0 });
    expect((await finish({}, 3)).output).toBe(3);
    livenessStore.remove = () => Promise.reject(new Error('no goodbye'));
    await worker.stop();
    expect(warnings).toContain('no goodbye');
  });

  it('continues while its clock is off, and warns once', async () => {
    const { engine, warnings, shift } = shifted(0);
    const { finish, newWorker } = await fleetOf(flow, { engine, workers: 0 });
    (await newWorker({ heartbeatInterval: 10 })).on('warning', warnings.push);
    expect((await finish({}, 1)).output).toBe(1);
    shift(-3_600_000);
    await eventually(() => expect(warnings.all).toMatchObject([{ code: 'ERR_ENGINE' }]));
    expect((await finish({}, 3)).output).toBe(3);
    expect(warnings.all).toHaveLength(1);
  });

  it("takes no work while its clock is off if the queue uses the machine's clock", async () => {
    const { engine, warnings, shift } = shifted(3_600_000);
    const { queue } = engine;
    const consume = queue.consume.bind(queue);
    queue.consume = async (...args) => Object.assign(await consume(...args), { byEngineClock: false });
    const { orchestrator, newWorker } = await fleetOf(flow, { engine, workers: 0 });
    (await newWorker({ heartbeatInterval: 10 })).on('warning', warnings.push);
    const first = await orchestrator.startRun({}, 1);
    expect((await orchestrator.pendingWork(first)).map(({ state }) => state)).toEqual(['waiting']);
    shift(0);
    expect((await orchestrator.waitForCompletion(first)).output).toBe(1);
    shift(-3_600_000);
    await eventually(() => expect(warnings.all).toMatchObject([{ code: 'ERR_ENGINE' }]));
    const second = await orchestrator.startRun({}, 2);
    expect((await orchestrator.pendingWork(second)).map(({ state }) => state)).toEqual(['waiting']);
    shift(0);
    expect((await orchestrator.waitForCompletion(second)).output).toBe(2);
  });

  it('stops at the end of its block', async () => {
    const engine = memory();
    {
      await using worker = new DistributedWorker({ engine, workflows: [flow], id: 'short' });
      await worker.start();
      expect(await engine.livenessStore.list()).toMatchObject([{ workerId: 'short' }]);
    }
    expect(await engine.livenessStore.list()).toEqual([]);
  });
});

describe('a node in which workers have died', () => {
  /** An engine that delivers every job as if the given number of its workers had died. */
  function deadly(crashes: number) {
    const engine = memory();
    const consume = engine.queue.consume.bind(engine.queue);
    engine.queue.consume = (handler, options) => consume((delivery) => handler({ ...delivery, crashes }), options);
    return engine;
  }

  it('is executed again, unless the deaths are too many', async () => {
    const { finish } = await fleetOf(flow, { engine: deadly(1), maxCrashes: 2 });
    expect(await finish({}, 5)).toMatchObject({ status: 'completed', output: 5 });
  });

  it('fails after too many deaths, and reports them', async () => {
    const { finish, orchestrator } = await fleetOf(flow, { engine: deadly(1), maxCrashes: 1, lockDuration: 500 });
    const { runId, status } = await finish();
    expect(status).toBe('failed');
    expect(await orchestrator.errors(runId)).toMatchObject([
      {
        nodeId: 'a',
        error: { name: 'WorkerLostError', code: 'ERR_WORKER_LOST', message: expect.stringContaining('a') },
      },
    ]);
  });

  it('gives way to its fallback', async () => {
    const saved = new Flow('f')
      .node('a', () => 1, { fallback: 'b' })
      .node('b', () => 2)
      .node('c', (n) => n)
      .edge('a', 'c');
    const { finish } = await fleetOf(saved, { engine: deadly(1), maxCrashes: 1, lockDuration: 500 });
    expect(await finish()).toMatchObject({ status: 'completed', output: 2 });
  });
});

/** An engine whose clock differs from that of this machine. */
function shifted(by: number) {
  const engine = memory();
  const { livenessStore } = engine;
  const heartbeat = livenessStore.heartbeat.bind(livenessStore);
  let shift = by;
  livenessStore.heartbeat = async (report) => (await heartbeat(report)) + shift;
  const all: Error[] = [];
  const warnings = { all, push: (error: Error) => void all.push(error) };
  const set = (milliseconds: number) => {
    shift = milliseconds;
  };
  return { engine, warnings, shift: set };
}

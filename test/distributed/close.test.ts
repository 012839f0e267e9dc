import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DistributedOrchestrator,
  type DistributedWorker,
  memory,
  OrchestratorBuilder,
  pglite,
} from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection } from '../support.js';
import { fleetOf } from './fleet.js';

const flow = new Flow('f')
  .node('a', () => 1)
  .wait('never')
  .edge('a', 'never');

describe('an orchestrator', () => {
  it.each([
    ['is closed', (orchestrator: DistributedOrchestrator) => orchestrator.close({ timeout: 0 })],
    ['is left by "await using"', (orchestrator: DistributedOrchestrator) => orchestrator[Symbol.asyncDispose]()],
  ])('ends what waits in it where it %s, and leaves its engine open', async (_name, end) => {
    const { orchestrator, engine } = await fleetOf(flow);
    const { id } = await orchestrator.start(flow);
    const waiting = rejection(orchestrator.waitForCompletion(id));
    await end(orchestrator);
    expect(await waiting).toMatchObject({ name: 'AbortError' });
    await end(orchestrator);
    expect(await new DistributedOrchestrator({ engine }).run(id)).toMatchObject({ runId: id });
  });

  it('ends pending waits with the reason of its signal, which aborts before or during the wait', async () => {
    const engine = memory();
    const abort = new AbortController();
    const orchestrator = new DistributedOrchestrator({ engine, workflows: [flow], signal: abort.signal });
    const { id } = await orchestrator.start(flow);
    const own = new AbortController();
    const waits = [
      rejection(orchestrator.waitForCompletion(id)),
      rejection(orchestrator.waitForCompletion(id, { signal: own.signal })),
    ];
    abort.abort('over');
    expect(await Promise.all(waits)).toEqual(['over', 'over']);
    expect(await rejection(orchestrator.waitForCompletion(id))).toBe('over');
    expect(await orchestrator.events(id).next()).toEqual({ done: true, value: undefined });
    // Calls that do not wait work as before.
    await orchestrator.cancel(id);
  });

  it('refuses wrong options, and continues waiting', async () => {
    const { orchestrator } = await fleetOf(flow);
    const { id } = await orchestrator.start(flow);
    const waiting = orchestrator.waitForCompletion(id);
    expect(await rejection(orchestrator.close({ timeout: -1 }))).toMatchObject({
      message: 'timeout must be a whole number of at least 0, or Infinity, got -1',
    });
    await orchestrator.cancel(id);
    expect(await waiting).toMatchObject({ status: 'cancelled' });
  });
});

describe('a worker', () => {
  const endless = (begun: () => void) =>
    new Flow('long').node('a', (_input, { signal }) => {
      begun();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });

  it('closes like it stops: a timeout is a deadline, and the earlier counts', async () => {
    for (const end of [
      (worker: DistributedWorker) => [worker.close({ timeout: 600_000 }), worker.close({ timeout: 10 })],
      (worker: DistributedWorker) => [worker.stop({ deadline: 600_000 }), worker.close({ timeout: 10 })],
      (worker: DistributedWorker) => [worker.close({ timeout: 10 }), worker[Symbol.asyncDispose]()],
    ]) {
      const begun = deferred();
      const { worker, orchestrator } = await fleetOf(endless(begun.resolve));
      await orchestrator.startRun();
      await begun.promise;
      await Promise.all(end(worker));
      expect(await rejection(worker.start())).toMatchObject({ code: 'ERR_WORKER_STOPPED' });
    }
  });

  it('refuses wrong options, and continues working', async () => {
    const { worker, finish } = await fleetOf(new Flow('f').node('a', () => 1));
    expect(await rejection(worker.close({ timeout: '1s' } as never))).toMatchObject({ name: 'ValidationError' });
    expect(await rejection(worker.close({ deadline: 1 } as never))).toMatchObject({
      message: 'deadline is unknown, expected timeout',
    });
    expect(await finish()).toMatchObject({ status: 'completed' });
  });
});

describe('an engine', () => {
  it('in memory is closed by "await using", once or again', async () => {
    const engine = memory();
    await engine[Symbol.asyncDispose]();
    await Promise.all([engine.close({ timeout: 0 }), engine.close()]);
    expect(await rejection(engine.close({ timeout: -1 }))).toMatchObject({ name: 'ValidationError' });
  });

  it('of an orchestrator with stores of its own is closed with the same options', async () => {
    const engine = memory();
    const given: unknown[] = [];
    engine.close = async (options) => void given.push(options);
    const errorStore = { engine, getErrors: async () => [] };
    const orchestrator = new OrchestratorBuilder().engine(engine).errorStore(errorStore).build();
    await orchestrator.engine.close({ timeout: 5 });
    expect(given).toEqual([{ timeout: 5 }]);
  });

  it('in a directory closes within the timeout, and releases the directory', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'close-'));
    const data = join(directory, 'data');
    const engine = pglite(data);
    await engine.open();
    expect(await rejection(engine.close({ timeout: Number.NaN }))).toMatchObject({ name: 'ValidationError' });
    await engine.runInfoStore.countRuns();
    await Promise.all([engine.close(), engine.close({ timeout: 60_000 }), engine[Symbol.asyncDispose]()]);
    expect(await rejection(engine.open())).toMatchObject({ code: 'ERR_ENGINE' });
    const next = pglite(data);
    await next.open();
    // Although it was cut off, it still releases the directory after it has ended.
    await next.close({ timeout: 0 });
    const last = pglite(data);
    await expect
      .poll(() =>
        last.open().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await last.close();
    await rm(directory, { recursive: true });
  });
});

import { DistributedWorker, type Engine, OrchestratorBuilder } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { openEngine } from './fixtures/engines.js';
import { describeEngines, type EngineServer } from './site.js';

const napping = new Flow('napping')
  .sleep('nap', { duration: 300 })
  .node('after', () => 'rested')
  .edge('nap', 'after');
const waiting = new Flow('waiting').wait('word');
const plain = new Flow('plain').node('only', () => 1);
const workflows = [napping, waiting, plain];

let prefixes = 0;

/** Runs a test with a fleet of its own, whose queue loses jobs of the kinds in `forgotten`. */
async function withFleet(
  on: EngineServer,
  test: (fleet: ReturnType<typeof fleetOn>) => Promise<void>,
  options: { readonly connectTimeout?: number; readonly operationTimeout?: number } = {},
): Promise<void> {
  const fleet = fleetOn(on, options);
  try {
    await test(fleet);
  } finally {
    await fleet.worker.stop({ deadline: 0 });
    await fleet.orchestrator.close();
    await fleet.engine.close();
  }
}

function fleetOn(on: EngineServer, options: object) {
  const address = on.addressAt(on.server.port);
  const engine = openEngine({ kind: on.kind, address, options: { ...options, prefix: `recovery${++prefixes}` } });
  const forgotten = forget(engine);
  const builder = workflows.reduce((one, flow) => one.workflow(flow), new OrchestratorBuilder().engine(engine));
  const orchestrator = builder.build();
  const worker = new DistributedWorker({ engine, workflows, maintenanceInterval: 200 });
  const warnings: string[] = [];
  worker.on('warning', ({ message }) => warnings.push(message));
  return { engine, orchestrator, worker, warnings, forgotten };
}

function forget({ queue }: Engine): Set<string> {
  const forgotten = new Set<string>();
  const enqueue = queue.enqueue.bind(queue);
  queue.enqueue = (jobs) => enqueue(jobs.filter(({ kind }) => !forgotten.has(kind)));
  return forgotten;
}

describeEngines('a fleet whose server has forgotten something, or is not there', (start) => {
  let server: EngineServer;

  beforeAll(async () => {
    server = await start();
  }, 60_000);
  afterAll(() => server.server.stop());

  it('wakes a run whose wake job was lost', () =>
    withFleet(server, async ({ orchestrator, worker, forgotten }) => {
      forgotten.add('wake');
      await worker.start();
      const runId = await orchestrator.startRun({}, undefined, { workflow: 'napping' });
      await eventually(async () => expect(await orchestrator.status(runId)).toBe('awaiting'));
      forgotten.clear();
      expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed', output: 'rested' });
    }));

  it('ends a run at its deadline if the deadline job was lost while the run waited or was paused', () =>
    withFleet(server, async ({ orchestrator, worker, forgotten }) => {
      forgotten.add('timeout');
      await worker.start();
      const options = { workflow: 'waiting', timeout: 1_000 };
      const runIds = [await orchestrator.startRun({}, undefined, options)];
      runIds.push(await orchestrator.startRun({}, undefined, options));
      await orchestrator.pause(runIds[1] as string);
      forgotten.clear();
      for (const runId of runIds) {
        const run = await orchestrator.waitForCompletion(runId);
        expect(run).toMatchObject({ status: 'cancelled', error: expect.stringContaining('timed out') });
      }
    }));

  it('reports each failed delivery, and continues', () =>
    withFleet(server, async ({ engine, orchestrator, worker, warnings }) => {
      const { checkpointStore } = engine;
      const read = checkpointStore.read.bind(checkpointStore);
      let left = 3;
      await worker.start();
      checkpointStore.read = (...args) =>
        left-- > 0 ? Promise.reject(new Error(`unreadable, ${left}`)) : read(...args);
      const runId = await orchestrator.startRun({}, undefined, { workflow: 'plain' });
      expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed' });
      const told = warnings.filter((message) => message.includes('unreadable'));
      expect(told).toEqual(['unreadable, 2', 'unreadable, 1', 'unreadable, 0']);
    }));

  it('starts a worker by retrying until the server is up, and stops a worker whose server is unreachable', async () => {
    const on = await start();
    await withFleet(
      on,
      async ({ orchestrator, worker, warnings }) => {
        await on.server.kill();
        expect(await rejection(worker.start())).toMatchObject({ code: 'ERR_ENGINE' });
        await on.server.restart();
        await eventually(() => worker.start(), { timeout: 30_000 });
        const runId = await orchestrator.startRun({}, undefined, { workflow: 'plain' });
        expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed' });
        await on.server.kill();
        const began = performance.now();
        await worker.stop();
        // The worker executes no node, so it waits only for the engine, not for the ten seconds that nodes have.
        expect(performance.now() - began).toBeLessThan(12_000);
        expect(warnings).toContainEqual(expect.stringContaining('did not release the worker in time'));
      },
      { connectTimeout: 500 },
    );
    await on.server.stop();
  }, 120_000);
});

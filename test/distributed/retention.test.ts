import { Redis } from 'ioredis';
import { DistributedWorker, type Engine, memory, OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow, FlowRuntime } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maintain } from '../../src/distributed/worker/maintenance.js';
import { Workflows } from '../../src/distributed/workflows.js';
import { eventually } from './servers/eventually.js';
import { describeWithRedis, type RedisServer, startRedis } from './servers/redis.js';

const flow = new Flow('short').node('only', () => 1);
const maintenanceOf = (engine: Engine, isStopping?: () => boolean) =>
  maintain(engine, new Workflows([flow], new FlowRuntime()), 30_000, isStopping);

describe('the maintenance of a worker', () => {
  it('removes all runs whose retention is over in one go, however many there are', async () => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const kept = await orchestrator.startRun({}, undefined, { retention: 3_600_000 });
    const runIds = await Promise.all(Array.from({ length: 350 }, () => orchestrator.startRun()));
    for (const runId of [kept, ...runIds]) await orchestrator.cancel(runId);

    await maintenanceOf(engine);

    const { runs } = await orchestrator.listRuns({ limit: 1_000 });
    expect(runs.map(({ runId }) => runId)).toEqual([kept]);
    await engine.close();
  });

  it('removes no more when the worker is to stop', async () => {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const runId = await orchestrator.startRun();
    await orchestrator.cancel(runId);

    await maintenanceOf(engine, () => true);

    expect(await orchestrator.status(runId)).toBe('cancelled');
    await engine.close();
  });

  it('ends where what is removed stays listed as expired', async () => {
    const engine = memory();
    engine.runInfoStore.listExpired = async () => ['a ghost'];
    await expect(maintenanceOf(engine)).resolves.toBeUndefined();
    await engine.close();
  });
});

describe('runs in which nothing happens any more', () => {
  /** A fleet without workers; `queued` are the jobs that are waiting, `lose` has the queue lose them. */
  function idle() {
    const engine = memory();
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const queued = async (runId: string) => (await orchestrator.pendingWork(runId)).map(({ state }) => state);
    const lose = async (runId: string) => {
      const jobs = (await orchestrator.pendingWork(runId)).flatMap(({ jobId }) => jobId ?? []);
      await engine.queue.purgeRun(runId, jobs);
    };
    const maintained = (workflow = flow) => maintain(engine, new Workflows([workflow], new FlowRuntime()), 0);
    return { engine, orchestrator, queued, lose, maintained };
  }

  it('get back what the queue has lost, with their deadline', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun({}, 1, { timeout: 60_000 });
    await lose(runId);
    expect(await queued(runId)).toEqual(['absent']);
    await maintained();
    expect(await queued(runId)).toEqual(['waiting']);
    expect(await engine.queue.depth()).toEqual({ waiting: 1, delayed: 1, active: 0 });
    await engine.close();
  });

  it('stay as they are where they are paused', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun();
    await lose(runId);
    engine.runInfoStore.listIdle = async () => [runId];
    await orchestrator.pause(runId);
    await maintained();
    expect(await queued(runId)).toEqual(['absent']);
    await engine.close();
  });

  it('are left to others where their workflow is not known, or they are gone', async () => {
    const { engine, orchestrator, queued, lose, maintained } = idle();
    const runId = await orchestrator.startRun();
    await lose(runId);
    await maintained(new Flow('other').node('only', () => 1));
    expect(await queued(runId)).toEqual(['absent']);
    engine.runInfoStore.listIdle = async () => ['gone', runId];
    await maintained();
    expect(await queued(runId)).toEqual(['waiting']);
    await engine.close();
  });

  it('are concluded where the last worker has died before that', async () => {
    const { engine, orchestrator, maintained } = idle();
    const commit = engine.commit.bind(engine);
    engine.commit = (id, known, commits) => {
      if (commits.some(({ onlyIfNext }) => onlyIfNext)) return new Promise(() => {});
      return commit(
        id,
        known,
        commits.map((one) => ({ ...one, becomesIfNext: undefined })),
      );
    };
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const runId = await orchestrator.startRun();
    await eventually(async () => expect(await orchestrator.pendingWork(runId)).toEqual([]));
    expect(await orchestrator.status(runId)).toBe('running');
    engine.commit = commit;
    await maintained();
    expect(await orchestrator.run(runId)).toMatchObject({ status: 'completed', output: 1 });
    await engine.close();
  });
});

describeWithRedis('on Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('forgets an expired run whose remover has died between its data and the index', async () => {
    const engine = redis(server.url);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).retention(0).build();
    const runId = await orchestrator.startRun();
    await orchestrator.cancel(runId);
    const client = new Redis(server.url);
    await client.del(`{orchestrator:${runId}}:run`);
    await eventually(async () => expect(await engine.runInfoStore.listExpired(10)).toEqual([runId]));

    await maintenanceOf(engine);

    expect(await engine.runInfoStore.listExpired(10)).toEqual([]);
    client.disconnect();
    await engine.close();
  });
});

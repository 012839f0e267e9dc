import { Redis } from 'ioredis';
import { type Engine, memory, OrchestratorBuilder, redis } from 'orchestrator/distributed';
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

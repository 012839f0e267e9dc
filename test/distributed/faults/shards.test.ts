import { DistributedOrchestrator, DistributedWorker, type Engine, redis, shards } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { describeWithRedis, type RedisServer, startRedis } from '../servers/redis.js';

const flow = new Flow<{ number: number }>('order')
  .wait('go')
  .node('double', (_input, { context }) => 2 * context.number)
  .edge('go', 'double');

const patience = { timeout: 60_000 };

describeWithRedis('three Redis servers as shards', () => {
  let servers: readonly RedisServer[];
  let parts: readonly Engine[];
  let engine: Engine;
  let orchestrator: DistributedOrchestrator<{ number: number }>;
  let worker: DistributedWorker;
  const warnings: Error[] = [];

  beforeEach(async () => {
    servers = await Promise.all([1, 2, 3].map(() => startRedis({ durable: true })));
    parts = servers.map(({ url }) => redis(url, { connectTimeout: 2_000, operationTimeout: 4_000 }));
    engine = shards(parts, { initial: 3, answerTimeout: 5_000 });
    orchestrator = new DistributedOrchestrator({ engine, workflows: [flow] });
    worker = new DistributedWorker({ engine, workflows: [flow], heartbeatInterval: 200, lockDuration: 2_000 });
    worker.on('warning', (warning) => warnings.push(warning));
  }, 120_000);

  afterEach(async () => {
    await worker.stop({ deadline: 0 });
    await orchestrator.close();
    await engine.close();
    await Promise.all(servers.map((server) => server.stop()));
  }, 120_000);

  /** Starts runs until each shard has at least two, and returns their ids by shard. */
  async function startOnAll(): Promise<string[][]> {
    const ids: string[][] = [[], [], []];
    for (let number = 0; ids.some((ofShard) => ofShard.length < 2); number++) {
      const id = await orchestrator.startRun({ number }, undefined, { id: `order-${number}` });
      const records = await Promise.all(parts.map(({ runInfoStore }) => runInfoStore.getRun(id)));
      ids[records.findIndex((record) => record !== undefined)]?.push(id);
    }
    return ids;
  }

  const complete = async (id: string) => {
    await eventually(
      async () => expect(await orchestrator.signal(id, 'go', null, { id: 'go' })).toBeDefined(),
      patience,
    );
    return orchestrator.waitForCompletion(id, { signal: AbortSignal.timeout(60_000) });
  };

  it('go on without the one that was killed, which goes on when it is back', { timeout: 180_000 }, async () => {
    await worker.start();
    const [first, away, third] = (await startOnAll()) as [string[], string[], string[]];
    const total = first.length + away.length + third.length;
    await servers[1]?.kill();

    for (const id of [first[0], third[0]] as string[])
      expect(await complete(id)).toMatchObject({ status: 'completed' });

    const lost = away[0] as string;
    const began = performance.now();
    expect(await rejection(orchestrator.start(flow, { id: lost, context: { number: 1 } }))).toMatchObject({
      code: 'ERR_ENGINE',
      isRetryable: true,
      message: expect.stringContaining(`(shard 1) may have run "${lost}"`),
    });
    expect(await rejection(orchestrator.signal(lost, 'go'))).toMatchObject({ code: 'ERR_ENGINE' });
    expect(await rejection(orchestrator.listRuns())).toMatchObject({
      message: expect.stringContaining('1 of 3 shards'),
    });
    const errors: Error[] = [];
    const { runs } = await orchestrator.listRuns({ limit: 1_000 }, { onError: (error) => errors.push(error) });
    expect(runs).toHaveLength(total - away.length);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(String(servers[1]?.port))]);
    expect(performance.now() - began).toBeLessThan(60_000);

    const fresh = await Promise.all(Array.from({ length: 6 }, (_, number) => orchestrator.startRun({ number })));
    for (const id of fresh) expect(await complete(id)).toMatchObject({ status: 'completed' });

    await servers[1]?.restart();
    expect(await complete(lost)).toMatchObject({ status: 'completed' });
    expect(await complete(away[1] as string)).toMatchObject({ status: 'completed' });
    await eventually(async () => expect(await orchestrator.countRuns()).toMatchObject({ failed: 0 }), patience);
  });

  it('are served by a worker that is started while one is away', { timeout: 180_000 }, async () => {
    const [first, away] = (await startOnAll()) as [string[], string[], string[]];
    await servers[1]?.kill();
    await worker.start();
    expect(warnings.map(({ message }) => message)).toContainEqual(expect.stringContaining(String(servers[1]?.port)));
    expect(await complete(first[0] as string)).toMatchObject({ status: 'completed' });
    await servers[1]?.restart();
    expect(await complete(away[0] as string)).toMatchObject({ status: 'completed' });
  });
});

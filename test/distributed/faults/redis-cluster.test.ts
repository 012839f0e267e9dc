import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { DistributedWorker, OrchestratorBuilder, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../servers/eventually.js';
import {
  addReplicas,
  describeWithRedis,
  type RedisCluster,
  type RedisServer,
  startRedisCluster,
} from '../servers/redis.js';

const flow = new Flow('f')
  .node('a', () => 1)
  .wait('go')
  .node('b', () => 2)
  .edge('a', 'go')
  .edge('go', 'b');
const short = new Flow('s').node('a', () => 1);

describeWithRedis('a cluster', () => {
  let cluster: RedisCluster;
  let replicas: readonly RedisServer[];

  beforeAll(async () => {
    cluster = await startRedisCluster();
    replicas = await addReplicas(cluster);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([cluster.stop(), ...replicas.map((replica) => replica.stop())]);
  });

  async function programAt(server: string | readonly string[], prefix: string) {
    const engine = redis(server, { prefix });
    const orchestrator = new OrchestratorBuilder().workflow(short).workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [short, flow], concurrency: 20 });
    worker.on('warning', () => undefined);
    await worker.start();
    const close = async () => {
      await worker.stop();
      await orchestrator.close();
      await engine.close();
    };
    return { orchestrator, close };
  }

  it.each([
    ['one address', 1],
    ['several addresses', 3],
  ] as const)(
    'is found by %s of it',
    async (_, count) => {
      const addresses = cluster.servers.slice(0, count).map(({ url }) => url);
      const { orchestrator, close } = await programAt(
        count === 1 ? (addresses[0] as string) : addresses,
        `found${count}`,
      );
      // The keys of the runs are spread over all nodes.
      const runIds = await Promise.all(Array.from({ length: 30 }, () => orchestrator.startRun()));
      const runs = await Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId)));
      expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['completed']));
      await close();
    },
    60_000,
  );

  it('rejects nothing while a master dies and its replica takes over', async () => {
    const prefix = 'failing';
    const admin = new Redis((cluster.servers[0] as RedisServer).url);
    const master = await masterOf(admin, `{${prefix}}`);
    admin.disconnect();
    const alive = cluster.servers.filter((server) => server !== master);
    const { orchestrator, close } = await programAt(
      alive.map(({ url }) => url),
      prefix,
    );
    const begun: string[] = [];
    let isLoaded = true;
    const load = async (lane: number) => {
      for (let number = 0; isLoaded; number++) {
        const runId = await orchestrator.startRun({}, undefined, { workflow: 'f', runId: `${lane}-${number}` });
        begun.push(runId);
        const waiting = orchestrator.waitForCompletion(runId);
        await eventually(async () => (await orchestrator.status(runId)) === 'awaiting', { timeout: 60_000 });
        await orchestrator.signal(runId, 'go');
        expect(await waiting).toMatchObject({ status: 'completed' });
      }
    };
    const lanes = Promise.all(Array.from({ length: 10 }, (_, lane) => load(lane)));
    await eventually(() => begun.length > 20, { timeout: 30_000 });
    await master.kill();
    const before = begun.length;
    await Promise.race([lanes, eventually(() => begun.length > before + 100, { timeout: 90_000 })]);
    isLoaded = false;
    await lanes;
    expect(await orchestrator.countRuns()).toMatchObject({ completed: begun.length, running: 0, awaiting: 0 });
    await close();
    await master.restart('crash');
    await sleep(0);
  }, 240_000);

  async function masterOf(client: Redis, key: string): Promise<RedisServer> {
    const slot = Number(await client.call('CLUSTER', 'KEYSLOT', key));
    const ranges = (await client.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
    const [, , [, port]] = ranges.find(([from, to]) => slot >= from && slot <= to) as (typeof ranges)[number];
    return cluster.servers.find((server) => server.port === port) as RedisServer;
  }
});

import { Redis } from 'ioredis';
import { redis } from 'orchestrator/distributed';
import { beforeEach, expect, it } from 'vitest';
import { Keys } from '../../../src/distributed/engines/redis/keys.js';
import { RedisJournals } from '../../../src/distributed/engines/redis/redis-journals.js';
import { judgeRedis } from '../../../src/distributed/engines/redis/transient.js';
import { aCommit, aRun } from '../../../src/distributed/testing/suite.js';
import { callsOf, describeWithRedis, redisOfSuite } from '../servers/redis.js';

it('are sent each alone behind a proxy that takes keys of one slot only', async () => {
  const sent: number[] = [];
  const connection = {
    isCluster: false,
    async evalsha(_hash: string, keys: number) {
      sent.push(keys);
      if (keys > 5) throw new Error("CROSSSLOT Keys in request don't hash to the same slot");
      return [[[1], 'running', '1', 1, []]];
    },
  };
  const core = { opened: connection, connection: () => connection, keys: new Keys('orchestrator') };
  const persistence = { name: 'redis', timeout: 1_000, judge: judgeRedis };
  const journals = new RedisJournals(core as never, undefined as never, persistence);
  const commits = () =>
    Promise.all(
      ['a', 'b', 'c'].map((runId) =>
        journals.commit({ runId, known: 0, commits: [aCommit()], incarnation: undefined }),
      ),
    );
  for (const answer of [...(await commits()), ...(await commits())]) expect(answer?.verdicts).toEqual([1]);
  expect(sent).toEqual([15, 5, 5, 5, 5, 5, 5]);
});

describeWithRedis('commits to several runs at the same time', () => {
  const given = redisOfSuite();

  beforeEach(() => given.client.flushall());

  async function begun(engine: ReturnType<typeof redis>, count: number): Promise<string[]> {
    const runs = Array.from({ length: count }, () => aRun());
    await Promise.all(runs.map((run) => engine.begin(run)));
    return runs.map(({ record }) => record.runId);
  }

  it('are sent in few scripts', async () => {
    await using engine = redis(given.server.url);
    const runIds = await begun(engine, 80);
    await given.client.config('RESETSTAT');
    const answers = await Promise.all(runIds.map(async (runId) => engine.commit(runId, 0, [aCommit({ text: 'a' })])));
    expect(answers.map((answer) => answer?.verdicts)).toEqual(runIds.map(() => [1]));
    // The status of the runs has changed as well, so the index is updated for each.
    expect(await callsOf(given.client, 'evalsha')).toBeLessThan(80 + 5);
  });

  it('fail only for the run whose keys are damaged', async () => {
    await using engine = redis(given.server.url, { operationTimeout: 2_000 });
    const runIds = await begun(engine, 10);
    const damaged = runIds[4] as string;
    await given.client.set(new Keys('orchestrator').journal(damaged), 'not a list');
    const settled = await Promise.allSettled(
      runIds.map(async (runId) => engine.commit(runId, 0, [aCommit({ text: 'a', slot: 's', number: 1 })])),
    );
    const faults = settled.flatMap((one, index) => (one.status === 'rejected' ? [[index, one.reason]] : []));
    expect(faults).toMatchObject([
      [4, { code: 'ERR_ENGINE', cause: { message: expect.stringContaining('WRONGTYPE') } }],
    ]);
    for (const runId of runIds.filter((one) => one !== damaged)) {
      expect((await engine.checkpointStore.read(runId))?.entries.map(({ text }) => text)).toEqual(['a']);
    }
  });

  it('reach a server that has become a replica and is the master again', async () => {
    await using engine = redis(given.server.url);
    const runIds = await begun(engine, 30);
    const admin = new Redis(given.server.url);
    await admin.config('SET', 'replica-serve-stale-data', 'yes');
    await admin.replicaof('127.0.0.1', 1);
    const commits = runIds.map(async (runId) =>
      engine.commit(runId, 0, [aCommit({ text: 'a', slot: 's', number: 1 })]),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    await admin.replicaof('NO', 'ONE');
    for (const answer of await Promise.all(commits)) expect(answer?.seq).toBe(1);
    admin.disconnect();
  });
});

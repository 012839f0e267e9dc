import type { Redis } from 'ioredis';
import {
  DistributedWorker,
  EngineError,
  OrchestratorBuilder,
  type RedisOptions,
  redis,
} from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isOld, readInfo } from '../../../src/distributed/engines/redis/server-info.js';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { describeWithRedis, redisOfSuite } from '../servers/redis.js';

const flow = new Flow('f').node('a', () => 1);

describeWithRedis('a Redis server', () => {
  const given = redisOfSuite();

  afterEach(async () => {
    await given.client.config('SET', 'maxmemory-policy', 'noeviction');
    await given.client.config('SET', 'maxmemory', '0');
    await given.client.flushall();
  });

  it.each(['allkeys-lru', 'volatile-ttl'])(
    'that evicts keys (%s) is refused with what to do, and accepted once that is done',
    async (policy) => {
      await given.client.config('SET', 'maxmemory-policy', policy);
      const engine = redis(given.server.url);
      const error = await rejection(engine.open());
      expect(error).toBeInstanceOf(EngineError);
      expect(String(error)).toMatch(`127.0.0.1:${given.server.port}`);
      expect(String(error)).toMatch(new RegExp(`${policy}.*noeviction.*allowEviction`));
      await given.client.config('SET', 'maxmemory-policy', 'noeviction');
      await engine.open();
      await engine.close();
    },
  );

  it('that evicts keys is used with allowEviction: a worker warns, and nothing is printed', async () => {
    const printed = (['warn', 'error', 'log'] as const).map((how) => vi.spyOn(console, how));
    await given.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const { worker, warnings, close } = await workerAt({ allowEviction: true });
    await worker.start();
    expect(warnings.map(({ error }) => String(error))).toEqual([expect.stringContaining('allkeys-lru')]);
    await close();
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('that refuses to hand out jobs is asked at a limited rate, with one warning that counts the refusals', async () => {
    const { worker, warnings, close, orchestrator } = await workerAt({});
    await worker.start();
    const runId = await orchestrator.startRun({}, undefined, { delay: 1_000 });
    await given.client.config('RESETSTAT');
    await given.client.config('SET', 'maxmemory', '1');
    await eventually(() => warnings.some(({ error }) => /OOM/.test(String(error))), { timeout: 20_000 });
    const before = await callsOf(given.client);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    // Some commands are heartbeats and the like, sent each second.
    expect((await callsOf(given.client)) - before).toBeLessThan(200);
    const oom = warnings.filter(({ error }) => /OOM/.test(String(error)));
    expect(new Set(oom.map(({ error }) => String(error))).size).toBe(oom.length);
    await given.client.config('SET', 'maxmemory', '0');
    expect(await orchestrator.waitForCompletion(runId)).toMatchObject({ status: 'completed' });
    await close();
    expect(warnings.some(({ repeated }) => Number(repeated) > 0)).toBe(true);
  }, 60_000);

  it('whose user may not run INFO is used, and nothing is printed', async () => {
    const printed = vi.spyOn(console, 'warn');
    await given.client.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-info');
    const url = new URL(given.server.url);
    [url.username, url.password] = ['app', 'secret'];
    const { worker, orchestrator, close } = await workerAt({}, url.href);
    await worker.start();
    expect(await orchestrator.waitForCompletion(await orchestrator.startRun())).toMatchObject({ status: 'completed' });
    await close();
    expect(printed).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('whose user has only the documented rights is used', async () => {
    const rights = ['~{orchestrator*', '&*', '+@all', '-@dangerous', '+info'];
    await given.client.call('ACL', 'SETUSER', 'few', 'reset', 'on', '>secret', ...rights);
    const url = new URL(given.server.url);
    [url.username, url.password] = ['few', 'secret'];
    const { worker, orchestrator, warnings, close } = await workerAt({}, url.href);
    await worker.start();
    expect(await orchestrator.waitForCompletion(await orchestrator.startRun())).toMatchObject({ status: 'completed' });
    await eventually(async () => expect(await orchestrator.countRuns()).toMatchObject({ completed: 1 }));
    await close();
    expect(warnings).toEqual([]);
  }, 60_000);

  async function workerAt(options: RedisOptions, url = given.server.url) {
    const engine = redis(url, options);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow], concurrency: 20 });
    const warnings: { readonly error: Error; readonly repeated: unknown }[] = [];
    worker.on('warning', (error, { repeated }) => warnings.push({ error, repeated }));
    const close = async () => {
      await worker.stop();
      await engine.close();
    };
    return { worker, orchestrator, warnings, close };
  }
});

describe('the INFO of a server', () => {
  it('is read for Redis, Valkey and Dragonfly', () => {
    expect(
      readInfo('# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\nmaxmemory_policy:noeviction\r\n'),
    ).toEqual({
      version: '7.0.15',
      databaseType: 'redis',
      isInCluster: true,
      isKnown: true,
      evictionPolicy: 'noeviction',
    });
    expect(readInfo('redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.0')).toMatchObject({
      version: '8.1.0',
      databaseType: 'valkey',
    });
    expect(readInfo('redis_version:6.2.11\ndragonfly_version:df-v1.2')).toMatchObject({ databaseType: 'dragonfly' });
    expect(readInfo('')).toMatchObject({ databaseType: 'redis', isInCluster: false, evictionPolicy: undefined });
  });

  it('shows if the server is older than supported', () => {
    const versions = ['5.0.14', '6.0.16', '6.2.0', '6.10.1', '7.0.15', '10.0.0'];
    const old = versions.filter((version) => isOld(readInfo(`redis_version:${version}`)));
    expect(old).toEqual(['5.0.14', '6.0.16']);
  });
});

/** Returns the number of commands that a server has received. */
async function callsOf(client: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(String(await client.info('stats')))?.[1]);
}

import { Cluster } from 'ioredis';
import { type Engine, memory, pglite, postgres, redis, shards } from 'orchestrator/distributed';
import { type ConformanceOptions, conformanceOf } from 'orchestrator/distributed/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { patient } from './faults/fixtures/engines.js';
import { describeWithPostgres, startPostgres } from './servers/postgres.js';
import { temporaryDirectory } from './servers/reaper.js';
import { describeWithRedis, type RedisCluster, startRedis, startRedisCluster } from './servers/redis.js';

const framework = { describe, it, beforeAll, afterAll };

interface Tested extends ConformanceOptions {
  /** Registers the suite, or skips it by name if its server is missing. */
  readonly describe: (name: string, tests: () => void) => void;
}

/** The engines under test. Add a row for a new engine. */
const engines: readonly Tested[] = [
  { name: 'memory()', describe, create: async () => memory() },
  { name: 'shards([memory(), …])', describe, create: async () => shards([memory(), memory(), memory()]) },
  { name: 'redis(url)', describe: describeWithRedis, ...onRedis() },
  { name: 'redis(cluster)', describe: describeWithRedis, ...onCluster() },
  { name: 'postgres(url)', describe: describeWithPostgres, ...onPostgres() },
  // A directory belongs to one process and one connection, so there is no second engine on it.
  { name: 'pglite(directory)', describe, create: async () => pglite(await temporaryDirectory(), patient) },
];

for (const { name, describe: describeWhere, create, again } of engines) {
  describeWhere('the engine', () => conformanceOf({ name, create, again }, framework));
}

function onRedis(): Pick<Tested, 'create' | 'again'> {
  let url = '';
  return {
    create: async () => {
      ({ url } = await startRedis());
      return redis(url, patient);
    },
    again: async () => redis(url, patient),
  };
}

function onCluster(): Pick<Tested, 'create' | 'again'> {
  let cluster: RedisCluster;
  const connect = (): Engine => {
    const connection = new Cluster([...cluster.nodes], { redisOptions: { maxRetriesPerRequest: null } });
    // The engine leaves open a connection that was handed to it.
    afterEnd.push(() => connection.disconnect());
    return redis(connection, patient);
  };
  return {
    create: async () => {
      cluster = await startRedisCluster();
      return connect();
    },
    again: async () => connect(),
  };
}

function onPostgres(): Pick<Tested, 'create' | 'again'> {
  let url = '';
  return {
    create: async () => {
      const server = await startPostgres();
      url = await server.createDatabase(`it's a "database"`);
      return postgres(url, patient);
    },
    again: async () => postgres(url, patient),
  };
}

const afterEnd: (() => void)[] = [];
afterAll(() => {
  for (const end of afterEnd) end();
});

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { redis } from 'orchestrator/distributed';
import { keyOf } from '../../src/distributed/journal/job-id.js';
import { startRedis } from '../distributed/servers/redis.js';
import type { Dice } from './random.js';
import type { Surroundings } from './surroundings.js';

/** Redis with a password, TLS where there is any, and a user who may do what an engine needs and not more. */
export async function onRedis(prefix: string, { tls }: { readonly tls: boolean }): Promise<Surroundings> {
  const secret = randomBytes(12).toString('hex');
  const users = [`app on >${secret} ~* &* +@all -@admin -@dangerous +info`];
  const server = await startRedis({ durable: true, tls, users });
  const { url } = server;
  const port = server.tls?.port ?? server.port;
  const admin = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
  admin.on('error', () => undefined);

  /** Something is so for seconds, and then no more. */
  async function meanwhile(begin: string[], end: string[], dice: Dice, most: number): Promise<void> {
    await admin.call(...(begin as [string, ...string[]]));
    try {
      await sleep(dice.within(500, most));
    } finally {
      await admin.call(...(end as [string, ...string[]]));
    }
  }

  const config = (name: string, value: string) => ['CONFIG', 'SET', name, value];
  return {
    kind: 'redis',
    port,
    addressAt: (at) => `${server.tls === undefined ? 'redis' : 'rediss'}://app:${secret}@127.0.0.1:${at}`,
    env: server.tls === undefined ? {} : { NODE_EXTRA_CA_CERTS: server.tls.ca },
    secrets: [secret, new URL(url).password],
    troubles: {
      'a restart': () => server.restart('orderly'),
      'a crash': () => server.restart('crash'),
      async 'an outage'(dice) {
        await server.kill();
        await sleep(dice.within(1_000, 7_000));
        await server.restart();
      },
      async 'a frozen server'(dice) {
        process.kill(server.pid, 'SIGSTOP');
        await sleep(dice.within(500, 5_000));
        process.kill(server.pid, 'SIGCONT');
      },
      'refused writes (memory)': (dice) => meanwhile(config('maxmemory', '1'), config('maxmemory', '0'), dice, 4_000),
      'refused writes (replicas)': (dice) =>
        meanwhile(config('min-replicas-to-write', '1'), config('min-replicas-to-write', '0'), dice, 4_000),
      'refused writes (a replica)': (dice) =>
        meanwhile(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'], dice, 4_000),
      async 'killed connections'() {
        await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes');
      },
    },
    async heal() {
      process.kill(server.pid, 'SIGCONT');
      await admin.call('REPLICAOF', 'NO', 'ONE');
      await admin.call('CONFIG', 'SET', 'maxmemory', '0');
      await admin.call('CONFIG', 'SET', 'min-replicas-to-write', '0');
    },
    async inspect(look) {
      const engine = redis(url, { prefix });
      try {
        return await look(engine);
      } finally {
        await engine.close();
      }
    },
    leftovers: (runs) => leftoversIn(admin, prefix, runs),
    async stop() {
      admin.disconnect();
      await server.stop();
    },
  };
}

/** Parts of a run that are kept when it is over. */
const lasting = ['run', 'journal', 'snapshot', 'slots', 'crashes'];

async function leftoversIn(client: Redis, prefix: string, runs: ReadonlyMap<string, boolean>): Promise<string[]> {
  const isOver = new Map([...runs].map(([runId, over]) => [keyOf(runId), over]));
  const left: string[] = [];
  for await (const keys of client.scanStream({ count: 1_000 })) {
    for (const key of keys as string[]) {
      const [, run, part = ''] = /^\{[^:}]+:(.+)\}:([^:]+)$/.exec(key) ?? [];
      if (run === undefined) left.push(...(await leftInQueue(client, key, prefix)));
      else if (!isOver.has(run)) left.push(`key ${key} of a run that is not there`);
      else if (isOver.get(run) === true && !lasting.includes(part)) left.push(`key ${key} of a run that is over`);
    }
  }
  const index = `{${prefix}}:runs`;
  const listed = await client.zrangebyscore(index, '-inf', '+inf');
  for (const runId of listed) if (!runs.has(runId)) left.push(`${index} lists "${runId}", which is not there`);
  return left;
}

async function leftInQueue(client: Redis, key: string, prefix: string): Promise<string[]> {
  const [, rest] = key.split(`{${prefix}}:queue:`);
  if (rest === undefined) return [];
  const size: Readonly<Record<string, () => Promise<number>>> = {
    list: () => client.llen(key),
    zset: () => client.zcard(key),
    set: () => client.scard(key),
    hash: async () => (rest === 'meta' ? 0 : client.hlen(key)),
    string: async () => (/:lock$/.test(rest) ? 1 : 0),
  };
  const count = (await size[await client.type(key)]?.()) ?? 0;
  return count === 0 || ['events', 'marker', 'meta'].includes(rest) ? [] : [`key ${key} of the queue, with ${count}`];
}

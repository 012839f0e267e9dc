import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startWorkerProcess } from '../distributed/servers/processes.js';
import { describeWithRedis, type RedisServer, startRedis } from '../distributed/servers/redis.js';
import { workOff } from './fixtures/redis-worker.js';

/** Each death needs a process, so in the loop a worker dies only at some of the calls. */
const strides = { join: 3, loop: 14 } as const;

describeWithRedis('an event-driven run on a Redis server, whose worker is killed', () => {
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const start = (runId: string) => redis.rpush(`queue:${runId}`, 'a');

  /** The stored context of the run. */
  const contextOf = async (runId: string) => {
    const texts = await redis.hgetall(`context:${runId}`);
    return Object.fromEntries(Object.entries(texts).map(([nodeId, text]) => [nodeId, JSON.parse(text)]));
  };

  it.each([
    ['join', { a: 1, b: 2, c: 3, d: 6 }],
    ['loop', { a: 3, b: 30, c: 300, d: 330, e: 330 }],
  ] as const)(
    'reaches its end wherever the worker is killed: %s',
    async (flow, expected) => {
      await start(`${flow} whole`);
      await workOff(server.url, flow, `${flow} whole`);
      expect(await contextOf(`${flow} whole`)).toEqual(expected);

      let deaths = 0;
      for (let dieAfter = 1; ; dieAfter += strides[flow]) {
        const runId = `${flow} ${dieAfter}`;
        await start(runId);
        const env = { COORDINATED: JSON.stringify({ url: server.url, flow, runId, dieAfter }) };
        const victim = startWorkerProcess({ module: new URL('./fixtures/redis-worker.ts', import.meta.url), env });
        const { signal } = await victim.exited;
        if (victim.messages.includes('survived')) break;
        expect({ signal, output: victim.output }).toEqual({ signal: 'SIGKILL', output: '' });
        deaths += 1;
        // The job of the dead worker is delivered again.
        expect(await redis.lmove(`held:${runId}`, `queue:${runId}`, 'LEFT', 'RIGHT')).not.toBeNull();
        await workOff(server.url, flow, runId);
        expect({ dieAfter, context: await contextOf(runId) }).toEqual({ dieAfter, context: expected });
        expect(await redis.exists(`queue:${runId}`, `held:${runId}`)).toBe(0);
      }
      expect(deaths).toBeGreaterThan(4);
    },
    900_000,
  );
});

import { Redis } from 'ioredis';
import { type Engine, redis } from 'orchestrator/distributed';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Script } from '../../src/distributed/engines/redis/scripts.js';
import { describeWith } from '../needs/describe-with.js';
import { engines } from './servers/engines.js';
import { describeWithRedis, type RedisServer, startRedis } from './servers/redis.js';

const needs = { redis: 'redis-server', postgres: 'postgres' } as const;

/** More entries than one answer of an engine holds. With LARGE=280: more than one value of the database holds. */
const count = Number(process.env.LARGE ?? 20);
const textOf = (n: number) => `${n} ${'ü'.repeat(2 ** 19)}`;
const texts = Array.from({ length: count }, (_, n) => textOf(n + 1));

const options = { timeout: 600_000 };
describe('a journal of megabytes, on pglite', options, () => tests('pglite'));
for (const kind of ['redis', 'postgres'] as const) {
  describeWith(needs[kind], `a journal of megabytes, on ${kind}`, () => tests(kind), options);
}

function tests(kind: keyof typeof engines): void {
  let engine: Engine;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ engine, stop } = await engines[kind]());
    await engine.open();
  });
  afterAll(async () => {
    await engine.close();
    await stop();
  });

  it('of a run in process is read whole', async () => {
    const { checkpointStore } = engine;
    await checkpointStore.save('saved', 'snapshot', 7);
    await Promise.all(texts.map((text, n) => checkpointStore.append('saved', n + 8, text)));
    const { snapshot, seq, entries = [] } = (await checkpointStore.load('saved')) ?? {};
    expect([snapshot, seq, entries.length]).toEqual(['snapshot', 7, count]);
    expect(entries.findIndex((text, n) => text !== texts[n])).toBe(-1);
    await checkpointStore.delete('saved');
  });

  it('of a run of the fleet is read whole, from anywhere, and as far as is asked', async () => {
    const { checkpointStore } = engine;
    const record = { runId: 'large', workflow: 'f', version: '1', status: 'running', priority: 0 } as const;
    const rest = { retention: undefined, output: undefined, error: undefined };
    await engine.begin({ record: { ...record, ...rest }, delay: 0, timeout: undefined, snapshot: 'beginning' });
    for (const [known, text] of texts.entries()) {
      await engine.commit('large', known, [{ text, during: ['running'] }]);
    }
    const all = await checkpointStore.read('large');
    expect([all?.snapshot?.text, all?.seq, all?.entries.length, all?.more]).toEqual([
      'beginning',
      count,
      count,
      undefined,
    ]);
    expect(all?.entries.findIndex(({ seq, text }, n) => seq !== n + 1 || text !== texts[n])).toBe(-1);
    const tail = await checkpointStore.read('large', 2);
    expect([tail?.snapshot, tail?.entries.length, tail?.entries[0]?.seq]).toEqual([undefined, count - 2, 3]);
    const page = await checkpointStore.read('large', undefined, { maxBytes: 3 * 2 ** 20 });
    expect([page?.snapshot?.seq, page?.seq, page?.more]).toEqual([0, count, true]);
    expect(page?.entries.length).toBeGreaterThan(1);
    expect(page?.entries.length).toBeLessThan(7);
    const one = await checkpointStore.read('large', 4, { maxBytes: 1 });
    expect([one?.entries.map(({ seq }) => seq), one?.more]).toEqual([[5], true]);
    const last = await checkpointStore.read('large', count - 1, { maxBytes: 1 });
    expect([last?.entries.map(({ seq }) => seq), last?.more]).toEqual([[count], undefined]);
    // A caller that knows little is not sent the whole journal along with a verdict.
    const answer = await engine.commit('large', 0, [{ text: 'late', during: ['running'] }]);
    const added = answer?.verdicts[0];
    expect([answer?.entries?.length ?? 'to be read', typeof added === 'number' ? 'added' : 'not added']).toEqual(
      kind === 'redis' ? [count, 'added'] : ['to be read', 'not added'],
    );
    const snapshot = texts.slice(0, count - 1).join('\n');
    await checkpointStore.compact('large', snapshot, count - 1);
    const compacted = await checkpointStore.read('large');
    expect(compacted?.snapshot?.text === snapshot).toBe(true);
    expect(compacted?.entries[0]?.seq).toBe(count);
  });
}

describeWithRedis('a run in process that is read while a snapshot is saved, on Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('is read as of one moment', async () => {
    const engine = redis(server.url);
    const { checkpointStore } = engine;
    const few = texts.slice(0, 12);
    await checkpointStore.save('r', 'old', 0);
    await Promise.all(few.map((text, n) => checkpointStore.append('r', n + 1, text)));
    const { run } = Script.prototype;
    const calls: number[] = [];
    vi.spyOn(Script.prototype, 'run').mockImplementation(async function (this: Script, connection, keys, args) {
      const answer = await run.call(this, connection, keys, args);
      // This is the first page of a load.
      if (keys.length === 3 && calls.push(1) === 1) await checkpointStore.save('r', 'new', 11);
      return answer;
    });
    expect(await checkpointStore.load('r')).toEqual({ snapshot: 'new', seq: 11, entries: few.slice(11) });
    vi.restoreAllMocks();
    await engine.close();
  });

  it('of version 0.6 is read, and continues', async () => {
    const engine = redis(server.url);
    const client = new Redis(server.url);
    await client.sadd('{orchestrator}:checkpoints', 'former', 'died before it was saved');
    await client.set('{orchestrator:former}:checkpoint', 'snapshot');
    await client.rpush('{orchestrator:former}:checkpoint-entries', 'one', 'two');
    const { checkpointStore } = engine;
    expect(await checkpointStore.list()).toContain('former');
    expect(await checkpointStore.list()).not.toContain('died before it was saved');
    expect(await checkpointStore.load('former')).toEqual({ snapshot: 'snapshot', seq: 0, entries: ['one', 'two'] });
    await checkpointStore.append('former', 3, 'three');
    await checkpointStore.save('former', 'newer', 2);
    expect(await checkpointStore.load('former')).toEqual({ snapshot: 'newer', seq: 2, entries: ['three'] });
    client.disconnect();
    await engine.close();
  });
});

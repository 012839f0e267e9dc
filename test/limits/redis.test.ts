import { inspect } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { Orchestrator } from 'orchestrator';
import { LimitStoreError, limit, redisLimits } from 'orchestrator/limits';
import { expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { startWorkerProcess } from '../distributed/servers/processes.js';
import { startProxy } from '../distributed/servers/proxy.js';
import {
  callsOf,
  describeWithRedis,
  redisOfSuite,
  startRedis,
  startRedisCluster,
} from '../distributed/servers/redis.js';
import { rejection } from '../support.js';
import { act, opening, request } from './store.js';

const orchestrator = new Orchestrator();
const open = opening(redisLimits);

describeWithRedis('redisLimits', () => {
  const shared = redisOfSuite();
  let names = 0;
  const prefixed = () => {
    const prefix = `test-${++names}`;
    return { prefix, store: open(shared.server.url, prefix) };
  };

  it('replaces the place of a request that comes again, because its answer was lost', async () => {
    const { store } = prefixed();
    const rules = { concurrency: 2, rate: 2, per: 60_000 };
    expect(await store.take(request({ id: 'a', ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'a', ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'b', ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'c', ...rules }))).toBe(Infinity);
  });

  it('counts a start once, although the connection was lost before the answer', async () => {
    const proxy = await startProxy(shared.server.port);
    const url = new URL(shared.server.url);
    url.port = String(proxy.port);
    const store = open(url.href, 'lost');
    expect(await store.take(request({ id: 'first', rate: 3, per: 60_000 }))).toBe(0);
    const lost = proxy.loseAnswer();
    const taking = act(store, { concurrency: 1, rate: 3, per: 60_000, name: 'n' })();
    await lost;
    expect(await taking).toBe('done');
    expect(await shared.client.get('lost:{n:}:sum')).toBe('2');
    await eventually(async () => (await shared.client.zcard('lost:{n:}:places')) === 0);
  });

  it('takes the cost of a place in which nothing has started out of the window', async () => {
    const { store } = prefixed();
    const rules = { rate: 5, per: 60_000 };
    expect(await store.take(request({ id: 'a', cost: 4, ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'b', cost: 4, ...rules }))).toBeGreaterThan(1_000);
    await store.release(request({ id: 'a' }), 4);
    expect(await store.take(request({ id: 'b', cost: 4, ...rules }))).toBe(0);
  });

  it.each(['starts', 'sum'])('keeps an exact window when the server evicts its %s', async (part) => {
    const { store, prefix } = prefixed();
    const rules = { rate: 1, per: 600_000 };
    expect(await store.take(request({ id: 'a', ...rules }))).toBe(0);
    await shared.client.del(`${prefix}:{n:}:${part}`);
    const delay = await store.take(request({ id: 'b', ...rules }));
    if (part === 'starts') expect(delay).toBe(0);
    else expect(delay).toBeGreaterThan(500_000);
  });

  it('leaves no key behind', async () => {
    const { store, prefix } = prefixed();
    const rules = { concurrency: 1, rate: 9, per: 50, lease: 100 };
    await store.take(request({ id: 'a', ...rules }));
    await store.take(request({ id: 'b', ...rules, waited: 5_000 }));
    await store.renew([request({ id: 'a' })], 100);
    await store.pause('n', '', 100);
    expect(await shared.client.keys(`${prefix}:*`)).toHaveLength(5);
    await eventually(async () => (await shared.client.keys(`${prefix}:*`)).length === 0);
  });

  it('keeps a place for its lease beside places with a shorter one', async () => {
    const { store, prefix } = prefixed();
    await store.take(request({ id: 'a', concurrency: 2, lease: 60_000 }));
    await store.take(request({ id: 'b', concurrency: 2, lease: 100 }));
    await store.renew([request({ id: 'b' })], 100);
    expect(await shared.client.pttl(`${prefix}:{n:}:places`)).toBeGreaterThan(60_000);
  });

  it('serves a request that has waited for long before younger ones', async () => {
    const { store } = prefixed();
    const one = { concurrency: 1 };
    await store.take(request({ id: 'a', ...one }));
    expect(await store.take(request({ id: 'young', ...one }))).toBe(Infinity);
    const soon = await store.take(request({ id: 'old', ...one, waited: 2_000 }));
    expect(soon).toBe(100);
    await store.release(request({ id: 'a' }));
    expect(await store.take(request({ id: 'young', ...one, waited: 1_000 }))).toBe(Infinity);
    expect(await store.take(request({ id: 'old', ...one, waited: 2_100 }))).toBe(0);
    await store.release(request({ id: 'old' }));
    expect(await store.take(request({ id: 'young', ...one }))).toBe(0);
  });

  it('goes on after the server has forgotten its scripts', async () => {
    const { store } = prefixed();
    expect(await act(store)()).toBe('done');
    await shared.client.script('FLUSH');
    expect(await act(store)()).toBe('done');
  });

  it('sends its scripts once', async () => {
    const { store } = prefixed();
    await act(store)();
    const calls = () => callsOf(shared.client, 'eval');
    await eventually(async () => (await calls()) > 0);
    const before = await calls();
    for (let call = 0; call < 5; call++) await act(store)();
    expect(await calls()).toBe(before);
  });

  it.each(['with NUL \0', 'half \ud800', 'long '.repeat(2_000)])('takes any key: %#', async (key) => {
    const { store } = prefixed();
    const keyed = limit({ name: key, rate: 2, per: 60_000, key: (text: string) => text, store, onStoreError: 'fail' });
    const echo = orchestrator.action(async (text: string) => text.length, { limit: keyed });
    expect(await Promise.all([echo(key), echo(key), echo('other')])).toEqual([key.length, key.length, 5]);
  });

  it('works with the rights that its message names, and fails at once without them', async () => {
    const rights = '+eval +evalsha +time +@sortedset +@string +@keyspace';
    const server = await startRedis({ users: [`app on >secret ~app:* ${rights}`] });
    const url = `redis://app:secret@127.0.0.1:${server.port}`;
    const one = { concurrency: 1, rate: 5, lease: 150, pauseOn: () => 1 };
    const hold = orchestrator.action(() => new Promise((resolve) => setTimeout(resolve, 300)), {
      limit: limit({ name: 'n', ...one, store: open(url, 'app') }),
    });
    await hold();
    const error = await rejection(act(open(url, 'other'))());
    expect(error).toBeInstanceOf(LimitStoreError);
    expect((error as Error).message).toMatch(
      `the limit "api" cannot use its store: redis at 127.0.0.1:${server.port}: NOPERM`,
    );
    expect((error as Error).message).toContain(`allow the user ~other:* ${rights}`);
    await server.stop();
  });

  it.each(['with the wrong password', 'without a password'])('fails at once %s, and shows none', async (how) => {
    const url = new URL(shared.server.url);
    const secret = how === 'without a password' ? url.password : 'wr0ng';
    url.password = how === 'without a password' ? '' : secret;
    const error = await rejection(act(open(url.href))());
    expect(error).toMatchObject({
      code: 'ERR_LIMIT_STORE',
      message: expect.stringContaining('check user and password'),
    });
    expect(`${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`).not.toContain(secret);
  });

  it('fails at once if the server lacks the database', async () => {
    const error = await rejection(act(open(`${shared.server.url}/99`))());
    expect(error).toMatchObject({ message: expect.stringContaining('DB index is out of range') });
  });

  it('fails at once after its client was closed', async () => {
    const client = new Redis(shared.server.url);
    await client.quit();
    expect(await rejection(act(open(client))())).toMatchObject({ message: expect.stringContaining('was closed') });
  });

  it('keeps and grants places while the memory of the server is full', async () => {
    const { store } = prefixed();
    const order: string[] = [];
    const options = { concurrency: 1, lease: 1_500, store, onStoreError: 'fail' } as const;
    const hold = orchestrator.action(
      async (name: string) => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 4_000));
        order.push(`${name} ends`);
      },
      { limit: limit({ name: 'full', ...options }) },
    );
    const other = orchestrator.action(async () => order.push('other'), { limit: limit({ name: 'full', ...options }) });
    await shared.client.config('SET', 'maxmemory', '1');
    try {
      const holding = hold('one');
      await eventually(() => order.length > 0);
      await Promise.all([holding, other()]);
    } finally {
      await shared.client.config('SET', 'maxmemory', '0');
    }
    expect(order).toEqual(['one begins', 'one ends', 'other']);
  });

  it('waits while the server is a replica', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    const errors: string[] = [];
    await client.call('REPLICAOF', '127.0.0.1', '1');
    const waiting = act(open(server.url), {
      onStoreError: ({ message }) => (errors.push(message) > 0 ? 'wait' : 'fail'),
    })();
    await eventually(() => errors.length > 0);
    await client.call('REPLICAOF', 'NO', 'ONE');
    expect(await waiting).toBe('done');
    expect(errors[0]).toMatch(/READONLY .*: give the address of the primary/);
    client.disconnect();
    await server.stop();
  });

  it.each(['its own', 'a given'])('fails in time when the server hangs, with %s client', async (whose) => {
    const server = await startRedis();
    const client = new Redis(server.url);
    const store = open(whose === 'its own' ? server.url : client);
    const hasty = act(store, { onStoreError: 'fail' });
    expect(await hasty()).toBe('done');
    process.kill(server.pid, 'SIGSTOP');
    const began = performance.now();
    const errors = await Promise.all([1, 2, 3, 4].map(() => rejection(hasty())));
    process.kill(server.pid, 'SIGCONT');
    expect(errors.map((error) => (error as Error).message)).toEqual(
      Array(4).fill(expect.stringContaining('no answer within 5000 ms')),
    );
    // One question, not four.
    expect(performance.now() - began).toBeLessThan(15_000);
    await eventually(async () => (await hasty()) === 'done');
    client.disconnect();
    await server.stop();
  });

  it('speaks TLS', async () => {
    const server = await startRedis({ tls: true });
    const { exited } = startWorkerProcess({
      module: new URL('./fixtures/holder.ts', import.meta.url),
      env: {
        ...{ KIND: 'redis', URL: String(server.tls?.url), RULES: '{"concurrency":1}', CALLS: '2', LINES: '/dev/null' },
        NODE_EXTRA_CA_CERTS: String(server.tls?.ca),
      },
    });
    expect(await exited).toMatchObject({ code: 0 });
    await server.stop();
  });

  it('works on a cluster with its client, and says so to a client of one server', async () => {
    const cluster = await startRedisCluster();
    const client = new Cluster([...cluster.nodes]);
    const store = open(client);
    const keyed = limit({ name: 'n', concurrency: 1, rate: 5, lease: 100, key: (key: string) => key, store });
    const hold = orchestrator.action((_: string) => new Promise((resolve) => setTimeout(resolve, 200)), {
      limit: keyed,
    });
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => hold(key)));
    // Each key belongs to one of the three nodes.
    const outcomes = await Promise.allSettled(cluster.servers.map(({ url }) => act(open(url))()));
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failures.map(({ reason }) => reason.message)).toEqual(
      Array(2).fill(expect.stringMatching(/MOVED .*: pass a Cluster of ioredis/)),
    );
    client.disconnect();
    await cluster.stop();
  });

  it.each([
    ['localhost', 'source must be an address like'],
    ['http://user:secret@localhost', 'source must be an address that begins with redis://'],
    ['redis://user:se#cret@localhost', 'source must be an address like'],
    ['redis://localhost/db', 'the path of source must be the number of a database'],
  ])('refuses the address %s, without a password', (url, message) => {
    expect(() => redisLimits(url)).toThrow(message);
    expect(() => redisLimits(url)).not.toThrow('cret');
  });

  it('refuses a prefix with braces, and clients of other packages', () => {
    expect(() => redisLimits('redis://localhost', '{}')).toThrow('prefix must be a non-empty string without { and }');
    expect(() => redisLimits({ eval() {}, evalSha() {} } as never)).toThrow(
      'source must be a URL, or a client of ioredis',
    );
  });
});

import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { rejection } from '../../support.js';
import { settableClock, wrongClock } from './clocks.js';
import { eventually } from './eventually.js';
import { createDatabase, describeWithPostgres, type PostgresServer, startPostgres } from './postgres.js';
import { killWorkerProcesses, startWorkerProcess } from './processes.js';
import { startProxy } from './proxy.js';
import { removeDirectory, temporaryDirectory } from './reaper.js';
import { describeWithRedis, startRedis, startRedisCluster } from './redis.js';

const echo = new URL('./fixtures/echo.ts', import.meta.url);
const leaving = new URL('./fixtures/leaving.ts', import.meta.url);

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describeWithRedis('a Redis server', () => {
  async function withClient<Value>(url: string, use: (client: Redis) => Promise<Value>): Promise<Value> {
    const client = new Redis(url);
    client.on('error', () => undefined);
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  it.each(['orderly', 'crash'] as const)('keeps what was written through a restart if durable (%s)', async (how) => {
    const server = await startRedis({ durable: true });
    const { pid } = server;
    await withClient(server.url, (client) => client.set('key', 'kept'));
    await server.restart(how);
    expect(server.pid).not.toBe(pid);
    expect(await withClient(server.url, (client) => client.get('key'))).toBe('kept');
  });

  it('forgets through a restart if not durable', async () => {
    const server = await startRedis();
    await withClient(server.url, (client) => client.set('key', 'lost'));
    await server.restart();
    expect(await withClient(server.url, (client) => client.get('key'))).toBeNull();
  });

  it('comes back after a kill, and ends when it is stopped', async () => {
    const server = await startRedis();
    await server.kill();
    expect(isRunning(server.pid)).toBe(false);
    await server.restart();
    expect(await withClient(server.url, (client) => client.ping())).toBe('PONG');
    await server.stop();
    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
  });

  it('accepts nobody without its password', async () => {
    const { port, stop } = await startRedis();
    const answer = rejection(withClient(`redis://127.0.0.1:${port}`, (client) => client.set('key', 'value')));
    expect(await answer).toMatchObject({ message: expect.stringContaining('NOAUTH') });
    await stop();
  });

  it('starts beside others on a port of its own', async () => {
    const servers = await Promise.all(Array.from({ length: 10 }, () => startRedis()));
    expect(new Set(servers.map(({ port }) => port)).size).toBe(10);
    const pids = await Promise.all(servers.map(({ url }) => withClient(url, (client) => client.info('server'))));
    for (const [index, { pid }] of servers.entries()) expect(pids[index]).toContain(`process_id:${pid}\r`);
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('is one of three in a cluster that holds keys of every node', async () => {
    const { nodes, stop, servers } = await startRedisCluster();
    const cluster = new Cluster([...nodes]);
    const keys = Array.from({ length: 50 }, (_, number) => `key ${number}`);
    await Promise.all(keys.map((key) => cluster.set(key, `of ${key}`)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys.map((key) => `of ${key}`));
    const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
    expect(sizes).toHaveLength(3);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    cluster.disconnect();
    await stop();
    expect(servers.map(({ pid }) => isRunning(pid))).toEqual([false, false, false]);
  });
});

describeWithPostgres('a Postgres server', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  });

  async function query(url: string, text: string): Promise<unknown[]> {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query({ text, rowMode: 'array' })).rows.flat();
    } finally {
      await client.end();
    }
  }

  it('has room for 200 connections', async () => {
    expect(await query(server.url, 'SHOW max_connections')).toEqual(['200']);
  });

  it.each(['orderly', 'crash'] as const)('keeps rows through a restart (%s)', async (how) => {
    const url = await server.createDatabase(`restarted ${how}`);
    await query(url, 'CREATE TABLE kept (word text)');
    await query(url, `INSERT INTO kept VALUES ('kept')`);
    const { pid } = server;
    const interrupted = rejection(query(url, 'SELECT pg_sleep(60)'));
    await eventually(async () => {
      expect(
        await query(server.url, `SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'`),
      ).toHaveLength(1);
    });
    await server.restart(how);
    expect(await interrupted).toBeInstanceOf(Error);
    expect(server.pid).not.toBe(pid);
    expect(await query(url, 'SELECT word FROM kept')).toEqual(['kept']);
  });

  it('keeps databases separate', async () => {
    const created = ['one', 'two'].map((name) => server.createDatabase(name));
    const urls = await Promise.all([...created, createDatabase(server.url, 'three')]);
    await Promise.all(urls.map((url) => query(url, 'CREATE TABLE same (id int)')));
    expect(await Promise.all(urls.map((url) => query(url, 'SELECT current_database()')))).toEqual([
      ['one'],
      ['two'],
      ['three'],
    ]);
  });

  it('ends when it is stopped', async () => {
    const other = await startPostgres();
    await other.stop();
    expect(isRunning(other.pid)).toBe(false);
    expect(await rejection(query(other.url, 'SELECT 1'))).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a proxy', () => {
  /** Starts a server that echoes its input, a proxy in front of it, and a function to connect. */
  async function start() {
    const target = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const address = target.address();
    const proxy = await startProxy(typeof address === 'object' && address ? address.port : 0);
    target.unref();
    return proxy;
  }

  function call(port: number) {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    const heard = { text: '', closed: false, error: undefined as unknown };
    socket.on('data', (text: string) => {
      heard.text += text;
    });
    socket.on('error', (error) => {
      heard.error = error;
    });
    socket.on('close', () => {
      heard.closed = true;
    });
    return { socket, heard };
  }

  it('passes on what is sent', async () => {
    const proxy = await start();
    const { socket, heard } = call(proxy.port);
    const long = 'x'.repeat(5_000_000);
    socket.end(long);
    await eventually(() => heard.closed);
    expect(heard.text.length).toBe(long.length);
    await eventually(() => proxy.connections === 0);
  });

  it('ends connections and refuses new ones while it is cut', async () => {
    const proxy = await start();
    const before = call(proxy.port);
    before.socket.write('hello');
    await eventually(() => before.heard.text === 'hello');
    await proxy.cut();
    await eventually(() => before.heard.closed);
    const during = call(proxy.port);
    await eventually(() => during.heard.closed);
    expect(during.heard.error).toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    const after = call(proxy.port);
    after.socket.write('again');
    await eventually(() => after.heard.text === 'again');
  });

  it('holds back what comes while it stalls, and passes it on when it heals', async () => {
    const proxy = await start();
    const before = call(proxy.port);
    before.socket.write('a');
    await eventually(() => before.heard.text === 'a');
    proxy.stall();
    const during = call(proxy.port);
    before.socket.write('b');
    during.socket.write('c');
    await eventually(() => proxy.connections === 2);
    const silence = eventually(() => before.heard.text !== 'a' || during.heard.text !== '', { timeout: 200 });
    expect(await rejection(silence)).toBeInstanceOf(Error);
    await proxy.heal();
    await eventually(() => before.heard.text === 'ab' && during.heard.text === 'c');
    await proxy.stop();
    await eventually(() => before.heard.closed && during.heard.closed);
  });
});

describeWith('faketime', 'the clock of a process', () => {
  const hour = 3_600_000;
  const clock = new URL('./fixtures/clock.ts', import.meta.url);

  afterEach(killWorkerProcesses);

  it.each([hour, -hour])('is off by %d ms, while durations are right', async (shift) => {
    const worker = startWorkerProcess<{ now: number; lasted: number }>({ module: clock, env: wrongClock(shift) });
    const { now, lasted } = await worker.waitFor(() => true);
    expect(Math.abs(now - shift - Date.now())).toBeLessThan(60_000);
    expect(lasted).toBeGreaterThan(90);
    expect(lasted).toBeLessThan(60_000);
  });

  it('is set while it lives', async () => {
    const directory = await temporaryDirectory();
    const { env, set } = await settableClock(directory);
    const worker = startWorkerProcess<{ now: number }>({ module: clock, env });
    const isOff = ({ now }: { now: number }) => Math.abs(now - Date.now()) > hour / 2;
    await worker.waitFor((message) => !isOff(message));
    await set(-hour);
    await worker.waitFor(isOff);
    await worker.kill();
    await removeDirectory(directory);
  });
});

describe('a worker process', () => {
  afterEach(killWorkerProcesses);

  type Message = { type: 'ready'; name: string; layers: string[] } | { type: 'answer'; message: { number: number } };

  it('runs a file with this package, and communicates', async () => {
    const worker = startWorkerProcess<Message>({ module: echo, env: { NAME: 'one' } });
    expect(await worker.waitFor(({ type }) => type === 'ready')).toMatchObject({
      name: 'one',
      layers: ['function', 'function'],
    });
    worker.send({ number: 1 });
    worker.send({ number: 2 });
    const isAnswer = (message: Message) => message.type === 'answer';
    expect(await worker.waitFor(isAnswer)).toEqual({ type: 'answer', message: { number: 1 } });
    expect(await worker.waitFor(isAnswer)).toEqual({ type: 'answer', message: { number: 2 } });
    expect(worker.messages).toHaveLength(3);
    expect(worker.output).toBe('echo runs\n');
  });

  it('ends by a signal that it may handle, or by one that it may not', async () => {
    const workers = [1, 2].map(() => startWorkerProcess<Message>({ module: echo }));
    await Promise.all(workers.map((worker) => worker.waitFor(({ type }) => type === 'ready')));
    expect(await workers[0]?.kill('SIGTERM')).toEqual({ code: 3, signal: null });
    expect(await workers[1]?.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(workers.map(({ pid }) => isRunning(pid))).toEqual([false, false]);
  });

  it('rejects waits when it has ended, or after their timeout', async () => {
    const worker = startWorkerProcess<Message>({ module: echo });
    await worker.waitFor(({ type }) => type === 'ready');
    expect(String(await rejection(worker.waitFor(() => false, 50)))).toContain('no such message within 50 ms');
    const waiting = rejection(worker.waitFor(() => false));
    await worker.kill();
    expect(String(await waiting)).toContain('ended with SIGKILL');
    expect(String(await waiting)).toContain('echo runs');
  });

  it('is stopped and continued', async () => {
    const worker = startWorkerProcess<Message>({ module: echo });
    await worker.waitFor(({ type }) => type === 'ready');
    worker.signal('SIGSTOP');
    worker.send({ number: 1 });
    expect(await rejection(worker.waitFor(({ type }) => type === 'answer', 200))).toBeInstanceOf(Error);
    worker.signal('SIGCONT');
    await worker.waitFor(({ type }) => type === 'answer');
  });

  it('leaves nothing behind when it is killed before it can clean up', async () => {
    const worker = startWorkerProcess<{ pid: number; directory: string }>({ module: leaving });
    const { pid, directory } = await worker.waitFor(() => true);
    expect([isRunning(pid), existsSync(directory)]).toEqual([true, true]);
    await worker.kill();
    await eventually(() => !isRunning(pid) && !existsSync(directory));
  });
});

describe('eventually', () => {
  it('returns the value of the check once it succeeds', async () => {
    let calls = 0;
    const check = () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return calls < 3 ? false : calls;
    };
    expect(await eventually(check, { interval: 1 })).toBe(3);
  });

  it('rejects with the last failure', async () => {
    let calls = 0;
    const check = async () => {
      calls += 1;
      throw new Error(`failure ${calls}`);
    };
    expect(await rejection(eventually(check, { timeout: 50, interval: 1 }))).toEqual(new Error(`failure ${calls}`));
  });

  it('rejects when a check does not end', async () => {
    const never = new Promise<void>(() => undefined);
    expect(String(await rejection(eventually(() => never, { timeout: 50 })))).toContain('did not end within 50 ms');
  });
});

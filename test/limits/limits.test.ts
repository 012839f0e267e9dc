import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Orchestrator, ValidationError } from 'orchestrator';
import { type LimitStore, LimitStoreError, limit, postgresLimits, redisLimits } from 'orchestrator/limits';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { describeWithPostgres, startPostgres } from '../distributed/servers/postgres.js';
import { killWorkerProcesses, startWorkerProcess } from '../distributed/servers/processes.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { describeWithRedis, startRedis } from '../distributed/servers/redis.js';
import type { Server } from '../distributed/servers/server.js';
import { deferred, rejection } from '../support.js';
import { request, storeOfOne } from './store.js';

const orchestrator = new Orchestrator();

describeWithRedis('a limit on Redis', () => {
  suite('redis', startRedis, redisLimits);

  it('takes a client, and leaves it open', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    const store = redisLimits(client);
    await orchestrator.action(() => 1, { limit: limit({ name: 'n', rate: 1, store }) })();
    await store.close();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    await server.stop();
  });
});

describeWithPostgres('a limit on Postgres', () => {
  suite('postgres', startPostgres, postgresLimits);

  it('takes a pool and a schema, and leaves the pool open', async () => {
    const server = await startPostgres();
    const pool = new pg.Pool({ connectionString: server.url }).on('error', () => {});
    await pool.query('CREATE SCHEMA "my ""limits"');
    const store = postgresLimits(pool, 'my "limits');
    await orchestrator.action(() => 1, { limit: limit({ name: 'n', rate: 1, store }) })();
    await store.close();
    const { rows } = await pool.query('SELECT count(*)::int AS starts FROM "my ""limits".orchestrator_limit_starts');
    expect(rows).toEqual([{ starts: 1 }]);
    await pool.end();
    await server.stop();
  });
});

describe('the options of a shared limit', () => {
  const store = redisLimits('redis://localhost');
  it.each([
    [{ rate: 1, store }, 'name must be a non-empty string, got undefined'],
    [{ name: 'n', rate: 1 }, 'store must be a store, made by redisLimits() or postgresLimits(), got undefined'],
    [{ name: 'n', rate: 1, store, lease: 5 }, 'lease must be a number of milliseconds from 100 to 2147483647, got 5'],
    [{ name: 'n', rate: 1, store, onStoreError: 'x' }, "onStoreError must be 'wait', 'fail' or a function, got String"],
    [{ name: 'n', store }, 'options limits nothing: give concurrency, rate or pauseOn'],
    [{ name: 'n', rate: 0, store }, 'rate must be a whole number of at least 1, or Infinity, got 0'],
  ])('%# are checked', (options, message) => {
    expect(() => limit(options as never)).toThrow(new ValidationError(message));
  });

  it('of the stores are checked', () => {
    expect(() => redisLimits(5 as never)).toThrow('source must be a URL, or a client of ioredis, got 5');
    expect(() => postgresLimits({} as never)).toThrow('source must be a URL, or a pool of pg, got Object');
  });
});

describe('a store of ones own', () => {
  it('is not asked to release a place before its renewal has ended', async () => {
    const renewal = deferred();
    const calls: string[] = [];
    const store = storeOfOne({
      renew: () => {
        calls.push('renew');
        return renewal.promise;
      },
      release: async () => void calls.push('release'),
    });
    const gate = deferred();
    const shared = limit({ name: 'n', concurrency: 1, lease: 100, store });
    const holding = orchestrator.action(() => gate.promise, { limit: shared })();
    await eventually(() => calls.length > 0);
    gate.resolve();
    await holding;
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual(['renew']);
    renewal.resolve();
    await eventually(() => calls.join() === 'renew,release');
  });

  it('has its place released after an abort, if it was granted late', async () => {
    const answer = deferred<number>();
    const released: string[] = [];
    const store = storeOfOne({
      take: () => answer.promise,
      release: async ({ id }, refund) => void released.push(`${id.length} ${refund}`),
    });
    const shared = limit({ name: 'n', concurrency: 1, rate: 2, cost: () => 2, store });
    const act = orchestrator.action(() => 'done', { limit: shared });
    const controller = new AbortController();
    const aborted = rejection(orchestrator.run(() => act(), { signal: controller.signal }));
    controller.abort(new Error('stop'));
    expect(await aborted).toEqual(new Error('stop'));
    expect([shared.waiting, released]).toEqual([0, []]);
    answer.resolve(0);
    await eventually(() => released.join() === '36 2');
  });

  it('tells the store of a pause, and of no failure that asks for none', async () => {
    const pauses: number[] = [];
    const store = storeOfOne({ pause: async (_limit, _key, milliseconds) => void pauses.push(milliseconds) });
    const fail = (asked: number | undefined) => {
      throw Object.assign(new Error('busy'), { asked });
    };
    const pauseOn = (error: Error) => (error as { asked?: number }).asked;
    const act = orchestrator.action(fail, { limit: limit({ name: 'n', concurrency: 1, pauseOn, store }) });
    const plain = orchestrator.action(fail, { limit: limit({ name: 'm', concurrency: 1, store }) });
    await rejection(plain(undefined));
    await rejection(act(undefined));
    await rejection(act(0));
    expect(pauses).toEqual([]);
    await rejection(act(5));
    expect(pauses).toEqual([5]);
  });

  it('decides with a function whether attempts wait or fail', async () => {
    const errors: string[] = [];
    const shared = limit({
      name: 'api',
      concurrency: 1,
      store: storeOfOne({ take: () => Promise.reject(new Error(`away ${errors.length}`)) }),
      onStoreError: ({ message }) => (errors.push(message) < 3 ? 'wait' : 'fail'),
    });
    const error = await rejection(orchestrator.action(() => 1, { limit: shared })());
    expect(error).toMatchObject({ name: 'LimitStoreError', cause: { message: 'away 2' } });
    expect(errors).toEqual([0, 1, 2].map((call) => `the limit "api" cannot use its store: away ${call}`));
  });
});

function suite(kind: string, start: () => Promise<Server & { url: string }>, open: (url: string) => LimitStore) {
  let server: Server & { url: string };
  let directory: string;
  let lines: string;
  let names = 0;
  const stores: LimitStore[] = [];

  beforeAll(async () => {
    [server, directory] = await Promise.all([start(), temporaryDirectory()]);
  });
  beforeEach(() => {
    lines = join(directory, `lines-${++names}`);
    writeFileSync(lines, '');
  });
  afterEach(async () => {
    await killWorkerProcesses();
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  afterAll(async () => {
    await server.stop();
    await removeDirectory(directory);
  });

  /** A store as another program has it. */
  function store() {
    const made = open(server.url);
    stores.push(made);
    return made;
  }

  function program(rules: object, calls: number, duration: number) {
    return startWorkerProcess({
      module: new URL('./fixtures/holder.ts', import.meta.url),
      env: {
        KIND: kind,
        URL: server.url,
        RULES: JSON.stringify({ name: `shared ${names}`, ...rules }),
        CALLS: String(calls),
        DURATION: String(duration),
        LINES: lines,
      },
    });
  }

  function events() {
    const noted = readFileSync(lines, 'utf8').trim().split('\n').filter(Boolean);
    return noted.map((line) => {
      const [event, pid, time] = line.split(' ');
      return { event, pid: Number(pid), time: Number(time) };
    });
  }

  it('lets two programs run no more attempts at once than one', async () => {
    const programs = [program({ concurrency: 3 }, 12, 30), program({ concurrency: 3 }, 12, 30)];
    for (const { exited } of programs) expect(await exited).toMatchObject({ code: 0 });
    let running = 0;
    let most = 0;
    for (const { event } of events()) {
      running += event === 'start' ? 1 : -1;
      most = Math.max(most, running);
    }
    expect(events()).toHaveLength(48);
    expect(new Set(events().map(({ pid }) => pid)).size).toBe(2);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('gives the places of a program that is killed to the others', async () => {
    const rules = { concurrency: 2, lease: 1_000 };
    const killed = program(rules, 2, 600_000);
    await eventually(() => events().length === 2);
    const other = program(rules, 4, 10);
    await killed.kill();
    const at = Date.now();
    expect(await other.exited).toMatchObject({ code: 0 });
    const starts = events().filter(({ event, pid }) => event === 'start' && pid !== events()[0]?.pid);
    expect(starts).toHaveLength(4);
    expect(starts.every(({ time }) => time >= at - 1_000)).toBe(true);
  });

  it('keeps the places of a program that lives for longer than their lease', async () => {
    const one = limit({ name: 'renewed', concurrency: 1, lease: 1_500, store: store() });
    const other = limit({ name: 'renewed', concurrency: 1, lease: 1_500, store: store() });
    const gate = deferred();
    const order: string[] = [];
    const holding = orchestrator.action(() => gate.promise.then(() => order.push('one')), { limit: one })();
    await eventually(() => one.running === 1);
    const waiting = orchestrator.action(() => order.push('other'), { limit: other })();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    gate.resolve();
    await Promise.all([holding, waiting]);
    expect(order).toEqual(['one', 'other']);
  });

  it('lets two programs start no more attempts in a window than one, by the clock of the store', async () => {
    const rules = { rate: 5, per: 1_000 };
    const programs = [program(rules, 10, 0), program(rules, 10, 0)];
    for (const { exited } of programs) expect(await exited).toMatchObject({ code: 0 });
    const times = events()
      .filter(({ event }) => event === 'start')
      .map(({ time }) => time)
      .sort((one, other) => one - other);
    expect(times).toHaveLength(20);
    // Between the moment at which the store gives a place and the start in the program, some time passes.
    const windows = times.slice(5).map((time, index) => time - (times[index] as number));
    expect(Math.min(...windows)).toBeGreaterThan(500);
    expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(2_500);
  });

  it('counts costs, and keys by themselves', async () => {
    const shared = limit({
      name: 'costs {}:*',
      rate: 10,
      per: 600_000,
      key: (key: string, _cost: number) => key,
      cost: (_key: string, cost: number) => cost,
      store: store(),
    });
    const act = orchestrator.action(async (_key: string, cost: number) => cost, { limit: shared });
    expect(await Promise.all([act('a', 6), act('a', 4), act('b}', 10), act('ä', 0)])).toEqual([6, 4, 10, 0]);
    const controller = new AbortController();
    const full = rejection(orchestrator.run(() => act('a', 1), { signal: controller.signal }));
    await eventually(() => shared.waiting === 1);
    controller.abort(new Error('stop'));
    expect(await full).toEqual(new Error('stop'));
    await eventually(() => shared.waiting === 0 && shared.running === 0);
  });

  it('closes for all programs when a server asks one of them', async () => {
    const rules = { name: 'paused', pauseOn: () => 2_000 };
    const fail = orchestrator.action(() => Promise.reject(new Error('429')), {
      limit: limit({ ...rules, store: store() }),
    });
    const other = limit({ ...rules, store: store() });
    const act = orchestrator.action(() => Date.now(), { limit: other });
    await act();
    await rejection(fail());
    // The store has the pause some time after the failure.
    const asking = store();
    await eventually(async () => (await asking.take(request({ id: 'asks', limit: 'paused' }))) > 0);
    const at = Date.now();
    const delay = await asking.take(request({ id: 'asks', limit: 'paused' }));
    expect(await act()).toBeGreaterThanOrEqual(at + delay - 1);
  });

  it('starts the attempts of one program in order of arrival', async () => {
    const shared = limit({ name: 'order', concurrency: 1, store: store() });
    const order: number[] = [];
    const act = orchestrator.action((n: number) => void order.push(n), { limit: shared });
    const many = Array.from({ length: 15 }, (_, n) => n);
    await Promise.all(many.map((n) => act(n)));
    expect(order).toEqual(many);
    expect([shared.running, shared.waiting]).toEqual([0, 0]);
  });

  it('serves a program that has waited for a second before one that asks again and again', async () => {
    const busy = program({ concurrency: 1 }, 20_000, 10);
    await eventually(() => events().length > 0);
    const late = program({ concurrency: 1 }, 2, 10);
    expect(await late.exited).toMatchObject({ code: 0 });
    const ended = events().filter(({ event, pid }) => event === 'end' && pid === busy.pid).length;
    expect(ended).toBeLessThan(20_000);
    await busy.kill();
  });

  it('counts the places of a program again that has stood still for longer than their lease', async () => {
    const rules = { concurrency: 1, lease: 1_000 };
    const stopped = program(rules, 1, 600_000);
    await eventually(() => events().length === 1);
    stopped.signal('SIGSTOP');
    const next = program(rules, 1, 10);
    expect(await next.exited).toMatchObject({ code: 0 });
    stopped.signal('SIGCONT');
    const asking = store();
    const one = { id: 'asks', limit: `shared ${names}`, concurrency: 1, lease: 1 };
    await eventually(async () => (await asking.take(request(one))) === Infinity);
    await stopped.kill();
    await eventually(async () => (await asking.take(request(one))) === 0);
  });

  it('has released all places when the store is closed', async () => {
    const shared = { name: 'closing', concurrency: 1, lease: 600_000 };
    for (let round = 0; round < 3; round++) {
      const own = store();
      const act = orchestrator.action(() => 'done', { limit: limit({ ...shared, store: own }), timeout: 10_000 });
      expect(await act()).toBe('done');
      await own.close();
    }
  });

  it('fails attempts that wait when the store is closed, and those that come later', async () => {
    const shared = { name: 'closed', concurrency: 1 };
    const [holder, closed, unused] = [store(), store(), store()];
    const gate = deferred();
    const held = limit({ ...shared, store: holder });
    const holding = orchestrator.action(() => gate.promise, { limit: held })();
    await eventually(() => held.running === 1);
    const act = orchestrator.action(() => 'done', { limit: limit({ ...shared, store: closed }) });
    const waiting = [rejection(act()), rejection(act())];
    await new Promise((resolve) => setTimeout(resolve, 200));
    await Promise.all([closed.close(), unused.close()]);
    const never = orchestrator.action(() => 'done', { limit: limit({ ...shared, store: unused }) });
    for (const error of await Promise.all([...waiting, rejection(act()), rejection(never())])) {
      expect(error).toBeInstanceOf(LimitStoreError);
      expect(error).toMatchObject({ message: expect.stringContaining('the store was closed: create a new one') });
    }
    gate.resolve();
    await holding;
  });

  it('takes places of several limits in the same order in all programs', async () => {
    const options = { concurrency: 1, store: store() };
    const [a, b] = [limit({ name: 'first', ...options }), limit({ name: 'second', ...options })];
    const again = { concurrency: 1, store: store() };
    const [d, c] = [limit({ name: 'second', ...again }), limit({ name: 'first', ...again })];
    const one = orchestrator.action(() => 'done', { limit: [a, b], timeout: 60_000 });
    const other = orchestrator.action(() => 'done', { limit: [c, d], timeout: 60_000 });
    const calls = Array.from({ length: 10 }, () => [one(), other()]).flat();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['done']));
  });

  it('gives the cost back if a task is aborted between its places', async () => {
    const rate = limit({ name: 'aborted', rate: 1, per: 600_000, store: store() });
    const full = limit({ name: 'full', concurrency: 1, store: store() });
    const gate = deferred();
    const holding = orchestrator.action(() => gate.promise, { limit: full })();
    const both = orchestrator.action(() => 'done', { limit: [rate, full] });
    const controller = new AbortController();
    const aborted = rejection(orchestrator.run(() => both(), { signal: controller.signal }));
    await eventually(() => rate.running === 1 && full.waiting === 1);
    controller.abort(new Error('stop'));
    expect(await aborted).toEqual(new Error('stop'));
    gate.resolve();
    await holding;
    expect(await both()).toBe('done');
    expect([rate.running, full.running, rate.waiting, full.waiting]).toEqual([0, 0, 0, 0]);
  });

  it('waits while the store is away, until the task reaches a limit of its own, or fails if it is told to', async () => {
    const own = await start();
    const stores = [open(own.url), open(own.url)] as const;
    const waits = limit({ name: 'away', concurrency: 1, store: stores[0] });
    const fails = limit({ name: 'away', concurrency: 1, store: stores[1], onStoreError: 'fail' });
    const options = { limit: waits, name: 'act', timeout: { total: 3_000 } };
    const patient = orchestrator.action(() => 'done', options);
    const hasty = orchestrator.action(() => 'done', { limit: fails });
    expect(await Promise.all([patient(), hasty()])).toEqual(['done', 'done']);
    await own.stop();
    expect(await rejection(patient())).toMatchObject({
      message: expect.stringMatching(/^"act" timed out after 3000 ms, \d+ ms of them waiting for its limit$/),
    });
    const error = await rejection(hasty());
    expect(error).toBeInstanceOf(LimitStoreError);
    expect(error).toMatchObject({ code: 'ERR_LIMIT_STORE', limit: 'away', cause: expect.any(Error) });
    await Promise.all(stores.map((store) => store.close()));
  });
}

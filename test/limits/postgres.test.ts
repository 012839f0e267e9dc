import { inspect } from 'node:util';
import { Orchestrator } from 'orchestrator';
import { type LimitStore, LimitStoreError, limit, postgresLimits } from 'orchestrator/limits';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { describeWithPgbouncer, startPgbouncer } from '../distributed/servers/pgbouncer.js';
import { describeWithPostgres, type PostgresServer, poolOf, startPostgres } from '../distributed/servers/postgres.js';
import { startProxy } from '../distributed/servers/proxy.js';
import { rejection } from '../support.js';
import { act, opening, request } from './store.js';

const orchestrator = new Orchestrator();
const open = opening(postgresLimits);

describeWithPostgres('postgresLimits', () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let roles = 0;

  beforeAll(async () => {
    server = await startPostgres();
    pool = poolOf({ connectionString: server.url });
  });
  afterAll(async () => {
    await pool.end();
    await server.stop();
  });

  /** Creates a user with settings of its own. Returns the URL. */
  async function userWith(...settings: readonly string[]): Promise<string> {
    const name = `app_${++roles}`;
    await pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
    await pool.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${name}`);
    for (const setting of settings) await pool.query(`ALTER ROLE ${name} SET ${setting}`);
    await pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${name}`);
    return `postgres://${name}:secret@127.0.0.1:${server.port}/postgres`;
  }

  it('replaces the place of a request that comes again, because its answer was lost', async () => {
    const store = open(server.url);
    const rules = { limit: 'again', concurrency: 2, rate: 2, per: 60_000 };
    expect(await store.take(request({ id: 'a', ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'a', ...rules, waited: 50 }))).toBe(0);
    expect(await store.take(request({ id: 'b', ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'c', ...rules }))).toBe(Infinity);
  });

  it('takes the cost of a place in which nothing has started out of the window', async () => {
    const store = open(server.url);
    const rules = { limit: 'refund', rate: 5, per: 60_000 };
    expect(await store.take(request({ id: 'a', cost: 4, ...rules }))).toBe(0);
    expect(await store.take(request({ id: 'b', cost: 4, ...rules }))).toBeGreaterThan(1_000);
    await store.release(request({ id: 'a', limit: 'refund' }), 4);
    expect(await store.take(request({ id: 'b', cost: 4, ...rules }))).toBe(0);
  });

  it('serves a request that has waited for long before younger ones', async () => {
    const store = open(server.url);
    const one = { limit: 'claims', concurrency: 1 };
    await store.take(request({ id: 'a', ...one }));
    expect(await store.take(request({ id: 'young', ...one }))).toBe(Infinity);
    expect(await store.take(request({ id: 'old', ...one, waited: 2_000 }))).toBe(100);
    await store.release(request({ id: 'a', ...one }));
    expect(await store.take(request({ id: 'young', ...one, waited: 1_000 }))).toBe(Infinity);
    expect(await store.take(request({ id: 'old', ...one, waited: 2_100 }))).toBe(0);
    await store.release(request({ id: 'old', ...one }));
    expect(await store.take(request({ id: 'young', ...one }))).toBe(0);
  });

  it('removes the rows of keys that nobody uses any more', async () => {
    const rules = { limit: 'swept', concurrency: 1, rate: 1, per: 50, lease: 100 };
    const [store, other] = [open(server.url), open(server.url)];
    for (const key of ['a', 'b', 'c']) {
      await store.take(request({ id: key, key, ...rules }));
      await store.take(request({ id: `${key}2`, key, ...rules, waited: 5_000 }));
      await store.pause('swept', key, 50);
    }
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await other.take(request({ id: 'd', key: 'd', ...rules, lease: 60_000 }));
    const keysIn = async (table: string) => {
      const text = `SELECT DISTINCT key FROM orchestrator_limit_${table} WHERE limit_name = 'swept'`;
      return (await pool.query(text)).rows.map(({ key }) => key).join();
    };
    await eventually(async () => (await keysIn('starts')) === 'd');
    expect(await Promise.all(['places', 'pauses', 'claims'].map(keysIn))).toEqual(['d', '', '']);
  });

  it('needs no right to create tables if there are some, and says what is missing otherwise', async () => {
    await act(open(server.url))();
    const url = await userWith();
    const name = new URL(url).username;
    await pool.query(`REVOKE CREATE ON SCHEMA public FROM ${name}`);
    expect(await act(open(url))()).toBe('done');
    await pool.query('CREATE SCHEMA bare');
    await pool.query(`GRANT USAGE ON SCHEMA bare TO ${name}`);
    const error = await rejection(act(open(url, 'bare'))());
    expect(error).toBeInstanceOf(LimitStoreError);
    expect((error as Error).message).toMatch(
      new RegExp(
        `postgres at 127.0.0.1:${server.port}: permission denied for schema bare: let a user .* "bare" .*grant`,
      ),
    );
    expect(await rejection(act(open(url, 'no such'))())).toMatchObject({
      message: expect.stringMatching(/does not exist: create the schema "no such"/),
    });
  });

  it('works whatever the defaults of the user are', async () => {
    await act(open(server.url))();
    const url = await userWith(
      "default_transaction_isolation = 'serializable'",
      'search_path = nowhere',
      'standard_conforming_strings = off',
      "statement_timeout = '3s'",
    );
    let running = 0;
    let most = 0;
    const evil = "a\\'); DROP TABLE orchestrator_limit_places; --{limit}$1";
    const hold = (store: LimitStore) =>
      orchestrator.action(
        async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setTimeout(resolve, 3));
          running--;
        },
        { limit: limit({ name: evil, key: () => evil, concurrency: 2, rate: 1_000, store, onStoreError: 'fail' }) },
      );
    const holds = [hold(open(url)), hold(open(url)), hold(open(url))];
    await Promise.all(holds.flatMap((one) => Array.from({ length: 8 }, () => one())));
    expect(most).toBe(2);
  });

  it.each([
    ["default_transaction_read_only = 'on'", /read-only transaction: .*give the address of the primary/],
    ["statement_timeout = '1ms'", /statement timeout: give the user a longer statement_timeout/],
  ])('says what to do if the user has %s', async (setting, message) => {
    await act(open(server.url))();
    const store = open(await userWith(setting));
    await eventually(async () => {
      const error = await rejection(act(store, { onStoreError: 'fail' })());
      expect(error).toMatchObject({ message: expect.stringMatching(message) });
    });
  });

  it('fails at once with the wrong password, and shows none', async () => {
    const url = server.url.replace(/:[^:@]*@/, ':wr0ng@');
    const error = await rejection(act(open(url))());
    expect(error).toMatchObject({ message: expect.stringContaining('check user and password') });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('wr0ng');
  });

  it('creates its tables again if somebody has dropped them', async () => {
    await pool.query('CREATE SCHEMA dropped');
    const store = open(server.url, 'dropped');
    expect(await act(store)()).toBe('done');
    await pool.query('DROP SCHEMA dropped CASCADE; CREATE SCHEMA dropped');
    expect(await act(store)()).toBe('done');
  });

  it('works with a pool of one connection, and fails at once after the pool has ended', async () => {
    const one = poolOf({ connectionString: server.url, max: 1 });
    const store = open(one);
    const shared = limit({ name: 'one', concurrency: 2, lease: 100, store });
    const hold = orchestrator.action(() => new Promise((resolve) => setTimeout(resolve, 150)), { limit: shared });
    await Promise.all([hold(), hold(), hold(), hold()]);
    await eventually(() => one.idleCount === 1);
    await one.end();
    expect(await rejection(hold())).toMatchObject({ message: expect.stringContaining('after calling end') });
  });

  it('survives a server that ends its connections, and one that hangs', async () => {
    const proxy = await startProxy(server.port);
    const url = server.url.replace(`:${server.port}`, `:${proxy.port}`);
    const given = poolOf({ connectionString: url });
    const all = [open(url), open(given)];
    expect(await Promise.all(all.map((store) => act(store)()))).toEqual(['done', 'done']);
    await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
    expect(await Promise.all(all.map((store) => act(store)()))).toEqual(['done', 'done']);
    proxy.stall();
    const errors = await Promise.all(all.map((store) => rejection(act(store, { onStoreError: 'fail' })())));
    expect(errors.map((error) => (error as Error).message)).toEqual([
      expect.stringMatching(/no answer within 5000 ms|timeout/),
      expect.stringContaining('no answer within 5000 ms'),
    ]);
    const began = performance.now();
    await all[0]?.close();
    expect(performance.now() - began).toBeLessThan(10_000);
    await proxy.heal();
    await eventually(async () => (await act(all[1] as LimitStore)()) === 'done');
    await given.end();
    await proxy.stop();
  });

  it('refuses the address of another kind of server', () => {
    expect(() => postgresLimits('redis://user:secret@localhost')).toThrow(
      'source must be an address that begins with postgres:// or postgresql://, got another scheme',
    );
  });

  it('says so if it is given a client instead of a pool', async () => {
    const client = new pg.Client(server.url);
    await client.connect();
    const error = await rejection(act(open(client as never))());
    expect(error).toMatchObject({ message: expect.stringContaining('give postgresLimits() a Pool of pg') });
    await client.end();
  });
});

describeWithPgbouncer('postgresLimits behind a pooler', () => {
  it.each(['session', 'transaction', 'statement'] as const)('works in %s mode', async (mode) => {
    const server = await startPostgres();
    const pooler = await startPgbouncer(server, mode);
    const shared = { name: 'pooled', concurrency: 1, rate: 100, lease: 1_500 };
    let running = 0;
    const hold = () =>
      orchestrator.action(
        async () => {
          expect(++running).toBe(1);
          await new Promise((resolve) => setTimeout(resolve, 100));
          running--;
        },
        { limit: limit({ ...shared, store: open(pooler.urlOf(server.url)), onStoreError: 'fail' }) },
      );
    const [one, other] = [hold(), hold()];
    await Promise.all([one(), other(), one(), other()]);
    await pooler.stop();
    await server.stop();
  });
});

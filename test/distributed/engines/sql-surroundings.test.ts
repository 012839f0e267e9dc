import { readFile } from 'node:fs/promises';
import { DistributedWorker, type Engine, OrchestratorBuilder, postgres } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { describeWithPgbouncer, startPgbouncer } from '../servers/pgbouncer.js';
import { describeWithPostgres, type PostgresServer, poolOf, startPostgres } from '../servers/postgres.js';
import { startProxy } from '../servers/proxy.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

/** Executes runs on some workers, and closes the engine. */
async function use(engine: Engine, workers = 1): Promise<void> {
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const all = Array.from({ length: workers }, () => new DistributedWorker({ engine, workflows: [flow] }));
  await Promise.all(all.map((worker) => worker.start()));
  const runIds = await Promise.all([1, 2, 3].map((n) => orchestrator.startRun({}, n)));
  const runs = await Promise.all(runIds.map((runId) => orchestrator.waitForCompletion(runId)));
  expect(runs.map(({ output }) => output)).toEqual([1, 2, 3]);
  await Promise.all(all.map((worker) => worker.stop()));
  await orchestrator.close();
  await engine.close();
}

describeWithPostgres('connections to Postgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  it.each([3, 4, 25])('are at most %i in a program, however many workers it has', async (maxConnections) => {
    const url = await server.createDatabase(`bounded ${maxConnections}`);
    const watcher = new pg.Client(server.url);
    await watcher.connect();
    let [most, isOver] = [0, false];
    const watching = (async () => {
      while (!isOver) {
        const { rows } = await watcher.query('select count(*)::int as count from pg_stat_activity where datname = $1', [
          `bounded ${maxConnections}`,
        ]);
        most = Math.max(most, rows[0].count);
      }
    })();
    await use(postgres(url, { maxConnections }), 15);
    isOver = true;
    await watching;
    await watcher.end();
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(maxConnections);
  });

  it.each([2, 0, 3.5, '5'])('cannot be limited to %j', (maxConnections) => {
    expect(() => postgres(server.url, { maxConnections: maxConnections as number })).toThrow(
      'maxConnections must be a whole number of at least 3',
    );
  });

  it('are retried until connectTimeout while the server starts', async () => {
    const url = await server.createDatabase('starting');
    const proxy = await startProxy(server.port);
    await proxy.cut();
    const engine = postgres(url.replace(`:${server.port}/`, `:${proxy.port}/`), { connectTimeout: 60_000 });
    const opening = engine.open();
    let isOpen = false;
    opening.then(
      () => {
        isOpen = true;
      },
      () => {},
    );
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(isOpen).toBe(false);
    await proxy.heal();
    await opening;
    await use(engine);
    await proxy.stop();
  });

  it('that cannot be made are given up after connectTimeout, with the reason', async () => {
    const proxy = await startProxy(server.port);
    await proxy.cut();
    const engine = postgres(server.url.replace(`:${server.port}/`, `:${proxy.port}/`), { connectTimeout: 1_000 });
    const began = performance.now();
    const error = await rejection(engine.open());
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('ECONNREFUSED') });
    await engine.close();
    await proxy.stop();
  });

  it('that are still being made end when the engine is closed', async () => {
    const proxy = await startProxy(server.port);
    proxy.stall();
    const engine = postgres(server.url.replace(`:${server.port}/`, `:${proxy.port}/`), { connectTimeout: 600_000 });
    const opening = rejection(engine.open());
    await eventually(() => proxy.connections > 0);
    await engine.close();
    expect(await opening).toMatchObject({ code: 'ERR_ENGINE' });
    await proxy.stop();
  });

  it('whose role has a statement_timeout retry the calls that it ended', async () => {
    const url = `${await server.createDatabase('timeout')}?options=-c%20statement_timeout%3D1000`;
    const engine = postgres(url, { operationTimeout: 600_000, connectTimeout: 600_000 });
    const before = postgres(url.split('?')[0] as string);
    await before.open();
    await before.close();
    const holder = new pg.Client(url.split('?')[0]);
    // A transaction sees the data as of its start.
    const watcher = new pg.Client(server.url);
    for (const client of [holder, watcher]) await client.on('error', () => undefined).connect();
    await engine.open();
    await holder.query('begin; lock table orchestrator.runs in access exclusive mode');
    const asked = engine.runInfoStore.getStatuses(['unknown']);
    const seen = new Set<string>();
    const query = `select pid, query_start::text from pg_stat_activity where datname = 'timeout' and wait_event_type = 'Lock'`;
    // Each try has a start of its own.
    await eventually(async () => {
      for (const { query_start } of (await watcher.query(query)).rows) seen.add(query_start);
      return seen.size >= 3;
    });
    await holder.query('rollback');
    expect(await asked).toEqual([undefined]);
    await Promise.all([holder.end(), watcher.end()]);
    await engine.close();
  });

  describe('of a user-supplied pool', () => {
    it.each(['text', 'function'] as const)('have its password (%s), and a class of clients of its own', async (how) => {
      const url = new URL(await server.createDatabase(`pool ${how}`));
      let clients = 0;
      class Client extends pg.Client {
        constructor(config?: string | pg.ClientConfig) {
          super(config);
          clients++;
        }
      }
      const { password, hostname: host, port, username: user, pathname } = url;
      const config = { host, port: Number(port), user, database: decodeURIComponent(pathname.slice(1)) };
      const pool = poolOf({ ...config, password: how === 'text' ? password : async () => password, Client });
      await use(postgres(pool));
      // The connections of the queue and of the listener as well.
      expect(clients).toBeGreaterThan(pool.totalCount + 1);
      await pool.end();
    });
  });
});

describeWith('openssl', 'Postgres with TLS alone', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({ tls: true });
  }, 60_000);
  afterAll(() => server.stop());

  it('is used by an address that names the certificate', async () => {
    await use(postgres(await server.createDatabase('by address')));
  });

  it('is used by a pool with its certificate', async () => {
    const url = new URL(await server.createDatabase('by pool'));
    url.search = '';
    const ca = await readFile(server.certificate as string, 'utf8');
    const pool = poolOf({ connectionString: url.href, ssl: { ca } });
    await use(postgres(pool));
    await pool.end();
  });

  it('is not used without the certificate', async () => {
    const url = new URL(server.url);
    url.search = '';
    const engine = postgres(url.href);
    expect(await rejection(engine.open())).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringContaining('pg_hba'),
    });
    await engine.close();
  });
});

describeWithPgbouncer('Postgres behind pgbouncer', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  it('that keeps sessions is used like a server', async () => {
    const url = await server.createDatabase('sessions');
    const bouncer = await startPgbouncer(server, 'session');
    await use(postgres(bouncer.urlOf(url)), 3);
    // The pooler reuses the sessions that were left.
    await use(postgres(bouncer.urlOf(url), { prefix: 'other' }), 3);
    await bouncer.stop();
  });

  it.each(['transaction', 'statement'] as const)(
    'that gives each %s a session is refused at once, with what to change',
    async (mode) => {
      const url = await server.createDatabase(`${mode}s`);
      const bouncer = await startPgbouncer(server, mode);
      // Longer than the test may take: with retries, the call would not end in time.
      const engine = postgres(bouncer.urlOf(url), { connectTimeout: 600_000, operationTimeout: 600_000 });
      const error = await rejection(engine.open());
      expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('pool_mode = session') });
      await engine.close();
      await bouncer.stop();
    },
  );
});

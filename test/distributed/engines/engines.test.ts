import { readFile, writeFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { DistributedWorker, OrchestratorBuilder, pglite, postgres, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAsset } from '../../../src/distributed/engines/assets.js';
import { forSchema } from '../../../src/distributed/engines/sql/statements.js';
import { loadPeers } from '../../../src/shared/peers.js';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { describeWithPostgres, type PostgresServer, poolOf, startPostgres } from '../servers/postgres.js';
import { removeDirectory, temporaryDirectory } from '../servers/reaper.js';
import { describeWithRedis, redisOfSuite, startRedis } from '../servers/redis.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

describe('an engine', () => {
  it('has a name with its host and port, without user and password', () => {
    expect(postgres('postgres://user:secret@db.example/app').name).toBe('postgres at db.example:5432');
    expect(postgres('postgres://user:secret@db.example:6000/app').name).toBe('postgres at db.example:6000');
    expect(postgres(new pg.Pool({ host: 'db.example', password: 'secret' })).name).toBe('postgres at db.example:5432');
    expect(redis('redis://user:secret@cache.example').name).toBe('redis at cache.example:6379');
    const connection = new Redis({ host: 'cache.example', port: 7000, lazyConnect: true });
    expect(redis(connection).name).toBe('redis at cache.example:7000');
  });

  it.each([
    ['postgres://app:secret@/app?host=/var/run/postgresql', 'postgres at /var/run/postgresql:5432'],
    ['postgres://app:secret@db.example/app?host=other&port=6000', 'postgres at other:6000'],
    ['postgres://db.example/app?user=me@tenant&password=secret', 'postgres at db.example:5432'],
    ['postgres:///app', 'postgres at localhost:5432'],
    ['postgres://app:sec%23ret%40x@db.example/app', 'postgres at db.example:5432'],
  ])('has a name with the host and port of %s', (address, name) => {
    expect(postgres(address).name).toBe(name);
  });

  it.each([
    'hunter2#x@host:6379',
    ':hunter2#x@host:6379/0',
    'hunter2?x@host',
    'hunter2/x@host',
    'user:123/hunter2@host',
    'user:123#hunter2@host:6379',
    'user:123?hunter2@host/db',
    'user:hunter2@ho st',
  ])('shows no part of an invalid address: %s', (rest) => {
    for (const make of [() => redis(`redis://${rest}`), () => postgres(`postgres://${rest}`)]) {
      const error = thrown(make);
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', message: expect.stringContaining('percent-encode') });
      expect(inspect(error, everything)).not.toMatch(/hun%?ter2|123/);
    }
  });

  it('refuses values that are not addresses', () => {
    const message = expect.stringContaining('must be an address like');
    expect(() => postgres('db.example')).toThrow(expect.objectContaining({ code: 'ERR_VALIDATION', message }));
    expect(() => redis('cache.example')).toThrow(expect.objectContaining({ code: 'ERR_VALIDATION', message }));
    for (const wrong of ['', 5, {}, undefined]) {
      expect(() => postgres(wrong as string)).toThrow(expect.objectContaining({ name: 'ValidationError' }));
      expect(() => redis(wrong as string)).toThrow(expect.objectContaining({ name: 'ValidationError' }));
    }
    expect(() => pglite('')).toThrow(/directory/);
    expect(() => redis('redis://cache.example', { prefix: '{}' })).toThrow(/prefix/);
  });

  it.each(['bullmq', 'BullMQ', 'information_schema', 'pg_x', '1x', 'a-b', 'x'.repeat(41), ''])(
    'refuses the prefix %j, and shows it',
    (prefix) => {
      const shown = JSON.stringify(prefix);
      for (const make of [() => redis('redis://h', { prefix }), () => postgres('postgres://h/d', { prefix })]) {
        const message = expect.stringMatching(
          /^prefix must be a letter followed by .* must not be bullmq, .* pg_…, got /,
        );
        expect(thrown(make)).toMatchObject({ name: 'ValidationError', message });
        expect(thrown(make)).toMatchObject({ message: expect.stringContaining(`got ${shown}`) });
      }
    },
  );

  it.each(['public', 'pgfleet', 'bullmq2', 'x'.repeat(40)])('accepts the prefix %s', (prefix) => {
    expect(postgres('postgres://h/d', { prefix }).name).toBe('postgres at h:5432');
  });

  it('with missing packages says which to install', async () => {
    const load = async (name: string): Promise<never> => {
      throw Object.assign(new Error(`Cannot find package '${name}' imported from here`), {
        code: 'ERR_MODULE_NOT_FOUND',
      });
    };
    const error = await rejection(loadPeers('redis', ['bullmq', 'ioredis'] as never, { load }));
    expect(error).toMatchObject({
      name: 'MissingPeerError',
      code: 'ERR_MISSING_PEER',
      packages: ['bullmq', 'ioredis'],
      message: expect.stringContaining('npm install bullmq ioredis'),
    });
  });

  it('with broken packages says what is wrong with them', async () => {
    const broken = new SyntaxError('broken');
    expect(await rejection(loadPeers('redis', ['bullmq'] as never, { load: () => Promise.reject(broken) }))).toBe(
      broken,
    );
    const inside = Object.assign(new Error("Cannot find package 'its-dependency'"), { code: 'ERR_MODULE_NOT_FOUND' });
    expect(await rejection(loadPeers('redis', ['bullmq'] as never, { load: () => Promise.reject(inside) }))).toBe(
      inside,
    );
  });
});

const everything = { depth: Infinity, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null };

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

describeWithPostgres('on Postgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  it('migrations run once when ten workers start together', async () => {
    const url = await server.createDatabase('ten');
    const engines = Array.from({ length: 10 }, () => postgres(url));
    const workers = engines.map((engine) => new DistributedWorker({ engine, workflows: [flow] }));
    await Promise.all(workers.map((worker) => worker.start()));
    const pool = poolOf({ connectionString: url });
    const { rows } = await pool.query('select version from orchestrator.migrations order by version');
    expect(rows).toEqual(rows.map((_, index) => ({ version: index + 1 })));
    expect(rows.length).toBeGreaterThan(0);
    await pool.end();
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(engines.map((engine) => engine.close()));
  });

  it('a schema of a later version of the package is refused and left unchanged', async () => {
    const url = await server.createDatabase('later');
    const first = postgres(url);
    await first.open();
    await first.close();
    const pool = poolOf({ connectionString: url });
    await pool.query('insert into orchestrator.migrations (version) values (999)');
    const engine = postgres(url);
    const error = await rejection(engine.open());
    expect(error).toMatchObject({ code: 'ERR_ENGINE' });
    expect(String((error as Error).message)).toMatch(/version 999.*update it/);
    await engine.close();
    const { rows } = await pool.query('select max(version) as version from orchestrator.migrations');
    expect(rows).toEqual([{ version: 999 }]);
    await pool.end();
  });

  it('a database of an earlier version is migrated and keeps its data', async () => {
    const url = await server.createDatabase('earlier');
    const pool = poolOf({ connectionString: url });
    await pool.query('create schema orchestrator');
    await pool.query('create table orchestrator.migrations (version integer primary key)');
    for (const [index, name] of ['001-runs', '002-commit'].entries()) {
      await pool.query(forSchema(readAsset(`sql/migrations/${name}.sql`), 'orchestrator'));
      await pool.query('insert into orchestrator.migrations (version) values ($1)', [index + 1]);
    }
    const record = { runId: 'before', workflow: 'f', version: '1', status: 'running', priority: 0 };
    const snapshot = JSON.stringify({ flow: 'f', version: '1', runId: 'before', input: 'j7', values: [] });
    await pool.query('select orchestrator.begin_runs($1::jsonb)', [JSON.stringify([{ record, delay: 0, snapshot }])]);
    await pool.end();
    const engine = postgres(url);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    expect(await orchestrator.listWorkflows()).toEqual([{ id: 'f', version: '1' }]);
    await orchestrator.resume('before');
    expect(await orchestrator.waitForCompletion('before')).toMatchObject({ status: 'completed', output: 7 });
    expect(await orchestrator.countRuns()).toMatchObject({ completed: 1, running: 0 });
    await worker.stop();
    await orchestrator.close();
    await engine.close();
  });

  it('runs in process of version 0.6 get numbers, and programs of version 0.6 can no longer write them', async () => {
    const url = await server.createDatabase('numbers');
    const pool = poolOf({ connectionString: url });
    await pool.query('create schema orchestrator');
    await pool.query('create table orchestrator.migrations (version integer primary key)');
    for (const [index, name] of ['001-runs', '002-commit', '003-workflows'].entries()) {
      await pool.query(forSchema(readAsset(`sql/migrations/${name}.sql`), 'orchestrator'));
      await pool.query('insert into orchestrator.migrations (version) values ($1)', [index + 1]);
    }
    const save = `with kept as (delete from orchestrator.checkpoint_entries where run_id = $1)
      insert into orchestrator.checkpoints values ($1, $2) on conflict (run_id) do update set snapshot = excluded.snapshot`;
    const append = `insert into orchestrator.checkpoint_entries (run_id, text)
      select run_id, $2 from orchestrator.checkpoints where run_id = $1 for share returning number`;
    for (const runId of ['r', 'other']) await pool.query(save, [runId, `snapshot of ${runId}`]);
    for (const runId of ['r', 'other', 'r', 'r']) await pool.query(append, [runId, `entry of ${runId}`]);
    const engines = [postgres(url), postgres(url), postgres(url)] as const;
    await Promise.all(engines.map((engine) => engine.open()));
    const { checkpointStore } = engines[0];
    const entries = ['entry of r', 'entry of r', 'entry of r'];
    expect(await checkpointStore.load('r')).toEqual({ snapshot: 'snapshot of r', seq: 0, entries });
    expect((await checkpointStore.load('other'))?.entries).toEqual(['entry of other']);
    expect(await rejection(pool.query(append, ['r', 'late']))).toMatchObject({ code: '42703' });
    expect(await rejection(pool.query(save, ['r', 'late']))).toMatchObject({ code: '23502' });
    await checkpointStore.append('r', 4, 'four');
    await checkpointStore.save('r', 'newer', 3);
    expect(await checkpointStore.load('r')).toEqual({ snapshot: 'newer', seq: 3, entries: ['four'] });
    await pool.end();
    await Promise.all(engines.map((engine) => engine.close()));
  });

  it('runs are not saved under an isolation level that shows data from before a lock', async () => {
    const url = await server.createDatabase('serializable');
    const admin = poolOf({ connectionString: url });
    await admin.query(`alter database serializable set default_transaction_isolation = 'repeatable read'`);
    const engine = postgres(url);
    const refused = await rejection(engine.checkpointStore.save('r', 'snapshot', 0));
    expect(refused).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringContaining('default_transaction_isolation'),
    });
    await admin.end();
    await engine.close();
  });

  it('a user-supplied pool is used with its password, which appears nowhere', async () => {
    const url = await server.createDatabase('guarded');
    const admin = poolOf({ connectionString: url });
    await admin.query(`create role guarded login superuser password 'hunter2'`);
    const { rows } = await admin.query<{ hba_file: string }>('show hba_file');
    const path = rows[0]?.hba_file as string;
    const before = await readFile(path, 'utf8');
    await writeFile(path, `host all guarded all scram-sha-256\n${before}`);
    await admin.query('select pg_reload_conf()');
    const { hostname, port } = new URL(url);
    const pool = poolOf({
      host: hostname,
      port: Number(port),
      database: 'guarded',
      user: 'guarded',
      password: 'hunter2',
    });
    const byAddress = new URL(url);
    Object.assign(byAddress, { username: 'guarded', password: 'hunter2' });
    for (const engine of [postgres(pool), postgres(byAddress.href)]) {
      const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
      const worker = new DistributedWorker({ engine, workflows: [flow] });
      await worker.start();
      const runId = await orchestrator.startRun({}, 5);
      expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
      const shown = [engine, orchestrator, worker].map((one) => inspect(one, { ...everything, getters: false }));
      expect(shown.join('\n')).not.toContain('hunter2');
      await worker.stop();
      await orchestrator.close();
      await engine.close();
    }
    byAddress.password = 'hunter3';
    const refused = await rejection(postgres(byAddress.href).open());
    expect(refused).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('password authentication') });
    expect(inspect(refused, everything)).not.toContain('hunter3');
    await pool.end();
    await writeFile(path, before);
    await admin.query('select pg_reload_conf()');
    await admin.end();
  });

  it('a user-supplied pool has one error listener while an engine uses it', async () => {
    const pool = new pg.Pool({ connectionString: await server.createDatabase('listeners') });
    const engines = Array.from({ length: 12 }, (_, number) => postgres(pool, { prefix: `e${number}` }));
    for (const engine of engines) await engine.open();
    expect(pool.listenerCount('error')).toBe(1);
    await pool.query('select 1');
    for (const engine of engines) await engine.close();
    expect(pool.listenerCount('error')).toBe(0);
    const client = await pool.connect();
    expect(client.listenerCount('error')).toBe(0);
    client.release();
    pool.on('error', () => {});
    await pool.end();
  });

  it('a user-supplied pool is used and stays open', async () => {
    const pool = poolOf({ connectionString: await server.createDatabase('pool') });
    const engine = postgres(pool);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    const runId = await orchestrator.startRun({}, 5);
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
    await worker.stop();
    await orchestrator.close();
    await engine.close();
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});

describeWithRedis('on Redis', () => {
  const given = redisOfSuite();
  async function started(prefix: string) {
    const engine = redis(given.server.url, { prefix });
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const runIds = await Promise.all([1, 2, 3].map((n) => orchestrator.startRun({}, n, { runId: `${n}` })));
    await eventually(async () => expect((await orchestrator.listRuns()).runs).toHaveLength(3));
    const listed = async (query: object) => (await orchestrator.listRuns(query)).runs.map(({ runId }) => runId).sort();
    return { engine, orchestrator, runIds, listed };
  }

  /** Lists a run again as if the program that started it had died a day ago, before it stored the run. */
  async function fileAnew(prefix: string, runId: string) {
    for (const list of await given.client.keys(`*${prefix}*`)) {
      if ((await given.client.type(list)) !== 'zset' || (await given.client.zscore(list, runId)) === null) continue;
      await given.client.zadd(list, Date.now() - 86_400_000, runId);
    }
  }

  it('errors, the engine and the objects on it show neither passwords nor payloads', async () => {
    const { url, port, stop } = await startRedis();
    const spoiler = new Redis(url);
    await spoiler.config('SET', 'requirepass', 'hunter2');
    const wrong = redis(`redis://:hunter3@127.0.0.1:${port}`, { connectTimeout: 5_000 });
    const refused = await rejection(wrong.open());
    expect(refused).toMatchObject({ code: 'ERR_ENGINE' });
    await wrong.close();
    const engine = redis(`redis://default:hunter2@127.0.0.1:${port}`, { prefix: 'discreet' });
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    const warnings: unknown[] = [];
    worker.on('warning', (warning) => warnings.push(warning));
    await worker.start();
    await spoiler.set('{discreet:spoilt}:run', 'not a hash');
    const failed = await rejection(orchestrator.startRun({ card: '4111-1111' }, 'cvc-123', { runId: 'spoilt' }));
    expect(failed).toMatchObject({ code: 'ERR_ENGINE', cause: { message: expect.stringContaining('WRONGTYPE') } });
    expect(inspect(refused, everything)).not.toContain('hunter3');
    const seen = [refused, failed, ...warnings].map((error) => inspect(error, { ...everything, showHidden: false }));
    seen.push(...[engine, orchestrator, worker].map((one) => inspect(one, { ...everything, getters: false })));
    expect(seen.join('\n')).not.toMatch(/hunter|4111|cvc/);
    await worker.stop();
    await orchestrator.close();
    await engine.close();
    spoiler.disconnect();
    await stop();
  });

  it('a user-supplied connection has an error listener only while engines use it', async () => {
    const connection = new Redis(given.server.url, { maxRetriesPerRequest: null });
    const engines = Array.from({ length: 12 }, (_, number) => redis(connection, { prefix: `e${number}` }));
    for (const engine of engines) await engine.open();
    expect(connection.listenerCount('error')).toBe(1);
    for (const engine of engines) await engine.close();
    expect(connection.listenerCount('error')).toBe(0);
    await connection.quit();
  });

  it('a listed run that does not exist is removed from the lists', async () => {
    const { engine, orchestrator, listed } = await started('ghosts');
    await fileAnew('ghosts', '2');
    await given.client.del(await keyOfRun('ghosts', '2'));
    expect(await listed({ workflow: 'f', status: 'running' })).toEqual(['1', '3']);
    const filed = await Promise.all(
      (await given.client.keys('*ghosts*')).map(async (key) =>
        (await given.client.type(key)) === 'zset' ? given.client.zscore(key, '2') : null,
      ),
    );
    expect(filed.filter((score) => score !== null)).toEqual([]);
    await orchestrator.close();
    await engine.close();
  });

  it('a run listed under an old status is moved to its current status', async () => {
    const { engine, orchestrator, listed } = await started('moved');
    await given.client.hset(await keyOfRun('moved', '2'), 'status', 'cancelled');
    expect(await listed({ status: 'running' })).toEqual(['1', '3']);
    expect(await listed({ status: 'cancelled' })).toEqual(['2']);
    await orchestrator.close();
    await engine.close();
  });

  it('all runs created in one millisecond are listed, however many', async () => {
    const { engine, orchestrator } = await started('many');
    const runIds = Array.from({ length: 450 }, (_, n) => `${n + 4}`);
    await Promise.all(runIds.map((runId) => orchestrator.startRun({}, 1, { runId })));
    const at = Date.now();
    const all = ['1', '2', '3', ...runIds];
    await Promise.all(all.map((runId) => given.client.hset(`{many:${runId}}:run`, 'createdAt', at)));
    await given.client.zadd('{many}:runs', ...all.flatMap((runId) => [at, runId]));
    for (const order of ['newest', 'oldest'] as const) {
      const found: string[] = [];
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
        const page = await orchestrator.listRuns({ order, limit: 420, cursor });
        found.push(...page.runs.map(({ runId }) => runId));
        cursor = page.cursor;
      }
      expect(found.length).toBe(453);
      expect(found.toSorted()).toEqual(all.toSorted());
    }
    await orchestrator.close();
    await engine.close();
  });

  async function keyOfRun(prefix: string, runId: string): Promise<string> {
    const keys = await given.client.keys(`*${prefix}*${runId}*run`);
    expect(keys).toHaveLength(1);
    return keys[0] as string;
  }
});

it('pglite: engines on one directory share its data until the last is closed', async () => {
  const parent = await temporaryDirectory();
  const [one, other] = [pglite(`${parent}/data`), pglite(`${parent}/./data`)];
  await Promise.all([one.open(), other.open()]);
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(one).build();
  await orchestrator.startRun({}, 1, { runId: 'shared' });
  await orchestrator.close();
  await one.close();
  // Closing an engine twice does not affect the other.
  await one.close();
  expect(await other.runInfoStore.getRun('shared')).toMatchObject({ runId: 'shared', status: 'running' });
  await other.close();
  await removeDirectory(parent);
});

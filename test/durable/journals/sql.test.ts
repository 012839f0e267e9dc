import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JournalError, LockedError, SupersededError } from '../../../src/durable/errors.js';
import { SqlJournalStore } from '../../../src/durable/journals/sql/sql-store.js';
import { journalStoreConformanceOf } from '../../../src/durable/testing/conformance/index.js';
import { eventually } from '../../distributed/servers/eventually.js';
import { describeWithPgbouncer, startPgbouncer } from '../../distributed/servers/pgbouncer.js';
import {
  describeWithPostgres,
  type PostgresServer,
  poolOf,
  startPostgres,
} from '../../distributed/servers/postgres.js';
import { killWorkerProcesses, startWorkerProcess } from '../../distributed/servers/processes.js';
import { rejection } from '../../support.js';

const framework = { describe, it, beforeAll, afterAll };
const options = { schema: 'public', lease: 30_000 };

/** Makes the owner of a run look like one on another machine that has been silent for long. */
async function lose(pool: { query(text: string, values: unknown[]): Promise<unknown> }, id: string): Promise<void> {
  await pool.query(
    `update orchestrator_journal set beat = clock_timestamp() - interval '1 hour', place = '' where id = $1 and seq = 0`,
    [id],
  );
}

async function die(env: Record<string, string>): Promise<void> {
  const module = new URL('./fixtures/owner.ts', import.meta.url);
  const program = startWorkerProcess<string>({ module, env });
  await program.waitFor((message) => message === 'holds');
  await program.kill();
}

describe('PGlite', () => {
  let pglite: PGlite;
  const create = async () => {
    pglite ??= await PGlite.create();
    return new SqlJournalStore(pglite, options);
  };
  const loseRun = (id: string) => lose(pglite, id);
  afterAll(() => pglite.close());
  journalStoreConformanceOf({ name: 'a journal on PGlite', create, again: create, loseRun }, framework);
});

describeWithPostgres('Postgres', () => {
  let server: PostgresServer;
  const pools: pg.Pool[] = [];
  const pool = (connectionString = server.url) => {
    const made = poolOf({ connectionString });
    pools.push(made);
    return made;
  };
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterEach(killWorkerProcesses);
  afterAll(async () => {
    await Promise.all(pools.map((each) => each.end()));
    await server.stop();
  });

  const create = async () => new SqlJournalStore(pool(), options);
  const openAndDie = (id: string) => die({ URL: server.url, ID: id });
  const loseRun = (id: string) => lose(pool(), id);
  journalStoreConformanceOf({ name: 'a journal on Postgres', create, again: create, openAndDie, loseRun }, framework);

  describeWithPgbouncer('behind a pooler', () => {
    const through = { url: '' };
    beforeAll(async () => {
      through.url = (await startPgbouncer(server, 'transaction')).urlOf(await server.createDatabase('pooled'));
    });
    const behind = async () => new SqlJournalStore(pool(through.url), options);
    journalStoreConformanceOf({ name: 'that pools transactions', create: behind, again: behind }, framework);
  });

  describe('a journal on Postgres', () => {
    const calls = { onSignal: () => {}, onSuperseded: () => {} };
    const header = (id: string) => ({ id, name: 'n', created: 1 });

    it('is created once by many programs at the same time, in a schema of its own', async () => {
      const url = await server.createDatabase('fresh');
      await pool(url).query('create schema "my ""journals"');
      const stores = Array.from(
        { length: 8 },
        () => new SqlJournalStore(pool(url), { ...options, schema: 'my "journals' }),
      );
      const runs = await Promise.all(
        stores.map((store, index) => store.open({ id: `${index}`, header: header(`${index}`), ...calls })),
      );
      expect(await stores[0]?.list({})).toHaveLength(8);
      await Promise.all(runs.map((run) => run?.owner.close()));
    });

    it('needs no rights but those on the table, and says what a role without the table needs', async () => {
      const url = await server.createDatabase('without_rights');
      const admin = pool(url);
      await admin.query(`revoke create on schema public from public; create role app login password 'app'`);
      const own = new URL(url);
      [own.username, own.password] = ['app', 'app'];
      const store = new SqlJournalStore(pool(own.href), options);
      const error = await rejection(store.open({ id: 'a', header: header('a'), ...calls }));
      expect(error).toBeInstanceOf(JournalError);
      const { message } = error as Error;
      expect(message).toMatch(
        /^run "a" could not be recorded in the database: permission denied for schema public \(42501\)/,
      );
      const statement = message.slice(message.indexOf('do $create$'));
      await admin.query(statement);
      await admin.query('grant select, insert, update, delete on orchestrator_journal to app');
      const run = await store.open({ id: 'a', header: header('a'), ...calls });
      await run?.owner.append(['1']);
      await store.close();
      expect((await new SqlJournalStore(admin, options).read('a'))?.records).toEqual(['1']);
    });

    it('takes the run of a program on another machine over after the lease, and not before', async () => {
      const store = new SqlJournalStore(pool(), { ...options, lease: 3_000 });
      const first = await store.open({ id: 'lease', header: header('lease'), ...calls });
      await first?.owner.close();
      const began = performance.now();
      await die({ URL: server.url, ID: 'lease', LEASE: '3000' });
      await pool().query(`update orchestrator_journal set place = '' where id = 'lease' and seq = 0`);
      const open = () => store.open({ id: 'lease', ...calls });
      expect(await rejection(open())).toBeInstanceOf(LockedError);
      const run = await eventually(open, { timeout: 20_000 });
      expect(performance.now() - began).toBeGreaterThan(3_000);
      // An owner that beats keeps the run for longer than the lease.
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      const other = new SqlJournalStore(pool(), { ...options, lease: 3_000 });
      expect(await rejection(other.open({ id: 'lease', ...calls }))).toBeInstanceOf(LockedError);
      await run?.owner.close();
    });

    it('goes on after the server was killed and restarted, and after its connections were cut', async () => {
      // A pool whose owner does not listen to its errors.
      const careless = new pg.Pool({ connectionString: server.url });
      pools.push(careless);
      const store = new SqlJournalStore(careless, options);
      const losses: Error[] = [];
      const run = await store.open({
        ...calls,
        id: 'crash',
        header: header('crash'),
        onSuperseded: (error) => losses.push(error),
      });
      const stored: number[] = [];
      let isOver = false;
      const append = async () => {
        for (let index = 0; !isOver; index++) {
          await run?.owner.append([0, 1, 2].map((more) => `${index * 3 + more}`));
          stored.push(index);
        }
      };
      const appending = append();
      await eventually(() => expect(stored.length).toBeGreaterThan(10));
      await server.restart('crash');
      const before = stored.length;
      await eventually(() => expect(stored.length).toBeGreaterThan(before + 10));
      const cut = pool();
      await cut.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
      );
      const after = stored.length;
      await eventually(() => expect(stored.length).toBeGreaterThan(after + 10));
      isOver = true;
      await appending;
      expect((await store.read('crash'))?.records).toEqual(
        Array.from({ length: stored.length * 3 }, (_, index) => `${index}`),
      );
      expect(losses).toEqual([]);
      careless.on('error', () => {});
      await store.close();
    });

    it('lets the texts of one run fail without the others', async () => {
      const store = new SqlJournalStore(pool(), options);
      const [bad, good] = await Promise.all(
        ['bad', 'good'].map((id) => store.open({ id, header: header(id), ...calls })),
      );
      const settled = await Promise.allSettled([
        bad?.owner.append(['1', '"\0"', '2']),
        good?.owner.append(['0', '1', '2']),
      ]);
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
      expect((await store.read('bad'))?.records).toEqual([]);
      expect((await store.read('good'))?.records).toEqual(['0', '1', '2']);
      await store.close();
    });

    it('tells an owner whose run was deleted', async () => {
      const store = new SqlJournalStore(pool(), options);
      const losses: Error[] = [];
      const run = await store.open({
        ...calls,
        id: 'gone',
        header: header('gone'),
        onSuperseded: (error) => losses.push(error),
      });
      await pool().query(`delete from orchestrator_journal where id = 'gone'`);
      expect(await rejection(run?.owner.append(['1']) as Promise<void>)).toBeInstanceOf(SupersededError);
      expect(losses).toHaveLength(1);
      expect(await store.read('gone')).toBeUndefined();
      await store.close();
    });
  });
});

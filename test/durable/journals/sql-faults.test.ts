import { Orchestrator } from 'orchestrator';
import { Journal, type JournalRun, sleep, sqlJournal, step, waitFor } from 'orchestrator/durable';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { JournalError, LockedError } from '../../../src/durable/errors.js';
import { SqlJournalStore } from '../../../src/durable/journals/sql/sql-store.js';
import { wrongClock } from '../../distributed/servers/clocks.js';
import { eventually } from '../../distributed/servers/eventually.js';
import { describeWithPgbouncer, startPgbouncer } from '../../distributed/servers/pgbouncer.js';
import {
  describeWithPostgres,
  type PostgresServer,
  poolOf,
  startPostgres,
} from '../../distributed/servers/postgres.js';
import { killWorkerProcesses, startWorkerProcess } from '../../distributed/servers/processes.js';
import { startProxy } from '../../distributed/servers/proxy.js';
import { describeWith } from '../../needs/describe-with.js';
import { rejection } from '../../support.js';

const calls = { onSignal: () => {}, onSuperseded: () => {} };
const header = (id: string) => ({ id, name: 'n', created: 1 });
const impatient = { statement: 2_000, repetitions: 500 };

describeWithPostgres('a hostile Postgres', () => {
  let server: PostgresServer;
  const pools: pg.Pool[] = [];
  const orchestrator = new Orchestrator();
  let databases = 0;

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterEach(killWorkerProcesses);
  afterAll(async () => {
    await Promise.all(pools.map((each) => each.end()));
    await server.stop();
  });

  const pool = (connectionString: string, more: pg.PoolConfig = {}) => {
    const made = poolOf({ connectionString, ...more });
    pools.push(made);
    return made;
  };
  const database = () => server.createDatabase(`faults_${++databases}`);
  const storeOn = (of: pg.Pool, more = {}) => new SqlJournalStore(of, { schema: 'public', lease: 30_000, ...more });
  const as = (url: string, user: string, password = user) =>
    Object.assign(new URL(url), { username: user, password }).href;

  /** A run of ten steps, which counts how often each was executed. */
  function tenSteps(journal: Journal, id: string, onStep: (index: number) => unknown = () => {}) {
    const executed = Array.from({ length: 10 }, () => 0);
    const live = () =>
      orchestrator.run(
        async () => {
          for (let index = 0; index < 10; index++)
            await step(`step ${index}`, async () => {
              executed[index] = (executed[index] ?? 0) + 1;
              await onStep(index);
            });
          return 'done';
        },
        { id, journal },
      );
    return { executed, live };
  }

  it.each<[string, (url: string, admin: pg.Pool) => unknown, string | undefined, RegExp]>([
    [
      'a wrong password',
      (url) => as(url, 'postgres', 'wrong'),
      undefined,
      /password authentication failed .*\(28P01\)\. Check the user and the password, and start the run again$/,
    ],
    [
      'a database that is missing',
      (url) => `${url}_not`,
      undefined,
      /database ".*" does not exist \(3D000\)\. Create the database, or correct its name, and start the run again$/,
    ],
    [
      'a schema that is missing',
      (url) => url,
      'not_there',
      /\(3F000\)\. Create the schema, or give sqlJournal\(\) another one, and start the run again$/,
    ],
    [
      'a server that is not there',
      () => 'postgres://postgres:x@127.0.0.1:1/x',
      undefined,
      /ECONNREFUSED.*\. Check that the server runs and is reachable, and start the run again$/,
    ],
    [
      'a database that is read-only',
      async (url, admin) => {
        await storeOn(admin).list({});
        await admin.query(`alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
        return url;
      },
      undefined,
      /read-only transaction \(25006\)\. The server, the database or the role is read-only: give the address of the primary/,
    ],
    [
      'a role without a right on the table',
      async (url, admin) => {
        await storeOn(admin).list({});
        await admin.query(`create role powerless login password 'powerless'`);
        return as(url, 'powerless');
      },
      undefined,
      /permission denied for table orchestrator_journal \(42501\).* grant SELECT, INSERT, UPDATE and DELETE on the table/,
    ],
  ])('%s: says what to do, and executes nothing', async (_, prepare, schema = 'public', message) => {
    const url = await database();
    const store = storeOn(pool((await prepare(url, pool(url))) as string), { schema, patience: impatient });
    const { executed, live } = tenSteps(new Journal(store), 'run');
    const error = await rejection(live());
    expect(error).toBeInstanceOf(JournalError);
    expect((error as Error).message).toMatch(message);
    expect(executed).toEqual(Array.from({ length: 10 }, () => 0));
    await store.close();
  });

  it.each(['orderly', 'crash'] as const)(
    'that is restarted in the middle of runs (%s) costs them nothing',
    async (how) => {
      const journal = sqlJournal(pool(await database()));
      let restarted: Promise<void> | undefined;
      const runs = Array.from({ length: 20 }, (_, index) =>
        tenSteps(journal, `run-${index}`, (at) => {
          if (at === 4) restarted ??= server.restart(how);
        }),
      );
      expect(await Promise.all(runs.map(({ live }) => live()))).toEqual(runs.map(() => 'done'));
      await restarted;
      for (const { executed } of runs) expect(executed).toEqual(Array.from({ length: 10 }, () => 1));
      await journal.close();
    },
  );

  it('that stays away ends the run, which the same program continues when the server is back', async () => {
    const url = await database();
    const proxy = await startProxy(server.port);
    const through = pool(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    const store = storeOn(through, { lease: 3_600_000, patience: impatient });
    const { executed, live } = tenSteps(new Journal(store), 'run', async (at) => {
      if (at === 5 && executed[5] === 1) await proxy.cut();
    });
    const error = await rejection(live());
    expect(error).toBeInstanceOf(JournalError);
    expect((error as Error).message).toMatch(
      /^run "run" could not be recorded .*\. Check that the server runs and is reachable/,
    );
    expect(executed).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
    await proxy.heal();
    // Its owner could not be released, but is known to be dead, whatever the lease.
    expect(await live()).toBe('done');
    expect(executed).toEqual([1, 1, 1, 1, 1, 2, 1, 1, 1, 1]);
    await store.close();
    await proxy.stop();
  });

  it('that has no connection left is waited for', async () => {
    const url = await database();
    const admin = pool(url);
    await storeOn(admin).list({});
    await admin.query(`create role few login password 'few' connection limit 1`);
    await admin.query('grant select, insert, update, delete on orchestrator_journal to few');
    const taken = new pg.Client(as(url, 'few'));
    await taken.connect();
    const own = pool(as(url, 'few'), { max: 1 });
    const refused = storeOn(own, { patience: impatient });
    expect(String(await rejection(refused.list({})))).toMatch(
      /too many connections .*\(53300\)\. Allow the server more connections/,
    );
    const { executed, live } = tenSteps(sqlJournal(own), 'run');
    const done = live();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(executed[0]).toBe(0);
    await taken.end();
    expect(await done).toBe('done');
    expect(executed).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('with a statement_timeout that is too short for a moment stores each record once', async () => {
    const url = await database();
    const admin = pool(url);
    const own = pool(url, { statement_timeout: 200 });
    const journal = sqlJournal(own);
    const blocker = await admin.connect();
    const { executed, live } = tenSteps(journal, 'run', async (at) => {
      if (at !== 3) return;
      await blocker.query('begin');
      await blocker.query(`select 1 from orchestrator_journal where id = 'run' and seq = 0 for update`);
      setTimeout(() => void blocker.query('rollback').then(() => blocker.release()), 700);
    });
    expect(await live()).toBe('done');
    expect(executed).toEqual(Array.from({ length: 10 }, () => 1));
    const { records } = (await journal.get('run')) as JournalRun;
    expect(records).toHaveLength(11);
    await journal.close();
  });

  it('whose table was dropped says so, and gets another one', async () => {
    const own = pool(await database());
    const store = storeOn(own);
    expect(await store.list({})).toEqual([]);
    await own.query('drop table orchestrator_journal');
    expect(String(await rejection(store.list({})))).toMatch(/\(42P01\)\. The table was dropped or renamed/);
    expect(await store.list({})).toEqual([]);
  });

  it('whose header is damaged names the run, and is not left locked', async () => {
    const own = pool(await database());
    const store = storeOn(own);
    await (await store.open({ id: 'a', header: header('a'), ...calls }))?.owner.close();
    await own.query(`update orchestrator_journal set text = '{' where id = 'a' and seq = 0`);
    for (let round = 0; round < 2; round++) {
      const error = await rejection(store.open({ id: 'a', ...calls }));
      expect(String(error)).toMatch(
        /run "a" has a damaged header \(the row with seq 0\): restore the row, or delete the run/,
      );
    }
    expect(await store.delete('a')).toBe(true);
  });

  /** Statements by the first words after which a server's answer is lost. */
  async function losing(url: string, work: (store: SqlJournalStore, lose: () => Promise<void>) => Promise<void>) {
    const proxy = await startProxy(server.port);
    const own = pool(url.replace(`:${server.port}/`, `:${proxy.port}/`), { max: 1 });
    const store = storeOn(own);
    await store.list({});
    await work(store, () => proxy.loseAnswer());
    await store.close();
    await proxy.stop();
  }

  it('whose answers are lost after the commit stores each record, rewrite and signal once', () =>
    database().then((url) =>
      losing(url, async (store, lose) => {
        const lost = async <Value>(work: () => Promise<Value>) => {
          const isLost = lose();
          const value = await work();
          await isLost;
          return value;
        };
        const run = await lost(() => store.open({ id: 'a', header: header('a'), ...calls }));
        await lost(() => run?.owner.append(['1']) as Promise<void>);
        await lost(() => run?.owner.append(['2'], 'failed') as Promise<void>);
        await lost(() => Promise.all(['3', '4'].map((text) => run?.owner.append([text]))));
        expect(await lost(() => store.signal('a', '"s"'))).toBe(1);
        expect(await lost(() => store.signal('a', '"t"'))).toBe(3);
        expect(await store.read('a')).toMatchObject({
          ...{ records: ['1', '2', '3', '4'], status: 'failed' },
          signals: [
            { number: 1, text: '"s"' },
            { number: 3, text: '"t"' },
          ],
        });
        await lost(() => run?.owner.rewrite(header('a'), ['5'], 1) as Promise<void>);
        await lost(() => run?.owner.append(['6']) as Promise<void>);
        const { records, status, signals } = (await store.read('a')) ?? {};
        expect({ records, status, signals }).toEqual({
          ...{ records: ['5', '6'], status: 'running' },
          signals: [{ number: 3, text: '"t"' }],
        });
        await lost(() => run?.owner.close() as Promise<void>);
        const again = await lost(() => store.open({ id: 'a', ...calls }));
        expect(again?.signals).toEqual([{ number: 3, text: '"t"' }]);
        await again?.owner.close();
      }),
    ));

  it('takes a signal once, also if the run has consumed it before it is sent again', async () => {
    const url = await database();
    const admin = pool(url);
    const journal = sqlJournal(admin);
    let taken = 0;
    const controller = new AbortController();
    const listening = orchestrator.run(
      async () => {
        await waitFor('s');
        taken++;
        await step('taken', () => 1);
        await sleep(60_000);
      },
      { id: 'a', journal, signal: controller.signal },
    );
    const stopped = rejection(listening);
    await eventually(async () => expect(await journal.get('a')).toBeDefined());
    await losing(url, async (store, lose) => {
      const isLost = lose();
      await store.signal('a', JSON.stringify({ name: 's', value: '1' }));
      await isLost;
    });
    await eventually(() => expect(taken).toBe(1));
    const rows = await admin.query(`select 1 from orchestrator_journal where id = 'a' and seq < 0`);
    expect(rows.rows).toHaveLength(1);
    controller.abort();
    await stopped;
    // A rewrite that has consumed a signal still recognises its repetition.
    const store = storeOn(admin);
    const run = await store.open({ id: 'a', ...calls });
    await run?.owner.rewrite(header('a'), [], 1);
    const { rows: kept } = await admin.query(`select owner, text from orchestrator_journal where id = 'a' and seq < 0`);
    expect(kept).toHaveLength(1);
    const reported: unknown[] = [];
    await run?.owner.close();
    const next = await store.open({ id: 'a', ...calls, onSignal: (signal) => reported.push(signal) });
    expect(next?.signals).toEqual([]);
    const number = (await store.signal('a', '"later"')) as number;
    await eventually(() => expect(reported).toEqual([{ number, text: '"later"' }]));
    await admin.query(`update orchestrator_journal set beat = beat - interval '1 hour' where id = 'a' and seq < 0`);
    await next?.owner.rewrite(header('a'), [], number);
    expect((await admin.query(`select 1 from orchestrator_journal where id = 'a' and seq < 0`)).rows).toEqual([]);
    await store.close();
  });

  it('that executes a statement late, after its repetition and a rewrite, changes nothing by it', async () => {
    const own = pool(await database());
    const sent: [string, unknown[]][] = [];
    const query = own.query.bind(own) as (query: object) => Promise<unknown>;
    const noting = Object.assign(Object.create(own) as pg.Pool, {
      query: (asked: { readonly text: string; readonly values: unknown[] }) => {
        sent.push([asked.text, asked.values]);
        return query(asked);
      },
    });
    const store = storeOn(noting);
    const run = await store.open({ id: 'a', header: header('a'), ...calls });
    const other = await store.open({ id: 'b', header: header('b'), ...calls });
    sent.length = 0;
    await run?.owner.append(['1']);
    await run?.owner.append(['2']);
    await Promise.all([run?.owner.append(['3']), other?.owner.append(['1'])]);
    await run?.owner.rewrite({ ...header('a'), name: 'first' }, ['4'], 0);
    await run?.owner.rewrite({ ...header('a'), name: 'second' }, ['5'], 0);
    await run?.owner.append(['6'], 'failed');
    const before = await store.read('a');
    expect(before).toMatchObject({ header: { name: 'second' }, records: ['5', '6'], status: 'failed' });
    for (const [text, values] of sent.slice(0, 5)) await own.query(text, values);
    expect(await store.read('a')).toEqual(before);
    await store.close();
  });

  it('whose connections are forgotten on the way is asked again on another one', async () => {
    const url = await database();
    const proxy = await startProxy(server.port);
    const own = pool(url.replace(`:${server.port}/`, `:${proxy.port}/`), { max: 1 });
    const store = storeOn(own, { patience: { statement: 1_000, repetitions: 20_000 } });
    const { executed, live } = tenSteps(new Journal(store), 'run', (at) => {
      if (at === 5) proxy.forget();
    });
    expect(await live()).toBe('done');
    expect(executed).toEqual(Array.from({ length: 10 }, () => 1));
    await store.close();
    await proxy.stop();
  });

  describeWithPgbouncer('behind a pooler that pools transactions', () => {
    it('executes each step once, also while the server is restarted', async () => {
      const bouncer = await startPgbouncer(server, 'transaction');
      const journal = sqlJournal(pool(bouncer.urlOf(await database())));
      let restarted: Promise<void> | undefined;
      const runs = Array.from({ length: 60 }, (_, index) =>
        tenSteps(journal, `run-${index}`, (at) => {
          if (at === 4) restarted ??= server.restart('crash');
        }),
      );
      expect(await Promise.all(runs.map(({ live }) => live()))).toEqual(runs.map(() => 'done'));
      await restarted;
      for (const { executed } of runs) expect(executed).toEqual(Array.from({ length: 10 }, () => 1));
      await journal.close();
      await bouncer.stop();
    });
  });

  describeWith('faketime', 'used by programs whose clocks differ by minutes', () => {
    it('leaves a run to its owner while the owner lives, and then to one other', async () => {
      const url = await database();
      const own = pool(url);
      const store = storeOn(own, { lease: 3_000 });
      const module = new URL('./fixtures/owner.ts', import.meta.url);
      const runs = await Promise.all(
        [600_000, -600_000].map(async (shift) => {
          const id = `clock ${shift}`;
          await (await store.open({ id, header: header(id), ...calls }))?.owner.close();
          const env = { URL: url, ID: id, LEASE: '3000', ...wrongClock(shift) };
          const program = startWorkerProcess<string>({ module, env });
          await program.waitFor((message) => message === 'holds');
          return { id, program };
        }),
      );
      // As on another machine.
      await own.query(`update orchestrator_journal set place = '' where seq = 0`);
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      for (const { id, program } of runs) {
        expect(await rejection(store.open({ id, ...calls }))).toBeInstanceOf(LockedError);
        await program.kill();
      }
      for (const { id } of runs) {
        const run = await eventually(() => store.open({ id, ...calls }));
        expect(run?.records).toHaveLength(1);
      }
      await store.close();
    });
  });
});

import {
  DistributedWorker,
  type Engine,
  migratePostgres,
  migrationScript,
  OrchestratorBuilder,
  postgres,
} from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAsset } from '../../../src/distributed/engines/assets.js';
import { forSchema } from '../../../src/distributed/engines/sql/statements.js';
import { rejection } from '../../support.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../servers/postgres.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);

/** Executes a run, and uses each method of an orchestrator on it. */
async function use(engine: Engine): Promise<void> {
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const worker = new DistributedWorker({ engine, workflows: [flow] });
  await worker.start();
  const runId = await orchestrator.startRun({}, 5);
  expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
  expect(await orchestrator.countRuns()).toMatchObject({ completed: 1 });
  await engine.checkpointStore.save('in process', 'snapshot', 0);
  await engine.checkpointStore.append('in process', 1, 'entry');
  await orchestrator.deleteRun(runId);
  await worker.stop();
  await orchestrator.close();
  await engine.close();
}

describeWithPostgres('schemas on Postgres', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  /** Creates a database, an administrator, and a role that may only connect. */
  async function withDatabase(
    name: string,
    test: (database: {
      readonly url: string;
      readonly appUrl: string;
      readonly app: string;
      readonly admin: pg.Client;
    }) => Promise<void>,
  ): Promise<void> {
    const url = await server.createDatabase(name);
    const admin = new pg.Client(url);
    await admin.connect();
    const app = `app ${name}`;
    await admin.query(`create role "${app}" login password 'of the app'`);
    const appUrl = new URL(url);
    Object.assign(appUrl, { username: encodeURIComponent(app), password: encodeURIComponent('of the app') });
    try {
      await test({ url, appUrl: appUrl.href, app, admin });
    } finally {
      await admin.end();
    }
  }

  it('a role that may not create them gets an error with the missing right and what to run', () =>
    withDatabase('refused', async ({ appUrl, app }) => {
      const engine = postgres(appUrl, { prefix: 'fleet' });
      const error = await rejection(engine.open());
      expect(error).toMatchObject({ code: 'ERR_ENGINE', cause: { cause: { code: '42501' } } });
      const { message } = error as Error;
      expect(message).toContain(
        `role "${app}" has no right CREATE on database "refused", and there is no schema "fleet"`,
      );
      expect(message).toContain('orchestrator migrate --prefix fleet --print');
      expect(message).not.toContain('of the app');
      await engine.close();
    }));

  it.each(['migratePostgres', 'migrationScript'] as const)(
    'are created by %s for a role that may not create them',
    (how) =>
      withDatabase(`made by ${how}`, async ({ url, appUrl, app, admin }) => {
        await admin.query(`revoke temporary on database "made by ${how}" from public`);
        await admin.query('alter default privileges revoke execute on functions from public');
        const options = { prefix: 'fleet', role: app };
        if (how === 'migratePostgres') expect(await migratePostgres(url, options)).toBe(true);
        else await admin.query(await migrationScript(options));
        await use(postgres(appUrl, { prefix: 'fleet' }));
        // A second run changes nothing.
        expect(await migratePostgres(url, options)).toBe(false);
        await admin.query(await migrationScript(options));
        await use(postgres(appUrl, { prefix: 'fleet' }));
        const { rows } = await admin.query(
          'select version from fleet.migrations union all select version from fleet.changes',
        );
        expect(rows.map(({ version }) => version)).toEqual(rows.map((_, index) => index + 1));
      }),
  );

  it('that exist but are empty are filled by a role that owns them', () =>
    withDatabase('owned', async ({ appUrl, app, admin }) => {
      await admin.query(`create schema orchestrator authorization "${app}"`);
      await admin.query(`create schema bullmq authorization "${app}"`);
      await use(postgres(appUrl));
    }));

  it('a right revoked while programs run is named by the operation that needs it', () =>
    withDatabase('taken away', async ({ url, appUrl, app, admin }) => {
      await migratePostgres(url, { role: app });
      const engine = postgres(appUrl);
      await engine.open();
      await admin.query(`revoke select on orchestrator.runs from "${app}"`);
      const error = await rejection(engine.runInfoStore.getRun('r'));
      expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('orchestrator migrate') });
      await admin.query(`revoke select on bullmq.job from "${app}"`);
      const told = expect.stringMatching(/permission denied for table job.*orchestrator migrate/);
      const refused = await rejection(engine.queue.statesOf(['a job']));
      expect(refused).toMatchObject({ code: 'ERR_ENGINE', message: told, cause: { cause: { code: '42501' } } });
      // Workers also report it for operations of their own.
      const warned = await new Promise<unknown>((resolve, reject) => {
        const options = { concurrency: 1, lockDuration: 5_000, workerId: 'w', onError: resolve };
        engine.queue.consume(async () => 'done', options).catch(reject);
      });
      expect(warned).toMatchObject({ message: told, cause: { code: '42501' } });
      await engine.close();
    }));

  it('of a later version are used if that version allows it, and otherwise refused with what to update', () =>
    withDatabase('later', async ({ url, admin }) => {
      await use(postgres(url));
      await admin.query(`insert into orchestrator.changes (version, least, package) values (998, 4, '7.1.0')`);
      await use(postgres(url));
      await admin.query(`insert into orchestrator.changes (version, least, package) values (999, 999, '8.0.0')`);
      const engine = postgres(url);
      expect(String(await rejection(engine.open()))).toMatch(
        /version 999, made by orchestrator 8\.0\.0.*version 999.*update it/,
      );
      await engine.close();
      expect(String(await rejection(migratePostgres(url)))).toMatch(/update it/);
    }));

  it('can be used by version 0.7.0, which looks at its own list of migrations', () =>
    withDatabase('before', async ({ url, admin }) => {
      await use(postgres(url));
      const { rows } = await admin.query('select max(version) as version from orchestrator.migrations');
      expect(rows).toEqual([{ version: 4 }]);
    }));

  it('of version 0.7.0 are migrated and keep their data', () =>
    withDatabase('of 0.7.0', async ({ url, admin }) => {
      await admin.query(
        'create schema orchestrator; create table orchestrator.migrations (version integer primary key)',
      );
      for (const [index, name] of ['001-runs', '002-commit', '003-workflows', '004-checkpoints'].entries()) {
        await admin.query(forSchema(readAsset(`sql/migrations/${name}.sql`), 'orchestrator'));
        await admin.query('insert into orchestrator.migrations (version) values ($1)', [index + 1]);
      }
      await admin.query(
        `insert into orchestrator.workflows (key, id, version, blueprint) values ('k', 'old', '1', '{}')`,
      );
      const engine = postgres(url);
      expect(await engine.workflowStore.list()).toEqual([{ id: 'old', version: '1' }]);
      await use(engine);
    }));

  describe('and prefixes', () => {
    it('that differ only in case mean one fleet, so the second is refused', () =>
      withDatabase('cases', async ({ url }) => {
        const [one, other] = [postgres(url, { prefix: 'MyFleet' }), postgres(url, { prefix: 'myfleet' })];
        await one.open();
        const error = await rejection(other.open());
        expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringContaining('use prefix "MyFleet"') });
        await other.close();
        await use(one);
        await use(postgres(url, { prefix: 'MyFleet' }));
      }));
  });
});

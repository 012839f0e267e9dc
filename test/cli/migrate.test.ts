import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrationScript } from 'orchestrator/distributed';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../distributed/servers/postgres.js';
import { call, jsonOf } from './call.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orchestrator-migrate-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const migrate = (...args: string[]) => call(['migrate', ...args], { cwd: directory });

describe('migrate --print', () => {
  it('writes the SQL without contacting a server', async () => {
    const { code, stdout } = await migrate('--print', '--prefix', 'fleet', '--role', 'the app');
    expect(code).toBe(0);
    expect(stdout.trim()).toBe((await migrationScript({ prefix: 'fleet', role: 'the app' })).trim());
    expect(stdout).toContain('grant usage on schema "fleet", "bullmq" to "the app"');
  });

  it('writes it to a file, or as JSON', async () => {
    expect(await migrate('--print', '-o', 'fleet.sql')).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(join(directory, 'fleet.sql'), 'utf8')).toBe(await migrationScript());
    const written = jsonOf(await migrate('--print', '--json'));
    expect(written).toEqual({ prefix: 'orchestrator', sql: await migrationScript() });
    expect(await migrate('--print', '-o', 'no/such/folder')).toMatchObject({ code: 1 });
  });
});

it('migrate ends with 2 without a Postgres engine', async () => {
  for (const args of [[], ['--engine', 'redis://127.0.0.1:1'], ['--engine', 'memory:']]) {
    const { code, stderr } = await migrate(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('give --engine postgres://') });
  }
});

describeWithPostgres('migrate on a server', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());

  it('creates missing schemas and reports it', async () => {
    const url = await server.createDatabase('made');
    const client = new pg.Client(url);
    await client.connect();
    await client.query('create role app login');
    const first = await migrate('--engine', url, '--prefix', 'fleet', '--role', 'app');
    expect(first).toMatchObject({ code: 0, stderr: 'the schemas of "fleet" are up to date now\n' });
    expect(await migrate('--engine', url, '--prefix', 'fleet')).toMatchObject({
      code: 0,
      stderr: 'the schemas of "fleet" were up to date already\n',
    });
    expect(jsonOf(await migrate('--engine', url, '--json'))).toEqual({ prefix: 'orchestrator', changed: true });
    const { rows } = await client.query(`select has_table_privilege('app', 'fleet.runs', 'insert') as may`);
    expect(rows).toEqual([{ may: true }]);
    await client.end();
  });

  it('ends with 5 and names the missing right for a role without it', async () => {
    const url = await server.createDatabase('refused');
    const client = new pg.Client(url);
    await client.connect();
    await client.query(`create role weak login password 'of weak'`);
    await client.end();
    const weak = Object.assign(new URL(url), { username: 'weak', password: 'of%20weak' });
    const { code, stderr } = await migrate('--engine', weak.href);
    expect(code).toBe(5);
    expect(stderr).toContain('role "weak" has no right CREATE on database "refused"');
  });
});

import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DistributedWorker, redis } from 'orchestrator/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { freePort } from '../distributed/servers/ports.js';
import { describeWithRedis, type RedisServer, startRedis } from '../distributed/servers/redis.js';
import { call, jsonOf } from './call.js';
import { engine } from './fixtures/memory/orchestrator.config.js';
import order from './fixtures/order.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orchestrator-cli-'));
  // Loaded before the tests: a connection limit measures the server, not the time to load its client.
  await Promise.all([import('bullmq'), import('ioredis'), import('pg')]);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Creates a directory with a config file. */
async function withConfigFile(name: string, content: unknown): Promise<string> {
  const cwd = await mkdtemp(join(directory, 'config-'));
  await writeFile(join(cwd, name), typeof content === 'string' ? content : JSON.stringify(content));
  return cwd;
}

const list = (options: Parameters<typeof call>[1] = {}, ...args: string[]) =>
  call(['runs', 'list', '--json', ...args], { cwd: directory, ...options });

describe('choosing an engine', () => {
  it('ends with 2 and says what to do if no engine is chosen', async () => {
    const { code, stderr } = await list();
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: no engine is chosen: give --engine <address> .*, set REDIS_URL or DATABASE_URL/);
  });

  it('ends with 2 and says what to do if both variables are set', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/x' };
    const { code, stderr } = await list({ env });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: both DATABASE_URL and REDIS_URL are set.*--engine "\$REDIS_URL" or/);
    expect((await list({ env }, '--engine', 'memory:')).code).toBe(0);
    const cwd = await withConfigFile('orchestrator.config.json', { engine: 'memory:' });
    expect((await list({ env, cwd })).code).toBe(0);
  });

  it.each(['redis://:s3cret%21@127.0.0.1:1', 'postgres://ada:s3cret%21@127.0.0.1:1/x'])(
    'ends with 5 if the server cannot be reached, and never prints a password: %s',
    async (address) => {
      const cwd = await withConfigFile('orchestrator.config.json', { connectTimeout: 15_000 });
      const { code, stderr } = await list({ cwd }, '--engine', address, '--verbose');
      expect(code).toBe(5);
      expect(stderr).toMatch(/^error: (redis|postgres) at 127.0.0.1:1 .*ECONNREFUSED/);
      expect(stderr).not.toMatch(/s3cret/);
    },
  );

  it.each([
    'redis://:s3cret#1@127.0.0.1:1',
    'redis://127.0.0.1:notaport',
    'postgres://ada:s3cret#1@127.0.0.1:1/x',
    'postgres://ada:s3cret/1@127.0.0.1:1/x',
    'postgresql://127.0.0.1:notaport/x',
  ])('ends with 2 and lists the valid forms for an invalid address: %s', async (address) => {
    const isPostgres = address.startsWith('postgres');
    const how = `must be an address like ${isPostgres ? 'postgres' : 'redis'}://user:password@host:`;
    const option = await list({}, '--engine', address);
    expect(option).toMatchObject({ code: 2, stderr: expect.stringMatching(`^error: .*${how}`) });
    expect(option.stderr).not.toContain('s3cret');
    const variable = isPostgres ? 'DATABASE_URL' : 'REDIS_URL';
    const set = await list({ env: { [variable]: address } });
    expect(set).toMatchObject({ code: 2, stderr: expect.stringMatching(`^error: .*${how}`) });
    if (!isPostgres) return;
    const migrated = await call(['migrate', '--engine', address], { cwd: directory });
    expect(migrated).toMatchObject({ code: 2, stderr: expect.stringMatching(`^error: .*${how}`) });
  });

  it('uses the variable that is set', async () => {
    const cwd = await withConfigFile('orchestrator.config.json', { connectTimeout: 300 });
    const redisUrl = await list({ cwd, env: { REDIS_URL: 'redis://127.0.0.1:1' } });
    expect(redisUrl.stderr).toContain('redis at 127.0.0.1:1');
    const databaseUrl = await list({ cwd, env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' } });
    expect(databaseUrl.stderr).toContain('postgres at 127.0.0.1:1');
  });

  it.each([
    [['--engine', 'mysql://root:pw@host'], '--engine must be redis://host:6379, .* got mysql:\n'],
    [['--engine', 'localhost'], '--engine must be redis://host:6379, .* or memory:\n'],
    [['--engine', 'pglite:'], '--engine must name a directory, as in pglite:./data'],
    [['--engine', 'redis://127.0.0.1:1', '--prefix', '1x'], 'prefix must be a letter followed by letters'],
    [['--config', 'gone.json'], 'config file "gone.json" does not exist'],
  ])('ends with 2 for %j', async (args, message) => {
    const { code, stderr } = await list({}, ...args);
    expect(stderr).toMatch(new RegExp(message));
    expect(code).toBe(2);
  });
});

describe('the config file', () => {
  it.each([
    [{ engin: 'memory:' }, 'engin is unknown, expected engine, prefix, connectTimeout, workflows, loops, dashboard'],
    [{ engine: 5 }, 'engine must be an address, or an engine, got 5'],
    [{ engine: {} }, 'engine must be an address, or an engine, got Object'],
    [{ prefix: '' }, 'prefix must be a non-empty string'],
    [{ connectTimeout: -1 }, 'connectTimeout must be a number of milliseconds above 0'],
    [{ workflows: './order.js' }, 'workflows must be an array of paths of modules, got String'],
    [{ loops: [''] }, 'loops must be an array of paths of modules'],
    [{ dashboard: { port: 70_000 } }, 'dashboard.port must be a port, from 0 to 65535, got 70000'],
    [{ dashboard: { host: '' } }, 'dashboard.host must be a non-empty string'],
    [{ dashboard: { redact: true } }, 'dashboard.redact must be an array of keys and regular expressions, or false'],
    [{ dashboard: { colour: 'red' } }, 'dashboard.colour is unknown, expected port, host, title, actions, redact'],
    [[], 'options must be an object'],
  ])('is validated, and errors name the field: %j', async (config, message) => {
    const cwd = await withConfigFile('orchestrator.config.json', config);
    const { code, stderr } = await list({ cwd });
    expect(stderr).toContain(`error: ${join(cwd, 'orchestrator.config.json')} is not a valid config: ${message}`);
    expect(code).toBe(2);
  });

  it('is found from the working directory upwards', async () => {
    const above = await withConfigFile('orchestrator.config.json', { engine: 'memory:' });
    const cwd = join(above, 'deep', 'down');
    await mkdir(cwd, { recursive: true });
    expect(jsonOf(await list({ cwd }))).toEqual({ runs: [] });
  });

  it.each(['orchestrator.config.mjs', 'orchestrator.config.mts'])('may be a module: %s', async (name) => {
    const cwd = await withConfigFile(name, "export default { engine: 'memory:' };");
    expect((await list({ cwd })).code).toBe(0);
    const other = await list({ cwd: directory }, '--config', join(cwd, name));
    expect(other.code).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('is not read from a parent directory that anybody may write to', async () => {
    const above = await withConfigFile('orchestrator.config.json', { engine: 'memory:' });
    const cwd = join(above, 'here');
    await mkdir(cwd);
    await chmod(above, 0o1777);
    const { code, stderr } = await list({ cwd });
    expect(stderr).toContain('no engine is chosen');
    expect(code).toBe(2);
    expect((await list({ cwd: above })).code).toBe(0);
    expect((await list({ cwd }, '--config', '../orchestrator.config.json')).code).toBe(0);
  });

  it('is refused if it is not JSON or does not export an object', async () => {
    const json = await withConfigFile('orchestrator.config.json', '{');
    expect((await list({ cwd: json })).stderr).toContain('orchestrator.config.json cannot be read as JSON');
    const module = await withConfigFile('orchestrator.config.mjs', 'export default 5;');
    expect((await list({ cwd: module })).stderr).toContain('must export an object as its default');
  });

  it.each(['{"engine": redis://:hunter2', '{"engine":"redis://:hunter2@h",}', 'hunter2', '{"engine":"hunter2" ,'])(
    'is not quoted if it is not JSON: %s',
    async (text) => {
      const json = await withConfigFile('orchestrator.config.json', text);
      for (const more of [[], ['--verbose']]) {
        const { stderr, stdout } = await list({ cwd: json }, ...more);
        expect(stderr).toContain('orchestrator.config.json cannot be read as JSON: ');
        expect(stderr + stdout).not.toContain('hunter2');
      }
    },
  );

  it('refuses a prefix for an engine that was created in it', async () => {
    const { code, stderr } = await call(['runs', 'list', '--prefix', 'x', '--config', 'memory/orchestrator.config.ts']);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /a prefix needs an engine that is given as an address: set the prefix of the engine in .* there/,
    );
  });

  it('adds keys to the well-known secret keys', async () => {
    const worker = new DistributedWorker({ engine, workflows: [order] });
    await worker.start();
    const at = ['--config', 'memory/redacting.config.ts'];
    await call(['runs', 'start', 'order', '--context', '{"total":7}', '--wait', '--run-id', 'own', ...at]);
    await worker.stop();
    const { context } = jsonOf(await call(['runs', 'context', 'own', '--json', ...at]));
    expect(context).toEqual({ total: '[redacted]', fetch: 7, price: 7, charge: { charged: 7 } });
    const { output } = jsonOf(await call(['runs', 'show', 'own', '--json', '--reveal', ...at]));
    expect(JSON.parse(output.text)).toEqual({ charged: 7 });
  });
});

describe('a directory of pglite', () => {
  it('is relative to the config file or the working directory', async () => {
    const cwd = await withConfigFile('orchestrator.config.json', { engine: 'pglite:./here' });
    const below = join(cwd, 'below');
    await mkdir(below);
    expect((await list({ cwd: below })).code).toBe(0);
    expect((await list({ cwd: below }, '--engine', `pglite://${join(cwd, 'here')}`)).code).toBe(0);
  });
});

describeWithRedis('a Redis server', () => {
  let server: RedisServer;
  let worker: DistributedWorker;

  beforeAll(async () => {
    server = await startRedis();
    worker = new DistributedWorker({ engine: redis(server.url, { prefix: 'shop' }), workflows: [order], id: 'w-1' });
    await worker.start();
  });

  afterAll(async () => {
    await worker.stop();
    await server.stop();
  });

  it('is chosen by its address and prefix', async () => {
    const at = ['--engine', server.url, '--prefix', 'shop'];
    const runs = (...args: string[]) => call(['runs', ...args, ...at]);
    expect(await runs('start', 'order', '--input', '500', '--run-id', 'r')).toMatchObject({ code: 0, stdout: 'r\n' });
    expect((await runs('pause', 'r')).stdout).toBe('r paused\n');
    expect(jsonOf(await runs('list', '--status', 'paused', '--json')).runs).toMatchObject([{ runId: 'r' }]);
    expect((await runs('resume', 'r')).code).toBe(0);
    expect((await runs('signal', 'r', 'approval')).code).toBe(0);
    expect((await runs('watch', 'r')).code).toBe(0);
    expect((await runs('show', 'r')).stdout).toMatch(/charge +completed/);
    // The worker reports that it is idle with its next heartbeat.
    await eventually(async () => expect((await call(['workers', ...at])).stdout).toMatch(/\nw-1 +idle/));
    expect(jsonOf(await call(['runs', 'list', '--json', '--engine', server.url])).runs).toEqual([]);
  });
});

describe('a program that is not running', () => {
  it.each([
    ['loops', 'list'],
    ['loops', 'pause', 'x'],
    ['dead-letters', 'list'],
    ['dead-letters', 'replay', '--all'],
  ])('ends with 5: %s %s', async (...args) => {
    const { code, stderr } = await call([...args, '--url', `http://127.0.0.1:${await freePort()}`]);
    expect(stderr).toMatch(/^error: no program answers at http:\/\/127.0.0.1:\d+: start one with .*ECONNREFUSED/);
    expect(code).toBe(5);
  });

  it.each([
    [['--url', 'nowhere'], {}, '--url must be an address like'],
    [['--url', 'ftp://x'], {}, '--url must be an address like'],
    [[], { ORCHESTRATOR_URL: 'nowhere' }, 'ORCHESTRATOR_URL must be an address like'],
  ])('ends with 2 for an invalid address: %j %j', async (args, env, message) => {
    const outcome = await call(['loops', 'list', ...args], { env: env as Record<string, string> });
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(2);
  });
});

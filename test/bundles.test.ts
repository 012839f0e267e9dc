import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtIn } from '../scripts/built-in.js';
import { removeDirectory, temporaryDirectory } from './distributed/servers/reaper.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const entryPoints = [
  'flow',
  'distributed',
  'distributed/engine',
  'distributed/testing',
  'limits',
  'loops',
  'telemetry',
  'progress',
  'dashboard',
  'testing',
];

/** A program for each entry point, which prints one line of JSON. */
const programs: Readonly<Record<string, { readonly program: string; readonly prints: unknown }>> = {
  orchestrator: {
    program: `
      import { Orchestrator } from 'orchestrator';
      const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 1 } });
      let calls = 0;
      const flaky = orchestrator.action(async (n) => { if (++calls < 3) throw new Error('not yet'); return n; }, { timeout: 5_000 });
      print(orchestrator.run(() => flaky(7)));`,
    prints: 7,
  },
  flow: {
    program: `
      import { Flow } from 'orchestrator/flow';
      const flow = new Flow('f').node('a', () => 1).node('b', (n) => n + 1).edge('a', 'b', { condition: 'output == 1' });
      print(flow.run().then(({ output }) => output));`,
    prints: 2,
  },
  distributed: {
    program: `
      import { DistributedWorker, memory, OrchestratorBuilder, postgres, redis } from 'orchestrator/distributed';
      import { Flow } from 'orchestrator/flow';
      const run = async () => {
        const engine = memory(), flow = new Flow('f').node('a', () => 1).node('b', (n) => n + 1).edge('a', 'b');
        const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
        const worker = new DistributedWorker({ engine, workflows: [flow] });
        await worker.start();
        const { output } = await orchestrator.waitForCompletion(await orchestrator.startRun({}));
        await worker.stop();
        const missing = await Promise.all([redis('redis://127.0.0.1:1'), postgres('postgres://127.0.0.1:1/x')].map((e) => e.open().catch(({ code }) => code)));
        return { output, missing };
      };
      print(run());`,
    prints: { output: 2, missing: ['ERR_MISSING_PEER', 'ERR_MISSING_PEER'] },
  },
  'distributed/engine': {
    program: `
      import { memory } from 'orchestrator/distributed';
      import { derivedStores } from 'orchestrator/distributed/engine';
      print(Object.keys(derivedStores(memory())));`,
    prints: ['contextStore', 'metricsStore', 'errorStore'],
  },
  'distributed/testing': {
    program: `
      import { conformanceOf } from 'orchestrator/distributed/testing';
      print(typeof conformanceOf);`,
    prints: 'function',
  },
  loops: {
    program: `
      import { done, Loop, WorkflowOrchestrator } from 'orchestrator/loops';
      const run = async () => {
        let n = 0, sum = 0;
        const loop = new Loop('l').producer('p', () => (++n > 3 ? done : n)).blocking('add', (value) => { sum += value; });
        const orchestrator = new WorkflowOrchestrator().load({ loops: [loop] });
        await orchestrator.start();
        await orchestrator.ended();
        await orchestrator.close();
        const cron = new WorkflowOrchestrator().load({ loops: [new Loop('c', { schedule: { cron: '* * * * *' } }).producer('p', () => 1)] });
        return { sum, missing: await cron.start().catch(({ code }) => code) };
      };
      print(run());`,
    prints: { sum: 6, missing: 'ERR_MISSING_PEER' },
  },
  telemetry: {
    program: `
      import { Orchestrator } from 'orchestrator';
      import { logTo, startTelemetry } from 'orchestrator/telemetry';
      const run = async () => {
        const lines = [];
        const log = (_fields, message) => { lines.push(message); };
        const stop = logTo({ debug: log, info: log, warn: log, error: log });
        await new Orchestrator({ name: 'job' }).run(() => 1);
        stop();
        return { logged: lines.length > 0, missing: await startTelemetry().catch(({ code }) => code) };
      };
      print(run());`,
    prints: { logged: true, missing: 'ERR_MISSING_PEER' },
  },
  limits: {
    program: `
      import { Orchestrator } from 'orchestrator';
      import { limit, postgresLimits, redisLimits } from 'orchestrator/limits';
      const stores = [redisLimits('redis://127.0.0.1:1'), postgresLimits('postgres://127.0.0.1:1/x')];
      const calls = stores.map((store) => new Orchestrator().action(() => 1, { limit: limit({ name: 'n', rate: 1, store }) }));
      print(Promise.all(calls.map((call) => call().catch(({ code }) => code))));`,
    prints: ['ERR_MISSING_PEER', 'ERR_MISSING_PEER'],
  },
  progress: {
    program: `
      import { Writable } from 'node:stream';
      import { Orchestrator } from 'orchestrator';
      import { showProgress } from 'orchestrator/progress';
      const run = async () => {
        let written = '';
        const stream = new Writable({ write: (chunk, _encoding, next) => { written += chunk; next(); } });
        const progress = showProgress({ stream });
        await new Orchestrator({ name: 'job' }).run(() => 1);
        progress.stop();
        return written.includes('job');
      };
      print(run());`,
    prints: true,
  },
  testing: {
    program: `
      import { Orchestrator } from 'orchestrator';
      import { record, stub } from 'orchestrator/testing';
      const run = async () => {
        const orchestrator = new Orchestrator();
        const read = orchestrator.action('read', () => 'file');
        const recording = record(orchestrator);
        const stubs = stub(orchestrator, { read: () => 'fake' });
        await read();
        stubs.restore();
        await read();
        return recording.tasks.map(({ result }) => result);
      };
      print(run());`,
    prints: ['fake', 'file'],
  },
  dashboard: {
    program: `
      import { memory, OrchestratorBuilder } from 'orchestrator/distributed';
      import { createDashboard } from 'orchestrator/dashboard';
      const run = async () => {
        const distributed = new OrchestratorBuilder().engine(memory()).build();
        const dashboard = createDashboard({ distributed });
        const get = async (path) => { const response = await dashboard.fetch(new Request('http://localhost/' + path)); return response.status; };
        const answers = [await get(''), await get('page.js'), await get('page.css'), await get('api/overview')];
        await dashboard.close();
        return answers;
      };
      print(run());`,
    prints: [200, 200, 200, 200],
  },
};

let directory: string;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => removeDirectory(directory));

const alias = {
  ...Object.fromEntries(entryPoints.map((path) => [`orchestrator/${path}`, join(root, 'src', path, 'index.ts')])),
  orchestrator: join(root, 'src/index.ts'),
};

/** Bundles a program into one file, with everything that it imports. Returns the contents of the file, by path. */
async function bundle(text: string, outfile: string, format: 'esm' | 'cjs'): Promise<readonly string[]> {
  const print = `const print = async (value) => console.log(JSON.stringify(await value));`;
  const options: BuildOptions = { bundle: true, platform: 'node', format, metafile: true, logLevel: 'error' };
  const { metafile } = await build({
    ...options,
    stdin: { contents: `${print}\n${text}`, resolveDir: root },
    absWorkingDir: root,
    outfile,
    alias,
    plugins: [builtIn()],
  });
  return Object.keys(metafile?.inputs ?? {});
}

async function printedBy(file: string): Promise<unknown> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: directory, timeout: 250_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe.each([
  ['ESM', 'esm', 'mjs'],
  ['CommonJS', 'cjs', 'cjs'],
] as const)('bundled into one file, as %s, with nothing beside it', (_name, format, extension) => {
  it.each(Object.entries(programs))(
    '%s works',
    async (name, { program, prints }) => {
      const file = join(directory, `${name.replace('/', '-')}.${extension}`);
      const inputs = await bundle(program, file, format);
      expect(await printedBy(file)).toEqual(prints);
      const peers = inputs.filter((path) =>
        /node_modules\/(bullmq|ioredis|pg|lmdb|croner|log-update|@electric-sql)\//.test(path),
      );
      expect(peers).toEqual([]);
    },
    300_000,
  );

  it('an engine finds its packages beside the bundle, and its statements in it', async () => {
    const program = `
      import { DistributedWorker, OrchestratorBuilder, pglite } from 'orchestrator/distributed';
      import { Flow } from 'orchestrator/flow';
      const run = async () => {
        const engine = pglite('./data-${extension}'), flow = new Flow('f').node('a', () => 1).node('b', (n) => n + 1).edge('a', 'b');
        const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
        const worker = new DistributedWorker({ engine, workflows: [flow] });
        await worker.start();
        const { output } = await orchestrator.waitForCompletion(await orchestrator.startRun({}));
        await worker.stop();
        await engine.close();
        return output;
      };
      print(run());`;
    const file = join(directory, `with-peers-${extension}`, `main.${extension}`);
    await bundle(program, file, format);
    await symlink(join(root, 'node_modules'), join(directory, `with-peers-${extension}`, 'node_modules'));
    expect(await printedBy(file)).toBe(2);
  }, 300_000);
});

import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inheritedBy } from '../../src/loops/pools/exec-argv.js';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
let directory = '';

/** Installs the package in a folder, as npm does. */
beforeAll(async () => {
  directory = await temporaryDirectory();
  const home = join(directory, 'node_modules', 'orchestrator');
  await mkdir(home, { recursive: true });
  await writeFile(
    join(home, 'package.json'),
    JSON.stringify({ name: 'orchestrator', type: 'module', exports: { './loops': './loops.js' } }),
  );
  await build({
    entryPoints: [join(root, 'src/loops/index.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(home, 'loops.js'),
    logLevel: 'error',
  });
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(directory, 'double.js'),
    `import { Loop } from 'orchestrator/loops';
     export default () => new Loop('double').read('in', 'numbers').blocking('double', (n) => 2 * n).push('out', 'doubled');`,
  );
  await writeFile(
    join(directory, 'spin.js'),
    `import { writeFileSync } from 'node:fs'; import { Loop } from 'orchestrator/loops';
     export default () => new Loop('spin').producer('spin', () => { writeFileSync('spinning', String(process.pid)); for (;;); });`,
  );
});

afterAll(() => removeDirectory(directory));

/** A program in which the loop of a module doubles three numbers. */
const main = (pool: string, module = "process.cwd() + '/double.js'") => `
  import { Loop, WorkflowOrchestrator } from 'orchestrator/loops';
  const main = async () => {
    const values = [];
    let isDone;
    const done = new Promise((resolve) => { isDone = resolve; });
    const note = new Loop('note').read('in', 'doubled').blocking('note', (n) => { if (values.push(n) === 3) isDone(); });
    const o = new WorkflowOrchestrator().load({
      queues: { numbers: {}, doubled: {} },
      loops: [{ id: 'double', module: ${module}, pool: '${pool}', onCrash: 'stop' }, note],
    });
    await o.start();
    for (const n of [1, 2, 3]) await o.queue('numbers').push(n);
    await done;
    const { loops } = await o.close();
    console.log(JSON.stringify({ values, reasons: loops.map(({ reason }) => reason) }));
  };
  main().catch((error) => { console.log(error.name + ': ' + error.message, error.cause?.message ?? ''); process.exitCode = 1; });`;

const expected = JSON.stringify({ values: [2, 4, 6], reasons: ['drained', 'drained'] });

const pools = ['async', 'thread', 'process'] as const;

describe.each(pools)('a loop of a module, in the pool %s', (pool) => {
  it.each([
    ['ESM', 'esm', 'mjs'],
    ['CommonJS', 'cjs', 'cjs'],
  ] as const)('works in a program that is bundled into one file, as %s', async (_, format, extension) => {
    const outfile = join(directory, `bundle-${pool}.${extension}`);
    await build({
      stdin: { contents: main(pool), resolveDir: directory },
      bundle: true,
      platform: 'node',
      format,
      outfile,
      logLevel: 'error',
    });
    const { stdout, stderr } = await run(process.execPath, [outfile], { cwd: directory });
    expect(stdout.trim()).toBe(expected);
    expect(stderr).toBe('');
  });

  it('is bundled with its own copy of the package', async () => {
    const outfile = join(directory, `double-${pool}.mjs`);
    await build({
      entryPoints: [join(directory, 'double.js')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    });
    const file = join(directory, `main-${pool}.js`);
    await writeFile(file, main(pool, JSON.stringify(outfile)));
    const { stdout } = await run(process.execPath, [file], { cwd: directory });
    expect(stdout.trim()).toBe(expected);
  });

  it.each([
    ['--eval', (text: string) => ['--input-type=module', '--eval', text]],
    ['-e and other options', (text: string) => ['--no-warnings', '--expose-gc', '--input-type', 'module', '-e', text]],
    ['--inspect', undefined],
    ['--test', undefined],
  ])('works in a program that is started with %s', async (option, argvOf) => {
    const file = join(directory, `options-${pool}.mjs`);
    await writeFile(file, main(pool));
    const argv = argvOf?.(main(pool)) ?? (option === '--test' ? ['--test', file] : ['--inspect=0', file]);
    const { stdout } = await run(process.execPath, argv, { cwd: directory });
    expect(stdout).toContain(expected);
  });

  it('works in a program that is read from the standard input', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-'], {
      cwd: directory,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(main(pool));
    let printed = '';
    for await (const chunk of child.stdout) printed += chunk;
    expect(printed.trim()).toBe(expected);
  });
});

describe.each(['thread', 'process'] as const)('a program that would start itself, in a %s', (pool) => {
  it.each([
    ['ESM', 'esm', 'mjs'],
    ['CommonJS', 'cjs', 'cjs'],
  ] as const)(
    'is refused where the module of the loop is the bundle that starts it, as %s',
    async (_, format, extension) => {
      const outfile = join(directory, `self-${pool}.${extension}`);
      const begun = join(directory, `begun-${pool}-${extension}`);
      await build({
        stdin: {
          contents: `import { appendFileSync } from 'node:fs'; appendFileSync(${JSON.stringify(begun)}, 'main begins\\n');
          ${main(pool, JSON.stringify(outfile))}`,
          resolveDir: directory,
        },
        bundle: true,
        platform: 'node',
        format,
        outfile,
        logLevel: 'error',
      });
      const { stdout } = await run(process.execPath, [outfile], { cwd: directory }).catch((error) => error);
      expect(stdout).toMatch(
        /^LoopModuleError: "file:.*" (starts the loop that it exports, and would start itself|has no export "default")/m,
      );
      expect((await readFile(begun, 'utf8')).trim().split('\n')).toHaveLength(2);
    },
  );
});

describe('a single executable application', () => {
  it('does not start itself as the process of a loop', async () => {
    // The executable starts its own program, whatever the arguments are.
    const file = join(directory, 'in-place.mjs');
    const begun = join(directory, 'begun-in-place');
    const executable = join(directory, 'executable');
    await writeFile(
      file,
      `import { appendFileSync } from 'node:fs'; appendFileSync(${JSON.stringify(begun)}, 'main begins\\n');\n${main('process')}`,
    );
    await writeFile(executable, `#!/bin/sh\nexec "${process.execPath}" "${file}"\n`, { mode: 0o755 });
    const preload = join(directory, 'preload.mjs');
    await writeFile(preload, `process.execPath = ${JSON.stringify(executable)};`);
    const { stdout } = await run(process.execPath, ['--import', preload, file], { cwd: directory }).catch(
      (error) => error,
    );
    expect(stdout).toContain('is not started');
    expect((await readFile(begun, 'utf8')).trim().split('\n').length).toBeLessThanOrEqual(3);
  });
});

describe('a process of a loop that computes without end', () => {
  it('ends when its program is killed', async () => {
    const file = join(directory, 'killed.mjs');
    await writeFile(
      file,
      `import { WorkflowOrchestrator } from 'orchestrator/loops';
       await new WorkflowOrchestrator().load({ loops: [{ id: 'spin', module: 'spin.js', pool: 'process' }] }).start();
       setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [file], { cwd: directory, stdio: 'ignore' });
    const pid = await eventually(async () => Number(await readFile(join(directory, 'spinning'), 'utf8')) || false, {
      timeout: 60_000,
    });
    child.kill('SIGKILL');
    await eventually(() => !isAlive(Number(pid)), { timeout: 60_000 });
  });
});

describe('options of Node that a process inherits', () => {
  it('are those that do not name the program', () => {
    const kept = [
      '--expose-gc',
      '--import',
      'tsx',
      '--max-old-space-size=100',
      '-r',
      'x',
      '--title',
      'a',
      '--no-warnings',
    ];
    const code = 'console.log(1)';
    for (const dropped of [
      ['-e', code],
      ['--eval', code],
      [`--eval=${code}`],
      ['-p', code],
      ['--print'],
      ['-pe', code],
      ['--input-type=module'],
      ['--input-type', 'module'],
      ['--inspect'],
      ['--inspect-brk=0'],
      ['--inspect-wait'],
      ['--inspect-port', '0'],
      ['--watch'],
      ['--watch-path', 'src'],
      ['--test'],
      ['--test-only'],
      ['--test-name-pattern', 'a'],
      ['--test-reporter=dot'],
      ['--check'],
      ['-i'],
      ['-'],
    ]) {
      expect(inheritedBy([...dropped, ...kept])).toEqual(kept);
      expect(inheritedBy([...kept, ...dropped])).toEqual(kept);
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

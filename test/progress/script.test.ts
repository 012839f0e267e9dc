import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compiled } from '../programs/compiled.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = compiled(new URL('./fixtures/script.ts', import.meta.url));

interface Arguments {
  readonly node?: readonly string[];
  readonly script?: readonly string[];
}

/** A loader that makes log-update appear to be missing. */
const withoutPeer = `data:text/javascript,${encodeURIComponent(`
  import { register } from 'node:module';
  register('data:text/javascript,' + encodeURIComponent(\`export const resolve = (specifier, context, next) => {
    if (specifier !== 'log-update') return next(specifier, context);
    throw Object.assign(new Error("Cannot find package 'log-update'"), { code: 'ERR_MODULE_NOT_FOUND' });
  };\`));
`)}`;

/** Runs the script with its streams piped. */
async function run(
  scenario: string,
  environment: Record<string, string> = {},
  signal?: NodeJS.Signals,
  more: Arguments = {},
) {
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, [...(more.node ?? []), script, scenario, ...(more.script ?? [])], {
    cwd: root,
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
  });
  if (signal !== undefined) child.stderr.once('data', () => setTimeout(() => child.kill(signal), 200));
  const [stdout, stderr, [code, endedBy]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code, endedBy };
}

describe('a script whose streams are piped', () => {
  it('has standard output to itself, plain lines on standard error, and a summary without a call of stop', async () => {
    const { stdout, stderr, code } = await run('short');
    expect(stdout).toBe('the result\n');
    expect(stderr).toMatch(
      /^ +\d.*s {2}▸ the job {2}begins\n +\d.*s {2}▸ the job › quick {2}begins\n +\d.*s {2}✓ the job › quick {2}\d.*s\n/,
    );
    expect(stderr).toMatch(/\n\n✓ the job {2}\d.*s · 4 tasks\n {4}task .+\n {4}quick +4 .+\n$/);
    expect(stderr).not.toContain('\u001b');
    expect(code).toBe(0);
  });

  it('has colours if FORCE_COLOR says so, and none if NO_COLOR does', async () => {
    const [forced, none] = await Promise.all([
      run('short', { FORCE_COLOR: '1' }),
      run('short', { FORCE_COLOR: '1', NO_COLOR: '1' }),
    ]);
    expect(forced.stderr).toContain('\u001b[32m✓\u001b[39m');
    expect(forced.stdout).toBe('the result\n');
    // Node warns that one of the two variables is ignored.
    expect(none.stderr.replace(/^\(node.*\n.*\n/m, '')).not.toContain('\u001b');
  });

  it('gets its summary if it exits early, and keeps its exit code', async () => {
    const { stderr, code } = await run('exit');
    expect(code).toBe(3);
    expect(stderr).toMatch(/■ the job {2}not finished after \d.*s · 1 task\n/);
    expect(stderr).toMatch(/endless +1 +1\n/);
  });

  it('gets its summary before the error that ends it', async () => {
    const { stderr, code } = await run('throw');
    expect(code).toBe(1);
    expect(stderr.indexOf('■ the job  not finished')).toBeGreaterThan(0);
    expect(stderr.indexOf('nobody catches this')).toBeGreaterThan(stderr.indexOf('■ the job  not finished'));
  });

  it('ends by a signal in the same way as without progress', async () => {
    const { endedBy } = await run('endless', {}, 'SIGTERM');
    expect(endedBy).toBe('SIGTERM');
  });

  it('reports thousands of tasks in few lines', async () => {
    const { stderr } = await run('many');
    expect(stderr.split('\n').length).toBeLessThan(200);
    expect(stderr).toMatch(/work +2,000 /);
  });

  it('says what to install if lines are to change in place without log-update, and writes plain lines', async () => {
    const { stdout, stderr, code } = await run('exit', {}, undefined, {
      node: ['--import', withoutPeer],
      script: ['interactive'],
    });
    expect(stderr).toMatch(/^Live progress needs packages that are not installed: npm install log-update\n/);
    expect(stderr).toMatch(/✓ the job › quick {2}\d.*s\n/);
    expect(stderr).toMatch(/\n■ the job {2}not finished/);
    expect(stdout).toBe('');
    expect(code).toBe(3);
  });
});

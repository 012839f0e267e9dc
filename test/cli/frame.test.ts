import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/cli.js';
import { notesOf } from '../../src/cli/command.js';
import { candidates } from '../../src/cli/completion/candidates.js';
import { report } from '../../src/cli/errors.js';
import { programOf } from '../../src/cli/program.js';
import { referenceOf } from '../../src/cli/reference/markdown.js';
import { Session } from '../../src/cli/session.js';
import { chosenEngine } from '../../src/cli/setup/engine.js';
import { Call, call, jsonOf } from './call.js';

const program = programOf(newSession());
const leaves = leavesOf(program);

function newSession(): Session {
  const { stdout, stderr } = new Call(['--version']);
  return new Session({ stdin: Readable.from([]), stdout, stderr, env: {}, cwd: '.' });
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}

function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}

const visible = leaves.filter((command) => command.name() !== 'complete');

describe('help', () => {
  it.each(visible.map((command) => [pathOf(command)]))(
    'of %j has examples, and the shape of its JSON',
    async (path) => {
      const { code, stdout, stderr } = await call([...path, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Examples:\n  # ');
      expect(stdout).toContain(`orchestrator ${path.join(' ')}`);
      if (path[0] !== 'completion') expect(stdout).toMatch(/--json +write JSON[\s\S]*With --json:\n/);
    },
  );

  it('lists the exit codes', async () => {
    const { stdout } = await call(['--help']);
    expect(stdout).toMatch(/Exit codes:\n {2}0 {4}done[\s\S]* {2}5 {4}the engine[\s\S]* {2}130 {2}ended early/);
  });

  it('is shown for a call without a command, which ends with 2', async () => {
    for (const args of [[], ['runs'], ['loops']]) {
      const { code, stdout, stderr } = await call(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('Usage: orchestrator');
    }
  });

  it('is no wider than the terminal', async () => {
    const { stdout } = await call(['runs', 'list', '--help', '--no-color'], { columns: 60 });
    const options = stdout.slice(0, stdout.indexOf('Examples:'));
    expect(Math.max(...options.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(60);
  });

  it('has bold titles on a terminal', async () => {
    expect((await call(['--help'], { columns: 80 })).stdout).toContain('\u001b[1mCommands:\u001b[22m');
  });
});

describe('a mistyped call', () => {
  it.each([
    [['rum'], "error: unknown command 'rum'\n(Did you mean run?)\n"],
    [['runs', 'lst'], "error: unknown command 'lst'\n(Did you mean one of list, ls?)\n"],
    [['runs', 'list', '--statsu'], "error: unknown option '--statsu'\n(Did you mean --status?)\n"],
    [['run'], "error: missing required argument 'module'\n"],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish.'],
    [['runs', 'pause', '--\u001b]52;c;eA==\u0007'], "unknown option '--\\u001b]52;c;eA==\\u0007'"],
  ])('ends with 2 and suggests a correction: %j', async (args, message) => {
    const { code, stderr } = await call(args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('is reported in red on a terminal', async () => {
    const error = '\u001b[31merror:\u001b[39m';
    expect((await call(['rum'], { columns: 80 })).stderr).toContain(error);
    expect((await call(['run', 'gone.js'], { columns: 80 })).stderr).toContain(error);
  });
});

describe('an error', () => {
  const reported = (error: unknown, isVerbose = false) => {
    const { stdout, stderr } = new Call(['--version']);
    const session = new Session({ stdin: Readable.from([]), stdout, stderr, env: {}, cwd: '.' });
    session.isVerbose = isVerbose;
    report(session, error);
    return stderr.written;
  };

  it('is one line, with the messages of its causes', () => {
    const error = new Error('it failed: why', { cause: new Error('why', { cause: 'a text' }) });
    expect(reported(error)).toBe('error: it failed: why: a text\n');
  });

  it('keeps the lines of its message and makes them harmless', () => {
    expect(reported(new Error('two faults:\n- one\u001b[2J\n- two'))).toBe(
      'error: two faults:\n  - one\\u001b[2J\n  - two\n',
    );
  });

  it('is reported for any thrown value', () => {
    expect(reported(Object.create(null))).toBe('error: {}\n');
    expect(reported(new Error('outer', { cause: Object.create(null) }))).toBe('error: outer: {}\n');
    const round = new Error('round');
    round.cause = round;
    expect(reported(round)).toBe('error: round\n');
    const odd = Object.assign(new Error('odd'), {
      [inspect.custom]() {
        throw new Error('no');
      },
    });
    expect(reported(odd, true)).toBe('error: odd\nError: odd\n');
  });

  it('is reported by its code or class if it has no message', () => {
    expect(reported(Object.assign(new Error(), { code: 'ECONNRESET' }))).toBe('error: ECONNRESET\n');
    expect(reported(new RangeError())).toBe('error: RangeError\n');
  });

  it('has its stack with --verbose', () => {
    expect(reported(new Error('no'), true)).toMatch(/^error: no\nError: no\n {4}at /);
  });
});

describe('a call without signals', () => {
  it('runs to its end', async () => {
    const { stdout, stderr } = new Call(['--version']);
    const io = {
      stdin: Readable.from([]),
      stdout,
      stderr,
      env: {},
      cwd: new URL('fixtures', import.meta.url).pathname,
    };
    expect(await main(['run', 'single.ts', '-q'], io)).toBe(0);
  });
});

describe('a password in the address of an engine', () => {
  it('is removed from errors, but not from identical words', () => {
    const session = newSession();
    const found = { config: {}, path: undefined, directory: '.' };
    chosenEngine(session, { engine: 'postgres://postgres:postgres@127.0.0.1:5432/x' }, found);
    expect(() => chosenEngine(session, { engine: 'redis://:p%40ss%ZZ@127.0.0.1' }, found)).toThrow('percent-encode');
    chosenEngine(session, { engine: 'redis://:p%40ss@127.0.0.1' }, found);
    const text = "postgres at postgres://postgres:postgres@127.0.0.1 { args: [ 'p@ss', 'p%40ss%ZZ' ] } :p%40ss@";
    expect(session.cleaned(text)).toBe(
      "postgres at postgres://postgres:***@127.0.0.1 { args: [ '***', '***' ] } :***@",
    );
  });
});

describe('the version', () => {
  it('is the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await call(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('the reference', () => {
  it('is up to date: npm run docs:cli writes it', async () => {
    const written = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    expect(written).toBe(referenceOf(program));
  });

  it('lists every command with every option', () => {
    const reference = referenceOf(program);
    for (const command of visible) {
      expect(notesOf(command)?.examples).not.toHaveLength(0);
      const [, section = ''] = reference.split(`\n## orchestrator ${pathOf(command).join(' ')}\n`);
      for (const { flags } of command.options) expect(section).toContain(`| \`${flags}\` |`);
    }
  });
});

describe('graph of a module', () => {
  it("is written in Mermaid's language, as SVG, or as data", async () => {
    expect((await call(['graph', 'order.ts'])).stdout).toMatch(/^flowchart TD\n {2}n0\["fetch"\]\n/);
    expect((await call(['graph', 'order.ts', '--svg'])).stdout).toMatch(/^<svg /);
    expect(jsonOf(await call(['graph', 'data.ts', '--json']))).toMatchObject({
      id: 'doubled',
      nodes: [{ id: 'double' }],
    });
  });

  it('is written into a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orchestrator-cli-'));
    const file = join(directory, 'order.svg');
    const { stdout, stderr } = await call(['graph', 'order.ts', '--svg', '-o', file]);
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: `written to ${file}\n` });
    expect(await readFile(file, 'utf8')).toMatch(/^<svg /);
    const failed = await call(['graph', 'order.ts', '-o', join(directory, 'gone', 'x')]);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be written: ENOENT/) });
    await rm(directory, { recursive: true });
  });

  it.each([[[]], [['order.ts', '--run', 'r']]])('needs exactly one thing to draw: %j', async (args) => {
    const outcome = await call(['graph', ...args]);
    expect(outcome).toMatchObject({ code: 2, stderr: 'error: nothing to draw: give a module, or --run <id>\n' });
  });
});

describe('completion', () => {
  const complete = (...words: string[]) => candidates(program, words);

  it('offers commands and their aliases', () => {
    expect(complete('work')).toEqual(['worker', 'workers']);
    expect(complete('runs', 'l')).toEqual(['list', 'ls']);
    expect(complete('')).not.toContain('complete');
    expect(complete('he')).toEqual(['help']);
    expect(complete()).toEqual(complete(''));
  });

  it('offers options of the command and of all commands', () => {
    expect(complete('runs', 'list', '--')).toEqual(
      expect.arrayContaining(['--status', '--json', '--verbose', '--help']),
    );
    expect(complete('runs', 'list', '--version')).toEqual([]);
    expect(complete('--verb')).toEqual(['--verbose']);
    expect(complete('--verbose', 'runs', 'sh')).toEqual(['show']);
  });

  it('offers values of options, and files for paths', () => {
    expect(complete('runs', 'list', '--status', 'c')).toEqual(['completed', 'cancelled']);
    expect(complete('runs', 'list', '--status', 'failed,c')).toEqual(['failed,completed', 'failed,cancelled']);
    expect(complete('runs', 'list', '--status=c')).toEqual(['--status=completed', '--status=cancelled']);
    expect(complete('run', 'x.js', '--checkpoint', '')).toEqual([':files']);
    expect(complete('run', 'x.js', '--input=')).toEqual([':files']);
    expect(complete('run', 'x.js', '--concurrency', '')).toEqual([]);
    expect(complete('run', 'x.js', '--unknown=')).toEqual([]);
    expect(complete('runs', 'list', '--limit', '5', '--st')).toEqual(['--status']);
    expect(complete('graph', '-o', '')).toEqual([':files']);
  });

  it('offers values of arguments, and files for modules', () => {
    expect(complete('completion', 'z')).toEqual(['zsh']);
    expect(complete('run', '')).toEqual([':files']);
    expect(complete('worker', 'a.js', '')).toEqual([':files']);
    expect(complete('run', 'a.js', 'flow', 'more')).toEqual([]);
    expect(complete('runs', 'show', '')).toEqual([]);
    expect(complete('run', '--', '')).toEqual([':files']);
    expect(complete('run', '--', '--ver')).toEqual([':files']);
  });

  it('is written by the hidden command', async () => {
    expect((await call(['complete', '--', 'runs', 'list', '--st'])).stdout).toBe('--status\n');
  });

  it.each(['bash', 'zsh', 'fish'])('has a script for %s, which calls the hidden command', async (shell) => {
    const { code, stdout } = await call(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('complete -- ');
  });
});

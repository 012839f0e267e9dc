import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { describeWithRedis, type RedisServer, startRedis } from '../distributed/servers/redis.js';
import { Installed } from './installed.js';

const canStrip = typeof (process.features as { typescript?: unknown }).typescript === 'string';

let project: Installed;

beforeAll(async () => {
  project = await Installed.create();
  await project.write(
    'flow.js',
    `import { setTimeout as sleep } from 'node:timers/promises';
    import { Flow } from 'orchestrator/flow';
    export default new Flow('echo', { version: '1' }).node('say', (input) => input ?? 'nothing');
    export const slow = new Flow('slow', { version: '1' }).node('wait', (_input, { signal }) => sleep(600_000, 1, { signal }));
    export const deaf = new Flow('deaf', { version: '1' }).node('wait', () => sleep(600_000));
    export const large = new Flow('large', { version: '1' }).node('count', () => Array.from({ length: 500_000 }, (_, at) => at));`,
  );
  await project.write(
    'typed.ts',
    `import { Flow } from 'orchestrator/flow';
    import { greeting } from './greeting.ts';
    const name: string = 'typed';
    export default new Flow(name).node('say', (): string => greeting);`,
  );
  await project.write('greeting.ts', 'export const greeting: string = "hello";');
  await project.write(
    'common.cjs',
    `const { Flow } = require('orchestrator/flow');
    module.exports = { first: new Flow('first').node('one', () => 1), second: new Flow('second').node('two', () => 2) };`,
  );
});

afterAll(() => project.remove());

describe('the installed command', () => {
  it('reads its input from a pipe and writes its output to a pipe', async () => {
    const { code, stdout, stderr } = await project.start(['run', 'flow.js', '--input', '-', '-q']).type('{"a":1}')
      .ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{\n  "a": 1\n}\n', stderr: '' });
  });

  it('does not wait for a standard input that it need not read', async () => {
    expect(await project.start(['run', 'flow.js', '-q']).ended).toMatchObject({ code: 0, stdout: 'nothing\n' });
  });

  it('loads TypeScript modules and their imports', async () => {
    expect(await project.start(['run', 'typed.ts', '-q']).ended).toMatchObject({ code: 0, stdout: 'hello\n' });
  });

  it('loads CommonJS modules', async () => {
    expect(await project.start(['run', 'common.cjs', 'second', '-q']).ended).toMatchObject({ code: 0, stdout: '2\n' });
  });

  it.each(['mjs', 'cjs'])('names the line of a syntax error in a module: .%s', async (kind) => {
    await project.write(`wrong.${kind}`, '\nconst flow = ;\n');
    expect(await project.start(['run', `wrong.${kind}`]).ended).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^error: "wrong\.[cm]js" cannot be loaded \(\S*wrong\.[cm]js:2\): Unexpected token ';'\n$/,
      ),
    });
  });

  it('shows live progress on the standard error', async () => {
    const { stdout, stderr } = await project.start(['run', 'flow.js']).ended;
    expect(stdout).toBe('nothing\n');
    expect(stderr).toContain('echo › say');
  });

  it('prints its version', async () => {
    const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
    expect((await project.start(['--version']).ended).stdout).toBe(`${version}\n`);
  });

  it('ends quietly when its reader closes the pipe', async () => {
    const { stdout, stderr } = await project.bash(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is bash's
      'orchestrator run flow.js large -q | head -n 2; echo ${PIPESTATUS[0]}',
    ).ended;
    expect(stdout).toBe('[\n  0,\n0\n');
    expect(stderr).toBe('');
  });

  it.each([
    ['a device that takes nothing', 'orchestrator run flow.js -q > /dev/full', 'no space left on device'],
    ['a device that takes nothing, help', 'orchestrator --help > /dev/full', 'no space left on device'],
    ['a device that takes nothing, version', 'orchestrator --version > /dev/full', 'no space left on device'],
    ['a full disk, JSON', '(ulimit -f 64; orchestrator run flow.js large --json -q > out.json)', 'file too large'],
    ['a full disk, text', '(ulimit -f 64; orchestrator run flow.js large -q > out.json)', 'file too large'],
  ])('fails if its output cannot be written: %s', async (_where, line, reason) => {
    const { stdout, stderr } = await project.bash(`trap '' XFSZ; ${line}; echo $?`).ended;
    expect(stdout).toBe('1\n');
    expect(stderr).toContain('error: the output cannot be written');
    expect(stderr).toContain(reason);
  });

  it('accepts JSON with a byte order mark, from a file and from a pipe', async () => {
    await project.write('input.json', '\uFEFF{"a":1}');
    const fromFile = await project.start(['run', 'flow.js', '--input', 'input.json', '-q']).ended;
    expect(fromFile).toMatchObject({ code: 0, stdout: '{\n  "a": 1\n}\n' });
    const piped = await project.start(['run', 'flow.js', '--input', '-', '-q']).type('\uFEFF{"a":1}').ended;
    expect(piped).toMatchObject({ code: 0, stdout: '{\n  "a": 1\n}\n' });
  });

  it("ends a run in order at the first signal, with the signal's exit code", async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      const running = project.start(['run', 'flow.js', 'slow']);
      await running.writes('wait');
      running.kill(signal);
      expect((await running.ended).code).toBe(code);
    }
  });

  it('ends at once at the second signal, even if nodes are running', async () => {
    const running = project.start(['run', 'flow.js', 'deaf', '--json']);
    await running.writes('wait');
    running.kill('SIGINT');
    // Sent repeatedly: the program does not show when the first signal has arrived, and two at once count as one.
    const again = setInterval(() => running.kill('SIGINT'), 100);
    const { code } = await running.ended;
    clearInterval(again);
    expect(code).toBe(130);
  });
});

describe('completion in bash', () => {
  /** The completions that bash offers at the end of a line. */
  async function offered(line: string): Promise<string[]> {
    const words = line.split(/(?<=[= ])|(?==)/).map((word) => word.trim());
    const script = `source <(orchestrator completion bash)
      COMP_LINE=${quoted(line)}; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(${words.map(quoted).join(' ')})
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); current=\${COMP_WORDS[COMP_CWORD]}
      [[ $current == "=" ]] && current=
      _orchestrator orchestrator "$current" ""
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await project.bash(script).ended;
    expect(stderr).toBe('');
    return stdout.split('\n').filter((word) => word !== '');
  }

  it('offers commands and subcommands', async () => {
    expect(await offered('orchestrator ')).toEqual(
      expect.arrayContaining(['run', 'graph', 'worker', 'orchestrate', 'runs', 'loops', 'dead-letters', 'completion']),
    );
    expect(await offered('orchestrator runs re')).toEqual(['resume', 'retry']);
  });

  it('offers options and their values', async () => {
    expect(await offered('orchestrator runs list --st')).toEqual(['--status']);
    expect(await offered('orchestrator runs list --status fa')).toEqual(['failed']);
    expect(await offered('orchestrator runs list --status=fa')).toEqual(['failed']);
    expect(await offered('orchestrator runs list --status failed,st')).toEqual(['failed,stalled']);
  });

  it('offers files for modules', async () => {
    expect(await offered('orchestrator run fl')).toEqual(['flow.js']);
  });

  it('works in an interactive bash', async () => {
    const { stdout } = await project.bash('source <(orchestrator completion bash); complete -p orchestrator').ended;
    expect(stdout).toBe('complete -F _orchestrator orchestrator\n');
  });

  function quoted(word: string): string {
    return `'${word}'`;
  }
});

describe('a package that is not installed', () => {
  let bare: Installed;

  beforeAll(async () => {
    bare = await Installed.create({ without: ['ioredis', 'tsx', 'log-update'] });
    await bare.write('typed.ts', 'export const name: string = "typed";');
  });

  afterAll(() => bare.remove());

  it('is named if an engine needs it, with exit code 5', async () => {
    const { code, stderr } = await bare.start(['runs', 'list', '--engine', 'redis://127.0.0.1:1']).ended;
    expect(stderr).toMatch(/^error: redis needs packages that are not installed: npm install ioredis/);
    expect(code).toBe(5);
  });

  it.skipIf(canStrip)('is named if a module is TypeScript, with exit code 2', async () => {
    const { code, stderr } = await bare.start(['run', 'typed.ts']).ended;
    expect(stderr).toMatch(
      /^error: "typed.ts" is, or imports, TypeScript that this Node v\S+ cannot load: install tsx/,
    );
    expect(code).toBe(2);
  });
});

describeWithRedis('a worker in a process of its own', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server.stop());

  it('executes runs, and ends in order at the first signal', async () => {
    const env = { REDIS_URL: server.url };
    const worker = project.start(['worker', 'flow.js', '--id', 'w'], env);
    await worker.writes('worker w takes work from redis');
    const { code, stdout } = await project.start(['runs', 'start', 'echo', '--input', '5', '--wait', '--json'], env)
      .ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ status: 'completed', output: 5 });
    worker.kill('SIGTERM');
    const ended = await worker.ended;
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    expect(ended.stderr).toContain('stopped: 1 completed, 0 failed, 0 retried');
  });

  it('releases its work at the second signal', async () => {
    const env = { REDIS_URL: server.url };
    const worker = project.start(['worker', 'flow.js'], env);
    await worker.writes('takes work');
    await project.start(['runs', 'start', 'deaf', '--run-id', 'held'], env).ended;
    await eventually(
      async () => {
        const { code, stdout } = await project.start(['runs', 'show', 'held', '--attempts'], env).ended;
        expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/\nwait +running/) });
      },
      { timeout: 100_000 },
    );
    worker.kill('SIGTERM');
    await worker.writes('stopping');
    worker.kill('SIGTERM');
    expect((await worker.ended).code).toBe(143);
  });
});

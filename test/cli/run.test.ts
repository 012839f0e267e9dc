import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FileCheckpointStore } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Call, call, jsonOf } from './call.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orchestrator-cli-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('run', () => {
  it('writes the output of the default export to the standard output, and nothing else', async () => {
    const { code, stdout } = await call(['run', 'order.ts', '--context', '{"total":3}']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ charged: 3 });
  });

  it('takes its input from the standard input, a file, or the argument itself', async () => {
    const file = join(directory, 'input.json');
    await writeFile(file, '7');
    const outcomes = await Promise.all([
      call(['run', 'order.ts', '--input', '-'], { stdin: '5' }),
      call(['run', 'order.ts', '--input', file]),
      call(['run', 'order.ts', '--input', '9']),
      call(['run', 'order.ts', '--context', '-'], { stdin: '{"total":11}' }),
    ]);
    expect(outcomes.map((outcome) => jsonOf(outcome).charged)).toEqual([5, 7, 9, 11]);
  });

  it('finds a flow by its export, by its id, or as the only flow', async () => {
    expect((await call(['run', 'several.ts', 'second'])).stdout).toBe('2\n');
    expect((await call(['run', 'several.ts', 'a'])).stdout).toBe('1\n');
    expect((await call(['run', 'single.ts', '--input', '"given"'])).stdout).toBe('given\n');
  });

  it('executes a flow as data with the runtime that the module exports', async () => {
    expect((await call(['run', 'data.ts', '--input', '21'])).stdout).toBe('42\n');
  });

  it('writes nothing for a run without an output', async () => {
    expect((await call(['run', 'order.ts', 'silent', '--quiet'])).stdout).toBe('');
  });

  it('shows terminal control characters as escapes', async () => {
    expect((await call(['run', 'order.ts', 'text'])).stdout).toBe('two\nlines \\u001b]0;title\\u0007\n');
  });

  it('writes the whole result of a run as JSON', async () => {
    const outcome = await call(['run', 'order.ts', '--json', '--run-id', 'r-1', '--concurrency', '2']);
    expect(jsonOf(outcome)).toEqual({
      runId: 'r-1',
      status: 'completed',
      output: { charged: 20 },
      context: { fetch: 20, price: 20, charge: { charged: 20 } },
      errors: [],
      completed: ['fetch', 'price', 'charge'],
      skipped: ['review'],
      awaiting: [],
      duration: expect.any(Number),
    });
  });

  it('ends with 1 and prints the cause in one line if the run fails', async () => {
    const { code, stdout, stderr } = await call(['run', 'order.ts', 'broken', '-q']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /^error: flow "broken" failed after \d.*?s: node "fail" failed: no \\u001b\[31mmoney\\u0007 left: the bank is closed\n$/,
    );
  });

  it('adds at the end only what the lines before have not reported', async () => {
    const { stderr } = await call(['run', 'order.ts', 'broken']);
    expect(stderr).toMatch(/\nerror: flow "broken" failed after \d.*?s: the bank is closed\n$/);
    expect(stderr).not.toContain('slowest');
  });

  it('writes failures as JSON', async () => {
    const outcome = await call(['run', 'order.ts', 'broken', '-q', '--json']);
    expect(outcome.code).toBe(1);
    expect(jsonOf(outcome)).toMatchObject({
      status: 'failed',
      output: null,
      errors: [{ nodeId: 'fail', attempts: 1, error: { name: 'Error', cause: { message: 'the bank is closed' } } }],
    });
  });

  it('writes failures as JSON even if errors are their own causes', async () => {
    const outcome = await call(['run', 'order.ts', 'round', '-q', '--json']);
    expect(outcome.code).toBe(1);
    expect(jsonOf(outcome).errors[0].error).toMatchObject({ cause: { message: 'round: token=t-123' } });
    expect(outcome.stderr).toMatch(/node "fail" failed: round: token=t-123\n$/);
  });

  it('ends with 1 if the run reaches its timeout', async () => {
    const { code, stderr } = await call(['run', 'order.ts', 'slow', '-q', '--timeout', '50ms']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: flow "slow" cancelled after .*timed out after 50 ms/);
  });

  it('ends with 130 after an interruption, when its nodes have ended', async () => {
    const running = new Call(['run', 'order.ts', 'slow', '--json']);
    await running.writes('slow › wait');
    running.interrupt();
    const outcome = await running.ended;
    expect(outcome).toMatchObject({ code: 130, stderr: expect.stringMatching(/\nerror: interrupted\n$/) });
    expect(jsonOf(outcome).status).toBe('cancelled');
  });

  it('checks the input, the events and the output by the schemas of the flow', async () => {
    const saved = ['run', 'strict.ts', '-q', '--checkpoint', directory];
    const refused = await call([...saved, '--run-id', 'strict', '--input', '{"cents":"many","note":5}']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /^error: input\.cents: .*number.*; input\.note: .*string.*; expected { cents: integer, note\?: string }\n$/,
    );
    expect(await new FileCheckpointStore(directory).load('strict')).toBeUndefined();
    const dry = await call(['run', 'strict.ts', '--dry-run', '--input', '5']);
    expect([dry.code, dry.stderr]).toEqual([2, expect.stringContaining('; expected { cents: integer')]);

    const waiting = await call([...saved, '--run-id', 'strict', '--input', '{"cents":5}']);
    expect(waiting.stderr).toContain('strict waits for approval ({ by: string, at?: anything }); resume it with: ');
    const resume = [...saved, '--resume', 'strict', '--event'];
    const wrong = await call([...resume, 'approval={}']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/^error: events\.approval\.by: /)]);
    const failed = await call([...resume, 'approval={"by":"Ada Lovelace"}', '--json']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/flow "strict" failed after .*: output\.by: /);
    expect(jsonOf(failed)).toMatchObject({
      status: 'failed',
      errors: [],
      reason: { name: 'ValidationError', code: 'ERR_VALIDATION' },
      completed: ['order', 'approval', 'approved'],
    });
    await rm(join(directory, 'strict'), { recursive: true, force: true });
  });

  it('walks through a flow without executing it with --dry-run', async () => {
    const { stdout } = await call(['run', 'order.ts', 'chosen', '--dry-run']);
    expect(stdout).toBe('NODE    EXECUTES  ACTION\nchoose  choose    left\nleft    left\n');
    const steps = jsonOf(await call(['run', 'order.ts', 'chosen', '--dry-run', '--json']));
    expect(steps).toEqual({
      steps: [
        { nodeId: 'choose', uses: 'choose', action: 'left' },
        { nodeId: 'left', uses: 'left' },
      ],
    });
    expect((await call(['run', 'data.ts', '--dry-run'])).stdout).toContain('double');
  });

  it('saves a waiting run, and resumes it with the awaited event', async () => {
    const saved = ['run', 'order.ts', '-q', '--checkpoint', directory];
    const waiting = await call([...saved, '--run-id', 'dear', '--input', '500']);
    expect(waiting.code).toBe(1);
    expect(waiting.stderr).toBe(
      `order waits for approval; resume it with: orchestrator run order.ts --checkpoint ${directory} --resume dear --event approval=…\n`,
    );
    const resumed = await call([...saved, '--resume', 'dear', '--event', 'approval={"by":"ada"}', '--json']);
    expect(resumed.code).toBe(0);
    expect(jsonOf(resumed)).toMatchObject({ runId: 'dear', status: 'completed', output: { charged: 500 } });
  });

  it('prints the command that resumes a run, quoted for a shell', async () => {
    const place = join(directory, "ada's runs");
    const waiting = await call([
      'run',
      'order.ts',
      'order',
      '-q',
      '--checkpoint',
      place,
      '--run-id',
      'a b',
      '--input',
      '500',
    ]);
    const quoted = place.replace("'", "'\\''");
    expect(waiting.stderr).toContain(
      `: orchestrator run order.ts order --checkpoint '${quoted}' --resume 'a b' --event approval=…\n`,
    );
  });

  it('refuses a run that another program is executing, and names the program', async () => {
    const saved = ['run', 'order.ts', '-q', '--checkpoint', directory];
    await call([...saved, '--run-id', 'held', '--input', '500']);
    const claim = await new FileCheckpointStore(directory).claim('held', 'the worker in the cellar');
    const resumed = await call([...saved, '--resume', 'held', '--event', 'approval=true']);
    expect(resumed.code).toBe(4);
    expect(resumed.stderr).toContain('run "held" is held by the worker in the cellar since ');
    await claim.release();
    expect((await call([...saved, '--resume', 'held', '--event', 'approval=true'])).code).toBe(0);
  });

  it('takes an event without a value as null', async () => {
    const saved = ['run', 'order.ts', '-q', '--checkpoint', directory];
    await call([...saved, '--run-id', 'null', '--input', '500']);
    const resumed = await call([...saved, '--resume', 'null', '--event', 'approval', '--json']);
    expect(jsonOf(resumed).context.review).toBeNull();
  });

  it('says what it waits for if a schema never answers', { timeout: 120_000 }, async () => {
    const [program, module] = ['../../src/cli/main.ts', 'fixtures/silent.ts'].map((path) =>
      fileURLToPath(new URL(path, import.meta.url)),
    );
    const command = ['--import', 'tsx', program as string, 'run', module as string];
    const error = await promisify(execFile)(process.execPath, command).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 13, stderr: expect.stringContaining('it waits for the schema of input') });
  });

  it('says how to save a waiting run', async () => {
    const { stderr } = await call(['run', 'order.ts', '-q', '--input', '500']);
    expect(stderr).toBe('order waits for approval; start it with --checkpoint <directory> to be able to resume it\n');
  });

  it.each([
    [3, ['--checkpoint', 'nowhere', '--resume', 'gone'], 'run "gone" is not in nowhere'],
    [2, ['--resume', 'x'], '--resume needs --checkpoint <directory>'],
    [2, ['--event', 'x=1'], '--event is only for resumed runs: give --resume <id>'],
    [2, ['--input', '-', '--context', '-'], '--input and --context cannot both come from the standard input'],
    [2, ['--context', '[1]'], '--context must be a JSON object'],
    [2, ['--input', '{"a":'], '--input: the text is not JSON'],
    [2, ['--input', 'gone.json'], '--input: "gone.json" is neither JSON nor a readable file'],
    [2, ['--input', 'order.ts'], '--input: "order.ts" is not JSON'],
    [2, ['--concurrency', '0'], "option '--concurrency <count>' argument '0' is invalid"],
    [2, ['--timeout', 'soon'], 'It must be a duration: 500ms, 30s, 5m, 2h or 7d.'],
  ])('ends with %i for %j', async (code, args, message) => {
    const outcome = await call(['run', 'order.ts', '-q', ...args]);
    expect(outcome.stderr).toContain(message);
    expect(outcome).toMatchObject({ code, stdout: '' });
  });

  it('refuses a new input for a resumed run', async () => {
    const saved = ['run', 'order.ts', '-q', '--checkpoint', directory];
    await call([...saved, '--run-id', 'again', '--input', '500']);
    const resumed = await call([...saved, '--resume', 'again', '--input', '1']);
    expect(resumed.stderr).toBe(
      'error: --input, --context and --run-id cannot be combined with --resume: the saved run has them already\n',
    );
    const other = await call(['run', 'single.ts', '-q', '--checkpoint', directory, '--resume', 'again']);
    expect(other).toMatchObject({ code: 4, stderr: expect.stringContaining('is a run of "order", not of "only"') });
  });
});

describe('modules', () => {
  it.each([
    ['gone.ts', /module "gone.ts" does not exist \(\/.*gone.ts\)/],
    ['throwing.ts', /"throwing.ts" cannot be loaded: the module fails as it is loaded/],
    [
      'nothing.ts',
      /does not export a flow as its default export: it exports answer \(number\), greet \(function\), nobody \(null\), today \(Date\)/,
    ],
    ['several.ts', /default export; name one of its flows: it exports first \(flow "a"\), second \(flow "b"\)/],
    ['object.cjs', /it exports .*settings \(Object\)/],
    ['foreign.ts', /the flow "default" of "foreign.ts" was made with another copy of this package/],
  ])('refuses %s with 2', async (module, message) => {
    const { code, stderr } = await call(['run', module]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it('takes a module as a file URL', async () => {
    const url = new URL('fixtures/single.ts', import.meta.url).href;
    expect((await call(['run', url])).stdout).toBe('one\n');
  });

  it('shows the stack of an error only with --verbose', async () => {
    expect((await call(['run', 'throwing.ts'])).stderr).not.toContain('    at ');
    expect((await call(['run', 'throwing.ts', '--verbose'])).stderr).toMatch(/\n +at .*throwing\.ts/);
  });
});

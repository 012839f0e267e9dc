import { fileURLToPath } from 'node:url';
import { DistributedWorker, OrchestratorBuilder } from 'orchestrator/distributed';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { Call, call, jsonOf, linesOf } from './call.js';
import { engine } from './fixtures/memory/orchestrator.config.js';
import order, { broken, flaky, round, secretive, slow } from './fixtures/order.js';
import strict from './fixtures/strict.js';

const cwd = fileURLToPath(new URL('fixtures/memory', import.meta.url));
const runs = (...args: string[]) => call(['runs', ...args], { cwd });
const workflows = [order, broken, flaky, slow, secretive, round, strict];
const worker = new DistributedWorker({ engine, workflows, watchInterval: 50 });
const orchestrator = new OrchestratorBuilder().engine(engine).workflow(order).build();

beforeAll(async () => {
  await worker.start();
  await orchestrator.startRun({}, 5, { runId: 'done' });
  await orchestrator.startRun({}, 500, { runId: 'waits' });
  await orchestrator.startRun({}, undefined, { runId: 'failed', workflow: 'broken' });
  await orchestrator.startRun({ password: 'p-123', note: 'n' }, undefined, { runId: 'secret', workflow: 'secretive' });
  for (const runId of ['done', 'failed', 'secret']) await orchestrator.waitForCompletion(runId);
  await eventually(async () => (await orchestrator.status('waits')) === 'awaiting');
});

afterAll(async () => {
  await worker.stop({ deadline: 0 });
  await orchestrator.close();
});

describe('runs start', () => {
  it('starts a run of a workflow whose code it does not have, and prints its id', async () => {
    const { code, stdout } = await runs('start', 'order', '--input', '7', '--run-id', 'started');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'started\n' });
    expect((await orchestrator.waitForCompletion('started')).output).toEqual({ charged: 7 });
  });

  it('reports that a run with this id exists already', async () => {
    await runs('start', 'order', '--input', '7', '--run-id', 'twice');
    const again = await runs('start', 'order', '--input', '7', '--run-id', 'twice');
    const stderr = 'run "twice" exists already: nothing was started\n';
    expect(again).toEqual({ code: 0, stdout: 'twice\n', stderr });
    expect(jsonOf(await runs('start', 'order', '--run-id', 'twice', '--json'))).toMatchObject({ started: false });
  });

  it('reports that the engine has no workflows', async () => {
    const outcome = await call(['runs', 'start', 'order', '--engine', 'memory:']);
    const stderr = 'error: this engine has no workflows yet: start a worker or a program that has the workflow\n';
    expect(outcome).toEqual({ code: 3, stdout: '', stderr });
  });

  it('takes version, delay, priority and timeout', async () => {
    const more = ['--workflow-version', '1', '--delay', '1h', '--priority', '7', '--timeout', '30s'];
    const { runId, workflow } = jsonOf(await runs('start', 'order', ...more, '--json'));
    expect(workflow).toBe('order');
    const run = await orchestrator.run(runId);
    expect(run).toMatchObject({ version: '1', priority: 7, status: 'scheduled' });
    expect(run.startAt - run.createdAt).toBe(3_600_000);
    expect(Number(run.deadline) - run.startAt).toBe(30_000);
    await orchestrator.cancel(runId);
  });

  it('follows the run to its end with --wait, and returns its exit code', async () => {
    const done = await runs('start', 'order', '--input', '7', '--wait');
    expect(done.code).toBe(0);
    expect(done.stdout).toMatch(/completed {2}fetch[\s\S]*completed {2}charge/);
    const failed = await runs('start', 'broken', '--wait', '--json', '--run-id', 'waited');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^error: run "waited" failed after .*: node "fail" failed/);
    const lines = linesOf(failed);
    expect(lines[0]).toEqual({ runId: 'waited', workflow: 'broken', started: true });
    expect(lines.at(-1)).toMatchObject({ type: 'over', runId: 'waited', status: 'failed' });
  });

  it.each([
    [3, ['unheard-of'], 'workflow "unheard-of" is not on this engine: it has order@1, broken@1'],
    [4, ['broken', '--run-id', 'done'], 'run "done" exists already, of workflow "order"'],
    [2, ['order', '--priority', '2097152'], 'It must be a whole number from 0 to 2097151.'],
  ])('ends with %i for %j', async (code, args, message) => {
    const outcome = await runs('start', ...args);
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(code);
  });
});

describe('runs list', () => {
  it('shows runs as a table, newest first', async () => {
    const { stdout } = await runs('list', '--status', 'failed,awaiting', '--workflow', 'order');
    expect(stdout).toMatch(/^RUN +WORKFLOW +STATUS +CREATED +TOOK\nwaits +order +awaiting +\S+.* ago +\S+.*\n$/);
  });

  it('shows errors in one line, made harmless', async () => {
    const reason = 'asked to\n\u001b[2J';
    const runId = await orchestrator.startRun({}, 500);
    await orchestrator.cancel(runId, reason);
    const { stdout } = await runs('list', '--text', 'ASKED TO', '--oldest', '--limit', '1');
    expect(stdout).toMatch(/^RUN .* ERROR\n\S+ +order +cancelled .* asked to\\n\\u001b\[2J\n$/);
  });

  it('finds runs by the time of their creation', async () => {
    expect(jsonOf(await runs('list', '--since', '1h', '--text', 'done', '--json')).runs).toHaveLength(1);
    expect(jsonOf(await runs('list', '--until', '2020-01-01', '--json'))).toEqual({ runs: [] });
    expect((await runs('list', '--until', '2020-01-01', '--json')).stdout).toBe('{\n  "runs": []\n}\n');
    expect((await runs('list', '--until', '2020-01-01')).stderr).toBe('no runs\n');
  });

  it('continues with a cursor, and says that there are more runs', async () => {
    const first = jsonOf(await runs('list', '--limit', '1', '--json'));
    const second = jsonOf(await runs('list', '--limit', '1', '--cursor', first.cursor, '--json'));
    expect(first.runs[0].runId).not.toBe(second.runs[0].runId);
    expect((await runs('list', '--limit', '1')).stderr).toContain(`more: --cursor ${first.cursor}, or --all`);
  });

  it('writes one line of JSON per run', async () => {
    // Runs started by other tests may still be active.
    await eventually(async () => {
      const { runs: whole } = jsonOf(await runs('list', '--all', '--json'));
      const lines = (await runs('list', '--all', '--json-lines')).stdout.trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line))).toEqual(whole);
    });
  });

  it('writes only ids for other programs', async () => {
    const all = (await orchestrator.listRuns()).runs.map(({ runId }) => `${runId}\n`);
    expect((await runs('ls', '--all', '--ids')).stdout).toBe(all.join(''));
  });

  it('makes ids harmless on a terminal', async () => {
    const runId = 'id\u001b]52;c;eA==\u0007';
    await orchestrator.startRun({}, 500, { runId });
    const options = ['runs', 'list', '--ids', '--text', ']52;'];
    expect((await call(options, { cwd })).stdout).toBe(`${runId}\n`);
    expect((await call(options, { cwd, columns: 80 })).stdout).toBe('id\\u001b]52;c;eA==\\u0007\n');
    await orchestrator.cancel(runId);
  });

  it('hides secrets in errors unless --reveal is given', async () => {
    const runId = await orchestrator.startRun({}, 500, { runId: 'cancelled-for' });
    await orchestrator.cancel(runId, 'redis://ada:hunter2@cache is full');
    for (const more of [[], ['--json']]) {
      const args = ['list', '--text', runId, ...more];
      expect((await runs(...args)).stdout).toContain('redis://ada:[redacted]@cache');
      expect((await runs(...args, '--reveal')).stdout).toContain('hunter2');
    }
    expect((await runs('watch', runId)).stderr).toContain('redis://ada:[redacted]@cache');
  });

  it('writes summaries as JSON, without outputs', async () => {
    const [run] = jsonOf(await runs('list', '--text', 'done', '--json')).runs;
    expect(run).toEqual({
      runId: 'done',
      incarnation: expect.any(Number),
      workflow: 'order',
      version: '1',
      status: 'completed',
      priority: 0,
      createdAt: expect.any(Number),
      startAt: expect.any(Number),
      updatedAt: expect.any(Number),
      finishedAt: expect.any(Number),
    });
  });

  it.each([
    [['--status', 'failed,lost'], 'Allowed choices are scheduled, running'],
    [['--since', 'yesterday'], 'It must be an age'],
    [['--limit', 'many'], 'It must be a whole number of at least 1.'],
    [['--cursor', 'none'], 'cursor must be the cursor of a page'],
  ])('ends with 2 for %j', async (args, message) => {
    const outcome = await runs('list', ...args);
    expect(outcome.stderr).toContain(message);
    expect(outcome.code).toBe(2);
  });

  it('has colours on a terminal unless they are turned off', async () => {
    const list = ['runs', 'list', '--text', 'done'];
    const green = '\u001b[32mcompleted\u001b[39m';
    expect((await call(list, { cwd, columns: 80 })).stdout).toContain(green);
    expect((await call(list, { cwd, env: { FORCE_COLOR: '1' } })).stdout).toContain(green);
    for (const plain of [
      await call([...list, '--no-color'], { cwd, columns: 80 }),
      await call(list, { cwd, columns: 80, env: { NO_COLOR: '1' } }),
      await call(list, { cwd, columns: 80, env: { TERM: 'dumb' } }),
    ]) {
      expect(plain.stdout).toContain('completed');
      expect(plain.stdout).not.toContain('\u001b');
    }
  });
});

describe('runs show', () => {
  it('shows the status of a run and its nodes', async () => {
    const { stdout } = await runs('show', 'waits');
    expect(stdout).toMatch(/run {8}waits\nworkflow {3}order version 1\nstatus {5}awaiting\n/);
    expect(stdout).toMatch(/waits for {2}approval\n/);
    expect(stdout).toMatch(/fetch +completed +1 +\d.*s\n/);
    expect(stdout).toMatch(/charge +pending\n/);
  });

  it('shows the output of a completed run, without secrets unless --reveal is given', async () => {
    const { stdout } = await runs('show', 'secret');
    expect(stdout).toContain('output');
    expect(stdout).not.toContain('k-123');
    expect(stdout).not.toContain('\u001b');
    expect((await runs('show', 'secret', '--reveal')).stdout).toContain('k-123');
  });

  it('shows each attempt with --attempts', async () => {
    const { stdout } = await runs('show', 'failed', '--attempts');
    expect(stdout).toMatch(/error {5}node "fail" failed/);
    expect(stdout).toMatch(
      /STARTED +NODE +ATTEMPT +STATUS +TOOK +WORKER +ERROR\n\d\d:\d\d:\d\d +fail +1 +failed +.*no \\u001b/,
    );
  });

  it('shows the running nodes and their workers', async () => {
    await runs('start', 'slow', '--run-id', 'executed');
    await eventually(async () => {
      const { stdout } = await runs('show', 'executed', '--attempts');
      expect(stdout).toMatch(/\nwait +running[\s\S]*STARTED[\s\S]* wait +1 +running +\S+/);
      expect(stdout).toContain(worker.id);
    });
    expect((await runs('list', '--text', 'executed')).stdout).toMatch(/running +\S.* ago +\S+ \S+\n$/);
    await runs('cancel', 'executed');
  });

  it('writes the whole run as JSON', async () => {
    const detail = jsonOf(await runs('show', 'done', '--json'));
    expect(detail.run).toMatchObject({ runId: 'done', status: 'completed' });
    expect(detail.graph.nodes.map(({ id, status }: { id: string; status: string }) => [id, status])).toEqual([
      ['fetch', 'completed'],
      ['price', 'completed'],
      ['charge', 'completed'],
      ['review', 'skipped'],
    ]);
    expect(detail.attempts).toHaveLength(3);
  });

  it('shows the start time, deadline and priority of a scheduled run', async () => {
    const { stdout } = await runs('start', 'order', '--delay', '1h', '--timeout', '1m', '--priority', '3');
    const shown = (await runs('show', stdout.trim())).stdout;
    expect(shown).toMatch(/starts {4}.* in (1 h 00 min|59 min)/);
    expect(shown).toMatch(/deadline {2}.* in 1 h 0[01] min/);
    expect(shown).toMatch(/priority {2}3/);
    await orchestrator.cancel(stdout.trim());
  });
});

describe('runs watch', () => {
  it('follows a run until it ends', async () => {
    await orchestrator.startRun({}, 500, { runId: 'watched' });
    const watching = new Call(['runs', 'watch', 'watched'], { cwd });
    await watching.writes(/now {8}awaiting\n/);
    await orchestrator.signal('watched', 'approval', true);
    const { code, stdout, stderr } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d\d:\d\d:\d\d {2}signal {5}approval\n/);
    expect(stderr).toMatch(/^run "watched" completed after /);
  });

  it('writes a line of JSON for each event, without secrets', async () => {
    const lines = linesOf(await runs('watch', 'secret', '--json'));
    expect(lines[0]).toMatchObject({ seq: 1, type: 'completed', nodeId: 'keep', output: { apiKey: '[redacted]' } });
    const revealed = linesOf(await runs('watch', 'secret', '--json', '--reveal'));
    expect(revealed[0].output.apiKey).toBe('k-123');
  });

  it('shows failures with their messages', async () => {
    const { code, stdout } = await runs('watch', 'failed');
    expect(stdout).toMatch(/failed {5}fail {2}\d.*s, no \\u001b\[31mmoney/);
    expect(code).toBe(1);
  });

  it('shows retries with their delays', async () => {
    const { code, stdout } = await runs('start', 'flaky', '--wait', '--run-id', 'flaky');
    expect(code).toBe(0);
    expect(stdout).toMatch(/retrying {3}try {2}\d.*s, busy, again in \d+ ms\n.*completed {2}try {2}attempt 2, /);
    expect((await runs('errors', 'flaky')).stdout).toMatch(/try {2}attempt 1, will be retried, on /);
    const lines = linesOf(await runs('watch', 'flaky', '--json'));
    expect(lines[0]).toMatchObject({ type: 'retrying', error: { name: 'Error', message: 'busy' } });
  });

  it('follows all runs without an id, until it is interrupted', async () => {
    const watching = new Call(['runs', 'watch', '--status', 'completed'], { cwd });
    const asJson = new Call(['runs', 'watch', '--json'], { cwd });
    await Promise.all([watching.writes('watching memory'), asJson.writes('watching memory')]);
    await runs('start', 'order', '--input', '1', '--run-id', 'told');
    await Promise.all([watching.writes('completed  told'), asJson.writes('"completed"')]);
    watching.interrupt();
    asJson.interrupt('SIGTERM');
    expect(await watching.ended).toMatchObject({ code: 130 });
    const ended = await asJson.ended;
    expect(ended.code).toBe(143);
    expect(linesOf(ended)).toContainEqual({ time: expect.any(Number), runId: 'told', status: 'completed' });
  });

  it('ends with 130 if it is interrupted before the run ends', async () => {
    const watching = new Call(['runs', 'watch', 'waits'], { cwd });
    await watching.writes('waits for approval');
    watching.interrupt();
    expect(await watching.ended).toMatchObject({ code: 130, stderr: 'error: interrupted\n' });
  });
});

describe('runs cancel, pause, resume and retry', () => {
  it('act on a run and confirm it', async () => {
    await orchestrator.startRun({}, 500, { runId: 'acted' });
    await eventually(async () => (await orchestrator.status('acted')) === 'awaiting');
    expect((await runs('pause', 'acted')).stdout).toBe('acted paused\n');
    expect(await orchestrator.status('acted')).toBe('paused');
    expect((await runs('resume', 'acted')).stdout).toBe('acted resumed\n');
    expect((await runs('cancel', 'acted', '--reason', 'ordered twice')).stdout).toBe('acted cancelled\n');
    expect(await orchestrator.run('acted')).toMatchObject({ status: 'cancelled', error: 'ordered twice' });
    expect((await runs('retry', 'acted')).stdout).toBe('acted retried\n');
    await eventually(async () => (await orchestrator.status('acted')) === 'awaiting');
    await orchestrator.cancel('acted');
  });

  it('act on all given runs, even if some fail', async () => {
    await orchestrator.startRun({}, 500, { runId: 'last' });
    const { code, stdout, stderr } = await runs('cancel', 'gone', 'done', 'last');
    expect(code).toBe(3);
    expect(stdout).toBe('last cancelled\n');
    expect(stderr).toBe(
      'error: run "gone" is not known\nerror: run "done" is completed: only a run that has not ended can be cancelled\n',
    );
  });

  it('write the result for each run as JSON', async () => {
    const outcome = await runs('pause', 'done', '--json');
    expect(outcome.code).toBe(4);
    expect(jsonOf(outcome)).toEqual({
      runs: [
        {
          runId: 'done',
          ok: false,
          error: {
            message: 'run "done" is completed: only a run that has not ended can be paused',
            code: 'ERR_RUN_STATE',
          },
        },
      ],
    });
    expect(jsonOf(await runs('resume', 'waits', '--json'))).toEqual({ runs: [{ runId: 'waits', ok: true }] });
  });
});

describe('runs signal', () => {
  async function startWaiting(runId: string): Promise<void> {
    await orchestrator.startRun({}, 500, { runId });
    await eventually(async () => (await orchestrator.status(runId)) === 'awaiting');
  }

  it('delivers an event with its payload', async () => {
    await startWaiting('signalled');
    const { stdout } = await runs('signal', 'signalled', 'approval', '--payload', '{"by":"ada"}');
    expect(stdout).toBe('signalled has received approval\n');
    await orchestrator.waitForCompletion('signalled');
    expect((await orchestrator.context('signalled')).review).toEqual({ by: 'ada' });
    expect(await runs('signal', 'signalled', 'approval')).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringContaining('approval comes too late for signalled'),
    });
  });

  it('delivers a signal once, even if it is sent repeatedly with the same id', async () => {
    await orchestrator.startRun({}, 500, { runId: 'sent-twice' });
    const send = () => runs('signal', 'sent-twice', 'approval', '--payload', '1', '--id', 'click-7');
    expect((await send()).code).toBe(0);
    await orchestrator.waitForCompletion('sent-twice');
    expect(await send()).toMatchObject({ code: 0, stdout: 'sent-twice has received this approval before\n' });
    const signals = [];
    for await (const { type } of orchestrator.events('sent-twice')) if (type === 'signal') signals.push(type);
    expect(signals).toHaveLength(1);
  });

  it('reads the payload from the standard input, and writes JSON', async () => {
    await startWaiting('piped');
    const args = ['runs', 'signal', 'piped', 'approval', '--payload', '-', '--json'];
    expect(jsonOf(await call(args, { cwd, stdin: '"yes"' }))).toEqual({
      runs: [{ runId: 'piped', ok: true, outcome: 'delivered' }],
    });
    await orchestrator.waitForCompletion('piped');
    expect((await orchestrator.context('piped')).review).toBe('yes');
  });

  it('has the payload null by default, and refuses an event that nothing waits for', async () => {
    expect(await runs('signal', 'waits', 'aproval')).toMatchObject({ code: 2 });
    expect((await runs('signal', 'done', 'approval')).code).toBe(4);
  });
});

describe('runs of a workflow with schemas', () => {
  it('are not started with an invalid input', async () => {
    const { code, stderr } = await runs('start', 'strict', '--input', '{"cents":"many"}', '--run-id', 'strict-1');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: input\.cents: .*; expected { cents: integer, note/),
    ]);
    await expect(orchestrator.run('strict-1')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });

  it('show what they wait for, refuse an invalid event, and get converted values', async () => {
    await runs('start', 'strict', '--input', '{"cents":5}', '--run-id', 'strict-2');
    await eventually(async () => (await orchestrator.status('strict-2')) === 'awaiting');
    expect((await orchestrator.context('strict-2')).order).toEqual({ cents: 5, note: 'none' });
    expect((await runs('show', 'strict-2')).stdout).toMatch(/waits for {2}approval { by: string, at\?: anything }\n/);
    expect(jsonOf(await runs('show', 'strict-2', '--json')).expects).toEqual({
      approval: '{ by: string, at?: anything }',
    });
    const wrong = await runs('signal', 'strict-2', 'approval', '--payload', '{"by":5}');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/^error: payload\.by: .*; expected { by: string, at/),
    ]);
    await runs('signal', 'strict-2', 'approval', '--payload', '{"by":"Ada","at":"2026-01-01"}');
    expect((await orchestrator.waitForCompletion('strict-2')).output).toEqual({ by: 'Ada' });
    expect((await orchestrator.context('strict-2')).approval).toEqual({ by: 'Ada', at: new Date('2026-01-01') });
  });
});

describe('runs errors', () => {
  it('shows errors with causes, and with stacks if --verbose is given', async () => {
    const { stdout } = await runs('errors', 'failed');
    expect(stdout).toMatch(/ {2}fail {2}attempt 1, failed, on /);
    expect(stdout).toContain('\n  Error: no \\u001b[31mmoney\\u0007 left\n  caused by Error: the bank is closed\n');
    expect(stdout).not.toContain('    at ');
    expect((await runs('errors', 'failed', '--verbose')).stdout).toMatch(/\n {4}at /);
    expect((await runs('errors', 'done')).stderr).toBe('no errors\n');
  });

  it('writes them as JSON', async () => {
    const { runId, errors } = jsonOf(await runs('errors', 'failed', '--json'));
    expect(runId).toBe('failed');
    expect(errors).toMatchObject([
      { nodeId: 'fail', attempt: 1, isFinal: true, error: { cause: { message: 'the bank is closed' } } },
    ]);
    expect(errors[0].error).not.toHaveProperty('stack');
    expect(jsonOf(await runs('errors', 'failed', '--json', '--verbose')).errors[0].error.stack).toContain('at ');
  });
});

describe('the errors and events of a run', () => {
  it('are shown without secrets unless --reveal is given', async () => {
    await runs('start', 'round', '--run-id', 'round', '--wait');
    for (const args of [
      ['errors', 'round'],
      ['errors', 'round', '--verbose', '--json'],
      ['watch', 'round'],
      ['watch', 'round', '--json'],
    ]) {
      expect((await runs(...args)).stdout).toContain('token=[redacted]');
      expect((await runs(...args)).stdout).not.toContain('t-123');
      expect((await runs(...args, '--reveal')).stdout).toContain('t-123');
    }
    const graph = (...more: string[]) => call(['graph', '--run', 'round', '--json', ...more], { cwd });
    expect(jsonOf(await graph()).nodes[0].params).toEqual({ password: '[redacted]' });
    expect(jsonOf(await graph('--reveal')).nodes[0].params).toEqual({ password: 'p-123' });
  });
});

describe('runs context', () => {
  it('shows the context of a run without secrets unless --reveal is given', async () => {
    const { stdout } = await runs('context', 'secret');
    expect(JSON.parse(stdout)).toMatchObject({ password: '[redacted]', keep: { apiKey: '[redacted]' } });
    expect(stdout).not.toContain('\u001b');
    const { runId, context } = jsonOf(await runs('context', 'secret', '--reveal', '--json'));
    expect({ runId, context }).toMatchObject({ runId: 'secret', context: { password: 'p-123', note: 'n' } });
  });
});

describe('a command for one run', () => {
  it.each(['show', 'watch', 'errors', 'context'])('ends with 3 for an unknown run: %s', async (command) => {
    expect(await runs(command, 'gone')).toMatchObject({ code: 3, stderr: 'error: run "gone" is not known\n' });
  });
});

describe('graph of a run', () => {
  const graph = (...args: string[]) => call(['graph', ...args], { cwd });

  it('shows the statuses of its nodes', async () => {
    const { stdout } = await graph('--run', 'waits');
    expect(stdout).toMatch(/^flowchart TD\n[\s\S]*class n0,n1 completed[\s\S]*class n3 awaiting/);
    expect((await graph('--run', 'done', '--svg')).stdout).toMatch(/^<svg [\s\S]*completed/);
    expect(jsonOf(await graph('--run', 'done', '--json'))).toMatchObject({ id: 'order', version: '1' });
  });

  it('ends with 3 for an unknown run', async () => {
    expect((await graph('--run', 'gone')).code).toBe(3);
  });
});

describe('workers', () => {
  it('shows all workers with their work', async () => {
    const { stdout } = await call(['workers'], { cwd });
    expect(stdout).toMatch(/^WORKER +STATUS +SEEN +ACTIVE +COMPLETED +FAILED +RETRIED +WORKFLOWS\n/);
    expect(stdout).toContain('order@1, broken@1, flaky@1');
  });

  it('marks silent workers', async () => {
    const report = { ...worker.health(), workerId: 'gone', expectedWithin: 0 };
    await engine.livenessStore.heartbeat(report);
    expect((await call(['workers'], { cwd })).stdout).toMatch(/\ngone +silent /);
    expect((await call(['workers', '--alive'], { cwd })).stdout).not.toContain('gone');
    await engine.livenessStore.remove('gone');
    expect(await call(['workers', '--engine', 'memory:'])).toMatchObject({ code: 0, stderr: 'no workers\n' });
  });

  it('writes all workers, or only those alive, as JSON', async () => {
    const { workers } = jsonOf(await call(['workers', '--alive', '--json'], { cwd }));
    expect(workers).toMatchObject([{ workerId: worker.id, alive: true, concurrency: 10 }]);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { Call, call, jsonOf, linesOf } from './call.js';

const calls: Call[] = [];

afterEach(async () => {
  for (const one of calls.splice(0)) {
    one.interrupt();
    one.interrupt();
    await one.ended;
  }
});

/** Starts a program that serves its dashboard on a free port. Returns the program, its address and its token. */
async function started(args: readonly string[], options?: ConstructorParameters<typeof Call>[1]) {
  const program = new Call([...args, '--port', '0'], options);
  calls.push(program);
  await program.writes('#token=');
  const [, address = '', token = ''] = /(http:\S+\/)#token=(\S+)/.exec(program.stdout.written) ?? [];
  const to = ['--url', address, '--token', token];
  return { program, address, token, to };
}

describe('orchestrate', () => {
  it.each(['SIGTERM', 'SIGHUP'] as const)(
    'starts loops, serves the dashboard, and ends in order on %s',
    async (signal) => {
      const { program, to, address } = await started(['orchestrate', 'loops.ts']);
      expect(program.stderr.written).toContain(`serves ${address}`);
      const { stdout } = await call(['loops', 'list', ...to]);
      expect(stdout).toMatch(/^LOOP +STATE +ITERATIONS +PER SECOND +P99 +ERRORS +RESTARTS\n/);
      expect(stdout).toMatch(/\nticker +running +\d+/);
      program.interrupt(signal);
      const { code, stderr } = await program.ended;
      expect(code).toBe(0);
      expect(stderr).toMatch(
        /stopping: running work finishes first[\s\S]*loop ticker is stopped[\s\S]*ended: 0 iterations/,
      );
    },
  );

  it('can pause, resume, stop and start loops', async () => {
    const { to } = await started(['orchestrate', 'loops.ts']);
    const loops = (...args: string[]) => call(['loops', ...args, ...to]);
    const state = async () =>
      jsonOf(await loops('list', '--json')).loops.find(({ loopId }: { loopId: string }) => loopId === 'ticker').state;
    expect((await loops('pause', 'ticker')).stdout).toBe('ticker paused\n');
    expect(await state()).toBe('paused');
    expect((await loops('resume', 'ticker')).stdout).toBe('ticker resumed\n');
    expect(await state()).toBe('running');
    expect(jsonOf(await loops('stop', 'ticker', '--timeout', '1s', '--json'))).toEqual({ loopId: 'ticker', ok: true });
    expect(await state()).toBe('stopped');
    expect(await loops('pause', 'ticker')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is stopped: call start() first'),
    });
    expect((await loops('start', 'ticker')).stdout).toBe('ticker started\n');
    expect(await loops('start', 'gone')).toMatchObject({ code: 3, stderr: expect.stringContaining('no loop "gone"') });
  });

  it('shows dead letters, and replays them', async () => {
    const { to } = await started(['orchestrate', 'loops.ts']);
    const letters = (...args: string[]) => call(['dead-letters', ...args, ...to]);
    await eventually(async () => jsonOf(await letters('list', '--json')).total === 1);
    const { stdout } = await letters('list', '--loop', 'ticker', '--limit', '5');
    expect(stdout).toMatch(/^ID +LOOP +NODE +WHEN +ERROR +VALUE\n *1 +ticker +check +\S.* ago +three is refused +3\n$/);
    expect((await letters('list', '--loop', 'quiet')).stderr).toContain('no dead letters');
    expect((await letters('replay', '1')).stdout).toBe('1 replayed\n');
    expect(await letters('replay', '17')).toMatchObject({ code: 3 });
    // The replayed letter fails again and becomes a new letter.
    await eventually(async () => jsonOf(await letters('list', '--json')).total === 1);
    expect(jsonOf(await letters('replay', '--all', '--json'))).toEqual({ replayed: 1 });
  });

  it.each([[[]], [['1', '--all']]])('needs either ids of dead letters or --all: %j', async (args) => {
    const outcome = await call(['dead-letters', 'replay', ...args]);
    expect(outcome).toMatchObject({ code: 2, stderr: 'error: give the ids of dead letters, or --all\n' });
  });

  it('refuses ids of dead letters that are not numbers', async () => {
    expect((await call(['dead-letters', 'replay', 'one'])).stderr).toContain(
      'It must be the id of a dead letter, a whole number.',
    );
  });

  it('refuses changes without the token', async () => {
    const { address, token } = await started(['orchestrate', 'loops.ts']);
    const without = await call(['loops', 'pause', 'ticker', '--url', address]);
    expect(without).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: http\S+ needs a token: give the one that/),
    });
    const wrong = await call(['loops', 'pause', 'ticker', '--url', address, '--token', 'wrong-token']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('refuses the token') });
    expect(wrong.stderr).not.toContain('wrong-token');
    // The printed address, which contains the token; and the token in the environment.
    expect((await call(['loops', 'pause', 'ticker', '--url', `${address}#token=${token}`])).code).toBe(0);
    const env = { ORCHESTRATOR_URL: address, ORCHESTRATOR_TOKEN: token };
    expect((await call(['loops', 'resume', 'ticker'], { env })).code).toBe(0);
  });

  it('writes its log as lines of JSON', async () => {
    const program = new Call(['orchestrate', 'loops.ts', '--json', '--port', '0', '--token', 'a-token-of-mine']);
    calls.push(program);
    await program.writes('three is refused');
    await program.writes('"url"');
    program.interrupt();
    const outcome = await program.ended;
    const lines = linesOf(outcome);
    expect(lines).toContainEqual(expect.objectContaining({ level: 'info', token: 'a-token-of-mine' }));
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', loopId: 'ticker', error: expect.objectContaining({ name: 'Error' }) }),
    );
    expect(outcome.stderr).toBe('');
  });

  it('ends when all of its loops have ended', async () => {
    const { program } = await started(['orchestrate', 'ending.ts']).catch(() => ({ program: calls.at(-1) as Call }));
    expect((await program.ended).code).toBe(0);
  });

  it('ends with 1 if a loop has ended with an error', async () => {
    const { code, stderr } = await call(['orchestrate', 'failing.ts', '--port', '0']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /warning: loop failing, node fail: out of paper\n[\s\S]*error: loop "failing" ended with an error: Error: out of paper/,
    );
  });

  it('uses an orchestrator that a module exports, and loads other loops into it', async () => {
    const { to } = await started(['orchestrate', 'owned.ts']);
    const { loops } = jsonOf(await call(['loops', 'list', '--json', ...to]));
    expect(loops.map(({ loopId }: { loopId: string }) => loopId).sort()).toEqual(['owned', 'reader', 'writer']);
  });

  it('shows why a loop has ended', async () => {
    const { program, to } = await started(['orchestrate', 'mixed.ts']);
    await program.writes('out of paper');
    expect((await call(['loops', 'list', ...to])).stdout).toMatch(/ERROR\n[\s\S]*broken +error .* out of paper/);
    expect((await call(['dead-letters', 'list', ...to])).stdout).toMatch(/broken +fail /);
    program.interrupt();
    expect((await program.ended).code).toBe(1);
  });

  it.each(['--timeout', '--deadline'])('ends with 1 if work was cut off at its %s', async (flag) => {
    const { program } = await started(['orchestrate', 'stuck.ts', flag, '100ms']);
    program.interrupt();
    const { code, stderr } = await program.ended;
    expect(stderr).toMatch(
      /ended: 1 iteration cut off, 0 messages left in queues\n[\s\S]*error: cut off at the timeout: 1 iteration\n$/,
    );
    expect(code).toBe(1);
  });

  it('logs the place of a failure and the id of its dead letter', async () => {
    const { program } = await started(['orchestrate', 'refusing.ts']);
    await program.writes('warning: loop refusing, node refuse: refused (dead letter 1)\n');
  });

  it('reports the number of dead letters that are not shown', async () => {
    const { to } = await started(['orchestrate', 'refusing.ts']);
    await eventually(async () => jsonOf(await call(['dead-letters', 'list', '--json', ...to])).total > 1);
    expect((await call(['dead-letters', 'list', '--limit', '1', ...to])).stderr).toMatch(/^1 of \d+\n$/);
  });

  it('keeps the data of loops in a store', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orchestrator-cli-'));
    const { program } = await started(['orchestrate', 'loops.ts', '--store', directory]);
    program.interrupt();
    expect((await program.ended).code).toBe(0);
    await rm(directory, { recursive: true });
  });

  it('manages the runs of an engine, and executes flows in the same program', async () => {
    const { program, address } = await started(['orchestrate', '--worker', '--concurrency', '3', '--timeout', '60s'], {
      cwd: join(new URL('fixtures/memory', import.meta.url).pathname),
    });
    expect(program.stderr.written).toMatch(/manages the runs of memory[\s\S]*executes order@1, broken@1/);
    const cwd = new URL('fixtures/memory', import.meta.url).pathname;
    expect((await call(['runs', 'start', 'order', '--input', '3', '--wait'], { cwd })).code).toBe(0);
    const overview = await (await fetch(`${address}api/overview`)).json();
    expect(overview).toMatchObject({ distributed: { engine: 'memory', workers: { alive: 1 } } });
    program.interrupt();
    expect((await program.ended).code).toBe(0);
  });

  it.each([
    [['orchestrate'], 'there is nothing to orchestrate: give modules with loops, or choose an engine'],
    [['orchestrate', 'nothing.ts'], '"nothing.ts" exports neither loops nor flows: it exports answer (number)'],
    [['orchestrate', 'loops.ts', '--worker'], '--worker needs an engine and flows'],
    [['orchestrate', 'again.ts'], 'the modules export several WorkflowOrchestrators: give modules with at most one'],
    [['orchestrate', 'owned.ts', '--store', 'x'], '--store cannot change an exported WorkflowOrchestrator'],
    [['orchestrate', 'loops.ts', '--port', '70000'], 'It must be a whole number from 0 to 65535.'],
    [['orchestrate', 'loops.ts', '--token', 'short'], 'token must be a string of at least 8'],
    [['orchestrate', 'undeclared.ts', '--port', '0'], 'export const pipeline = { queues: { orders: { capacity: 10 } }'],
  ])('ends with 2 for %j, before any loop runs', async (args, message) => {
    const { code, stderr } = await call(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('is running');
    expect(code).toBe(2);
  });

  it('ends with 4 if its port is taken, before any loop starts', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await call(['orchestrate', 'loops.ts', '--port', String(port)]);
    server.close();
    expect(stderr).toMatch(/^error: cannot listen at 127.0.0.1, port \d+: the port is in use/);
    expect(code).toBe(4);
  });
});

describe('dashboard', () => {
  it('serves the runs of an engine until it is interrupted', async () => {
    const options = { env: { ORCHESTRATOR_TOKEN: 'of-the-environment' } };
    const args = ['dashboard', '--engine', 'memory:', '--read-only', '--title', 'Shop', '--host', 'localhost'];
    const { program, address, token } = await started(args, options);
    expect(token).toBe('of-the-environment');
    expect(await (await fetch(`${address}api/overview`)).json()).toMatchObject({ title: 'Shop', hasActions: false });
    program.interrupt();
    expect((await program.ended).code).toBe(0);
  });

  it('takes its options from the config file', async () => {
    const { address } = await started(['dashboard', '--config', 'dashboard.config.json']);
    expect(await (await fetch(`${address}api/overview`)).json()).toMatchObject({
      title: 'Configured',
      hasActions: false,
    });
  });
});

describe('a program without loops', () => {
  it('answers commands for loops with exit code 3', async () => {
    const { to } = await started(['dashboard', '--engine', 'memory:']);
    expect((await call(['loops', 'list', ...to])).code).toBe(3);
  });
});

describe('a server that is not an orchestrator', () => {
  const answered = async (status: number, body: string, args = ['loops', 'list']) => {
    const server = createServer((_request, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const outcome = await call([...args, '--url', `http://127.0.0.1:${port}/ops`], { columns: 100 });
    server.close();
    return outcome;
  };

  it.each([
    [200, '<html>'],
    [200, '{}'],
    [200, 'null'],
    [200, '[]'],
    [500, '{"error":null}'],
    [500, '{"error":"text"}'],
    [404, '{"error":{"code":"not-found"}}'],
  ])('ends with 5: %i %s', async (status, body) => {
    const { code, stderr } = await answered(status, body);
    expect(stderr).toContain(`answers with status ${status} and is not an orchestrator`);
    expect(code).toBe(5);
  });

  it('cannot cause an unknown exit code or write escape sequences to the terminal', async () => {
    const odd = await answered(500, '{"error":{"code":"constructor","message":"\\u001b[2J"}}');
    expect({ code: odd.code, stderr: odd.stderr }).toEqual({
      code: 1,
      stderr: '\u001b[31merror:\u001b[39m \\u001b[2J\n',
    });
    const text = await answered(200, '{"replayed":"\\u001b[2J"}', ['dead-letters', 'replay', '--all']);
    expect(text.stdout).not.toContain('\u001b');
    const loop = { loopId: 'a', state: 'constructor', durations: {}, errors: 0, iterationsPerSecond: 0 };
    expect((await answered(200, JSON.stringify({ loops: [loop] }))).stdout).toMatch(/\na +constructor /);
  });
});

describe('the address of a program', () => {
  it.each([
    [['--url', 'http://ada:hunter2@127.0.0.1:1'], '--url must be an address like .*, without user and password'],
    [['--token', 'hunter2\nhunter2'], 'the token must be at least 8 visible ASCII characters without spaces'],
    [['--token', 't'], 'the token must be at least 8 visible ASCII characters without spaces'],
  ])('is refused if it is invalid, without printing the token: %j', async (args, message) => {
    const { code, stderr } = await call(['loops', 'list', ...args]);
    expect(stderr).toMatch(new RegExp(`^error: ${message}\n$`));
    expect(code).toBe(2);
  });
});

describe('worker', () => {
  const cwd = new URL('fixtures/memory', import.meta.url).pathname;

  it('executes the flows of the config file until it is interrupted', async () => {
    const options = ['--id', 'w-7', '--concurrency', '2', '--nodes-per-job', '4', '--timeout', '60s'];
    const worker = new Call(['worker', ...options], { cwd });
    await worker.writes('worker w-7 takes work from memory: order@1, broken@1');
    expect((await call(['runs', 'start', 'order', '--input', '3', '--wait'], { cwd })).code).toBe(0);
    worker.interrupt('SIGTERM');
    const { code, stdout, stderr } = await worker.ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/stopping: running nodes finish first[\s\S]*stopped: 3 completed, 0 failed, 0 retried\n$/);
  });

  it.each(['0', '201', 'many'])('is refused with %s nodes for a job', async (count) => {
    const { code, stderr } = await call(['worker', '../order.ts', '--nodes-per-job', count], { cwd });
    expect(stderr).toContain('It must be a whole number from 1 to 200, or auto.');
    expect(code).toBe(2);
  });

  it('logs each failed attempt without secrets', async () => {
    const worker = new Call(['worker', '../order.ts'], { cwd });
    await worker.writes('takes work');
    for (const workflow of ['flaky', 'round'])
      await call(['runs', 'start', workflow, '--run-id', `log-${workflow}`, '--wait'], { cwd });
    worker.interrupt();
    const { code, stderr } = await worker.ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: run log-flaky, node try: attempt 1 failed, again in \d+ ms: busy\n/);
    expect(stderr).toMatch(/warning: run log-round, node fail: attempt 1 failed: round: token=\[redacted\]\n/);
    expect(stderr.match(/warning:/g)).toHaveLength(2);
  });

  it('ends at once at the second signal, even if nodes are running', async () => {
    const worker = new Call(['worker', '../order.ts', '--json'], { cwd });
    await worker.writes('takes work');
    await call(['runs', 'start', 'slow', '--run-id', 'held'], { cwd });
    await eventually(async () => jsonOf(await call(['workers', '--json'], { cwd })).workers[0].active === 1);
    worker.interrupt();
    await worker.writes('stopping');
    worker.interrupt();
    const outcome = await worker.ended;
    expect(outcome.code).toBe(130);
    expect(linesOf(outcome).map(({ level }) => level)).toEqual(['info', 'info']);
    await call(['runs', 'cancel', 'held'], { cwd });
  });

  it('logs problems that it handles: a run with an unknown workflow', async () => {
    await call(['runs', 'start', 'order', '--run-id', 'strange'], { cwd });
    const worker = new Call(['worker', '../single.ts', '--verbose'], { cwd });
    await worker.writes(/warning: workflow "order" in version "1" is not known here[\s\S]* at /);
    worker.interrupt();
    expect((await worker.ended).code).toBe(0);
    await call(['runs', 'cancel', 'strange'], { cwd });
  });

  it.each([
    [['worker', '--engine', 'memory:'], 'no flows to execute: give modules, or list workflows in the config file'],
    [['worker', 'nothing.ts', '--engine', 'memory:'], '"nothing.ts" exports no flow: it exports answer (number)'],
    [['worker', 'single.ts'], 'no engine is chosen'],
  ])('ends with 2 for %j', async (args, message) => {
    const { code, stderr } = await call(args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ValidationError } from 'orchestrator';
import { done, Loop, LoopCrashError, LoopModuleError, QueueFullError } from 'orchestrator/loops';
import { build } from 'tsup';
import { describe, expect, it } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { removeDirectory, temporaryDirectory } from '../distributed/servers/reaper.js';
import { rejection } from '../support.js';
import type { Death } from './fixtures/loops.js';
import { collector, fixture, patient, states, upTo, workflow } from './support.js';

const pools = ['async', 'thread', 'process'] as const;
const remote = ['thread', 'process'] as const;
const module = fixture();

describe.each(pools)('a loop in the pool %s', (pool) => {
  it('behaves as in any other pool: each message once, and in order', async () => {
    const { loop, values } = collector<number>('out');
    const orchestrator = workflow({
      queues: { in: { capacity: 100 }, out: { capacity: 10 } },
      loops: [
        { id: 'counter', module, export: 'counter', options: { count: 3_000, to: 'in' }, pool },
        { id: 'doubler', module, export: 'doubler', options: { from: 'in', to: 'out' }, pool },
        loop,
      ],
    });
    await orchestrator.start();
    await eventually(() => values.length >= 3_000, { timeout: 60_000 });
    const { loops, abandoned, messages } = await orchestrator.stop(patient);
    expect(values).toEqual(upTo(3_000).map((value) => value * 2));
    expect({ abandoned, messages }).toEqual({ abandoned: 0, messages: 0 });
    expect(loops.find(({ loopId }) => loopId === 'doubler')).toMatchObject({ reason: 'drained', iterations: 3_000 });
    const { queues } = orchestrator.metrics();
    expect(queues.map(({ pushed, acknowledged, dropped }) => ({ pushed, acknowledged, dropped }))).toEqual([
      { pushed: 3_000, acknowledged: 3_000, dropped: 0 },
      { pushed: 3_000, acknowledged: 3_000, dropped: 0 },
    ]);
  });

  it('accepts everything that can be cloned', async () => {
    const { loop, values } = collector<{ value: unknown }>('out');
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [{ id: 'echo', module, export: 'echo', options: { from: 'in', to: 'out' }, pool }, loop],
    });
    await orchestrator.start();
    const given = [
      new Map([[1, new Set(['a'])]]),
      new Date(5),
      { u: undefined, n: 10n, f: new Float64Array([1.5]) },
      [null, 'ä', { deep: [{ deeper: { deepest: {} } }] }],
    ];
    for (const value of given) await orchestrator.queue('in').push(value);
    await eventually(() => values.length === given.length);
    expect(values.map(({ value }) => value)).toEqual(given);
  });

  it('is set up when it starts, and cleaned up when it stops', () =>
    inDirectory(async (directory) => {
      const file = `${directory}/notes`;
      const orchestrator = workflow({ loops: [{ id: 'noting', module, export: 'noting', options: { file }, pool }] });
      for (let round = 1; round <= 2; round++) {
        await orchestrator.start();
        expect(orchestrator.metrics().loops[0]?.state).toBe('running');
        await eventually(() => Number(orchestrator.metrics().loops[0]?.iterations) >= 1);
        const { loops } = await orchestrator.stop(patient);
        expect(loops).toEqual([{ loopId: 'noting', reason: 'stopped', iterations: expect.any(Number), inFlight: 0 }]);
        expect(await readFile(file, 'utf8')).toBe('made\nset up\ncleaned up\n'.repeat(round));
      }
    }));

  it('keeps class name, message, code, causes and stack of an error', async () => {
    const orchestrator = workflow({
      queues: { in: {} },
      loops: [{ id: 'unlucky', module, export: 'unlucky', options: { from: 'in' }, pool }],
    });
    const failures: unknown[] = [];
    orchestrator.on('failure', ({ error }) => failures.push(error));
    await orchestrator.start();
    await orchestrator.queue('in').push('it');
    await orchestrator.queue('in').push('unnamed');
    await eventually(() => failures.length === 2);
    const [first, second] = failures as Error[];
    expect(first).toBeInstanceOf(Error);
    expect(first).toMatchObject({ name: 'UnluckyError', message: 'no luck with it', code: 'ERR_UNLUCKY' });
    expect(first?.stack).toContain('fixtures-loops.mjs');
    expect(first?.cause).toBeInstanceOf(RangeError);
    expect(first?.cause).toMatchObject({ message: 'out of luck', cause: expect.any(TypeError) });
    expect(second?.message).toBe('my class says no name');
    if (pool !== 'async') expect(second?.name).toBe('PlainlyNamedError');
    const [letter] = orchestrator.deadLetters.list();
    expect(letter).toMatchObject({
      loopId: 'unlucky',
      nodeId: 'fail',
      value: 'it',
      error: { name: 'UnluckyError' },
      message: { queue: 'in', value: 'it' },
    });
  });

  it('fails a node that pushes to a full queue with the policy fail', async () => {
    const { loop, values } = collector<object>('told');
    const orchestrator = workflow({
      queues: { small: { capacity: 20, overflow: 'fail' }, told: {} },
      loops: [{ id: 'pusher', module, export: 'pusher', options: { to: 'small', from: 'told' }, pool }, loop],
    });
    await orchestrator.start();
    await eventually(() => values.length === 30);
    expect(values[0]).toEqual({
      name: 'QueueFullError',
      message: 'queue "small" is full: it holds 20 messages',
      code: 'ERR_QUEUE_FULL',
      queue: 'small',
      capacity: 20,
      value: 21,
    });
    expect(orchestrator.queue('small').metrics.depth).toBe(20);
    expect(await rejection(orchestrator.queue('small').push(1))).toBeInstanceOf(QueueFullError);
  });

  it.each(['drop-oldest', 'drop-newest'] as const)(
    'drops messages by the policy of the queue: %s',
    async (overflow) => {
      const orchestrator = workflow({
        queues: { small: { capacity: 20, overflow } },
        loops: [{ id: 'counter', module, export: 'counter', options: { count: 500, to: 'small' }, pool }],
      });
      await orchestrator.start();
      await orchestrator.ended();
      expect(orchestrator.queue('small').metrics).toMatchObject({ depth: 20, dropped: 480 });
    },
  );

  it('waits if a queue is full: the number of pending messages is bounded', async () => {
    const { loop, values } = collector<number>('small');
    const orchestrator = workflow({
      queues: { small: { capacity: 10 } },
      loops: [{ id: 'counter', module, export: 'counter', options: { count: 20_000, to: 'small' }, pool }, loop],
    });
    await orchestrator.start('counter');
    await eventually(() => orchestrator.queue('small').metrics.blocked > 0);
    const before = await settledIterations(() => orchestrator.metrics().loops[0]?.iterations ?? 0);
    expect(before).toBeLessThan(1_100);
    expect(orchestrator.queue('small').metrics).toMatchObject({ depth: 10, capacity: 10 });
    await orchestrator.start();
    await eventually(() => values.length === 20_000, { timeout: 60_000 });
    expect(values).toEqual(upTo(20_000));
  });

  it.each([
    ['missing', new URL('missing.js', import.meta.url), 'default', /"file:.*missing.js" cannot be loaded: /],
    [
      'throws while it is loaded',
      'data:text/javascript,throw new TypeError("this module cannot be loaded")',
      'default',
      /cannot be loaded: this module cannot be loaded/,
    ],
    ['without that export', module, 'nothing', /has no export "nothing", only .*counter/],
    ['with something else', module, 'number', /exports Number as "number", not a Loop or a function that returns one/],
    ['with a function of something else', module, 'notALoop', /exports Object as "notALoop", not a Loop/],
  ])('is refused from a module that is %s', async (_, url, name, message) => {
    const orchestrator = workflow({ loops: [{ id: 'a', module: url, export: name, pool }] });
    const error = await rejection(orchestrator.start());
    expect(error).toBeInstanceOf(LoopModuleError);
    expect(error).toMatchObject({
      name: 'LoopModuleError',
      code: 'ERR_LOOP_MODULE',
      message: expect.stringMatching(message),
    });
    expect(orchestrator.metrics().loops[0]?.state).toBe('error');
    expect((await orchestrator.stop()).loops).toEqual([]);
  });

  it('is refused if the exported function does not return it', async () => {
    const orchestrator = workflow({ loops: [{ id: 'a', module, export: 'refusing', pool }] });
    expect(await rejection(orchestrator.start())).toMatchObject({ name: 'UnluckyError', message: 'no loop for you' });
  });

  it('fails its start if it cannot be set up; other loops continue', async () => {
    const orchestrator = workflow({
      loops: [
        { id: 'broken', module, export: 'broken', pool },
        { id: 'ready', module, export: 'ready', pool },
      ],
    });
    const seen = states(orchestrator);
    expect(await rejection(orchestrator.start())).toMatchObject({ name: 'UnluckyError', code: 'ERR_UNLUCKY' });
    expect(orchestrator.health()).toMatchObject({ status: 'error', loops: [{ state: 'error' }, { state: 'running' }] });
    expect(seen.filter((line) => line.startsWith('broken'))).toEqual(['broken starting', 'broken error']);
  });

  it('can be the default export, also by a path', async () => {
    const orchestrator = workflow({ loops: [{ id: 'a', module: relative('.', fileURLToPath(module)), pool }] });
    await orchestrator.start();
    expect(orchestrator.health().status).toBe('healthy');
  });

  it('is paused and resumed in its pool', async () => {
    const orchestrator = workflow({
      queues: { out: { overflow: 'drop-oldest' } },
      loops: [{ id: 'counter', module, export: 'counter', options: { count: 1e6, to: 'out', every: 1 }, pool }],
    });
    const seen = states(orchestrator);
    await orchestrator.start();
    await eventually(() => orchestrator.queue('out').metrics.pushed > 5);
    await orchestrator.pause('counter');
    expect(orchestrator.metrics().loops[0]?.state).toBe('paused');
    const { pushed } = orchestrator.queue('out').metrics;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(orchestrator.queue('out').metrics.pushed).toBe(pushed);
    orchestrator.resume('counter');
    await eventually(() => orchestrator.queue('out').metrics.pushed > pushed);
    await orchestrator.stop();
    expect(seen).toEqual(
      ['starting', 'running', 'paused', 'running', 'stopping', 'stopped'].map((state) => `counter ${state}`),
    );
  });
});

describe.each(remote)('the boundary of a %s', (pool) => {
  it('fails the node that pushes a value that cannot be cloned, and nothing else', async () => {
    const { loop, values } = collector('out');
    const orchestrator = workflow({
      queues: { out: {} },
      loops: [{ id: 'uncloneable', module, export: 'uncloneable', options: { to: 'out' }, pool }, loop],
    });
    await orchestrator.start();
    await eventually(() => values.length === 1);
    expect(values).toEqual(['good']);
    await eventually(() => orchestrator.deadLetters.size === 3);
    const letters = orchestrator.deadLetters.list();
    expect(letters.map(({ nodeId }) => nodeId)).toEqual(['out', 'out', 'out']);
    const messages = letters.map(({ error }) => String(error));
    expect(messages[0]).toMatch(
      /ValidationError: the value pushed to queue "out".deep.list\[1\] cannot be sent to another thread or process, or stored: it is a function/,
    );
    expect(messages[1]).toMatch(/queue "out" cannot be sent/);
    expect(messages[2]).toMatch(/queue "out".job cannot be sent/);
  });

  it('fails a node in the program that pushes a value that cannot be cloned', async () => {
    const { loop, values } = collector<{ value: unknown }>('out');
    const given = [() => 1, { at: Symbol('x') }, 'good'];
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        { id: 'echo', module, export: 'echo', options: { from: 'in', to: 'out' }, pool },
        new Loop('source').producer('give', () => (given.length > 0 ? { it: given.shift() } : done)).push('in', 'in'),
        loop,
      ],
    });
    await orchestrator.start();
    await eventually(() => values.length === 1);
    expect(values[0]?.value).toEqual({ it: 'good' });
    expect(orchestrator.deadLetters.list().map(({ error }) => error)).toEqual([
      expect.any(ValidationError),
      expect.any(ValidationError),
    ]);
    expect(await rejection(orchestrator.queue('in').push(() => 1))).toBeInstanceOf(ValidationError);
  });

  it('refuses options that cannot be cloned', async () => {
    const orchestrator = workflow({ loops: [{ id: 'a', module, export: 'counter', options: { f: () => 1 }, pool }] });
    expect(await rejection(orchestrator.start())).toMatchObject({
      name: 'ValidationError',
      message: expect.stringMatching(/^options of loop "a" cannot be sent to its (thread|process)/),
    });
  });

  it('fails a node that pushes to an undeclared queue', async () => {
    const orchestrator = workflow({ queues: { out: {} }, loops: [{ id: 'stray', module, export: 'stray', pool }] });
    await orchestrator.start();
    await eventually(() => orchestrator.deadLetters.size === 1);
    expect(orchestrator.deadLetters.list()[0]).toMatchObject({
      error: { name: 'NotFoundError', message: 'there is no queue "nowhere", only out' },
    });
  });
});

describe('a crash', () => {
  const cases: readonly (readonly ['thread' | 'process', Death, RegExp])[] = [
    ['thread', 'throw', /its thread has ended with code 1/],
    ['thread', 'rejection', /its thread has ended with code 1/],
    ['thread', 'exit', /its thread has ended with code 3/],
    ['thread', 'memory', /its thread has ended with code/],
    ['process', 'throw', /its process has ended with code 1/],
    ['process', 'rejection', /its process has ended with code 1/],
    ['process', 'exit', /its process has ended with code 3/],
    ['process', 'kill', /its process has ended with SIGKILL/],
  ];

  it.each(cases)(
    "of a %s by %s is its loop's alone, which is restarted and gets again what it had not acknowledged",
    async (pool, how, message) => {
      const { loop, values } = collector<{ value: number; id: number }>('out');
      const other = collector<number>('beside');
      let beside = 0;
      const orchestrator = workflow({
        queues: { in: {}, out: {}, beside: {} },
        loops: [
          {
            id: 'mortal',
            module,
            export: 'mortal',
            options: { from: 'in', to: 'out', how, at: 5 },
            pool,
            onCrash: { action: 'restart', backoff: 10 },
            ...(how === 'memory' ? { resourceLimits: { maxOldGenerationSizeMb: 32 } } : {}),
          },
          loop,
          new Loop('beside', { schedule: { every: 5 } }).producer('count', () => ++beside).push('out', 'beside'),
          other.loop,
        ],
      });
      const seen = states(orchestrator);
      const failures: unknown[] = [];
      orchestrator.on('failure', ({ loopId, nodeId, error }) => failures.push([loopId, nodeId, error]));
      await orchestrator.start();
      for (const value of upTo(10)) await orchestrator.queue('in').push(value);
      await eventually(() => new Set(values.map(({ value }) => value)).size === 10, { timeout: 60_000 });
      expect([...new Set(values.map(({ value }) => value))]).toEqual(upTo(10));
      // Messages keep their numbers.
      expect(values.every(({ value, id }) => value === id)).toBe(true);
      expect(failures).toEqual([['mortal', '', expect.any(LoopCrashError)]]);
      const error = (failures[0] as unknown[])[2] as Error;
      expect(error.message).toMatch(message);
      if (how === 'throw' || how === 'rejection')
        expect(error.cause).toMatchObject({ name: 'UnluckyError', code: 'ERR_UNLUCKY' });
      if (how === 'memory') expect(error.cause).toMatchObject({ code: 'ERR_WORKER_OUT_OF_MEMORY' });
      expect(seen.filter((line) => line.startsWith('mortal')).slice(0, 5)).toEqual(
        ['starting', 'running', 'restarting', 'starting', 'running'].map((state) => `mortal ${state}`),
      );
      expect(seen.filter((line) => line.startsWith('beside'))).toEqual(['beside starting', 'beside running']);
      expect(orchestrator.metrics().loops[0]).toMatchObject({ restarts: 1, state: 'running' });
      const before = beside;
      await eventually(() => beside > before);
      expect((await orchestrator.stop(patient)).messages).toBe(0);
    },
  );

  it('that repeats ends the loop with an error, and the message stays in its queue', async () => {
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        {
          id: 'mortal',
          module,
          export: 'mortal',
          options: { from: 'in', to: 'out', how: 'exit', at: 1, always: true },
          pool: 'thread',
          onCrash: { action: 'restart', limit: 2, backoff: 10 },
        },
        collector('out').loop,
      ],
    });
    const seen = states(orchestrator);
    await orchestrator.start();
    await orchestrator.queue('in').push(1);
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'error', { timeout: 60_000 });
    expect(seen.filter((line) => line === 'mortal restarting')).toHaveLength(2);
    expect(orchestrator.health()).toMatchObject({
      status: 'error',
      loops: [{ state: 'error', error: expect.stringContaining('crashed') }, {}],
    });
    expect(orchestrator.queue('in').metrics).toMatchObject({ depth: 1, unacknowledged: 0 });
    // It may be started again.
    await orchestrator.start('mortal');
    expect(orchestrator.metrics().loops[0]?.state).toMatch(/running|starting|restarting/);
  });

  it('with onCrash: stop ends the loop at once', async () => {
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        {
          id: 'mortal',
          module,
          export: 'mortal',
          options: { from: 'in', to: 'out', how: 'exit', at: 1 },
          pool: 'thread',
          onCrash: 'stop',
        },
        collector('out').loop,
      ],
    });
    const seen = states(orchestrator);
    await orchestrator.start();
    await orchestrator.queue('in').push(1);
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'error');
    expect(seen.filter((line) => line.startsWith('mortal'))).toEqual([
      'mortal starting',
      'mortal running',
      'mortal error',
    ]);
  });

  it('of a paused loop restarts it paused', async () => {
    const orchestrator = workflow({
      queues: { out: { overflow: 'drop-oldest' } },
      loops: [
        {
          id: 'counter',
          module,
          export: 'counter',
          options: { count: 1e6, to: 'out', every: 1 },
          pool: 'process',
          onCrash: { action: 'restart', backoff: 10 },
        },
      ],
    });
    const seen = states(orchestrator);
    const before = await children();
    await orchestrator.start();
    await orchestrator.pause();
    const [child] = (await children()).filter((pid) => !before.includes(pid));
    process.kill(Number(child), 'SIGKILL');
    await eventually(() => seen.filter((line) => line === 'counter paused').length === 2);
    const { pushed } = orchestrator.queue('out').metrics;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(orchestrator.queue('out').metrics.pushed).toBe(pushed);
    orchestrator.resume();
    await eventually(() => orchestrator.queue('out').metrics.pushed > pushed);
  });
});

describe('signals that a terminal sends to all processes of a program', () => {
  it('do not end a loop in a process: its orchestrator does, when it has drained', async () => {
    const { loop, values } = collector<number>('out');
    const before = await children();
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        { id: 'doubler', module, export: 'doubler', options: { from: 'in', to: 'out', ms: 1 }, pool: 'process' },
        loop,
      ],
    });
    await orchestrator.start();
    const [child] = (await children()).filter((pid) => !before.includes(pid));
    for (const value of upTo(100)) await orchestrator.queue('in').push(value);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(Number(child), signal);
    const { loops } = await orchestrator.stop(patient);
    expect(loops[0]).toMatchObject({ loopId: 'doubler', reason: 'drained' });
    expect(values).toHaveLength(100);
    expect(orchestrator.metrics().loops[0]?.restarts).toBe(0);
  });
});

describe('a loop in TypeScript', () => {
  it('says what to do if this version of Node cannot load it', async () => {
    const directory = await mkdtemp('node_modules/.loops-');
    try {
      await build({
        entry: { 'loops/index': 'src/loops/index.ts' },
        outDir: `${directory}/dist`,
        format: 'esm',
        target: 'node20',
        config: false,
        silent: true,
      });
      await writeFile(`${directory}/package.json`, '{ "type": "module" }');
      await writeFile(`${directory}/loop.ts`, 'export default 1 as number;');
      await writeFile(
        `${directory}/main.js`,
        `import { WorkflowOrchestrator } from './dist/loops/index.js';
           for (const pool of ['async', 'thread', 'process']) {
             const loops = [{ id: 'a', module: new URL('./loop.ts', import.meta.url), pool }];
             await new WorkflowOrchestrator().load({ loops }).start().catch((error) => console.log(error.name, error.problem));
           }`,
      );
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--no-experimental-strip-types',
        `${directory}/main.js`,
      ]).catch(() =>
        // This version of Node does not support TypeScript.
        promisify(execFile)(process.execPath, [`${directory}/main.js`]),
      );
      const cannot = 'LoopModuleError is TypeScript, which this version of Node cannot load: use Node 22.18 or later,';
      const rest = '`node --import tsx`, or load the built module';
      expect(stdout.trim().split('\n')).toEqual([
        `${cannot} start the program with ${rest}`,
        `${cannot} start the program with ${rest}`,
        `${cannot} start the program with ${rest}`,
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('loops next to one that never awaits', () => {
  it('have their turns, and so have timers', async () => {
    const greedy = Array.from({ length: 10 }, (_, index) => {
      let turns = 0;
      return { loop: new Loop(`greedy ${index}`).producer('spin', () => ++turns), turns: () => turns };
    });
    const orchestrator = workflow({ loops: greedy.map(({ loop }) => loop) });
    await orchestrator.start();
    const used: number[] = [];
    for (let tick = 0; tick < 50; tick++) {
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 10));
      const { user, system } = process.cpuUsage(before);
      used.push((user + system) / 1_000);
    }
    // Processor time of other programs does not count. Half of all ticks are enough, because code is compiled at the
    // same time.
    used.sort((one, other) => one - other);
    expect(used[25]).toBeLessThan(60);
    await eventually(() => greedy.every(({ turns }) => turns() > 100));
    await orchestrator.stop();
  });

  it('also have them if it only reads what another loop pushes back', async () => {
    const ball = (id: string, from: string, to: string) => new Loop(id).read('in', from).push('out', to);
    const orchestrator = workflow({
      queues: { ping: { overflow: 'fail' }, pong: { overflow: 'fail' } },
      loops: [ball('a', 'ping', 'pong'), ball('b', 'pong', 'ping')],
    });
    await orchestrator.start();
    await orchestrator.queue('ping').push('ball');
    // The test itself checks by timers.
    await eventually(() => orchestrator.queue('ping').metrics.pushed > 100);
    const { loops } = await orchestrator.stop({ deadline: 100 });
    expect(loops).toHaveLength(2);
  });
});

async function inDirectory(work: (directory: string) => Promise<void>) {
  const directory = await temporaryDirectory();
  try {
    await work(directory);
  } finally {
    await removeDirectory(directory);
  }
}

/** Returns a count once it stops growing. */
async function settledIterations(count: () => number): Promise<number> {
  let before = -1;
  await eventually(
    () => {
      const now = count();
      const stands = now === before;
      before = now;
      return stands;
    },
    { interval: 500 },
  );
  return before;
}

async function children(): Promise<string[]> {
  const path = `/proc/${process.pid}/task/${process.pid}/children`;
  return (await readFile(path, 'utf8')).trim().split(' ');
}

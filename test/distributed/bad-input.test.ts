import {
  DistributedExecutor,
  DistributedOrchestrator,
  DistributedWorker,
  memory,
  OrchestratorBuilder,
  postgres,
  redis,
} from 'orchestrator/distributed';
import type { Job } from 'orchestrator/distributed/engine';
import { Flow, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';
import { freePort } from './servers/ports.js';

const flow = new Flow('f', { version: '1' }).node('a', (n) => n);
const build = (engine = memory()) => new OrchestratorBuilder().workflow(flow).engine(engine).build();

describe('a run that is unknown', () => {
  it.each([
    ['status', (o, id) => o.status(id)],
    ['run', (o, id) => o.run(id)],
    ['cancel', (o, id) => o.cancel(id)],
    ['pause', (o, id) => o.pause(id)],
    ['resume', (o, id) => o.resume(id)],
    ['retry', (o, id) => o.retry(id)],
    ['signal', (o, id) => o.signal(id, 'event')],
    ['errors', (o, id) => o.errors(id)],
    ['metrics', (o, id) => o.metrics(id)],
    ['pendingWork', (o, id) => o.pendingWork(id)],
    ['context', (o, id) => o.context(id)],
    ['input', (o, id) => o.input(id)],
    ['result', (o, id) => o.result(id)],
    ['waitForCompletion', (o, id) => o.waitForCompletion(id)],
    ['events', (o, id) => o.events(id).next()],
    ['deleteRun', (o, id) => o.deleteRun(id)],
  ] as [string, (orchestrator: ReturnType<typeof build>, id: string) => Promise<unknown>][])(
    'is refused by %s, with its id',
    async (_name, call) => {
      const orchestrator = build();
      const runId = `it's "unknown" ${'x'.repeat(400)}`;
      expect(await rejection(call(orchestrator, runId))).toMatchObject({ code: 'ERR_RUN_NOT_FOUND', runId });
      for (const wrong of ['', 5, undefined, 'x'.repeat(501), 'half \ud800', 'nul \0']) {
        expect(await rejection(call(orchestrator, wrong as string))).toMatchObject({ name: 'ValidationError' });
      }
    },
  );
});

it.each(['', 'nul \0', 'half \ud800', 5])(
  'texts that a database would refuse, such as %j, are refused everywhere',
  async (text) => {
    const orchestrator = build();
    const wrong = text as string;
    for (const call of [
      () => orchestrator.listRuns({ workflow: wrong }),
      () => orchestrator.listRuns({ version: wrong }),
      () => orchestrator.blueprint(wrong),
      () => orchestrator.startRun({}, 1, { workflow: wrong }),
      async () => orchestrator.cancel(await orchestrator.startRun(), wrong),
    ]) {
      expect(await rejection(call())).toMatchObject({ name: 'ValidationError' });
    }
  },
);

describe('an orchestrator', () => {
  const engine = memory();
  it.each([
    ['no options', undefined, 'options must be an object, got undefined'],
    ['an engine in their place', engine, 'options must be an object, got MemoryEngine'],
    [
      'no engine',
      {},
      'engine must be an engine: memory(), pglite(directory), postgres(url), redis(url) or shards(engines), got undefined',
    ],
    ['an engine of another kind', { engine: {} }, 'engine must be an engine'],
    [
      'an option that is unknown',
      { engine, workflow: flow },
      'workflow is unknown, expected engine, workflows, runtime',
    ],
    ['one flow', { engine, workflows: flow }, 'workflows must be an array of flows or blueprints, got Flow'],
    ['an array with a hole', { engine, workflows: [flow, undefined] }, 'workflows[1] must be a flow or a blueprint'],
    ['a function as a flow', { engine, workflows: [() => flow] }, 'workflows[0] must be a flow or a blueprint'],
    ['a flow twice', { engine, workflows: [flow, flow] }, 'workflows must be one "f" of each version'],
    ['a blueprint with faults', { engine, workflows: [{ id: 'b', nodes: [] }] }, 'edges must be an array'],
    ['a runtime of another kind', { engine, runtime: {} }, 'runtime must be a FlowRuntime, got Object'],
    [
      'too small a limit',
      { engine, maxPayload: 1 },
      'maxPayload must be a whole number of bytes of at least 1024, got 1',
    ],
    ['a retention in the past', { engine, retention: -1 }, 'retention must be a whole number of milliseconds'],
    ['a controller as a signal', { engine, signal: new AbortController() }, 'signal must be an AbortSignal'],
  ])('refuses %s', (_name, options, message) => {
    const make = DistributedOrchestrator as unknown as new (options: unknown) => unknown;
    expect(() => new make(options)).toThrow(message);
  });
});

describe('startRun', () => {
  it('refuses an unknown workflow or version, and names the known ones', async () => {
    const orchestrator = build();
    const unknown = await rejection(orchestrator.startRun({}, 1, { workflow: 'g' }));
    expect(unknown).toMatchObject({ code: 'ERR_WORKFLOW_NOT_FOUND', message: expect.stringContaining('f@1') });
    const version = await rejection(orchestrator.startRun({}, 1, { version: '2' }));
    expect(version).toMatchObject({ code: 'ERR_WORKFLOW_NOT_FOUND', version: '2' });
    const none = new OrchestratorBuilder().engine(memory()).build();
    expect(await rejection(none.startRun())).toMatchObject({ code: 'ERR_WORKFLOW_NOT_FOUND' });
  });

  it('refuses a value that cannot be serialized, and names its path', async () => {
    const orchestrator = build();
    const context = await rejection(orchestrator.startRun({ a: { b: () => 1 } }));
    expect(context).toMatchObject({ name: 'SerializationError', path: expect.stringContaining('context.a.b') });
    const input = await rejection(orchestrator.startRun({}, [1, Symbol('s')]));
    expect(input).toMatchObject({ name: 'SerializationError', path: expect.stringContaining('input[1]') });
    expect(await orchestrator.listRuns()).toEqual({ runs: [], cursor: undefined });
  });

  it('refuses a value that is too large, in bytes', async () => {
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(memory()).maxPayload(1_024).build();
    const large = 'ü'.repeat(600);
    const input = await rejection(orchestrator.startRun({}, large));
    expect(input).toMatchObject({ code: 'ERR_PAYLOAD', field: 'input', limit: 1_024, size: 1_203 });
    expect(await rejection(orchestrator.startRun({ large }))).toMatchObject({ field: 'context.large' });
    const sum = await rejection(orchestrator.startRun({ one: 'x'.repeat(600), two: 'x'.repeat(600) }));
    expect(sum).toMatchObject({ code: 'ERR_PAYLOAD', field: 'context' });
    await orchestrator.startRun({}, 'x'.repeat(1_000));
  });

  it.each([
    { delay: -1 },
    { delay: 0.5 },
    { delay: 100 * 365.25 * 86_400_000 + 1 },
    { timeout: 1e300 },
    { priority: 2 ** 21 },
    { priority: -1 },
    { timeout: -1 },
    { retention: -1 },
    { runId: '' },
    { runId: '\0' },
    { unknown: 1 },
  ])('refuses %o', async (options) => {
    expect(await rejection(build().startRun({}, 1, options as object))).toMatchObject({ name: 'ValidationError' });
  });

  it.each([null, 5, [], 'text', new Map(), JSON.parse('{"__proto__": 1}')])(
    'refuses %o as a context',
    async (context) => {
      expect(await rejection(build().startRun(context as object))).toMatchObject({ name: 'ValidationError' });
    },
  );

  it('refuses an id that a run of another workflow or version has', async () => {
    const other = new Flow('f', { version: '2' }).node('a', (n) => n);
    const orchestrator = new OrchestratorBuilder().workflow(flow).workflow(other).engine(memory()).build();
    await orchestrator.startRun({}, 1, { runId: 'taken', version: '1' });
    await orchestrator.startRun({}, 1, { runId: 'taken', version: '1' });
    const refused = await rejection(orchestrator.startRun({}, 1, { runId: 'taken' }));
    expect(refused).toMatchObject({ code: 'ERR_RUN_EXISTS', version: '1' });
  });
});

describe('the results of nodes', () => {
  it.each([
    ['an output that cannot be sent', () => ({ f: () => 1 }), 'context.a.f cannot be saved'],
    ['an output that is too large', () => 'x'.repeat(2_000), 'at most 1024 bytes'],
  ])('fails the node for %s', async (_name, implementation, message) => {
    const { finish, orchestrator } = await fleetOf(new Flow('g').node('a', implementation), { maxPayload: 1_024 });
    const run = await finish();
    expect(run.status).toBe('failed');
    const [{ error } = { error: undefined }] = await orchestrator.errors(run.runId);
    expect(error).toMatchObject({ name: 'SerializationError', message: expect.stringContaining(message) });
  });

  it.each([
    ['cannot be sent', () => 1],
    ['is too large', 'x'.repeat(2_000)],
  ])('fails the node for a key of the context that %s', async (_name, value) => {
    const write = (_: unknown, { context }: { context: Record<string, unknown> }) => {
      context.key = value;
    };
    const { finish, orchestrator } = await fleetOf(new Flow('g').node('a', write), { maxPayload: 1_024 });
    const run = await finish();
    expect(run.status).toBe('failed');
    expect(await orchestrator.errors(run.runId)).toMatchObject([
      { nodeId: 'a', error: { name: 'SerializationError' } },
    ]);
  });

  it.each([
    ['key', { f: () => 1 }, 'context.key.f'],
    ['a.b', [() => 1], 'context["a.b"][0]'],
    ['a.b', { f: () => 1 }, 'context["a.b"].f'],
  ])('says where in the context it is: %s', async (key, value, path) => {
    const flow = new Flow('g').node('a', (_, { context }) => {
      context[key] = value;
    });
    const { finish, orchestrator } = await fleetOf(flow);
    const { runId } = await finish();
    const [{ error } = { error: undefined }] = await orchestrator.errors(runId);
    expect(error).toMatchObject({ message: expect.stringContaining(path) });
  });

  it('fails a node that throws after it has written a value that cannot be serialized', async () => {
    const flow = new Flow('g').node('a', (_, { context }) => {
      context.key = () => 1;
      throw new Error('down');
    });
    const { finish, orchestrator } = await fleetOf(flow);
    const run = await finish();
    expect(await orchestrator.errors(run.runId)).toMatchObject([{ error: { message: 'down' } }]);
  });

  it('keeps the message of an error that is too large or cannot be serialized', async () => {
    const large = () => Promise.reject(new Error('x'.repeat(5_000)));
    const odd = () => Promise.reject(Object.assign(new Error('odd'), { handle: () => 1 }));
    for (const [implementation, message] of [
      [large, 'x'.repeat(1_000)],
      [odd, 'odd'],
    ] as const) {
      const { finish, orchestrator } = await fleetOf(new Flow('g').node('a', implementation), { maxPayload: 1_024 });
      const { runId, status } = await finish();
      expect(status).toBe('failed');
      expect((await orchestrator.errors(runId))[0]?.error).toMatchObject({ message });
    }
  });
});

describe('a worker', () => {
  it('gives back a run of an unknown workflow, and warns', async () => {
    const engine = memory();
    const { worker } = await fleetOf(
      new Flow('other').node('a', () => 1),
      { engine },
    );
    const warnings: unknown[] = [];
    worker.on('warning', (error, { runId }) => warnings.push([(error as { code?: string }).code, runId]));
    const orchestrator = build(engine);
    const runId = await orchestrator.startRun({}, 5);
    await eventually(() => expect(warnings).toEqual([['ERR_WORKFLOW_NOT_FOUND', runId]]));
    expect(await orchestrator.pendingWork(runId)).toMatchObject([{ nodeId: 'a', state: 'delayed' }]);
    const knowing = new DistributedWorker({ engine, workflows: [flow] });
    await knowing.start();
    expect((await orchestrator.waitForCompletion(runId)).output).toBe(5);
    await knowing.stop();
  });

  it.each(['over', 'gone', 'begun again under its id'])(
    'drops a job of a run that is %s, even if it does not know the workflow',
    async (how) => {
      const engine = memory();
      const jobs: Job[] = [];
      const { enqueue } = engine.queue;
      engine.queue.enqueue = (given) => {
        jobs.push(...given);
        return enqueue.call(engine.queue, given);
      };
      const orchestrator = build(engine);
      const runId = await orchestrator.startRun({}, 5, { runId: 'one' });
      await orchestrator.cancel(runId);
      if (how !== 'over') await orchestrator.deleteRun(runId);
      const [left] = jobs as [Job];
      expect(await engine.queue.depth()).toMatchObject({ waiting: 0, delayed: 0 });
      // A late call that queues the job again.
      await enqueue.call(engine.queue, [left]);
      if (how === 'begun again under its id') await orchestrator.startRun({}, 5, { runId, delay: 3_600_000 });
      const { worker } = await fleetOf(
        new Flow('other').node('a', () => 1),
        { engine },
      );
      const warnings: unknown[] = [];
      worker.on('warning', (error) => warnings.push(error));
      const delayed = how === 'begun again under its id' ? 1 : 0;
      await eventually(async () => expect(await engine.queue.depth()).toEqual({ waiting: 0, delayed, active: 0 }));
      expect(await engine.queue.statesOf([left.id])).toEqual(['absent']);
      expect(warnings).toEqual([]);
    },
  );

  it.each([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { lockDuration: 10 },
    { maxPayload: 5 },
    { maxCrashes: 0 },
    { workflows: [] },
    { engine: {} },
    { id: '' },
    { colour: 'red' },
  ])('refuses %o', (options) => {
    const all = { engine: memory(), workflows: [flow], ...options } as never;
    expect(() => new DistributedWorker(all)).toThrow(expect.objectContaining({ name: 'ValidationError' }));
  });
});

describe('a text that is too long', () => {
  const long = 'x'.repeat(2_001);

  it('is refused as the reason of a cancel, and the run continues', async () => {
    const { orchestrator } = await fleetOf(new Flow('w').wait('w'));
    const runId = await orchestrator.startRun();
    for (const reason of [long, '', '\0', '\ud800', 5 as never]) {
      expect(await rejection(orchestrator.cancel(runId, reason))).toMatchObject({
        name: 'ValidationError',
        message: expect.stringMatching(/^reason must be a non-empty string of at most 2000 characters.{1,99}$/),
      });
    }
    await orchestrator.cancel(runId, long.slice(1));
    expect((await orchestrator.run(runId)).error).toBe(long.slice(1));
  });

  it.each([
    ['is cut', 'x'.repeat(1_999) + '😀'.repeat(20), 'x'.repeat(1_999)],
    ['is made storable', 'a\0b\ud800', 'a\ufffdb\ufffd'],
    ['is replaced where there is none', { toString: () => '' }, 'cancelled'],
    [
      'is named by its kind where it throws',
      {
        toString: () => {
          throw new Error('no');
        },
      },
      'Object',
    ],
  ])('as the reason of an abort %s', async (_name, reason, expected) => {
    const { orchestrator, engine } = await fleetOf(new Flow('w').wait('w'));
    const stop = new AbortController();
    const run = new Flow('w')
      .wait('w')
      .run({}, { runId: 'r', signal: stop.signal, executor: new DistributedExecutor(engine) });
    await eventually(async () => expect(await orchestrator.status('r')).toBe('awaiting'));
    stop.abort(reason);
    expect((await run).status).toBe('cancelled');
    expect((await orchestrator.run('r')).error).toBe(expected);
  });

  it('is refused as the name of an event, even if any event may be waited for', async () => {
    const named = new Flow('named').wait(long);
    const inner = new Flow('inner').wait('w');
    const { orchestrator } = await fleetOf([named, new Flow('outer').node('sub', inner)]);
    const outer = await orchestrator.startRun({}, 1, { workflow: 'outer' });
    expect(await rejection(orchestrator.signal(outer, long))).toMatchObject({ name: 'ValidationError' });
    const runId = await orchestrator.startRun({}, 1, { workflow: 'named' });
    await orchestrator.signal(runId, long, 'yes');
    expect((await orchestrator.waitForCompletion(runId)).output).toBe('yes');
  });

  it('is refused as the id or version of a workflow, and as the id of a worker', () => {
    const engine = memory();
    for (const workflow of [new Flow(long).node('a', () => 1), new Flow('f', { version: long }).node('a', () => 1)]) {
      expect(() => new OrchestratorBuilder().engine(engine).workflow(workflow).build()).toThrow(
        /at most 500 characters/,
      );
      expect(() => new DistributedWorker({ engine, workflows: [workflow] })).toThrow(/at most 500 characters/);
    }
    for (const id of [long, '', 'a\0'])
      expect(() => new DistributedWorker({ engine, workflows: [flow], id })).toThrow(/^id must be/);
  });

  it('fails a node that returns it as its action, or writes to a key of that name', async () => {
    const huge = 'x'.repeat(2_000);
    const choosing = new Flow('choosing').node('a', () => withAction(huge, 1));
    const writing = new Flow('writing').node('a', (_, { context }) => {
      (context as Record<string, unknown>)[huge] = 1;
    });
    const { finish } = await fleetOf([choosing, writing], { maxPayload: 1_024 });
    for (const workflow of ['choosing', 'writing']) {
      const run = await finish({}, 1, { workflow });
      expect(run.status).toBe('failed');
      expect(run.error).toMatch(/must be at most 1024 bytes/);
      expect(run.error?.length).toBeLessThan(600);
    }
  });

  it('is shortened if it is the id of a failed node', async () => {
    const { finish } = await fleetOf(new Flow('f').node('n'.repeat(5_000), () => Promise.reject(new Error('no'))));
    expect((await finish()).error).toBe(`node "${'n'.repeat(200)}" failed: no`);
  });
});

describe('a builder', () => {
  it('refuses stores of two engines, and says which store belongs to which', () => {
    const [one, other] = [memory(), memory()];
    const mixed = new OrchestratorBuilder().workflow(flow).engine(one).queue(other.queue).errorStore(other.errorStore);
    expect(() => mixed.build()).toThrow(/queue \(memory\), errorStore \(memory\) must be of the same engine/);
  });

  it('refuses stores that are missing or invalid', () => {
    const { queue } = memory();
    expect(() => new OrchestratorBuilder().workflow(flow).build()).toThrow(/engine/);
    expect(() => new OrchestratorBuilder().queue(queue).build()).toThrow(/contextStore, runInfoStore/);
    expect(() => new OrchestratorBuilder().queue({} as never)).toThrow(/queue.engine/);
    expect(() => new OrchestratorBuilder().engine({} as never)).toThrow(/engine/);
  });

  it('refuses a workflow that is invalid, or is given twice', () => {
    const faulty = new Flow('f').load({ nodes: [{ id: 'a', uses: 'nothing' }], edges: [] });
    expect(() => new OrchestratorBuilder().engine(memory()).workflow(faulty).build()).toThrow(/nothing/);
    expect(() => new OrchestratorBuilder().engine(memory()).workflow(flow).workflow(flow).build()).toThrow(/twice/);
  });
});

describe('an engine that is down', () => {
  it.each([
    ['redis', (port: number) => redis(`redis://user:secret@127.0.0.1:${port}`, { connectTimeout: 300 })],
    ['postgres', (port: number) => postgres(`postgres://user:secret@127.0.0.1:${port}/x`, { connectTimeout: 300 })],
  ])('is reported in bounded time, with where it was tried: %s', async (name, make) => {
    const port = await freePort();
    const engine = make(port);
    const error = await rejection(new DistributedWorker({ engine, workflows: [flow] }).start());
    expect(error).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringContaining(`${name} at 127.0.0.1:${port}`),
    });
    expect(String((error as Error).stack)).not.toContain('secret');
    expect(await rejection(build(engine).startRun())).toMatchObject({ code: 'ERR_ENGINE' });
    expect(await rejection(flow.run({}, { executor: new DistributedExecutor(engine) }))).toMatchObject({
      code: 'ERR_ENGINE',
    });
    await engine.close();
  });
});

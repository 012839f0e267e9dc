import { Orchestrator } from 'orchestrator';
import { memory } from 'orchestrator/distributed';
import { Flow, FlowRuntime, type NodeArgs, NodeError, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { fleetOf } from './fleet.js';
import { eventually } from './servers/eventually.js';

function recording() {
  const orchestrator = new Orchestrator({ name: 'flow' });
  const lines: string[] = [];
  orchestrator
    .onProcessBegin(({ id, name }) => void lines.push(`process ${name} of ${id} begins`))
    .onTaskBegin(({ name }) => void lines.push(`${name} begins`))
    .onTaskRetry(({ name, attempt }) => void lines.push(`${name} failed attempt ${attempt}`))
    .onTaskCompletion(({ name, status }) => void lines.push(`${name} ${status}`))
    .onProcessCompletion(({ id, status }) => void lines.push(`process of ${id} ${status}`));
  return { lines, runtime: new FlowRuntime({ orchestrator }) };
}

describe('hooks on a worker', () => {
  it('see each execution as a task, in a process with the id and the name of the run', async () => {
    const { lines, runtime } = recording();
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b');
    const { finish } = await fleetOf(flow, { runtime });
    const { runId } = await finish({}, 1, { runId: 'r' });
    expect(runId).toBe('r');
    await eventually(() => expect(lines.at(-1)).toBe('process of r completed'));
    // Nodes that are executed in one go form one process.
    expect(lines).toEqual([
      'process f of r begins',
      'a begins',
      'a completed',
      'b begins',
      'b completed',
      'process of r completed',
    ]);
  });

  it('see failures and retries', async () => {
    const { lines, runtime } = recording();
    const fail = () => Promise.reject(new Error('failed'));
    const flow = new Flow('f').node('a', fail, { retry: { retries: 1, minTimeout: 1 } });
    const { finish } = await fleetOf(flow, { runtime });
    expect((await finish()).status).toBe('failed');
    await eventually(() =>
      expect(lines.filter((line) => line.startsWith('a '))).toEqual([
        'a begins',
        'a failed attempt 1',
        'a failed',
        'a begins',
        'a failed',
      ]),
    );
  });

  it('that throw fail the node, as in process', async () => {
    const orchestrator = new Orchestrator({ name: 'flow' });
    orchestrator.onTaskBegin(({ name }) => {
      if (name === 'b') throw new RangeError('not b');
    });
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('b', () => 2)
      .edge('a', 'b');
    const here = await new FlowRuntime({ orchestrator }).run(flow);
    const fleet = await fleetOf(flow, { runtime: new FlowRuntime({ orchestrator }) });
    const { runId, status } = await fleet.finish();
    expect(status).toBe(here.status);
    const { errors } = await fleet.orchestrator.result(runId);
    expect(errors.map(({ nodeId }) => nodeId)).toEqual(here.errors.map(({ nodeId }) => nodeId));
  });
});

describe('the arguments of a node', () => {
  it('contain its id, visit and attempt, which are the same when another worker repeats it', async () => {
    const seen: unknown[] = [];
    const note = (_: unknown, { nodeId, runId, visit, attempt, idempotencyKey, index }: NodeArgs) => {
      seen.push([nodeId, runId, visit, attempt, idempotencyKey, index]);
      if (nodeId === 'a' && attempt === 1) throw new Error('again');
      return withAction(visit < 2 ? 'again' : 'end', visit);
    };
    const flow = new Flow('f')
      .node('start', () => 1)
      .node('a', note, { retry: { retries: 1, minTimeout: 1 }, joinStrategy: 'any' })
      .batch('b', note, { items: 'params.list', params: { list: [1, 2] }, concurrency: 1 })
      .edge('start', 'a')
      .edge('a', 'a', { action: 'again' })
      .edge('a', 'b', { action: 'end' });
    const { finish } = await fleetOf(flow);
    const { incarnation } = await finish({}, 1, { runId: 'r' });
    const key = `r~${incarnation}`;
    expect(seen).toEqual([
      ['a', 'r', 1, 1, `${key}/a/1`, undefined],
      ['a', 'r', 1, 2, `${key}/a/1`, undefined],
      ['a', 'r', 2, 1, `${key}/a/2`, undefined],
      ['a', 'r', 2, 2, `${key}/a/2`, undefined],
      ['b', 'r', 1, 1, `${key}/b/1/0`, 0],
      ['b', 'r', 1, 1, `${key}/b/1/1`, 1],
    ]);
  });

  it('has the params, dependencies and logger of the runtime', async () => {
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const runtime = new FlowRuntime({ dependencies: { db: 'here' }, logger });
    let own: unknown;
    const flow = new Flow('f', { params: { a: 1, b: 1 } }).node(
      'a',
      (_, { params, dependencies, logger }) => {
        own = logger;
        return { params, dependencies };
      },
      { params: { b: 2 } },
    );
    const { finish } = await fleetOf(flow, { runtime });
    expect((await finish()).output).toEqual({ params: { a: 1, b: 2 }, dependencies: { db: 'here' } });
    expect(own).toBe(logger);
  });

  it.each([
    ['as soon as its worker is told', 600_000, memory()],
    ['when its worker looks, though it was not told', 50, Object.assign(memory(), { subscribe: async () => () => {} })],
  ])('has a signal, which aborts when the run is cancelled: %s', async (_how, watchInterval, engine) => {
    let seen: AbortSignal | undefined;
    const flow = new Flow('f').node('a', (_, { signal, isCancelled }) => {
      seen = signal;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(isCancelled)));
    });
    const { orchestrator } = await fleetOf(flow, { engine, watchInterval });
    const runId = await orchestrator.startRun();
    await eventually(() => expect(seen).toBeDefined());
    await orchestrator.cancel(runId);
    await eventually(() => expect(seen?.aborted).toBe(true));
    expect(seen?.reason).toMatchObject({ code: 'ERR_SUPERSEDED', runId });
    await eventually(async () => expect(await engine.queue.depth()).toMatchObject({ active: 0 }));
    expect((await orchestrator.context(runId)).a).toBeUndefined();
  });

  it('is passed through middleware', async () => {
    const flow = new Flow('f').node('a', () => 1).use(async (_args, next) => [await next()]);
    const { finish } = await fleetOf(flow);
    expect((await finish()).output).toEqual([1]);
  });

  it('may be data, with a registry', async () => {
    const runtime = new FlowRuntime({ registry: { double: (n: number) => n * 2 } });
    const graph = { id: 'data', version: '3', nodes: [{ id: 'a', uses: 'double' }], edges: [] };
    const { finish } = await fleetOf(graph, { runtime });
    expect(await finish({}, 4)).toMatchObject({ workflow: 'data', version: '3', output: 8 });
  });
});

describe('a failed node', () => {
  it('is in the result as a NodeError with its cause', async () => {
    const flow = new Flow('f').node('a', () => Promise.reject(new RangeError('a', { cause: 'why' })));
    const { finish, orchestrator } = await fleetOf(flow);
    const [error, ...more] = (await orchestrator.result((await finish()).runId)).errors;
    expect(more).toEqual([]);
    expect(error).toBeInstanceOf(NodeError);
    expect(error).toMatchObject({
      nodeId: 'a',
      attempts: 1,
      cause: { name: 'RangeError', message: 'a', cause: 'why' },
    });
  });
});

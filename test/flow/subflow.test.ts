import { Orchestrator } from 'orchestrator';
import {
  Flow,
  FlowRuntime,
  GraphBuilder,
  type NodeArgs,
  NodeError,
  WorkflowError,
  withAction,
} from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, settled } from '../support.js';

const echo = (input: unknown) => input;

afterEach(() => {
  vi.useRealTimers();
});

/** The processes that hooks have seen, with the processes around them. */
function processes(orchestrator: Orchestrator): { id: string; parentId: string | undefined; name: string }[] {
  const seen: { id: string; parentId: string | undefined; name: string }[] = [];
  orchestrator.onProcessBegin(({ id, parentId, name }) => seen.push({ id, parentId, name }));
  return seen;
}

describe('a sub-flow', () => {
  it('is a node: its input goes in, the output of its last node comes out', async () => {
    const inner = new Flow('inner')
      .node('x', (n) => n + 1)
      .node('y', (n) => n * 10)
      .edge('x', 'y');
    const { status, output, context } = await new Flow('outer')
      .node('a', () => 1)
      .node('inner', inner)
      .node('b', (n) => n + 3)
      .edge('a', 'inner')
      .edge('inner', 'b')
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 23 });
    expect(context).toEqual({ a: 1, inner: 20, b: 23 });
  });

  it('that ends in several nodes returns an object of their outputs', async () => {
    const inner = new Flow('inner').node('x', () => 1).node('y', () => 2);
    expect((await new Flow('outer').node('inner', inner).run()).output).toEqual({ x: 1, y: 2 });
  });

  it('has a context of its own, made from its input if the input is an object', async () => {
    const inner = new Flow('inner').node('x', (input, { context }) => {
      context.secret = true;
      return { input, context: { ...context } };
    });
    const { context } = await new Flow('outer')
      .node('object', () => ({ user: 'Ada' }))
      .node('number', () => 5)
      .node('of object', inner)
      .node('of number', inner)
      .edge('object', 'of object')
      .edge('number', 'of number')
      .run({ outside: 1 });
    expect(context['of object']).toEqual({ input: { user: 'Ada' }, context: { user: 'Ada', secret: true } });
    expect(context['of number']).toEqual({ input: 5, context: { secret: true } });
    expect(Object.keys(context).sort()).toEqual(['number', 'object', 'of number', 'of object', 'outside']);
  });

  it('maps its input from the outer context, and its output from its own context', async () => {
    const inner = new Flow('inner')
      .node('greet', (_, { context }) => `hello ${context.name}`)
      .node('count', (text, { context }) => ({ length: text.length, limit: context.limit }))
      .edge('greet', 'count');
    const { context } = await new Flow('outer')
      .node('fetch', () => ({ user: { name: 'Ada' } }))
      .node('mapped', inner, {
        inputs: { name: 'fetch.user.name', limit: 'context.limit + 1' },
        outputs: { text: 'greet', size: 'count.length', isLong: 'context.count.length > context.count.limit' },
      })
      .node('one', inner, { inputs: { name: 'fetch.user.name' }, outputs: 'greet' })
      .edge('fetch', 'mapped')
      .edge('fetch', 'one')
      .run({ limit: 4 });
    expect(context.mapped).toEqual({ text: 'hello Ada', size: 9, isLong: true });
    expect(context.one).toBe('hello Ada');
  });

  it('works on a copy of its input', async () => {
    const inner = new Flow('inner').node('x', (_, { context }) => context.list.push(2));
    const { context } = await new Flow('outer')
      .node('a', () => ({ list: [1] }))
      .node('inner', inner)
      .edge('a', 'inner')
      .run();
    expect(context.a).toEqual({ list: [1] });
  });

  it('shares nothing with another node that runs the same flow', async () => {
    const inner = new Flow('inner')
      .node('x', async (n, { context }) => {
        context.n = n;
        await settled();
        return context.n;
      })
      .node('y', (n, { context }) => [n, context.n])
      .edge('x', 'y');
    const { output } = await new Flow('outer')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('one', inner)
      .node('two', inner)
      .edge('a', 'one')
      .edge('b', 'two')
      .run();
    expect(output).toEqual({ one: [1, 1], two: [2, 2] });
  });

  it('chooses among the edges of its node by the action of its last node', async () => {
    const inner = new Flow('inner').node('x', (n) => withAction(n > 3 ? 'large' : 'small', n));
    const build = (n: number) =>
      new Flow('outer')
        .node('a', () => n)
        .node('inner', inner)
        .node('large', echo)
        .node('small', echo)
        .edge('a', 'inner')
        .edge('inner', 'large', { action: 'large' })
        .edge('inner', 'small', { action: 'small' })
        .run();
    expect((await build(5)).completed).toEqual(['a', 'inner', 'large']);
    expect((await build(2)).completed).toEqual(['a', 'inner', 'small']);
  });

  it('nests three deep, each with its own mapping', async () => {
    const third = new Flow('third').node('z', (_, { context }) => context.deep * 2);
    const second = new Flow('second').node('third', third, { inputs: { deep: 'middle' }, outputs: { result: 'z' } });
    const first = new Flow('first').node('second', second, {
      inputs: { middle: 'top' },
      outputs: { value: 'third.result' },
    });
    const { output, context } = await new Flow('root')
      .node('first', first, { inputs: { top: 'n' }, outputs: 'second.value' })
      .node('end', (n) => n + 1)
      .edge('first', 'end')
      .run({ n: 21 });
    expect(output).toBe(43);
    expect(context).toEqual({ n: 21, first: 42, end: 43 });
  });

  it('has a run id of its own that contains its path', async () => {
    const ids: string[] = [];
    const note = (_: unknown, { runId }: NodeArgs) => ids.push(runId);
    const third = new Flow('third').node('z', note);
    const second = new Flow('second').node('third', third);
    await new Flow('root')
      .node('a', note)
      .node('second', second)
      .batch('batch', third)
      .edge('a', 'second')
      .edge('second', 'batch')
      .run({}, { runId: 'run', input: 0 })
      .then(({ status }) => expect(status).toBe('failed'));
    await new Flow('root').batch('batch', third).run({}, { runId: 'run', input: ['x', 'y'] });
    expect(ids).toEqual(['run', 'run/second/1/third/1', 'run/batch/0/1', 'run/batch/1/1']);
  });

  it('is started anew in each turn of a loop', async () => {
    const ids: string[] = [];
    const inner = new Flow('inner').node('x', (_, { runId, visit }) => ids.push(`${runId} visit ${visit}`));
    const { status } = await new Flow('outer')
      .node('inner', inner)
      .node('check', (_, { visit }) => (visit < 3 ? withAction('again', 0) : 0))
      .edge('inner', 'check')
      .edge('check', 'inner', { action: 'again' })
      .run({}, { runId: 'run' });
    expect(status).toBe('completed');
    expect(ids).toEqual(['run/inner/1 visit 1', 'run/inner/2 visit 1', 'run/inner/3 visit 1']);
  });

  it('is a process inside the process of the run around it', async () => {
    const orchestrator = new Orchestrator();
    const seen = processes(orchestrator);
    const third = new Flow('third').node('z', () => 1);
    const second = new Flow('second').node('third', third);
    await new FlowRuntime({ orchestrator }).run(new Flow('root').node('second', second), {}, { runId: 'run' });
    expect(seen).toEqual([
      { id: 'run', parentId: undefined, name: 'root' },
      { id: 'run/second/1', parentId: 'run', name: 'second' },
      { id: 'run/second/1/third/1', parentId: 'run/second/1', name: 'third' },
    ]);
  });

  it('sees the parameters of run and node over its own, and the dependencies and logger of the runtime', async () => {
    const inner = new Flow('inner', { params: { a: 'inner', b: 'inner' } }).node(
      'x',
      (_, { params, dependencies }) => ({
        a: params.a,
        b: params.b,
        c: params.c,
        d: params.d,
        dependencies,
      }),
      { params: { d: 'x' } },
    );
    const flow = new Flow('outer').node('inner', inner, { params: { b: 'node' } });
    const { output } = await new FlowRuntime({ dependencies: 'client' }).run(flow, {}, { params: { c: 'run' } });
    expect(output).toEqual({ a: 'inner', b: 'node', c: 'run', d: 'x', dependencies: 'client' });
  });

  it('is wrapped as one node by the outer middleware, its nodes by its own middleware', async () => {
    const log: string[] = [];
    const wrap = (name: string) => (args: NodeArgs, next: () => Promise<unknown>) => {
      log.push(`${name}: ${args.nodeId}`);
      return next();
    };
    const inner = new Flow('inner').node('x', () => 1).use(wrap('inner'));
    const outer = new Flow('outer').node('sub', inner).use(wrap('outer'));
    await new FlowRuntime({ middleware: [wrap('runtime')] }).run(outer);
    expect(log).toEqual(['runtime: sub', 'outer: sub', 'runtime: x', 'inner: x']);
  });

  it('may be written as data, with its mapping', async () => {
    const registry = {
      inner: {
        id: 'inner',
        nodes: [{ id: 'x', uses: 'double', inputs: 'n' }],
        edges: [],
      },
      double: (n: number) => n * 2,
    };
    const graph = {
      id: 'outer',
      nodes: [
        { id: 'a', uses: 'subflow', inputs: { n: 'given' }, params: { flow: 'inner', outputs: { twice: 'x' } } },
        { id: 'b', uses: 'subflow', params: { flow: 'inner' } },
      ],
      edges: [{ source: 'a', target: 'b', transform: '{"n": output.twice}' }],
    };
    expect((await new FlowRuntime({ registry }).run(graph, { given: 3 })).context).toEqual({
      given: 3,
      a: { twice: 6 },
      b: 12,
    });
    expect((await new GraphBuilder(registry).build(graph).run({ given: 4 })).output).toBe(16);
  });

  it('with a registry of its own finds its functions there', async () => {
    const inner = new GraphBuilder({ work: () => 'inner' }).build({
      id: 'inner',
      nodes: [{ id: 'x', uses: 'work' }],
      edges: [],
    });
    const outer = new GraphBuilder({ work: () => 'outer', inner }).build({
      id: 'outer',
      nodes: [
        { id: 'own', uses: 'work' },
        { id: 'sub', uses: 'inner' },
      ],
      edges: [{ source: 'own', target: 'sub' }],
    });
    expect((await outer.run()).context).toEqual({ own: 'outer', sub: 'inner' });
  });
});

describe('a sub-flow that fails', () => {
  const failure = Object.assign(new RangeError('deep'), { code: 'E_DEEP' });

  it('fails its node: the chain of causes leads through the flows down to the original error', async () => {
    const third = new Flow('third').node('z', () => Promise.reject(failure));
    const second = new Flow('second').node('third', third);
    const { status, errors, unreached } = await new Flow('root')
      .node('second', second)
      .node('after', () => 1)
      .edge('second', 'after')
      .run();
    expect(status).toBe('failed');
    expect(unreached).toEqual([{ nodeId: 'after', reason: 'it waits for "second", which failed' }]);
    expect(errors).toHaveLength(1);
    const path: string[] = [];
    let error: unknown = errors[0];
    while (error instanceof NodeError) {
      path.push(error.nodeId);
      if (!(error.cause instanceof WorkflowError)) {
        error = error.cause;
        break;
      }
      path.push(error.cause.flowId);
      expect(error.cause.result.status).toBe('failed');
      [error] = error.cause.errors;
    }
    expect(path).toEqual(['second', 'second', 'third', 'third', 'z']);
    expect(error).toBe(failure);
    expect(errors[0]?.message).toContain('deep');
  });

  it('names all its failures', async () => {
    const inner = new Flow('inner')
      .node('x', () => Promise.reject(new Error('X')))
      .node('y', () => Promise.reject(new Error('Y')))
      .node('z', () => 1);
    const { errors } = await new Flow('outer').node('inner', inner).run();
    const cause = errors[0]?.cause as WorkflowError;
    expect(cause).toBeInstanceOf(AggregateError);
    expect(cause.errors.map(({ nodeId }: NodeError) => nodeId)).toEqual(['x', 'y']);
    expect(cause.result.context).toEqual({ z: 1 });
  });

  it('is saved by a fallback of its node, which may be a flow too', async () => {
    const inner = new Flow('inner').node('x', () => Promise.reject(failure));
    const instead = new Flow('instead').node('x', (n) => `instead of ${n}`);
    const { status, output } = await new Flow('outer')
      .node('a', () => 7)
      .node('inner', inner, { fallback: 'instead' })
      .node('instead', instead)
      .node('end', echo)
      .edge('a', 'inner')
      .edge('inner', 'end')
      .run();
    expect({ status, output }).toEqual({ status: 'completed', output: 'instead of 7' });
  });

  it('saved by a fallback of its own has completed', async () => {
    const inner = new Flow('inner')
      .node('x', () => Promise.reject(failure), { fallback: 'y' })
      .node('y', () => 'saved');
    expect(await new Flow('outer').node('inner', inner).run()).toMatchObject({
      status: 'completed',
      output: 'saved',
      errors: [],
    });
  });

  it('is tried again by the retry of its node, which repeats only the nodes that have not completed', async () => {
    let first = 0;
    const second = failing(2, 'done');
    const inner = new Flow('inner')
      .node('first', () => ++first)
      .node('second', second)
      .edge('first', 'second');
    const { status, output } = await new Flow('outer')
      .node('inner', inner, { retry: { retries: 2, minTimeout: 0 } })
      .run();
    expect({ status, output, first }).toEqual({ status: 'completed', output: 'done', first: 1 });
  });

  it('is tried again after the timeout of its node, and resumes the interrupted nodes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let calls = 0;
    const signals: AbortSignal[] = [];
    const inner = new Flow('inner')
      .node('first', () => ++calls)
      .node('slow', (_, { signal }) => {
        signals.push(signal);
        return signals.length === 1 ? deferred().promise : 'done';
      })
      .edge('first', 'slow');
    const pending = new Flow('outer')
      .node('inner', inner, { timeout: 1_000, retry: { retries: 1, minTimeout: 0 } })
      .run();
    await settled();
    await vi.advanceTimersByTimeAsync(1_000);
    const { status, output, errors } = await pending;
    expect(errors).toEqual([]);
    expect({ status, output, calls, slow: signals.length }).toEqual({
      status: 'completed',
      output: 'done',
      calls: 1,
      slow: 2,
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });

  it('is tried again under failFast, and resumes the interrupted nodes', async () => {
    let hangs = 0;
    const bad = failing(1, 'good');
    const inner = new Flow('inner').node('hangs', () => (++hangs === 1 ? deferred().promise : 'done')).node('bad', bad);
    const { status, output } = await new Flow('outer')
      .node('inner', inner, { retry: { retries: 1, minTimeout: 0 } })
      .run({}, { failFast: true });
    expect({ status, output }).toEqual({ status: 'completed', output: { hangs: 'done', bad: 'good' } });
  });
});

describe('a batch of sub-flows', () => {
  it('runs one for each item, each with its own context', async () => {
    const inner = new Flow('inner')
      .node('x', async (_, { context }) => {
        context.twice = context.n * 2;
        await settled();
      })
      .node('y', (_, { context }) => context.twice + 1)
      .edge('x', 'y');
    const { output, context } = await new Flow('outer')
      .batch('all', inner, { items: 'list', concurrency: 2 })
      .run({ list: [{ n: 1 }, { n: 2 }, { n: 3 }] });
    expect(output).toEqual([3, 5, 7]);
    expect(context.list).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('fails with the failure of each', async () => {
    const inner = new Flow('inner').node('x', (n) => {
      if (n > 1) throw new Error(`not ${n}`);
      return n;
    });
    const { errors } = await new Flow('outer').batch('all', inner).run({}, { input: [1, 2, 3] });
    const cause = errors[0]?.cause as AggregateError;
    expect(cause.errors).toHaveLength(2);
    expect(cause.errors.map(({ errors }: WorkflowError) => errors[0].cause.message)).toEqual(['not 2', 'not 3']);
  });
});

describe('a flow that is part of itself', () => {
  it('recurses as deep as its data says', async () => {
    const flow: Flow = new Flow('count');
    flow
      .node('less', (n) => withAction(n > 0 ? 'deeper' : 'done', n - 1))
      .node('deeper', flow)
      .node('done', () => 'bottom')
      .edge('less', 'deeper', { action: 'deeper' })
      .edge('less', 'done', { action: 'done' });
    const { status, output } = await flow.run({}, { input: 20 });
    expect({ status, output }).toEqual({ status: 'completed', output: 'bottom' });
  });

  it('fails at a maximum depth if it never ends, and says so', async () => {
    let depth = 0;
    const flow: Flow = new Flow('endless');
    flow
      .node('count', () => ++depth)
      .node('again', flow)
      .edge('count', 'again');
    const { status, errors } = await flow.run();
    expect(status).toBe('failed');
    expect(depth).toBeLessThanOrEqual(101);
    let error: unknown = errors[0];
    for (
      let cause = error;
      cause !== undefined;
      cause = (cause as WorkflowError).errors?.[0] ?? (cause as Error).cause
    ) {
      error = cause;
    }
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toContain('nested more than 100 deep');
  });

  it('is also detected through another flow', async () => {
    const one: Flow = new Flow('one');
    const two = new Flow('two').node('one', one);
    one.node('two', two);
    expect((await one.run()).status).toBe('failed');
  });
});

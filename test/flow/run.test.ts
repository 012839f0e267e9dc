import { ValidationError } from 'orchestrator';
import {
  BlueprintError,
  Flow,
  FlowRuntime,
  GraphBuilder,
  InMemoryExecutor,
  type Logger,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, rejection, settled } from '../support.js';

const echo = (input: unknown) => input;

describe('a run', () => {
  it('of one node completes with the result of the node', async () => {
    const result = await new Flow('one').node('a', () => 1).run();
    expect(result).toMatchObject({
      status: 'completed',
      context: { a: 1 },
      output: 1,
      action: undefined,
      errors: [],
      completed: ['a'],
      skipped: [],
      awaiting: [],
      cutShort: [],
      unreached: [],
      reason: undefined,
    });
  });

  it('awaits what nodes return', async () => {
    const { output } = await new Flow('promise').node('a', async () => 'later').run();
    expect(output).toBe('later');
  });

  it('has the given id, or else a generated one', async () => {
    const ids: string[] = [];
    const flow = new Flow('ids').node('a', (_, { runId }) => ids.push(runId));
    const given = await flow.run({}, { id: 'order-42' });
    const [one, other] = [await flow.run(), await flow.run()];
    expect(given.runId).toBe('order-42');
    expect(ids).toEqual(['order-42', one.runId, other.runId]);
    expect(one.runId).not.toBe(other.runId);
  });

  it('still takes its id under the former name, but not under both', async () => {
    const flow = new Flow('ids').node('a', (_, { runId }) => runId);
    expect(await flow.run({}, { runId: 'order-42' })).toMatchObject({ runId: 'order-42', output: 'order-42' });
    const message = 'runId must be left out: it is the older name of id, which is given, got String';
    const both = { id: 'order-42', runId: 'order-43' };
    expect(await rejection(flow.run({}, both))).toEqual(new ValidationError(message));
    expect(() => new FlowRuntime().prepare(flow, {}, both)).toThrow(new ValidationError(message));
  });

  it('passes a node its id, its visit and its attempt', async () => {
    const { output } = await new Flow('who')
      .node('a', (_, { nodeId, visit, attempt, index }) => ({ nodeId, visit, attempt, index }))
      .run();
    expect(output).toEqual({ nodeId: 'a', visit: 1, attempt: 1, index: undefined });
  });

  it('stores outputs under the ids of their nodes, besides the values that nodes write', async () => {
    const { context } = await new Flow('context')
      .node('a', (_, { context }) => {
        context.note = 'seen';
        return 1;
      })
      .node('b', (_, { context }) => `${context.a} ${context.note}`)
      .edge('a', 'b')
      .run({ given: true });
    expect(context).toEqual({ given: true, note: 'seen', a: 1, b: '1 seen' });
  });

  it('works on a copy of the context that it is given', async () => {
    const client = new (class Client {})();
    const given = { list: [1], nested: { map: new Map([['k', 1]]) }, client };
    const { context } = await new Flow('copy')
      .node('a', (_, { context }) => {
        context.list.push(2);
        context.nested.map.set('k', 2);
        return context.client === client;
      })
      .run(given);
    expect(given).toEqual({ list: [1], nested: { map: new Map([['k', 1]]) }, client });
    expect(context).toMatchObject({ list: [1, 2], nested: { map: new Map([['k', 2]]) }, a: true });
  });

  it('shares nothing with a thousand concurrent runs', async () => {
    const diamond = new Flow('diamond')
      .node('a', async (_, { context }) => context.seed)
      .node('b', async (seed, { context }) => {
        context.trail.push('b');
        await settled();
        return seed * 2;
      })
      .node('c', async (seed, { context }) => {
        context.trail.push('c');
        return seed * 3;
      })
      .node('d', ({ b, c }) => b + c)
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'd')
      .edge('c', 'd');
    const shared = { trail: [] };
    const seeds = Array.from({ length: 1_000 }, (_, seed) => seed);
    const results = await Promise.all(seeds.map((seed) => diamond.run({ ...shared, seed })));
    expect(results.map(({ status }) => status)).toEqual(seeds.map(() => 'completed'));
    expect(results.map(({ context }) => context)).toEqual(
      seeds.map((seed) => ({ seed, trail: ['b', 'c'], a: seed, b: seed * 2, c: seed * 3, d: seed * 5 })),
    );
    expect(shared.trail).toEqual([]);
    expect(new Set(results.map(({ runId }) => runId)).size).toBe(1_000);
  });

  it('ends in the output and the action of its last node', async () => {
    const flow = new Flow('last')
      .node('a', () => 1)
      .node('b', (n) => withAction('done', n + 1))
      .edge('a', 'b');
    expect(await flow.run()).toMatchObject({ output: 2, action: 'done', context: { b: 2 } });
  });

  it('that ends in several nodes has an object of their outputs, and no action', async () => {
    const flow = new Flow('ends')
      .node('a', () => 1)
      .node('b', () => withAction('x', 'B'))
      .node('c', () => 'C')
      .edge('a', 'b')
      .edge('a', 'c');
    expect(await flow.run()).toMatchObject({ output: { b: 'B', c: 'C' }, action: undefined });
  });

  it('does not end in nodes that were skipped', async () => {
    const flow = new Flow('skips')
      .node('a', () => withAction('left' as string, 0))
      .node('left', () => 'L')
      .node('right', () => 'R')
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' });
    expect(await flow.run()).toMatchObject({ output: 'L', skipped: ['right'], context: { a: 0, left: 'L' } });
  });

  it('leaves the flow as it was, so that it can be run again', async () => {
    const flow = new Flow('again').node('a', (_, { context }) => context.n * 2);
    const before = JSON.stringify(flow.toBlueprint());
    expect([(await flow.run({ n: 1 })).output, (await flow.run({ n: 2 })).output]).toEqual([2, 4]);
    expect(JSON.stringify(flow.toBlueprint())).toBe(before);
  });

  it('has nodes that were added after the previous run', async () => {
    const flow = new Flow('grows').node('a', () => 1);
    await flow.run();
    const grown = flow.node('b', (n) => n + 1).edge('a', 'b');
    expect((await grown.run()).output).toBe(2);
  });

  it.each([
    [{ concurrency: 0 }, 'concurrency'],
    [{ timeout: -1 }, 'timeout'],
    [{ failFast: 'yes' }, 'failFast'],
    [{ id: '' }, 'id'],
    [{ runId: '' }, 'runId'],
    [{ signal: {} }, 'signal'],
    [{ concurency: 1 }, 'concurency'],
  ])('refuses the option %o before anything has run', async (options, field) => {
    let calls = 0;
    const error = await rejection(new Flow('options').node('a', () => calls++).run({}, options as never));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toContain(field);
    expect(calls).toBe(0);
  });

  it('refuses a context that is not a plain object, or has a reserved key', async () => {
    const flow = new Flow('context').node('a', () => 1);
    expect(await rejection(flow.run([] as never))).toBeInstanceOf(ValidationError);
    expect(await rejection(flow.run(JSON.parse('{"__proto__": 1}')))).toBeInstanceOf(ValidationError);
  });
});

describe('the input of a node', () => {
  it('without predecessors is the input of the run', async () => {
    const flow = new Flow('input').node('a', echo).node('b', echo);
    expect((await flow.run({}, { input: 7 })).output).toEqual({ a: 7, b: 7 });
    expect((await flow.run()).output).toEqual({ a: undefined, b: undefined });
  });

  it('with one predecessor is the output of the predecessor', async () => {
    const flow = new Flow('one')
      .node('a', () => ({ id: 1 }))
      .node('b', echo)
      .edge('a', 'b');
    expect((await flow.run()).output).toEqual({ id: 1 });
  });

  it('with several predecessors is an object by node id', async () => {
    const flow = new Flow('several')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('c', echo)
      .edge('a', 'c')
      .edge('b', 'c');
    expect((await flow.run()).output).toEqual({ a: 1, b: 2 });
  });

  it('has only the predecessors whose edge was taken', async () => {
    const flow = new Flow('taken')
      .node('a', () => withAction('b' as string, 0))
      .node('b', () => 2)
      .node('c', () => 3)
      .node('d', echo)
      .edge('a', 'b', { action: 'b' })
      .edge('a', 'c', { action: 'c' })
      .edge('b', 'd')
      .edge('c', 'd');
    expect((await flow.run()).output).toEqual({ b: 2 });
  });

  it('may come from a key of the context, an earlier node, or a path into them', async () => {
    const flow = new Flow('paths')
      .node('fetch', () => ({ user: { name: 'Ada', tags: ['x', 'y'] } }))
      .node('key', echo, { inputs: 'tenant' })
      .node('whole', echo, { inputs: 'fetch' })
      .node('path', echo, { inputs: 'fetch.user.name' })
      .node('index', echo, { inputs: 'fetch.user.tags.1' })
      .node('nothing', echo, { inputs: 'fetch.user.constructor.name' })
      .edge('fetch', 'key')
      .edge('fetch', 'whole')
      .edge('fetch', 'path')
      .edge('fetch', 'index')
      .edge('fetch', 'nothing');
    const { context } = await flow.run({ tenant: 'acme' });
    expect(context).toMatchObject({
      key: 'acme',
      whole: { user: { name: 'Ada', tags: ['x', 'y'] } },
      path: 'Ada',
      index: 'y',
    });
    expect(context.nothing).toBe(undefined);
  });

  it('may be an expression, or an object of all of these', async () => {
    const flow = new Flow('mapping')
      .node('fetch', () => ({ total: 20 }))
      .node('one', echo, { inputs: 'context.fetch.total * 2 + params.tax' })
      .node('all', echo, { inputs: { total: 'fetch.total', who: 'user', isLarge: 'context.fetch.total > 10' } })
      .edge('fetch', 'one')
      .edge('fetch', 'all');
    const { output } = await flow.run({ user: 'Ada' }, { params: { tax: 3 } });
    expect(output).toEqual({ one: 43, all: { total: 20, who: 'Ada', isLarge: true } });
  });

  it('may be an expression that is no more than a path into the context or the parameters', async () => {
    const flow = new Flow('bare').node('n', echo, { inputs: { user: 'context.user.name', limit: 'params.limit' } });
    const { output } = await flow.run({ user: { name: 'Ada' } }, { params: { limit: 3 } });
    expect(output).toEqual({ user: 'Ada', limit: 3 });
  });

  it('may be an expression of its own parameters', async () => {
    const flow = new Flow('params').node('n', echo, { inputs: 'params.b * 2', params: { b: 10 } });
    expect((await flow.run()).output).toBe(20);
  });

  it('that cannot be evaluated fails the node', async () => {
    const flow = new Flow('broken').node('a', echo, { inputs: 'context.missing.deeper > 1' });
    const { status, errors } = await flow.run();
    expect(status).toBe('failed');
    expect(errors[0]).toMatchObject({ nodeId: 'a', cause: { name: 'ExpressionError' } });
  });
});

describe('parameters', () => {
  const flow = new Flow('params', { params: { a: 'flow', b: 'flow', c: 'flow' } }).node(
    'n',
    (_, { params }) => params,
    {
      params: { c: 'node' },
    },
  );

  it('of the node win over those of the run, and those over those of the flow', async () => {
    const { output } = await flow.run({}, { params: { b: 'run', c: 'run' } });
    expect(output).toEqual({ a: 'flow', b: 'run', c: 'node' });
  });

  it('of the flow are there when a runtime runs it', async () => {
    const { output } = await new FlowRuntime().run(flow);
    expect(output).toEqual({ a: 'flow', b: 'flow', c: 'node' });
  });
});

describe('running to completion', () => {
  it('starts a node the moment that it is ready: a slow one holds back only what depends on it', async () => {
    const gates = { slow: deferred(), fast: deferred() };
    const log: string[] = [];
    const note = (_: unknown, { nodeId }: { nodeId: string }) => log.push(nodeId);
    const pending = new Flow('slow')
      .node('start', note)
      .node('slow', () => gates.slow.promise.then(() => log.push('slow')))
      .node('fast', () => gates.fast.promise.then(() => log.push('fast')))
      .node('after fast', note)
      .node('after that', note)
      .node('after slow', note)
      .node('both', note)
      .edge('start', 'slow')
      .edge('start', 'fast')
      .edge('fast', 'after fast')
      .edge('after fast', 'after that')
      .edge('slow', 'after slow')
      .edge('after that', 'both')
      .edge('after slow', 'both')
      .run();
    await settled();
    gates.fast.resolve();
    await settled();
    expect(log).toEqual(['start', 'fast', 'after fast', 'after that']);
    gates.slow.resolve();
    expect((await pending).status).toBe('completed');
    expect(log.slice(4)).toEqual(['slow', 'after slow', 'both']);
  });

  it('runs as many nodes as the limit allows, never more, and fills each free place', async () => {
    const running: { readonly id: string; readonly end: () => void }[] = [];
    const node = (_: unknown, { nodeId }: { nodeId: string }) => {
      const { promise, resolve } = deferred();
      running.push({ id: nodeId, end: resolve });
      return promise;
    };
    const ids = Array.from({ length: 9 }, (_, index) => `w${index}`);
    const flow = new GraphBuilder({ node }).build({
      id: 'fan',
      nodes: ['first', ...ids, 'next', 'last'].map((id) => ({ id, uses: 'node' })),
      edges: [{ source: 'first', target: 'next' }, ...ids.map((source) => ({ source, target: 'last' }))],
    });
    const pending = flow.run({}, { concurrency: 4 });
    const sizes: number[] = [];
    for (let ended = 0; ended < 12; ended++) {
      await settled();
      sizes.push(running.length);
      // The newest node ends first; from time to time the oldest one ends.
      (ended % 3 === 0 ? running.shift() : running.pop())?.end();
    }
    expect(await pending).toMatchObject({ status: 'completed' });
    expect(sizes).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 1]);
  });

  it('with a limit of one runs one node after the other', async () => {
    let running = 0;
    const order: string[] = [];
    const node = async (_: unknown, { nodeId }: { nodeId: string }) => {
      expect(++running).toBe(1);
      await settled();
      order.push(nodeId);
      running--;
    };
    const flow = new Flow('one by one')
      .node('a', node)
      .node('b', node)
      .node('c', node)
      .node('d', node)
      .edge('a', 'c')
      .edge('b', 'd');
    expect((await flow.run({}, { concurrency: 1 })).status).toBe('completed');
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('an edge', () => {
  it('passes on the output as transformed by its function or expression', async () => {
    const flow = new Flow('transforms')
      .node('a', () => withAction('go', { items: [1, 2, 3] }))
      .node('length', echo)
      .node('first', echo)
      .node('later', echo)
      .node('plain', echo)
      .edge('a', 'length', { transform: 'size(output.items)' })
      .edge('a', 'first', { transform: (output, { action, context }) => [output.items[0], action, context.unit] })
      .edge('a', 'later', { transform: async ({ items }) => items.at(-1) })
      .edge('a', 'plain');
    const { output } = await flow.run({ unit: 'cm' });
    expect(output).toEqual({ length: 3, first: [1, 'go', 'cm'], later: 3, plain: { items: [1, 2, 3] } });
  });

  it('gives a join what it passed on, and leaves the output of its source alone', async () => {
    const flow = new Flow('join')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('c', echo)
      .edge('a', 'c', { transform: 'output + 10' })
      .edge('b', 'c');
    expect(await flow.run()).toMatchObject({ output: { a: 11, b: 2 }, context: { a: 1, b: 2 } });
  });

  it('passes on nothing but its own transformation', async () => {
    const build = (action: string) =>
      new Flow('two')
        .node('a', () => withAction(action, 1))
        .node('b', echo)
        .edge('a', 'b', { action: 'double', transform: 'output * 2' })
        .edge('a', 'b', { action: 'negate', transform: '-output' })
        .edge('a', 'b', { action: 'keep' });
    expect((await build('double').run()).output).toBe(2);
    expect((await build('negate').run()).output).toBe(-1);
    expect((await build('keep').run()).output).toBe(1);
  });

  it('whose transformation is undefined passes on undefined', async () => {
    const flow = new Flow('undefined')
      .node('a', () => 1)
      .node('b', (input) => ({ input }))
      .edge('a', 'b', { transform: () => undefined });
    expect((await flow.run()).output).toEqual({ input: undefined });
  });
});

describe('middleware', () => {
  it('wraps each node: that of the runtime outside that of the flow, the first outermost', async () => {
    const log: string[] = [];
    const wrap = (name: string) => async (args: { readonly nodeId: string }, next: () => Promise<unknown>) => {
      log.push(`${name} before ${args.nodeId}`);
      const returned = await next();
      log.push(`${name} after ${args.nodeId}: ${returned}`);
      return returned;
    };
    const flow = new Flow('order')
      .node('a', () => 1)
      .node('b', (n) => n + 1)
      .edge('a', 'b')
      .use(wrap('third'))
      .use(wrap('fourth'));
    await new FlowRuntime({ middleware: [wrap('first'), wrap('second')] }).run(flow);
    const around = (id: string, value: number) => [
      ...['first', 'second', 'third', 'fourth'].map((name) => `${name} before ${id}`),
      ...['fourth', 'third', 'second', 'first'].map((name) => `${name} after ${id}: ${value}`),
    ];
    expect(log).toEqual([...around('a', 1), ...around('b', 2)]);
  });

  it('may replace the output and the action of a node', async () => {
    const { output, completed, skipped } = await new Flow('replace')
      .node('a', () => 1)
      .node('left', echo)
      .node('right', echo)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .use(async ({ nodeId }, next) => (nodeId === 'a' ? withAction('right', ((await next()) as number) + 1) : next()))
      .run();
    expect({ output, completed, skipped }).toEqual({ output: 2, completed: ['a', 'right'], skipped: ['left'] });
  });

  it('may execute a node again', async () => {
    let calls = 0;
    const { output, errors } = await new Flow('repeat')
      .node('a', () => {
        if (++calls < 3) throw new Error('not yet');
        return calls;
      })
      .use((_, next) =>
        next()
          .catch(() => next())
          .catch(() => next()),
      )
      .run();
    expect({ output, errors }).toEqual({ output: 3, errors: [] });
  });

  it('may keep a node from being executed', async () => {
    let calls = 0;
    const { output, status } = await new Flow('short')
      .node('a', () => calls++)
      .use(() => 'cached')
      .run();
    expect({ output, status, calls }).toEqual({ output: 'cached', status: 'completed', calls: 0 });
  });

  it('that throws fails the node', async () => {
    const denied = new RangeError('denied');
    const { status, errors } = await new Flow('denied')
      .node('a', () => 1)
      .use(() => {
        throw denied;
      })
      .run();
    expect(status).toBe('failed');
    expect(errors[0]).toMatchObject({ nodeId: 'a' });
    expect(errors[0]?.cause).toBe(denied);
  });

  it('is around all attempts of a node', async () => {
    let around = 0;
    let calls = 0;
    const { output } = await new Flow('retry')
      .node(
        'a',
        (_, { attempt }) => {
          if (++calls < 3) throw new Error('again');
          return attempt;
        },
        { retry: { retries: 2, minTimeout: 0 } },
      )
      .use((_, next) => {
        around++;
        return next();
      })
      .run();
    expect({ output, calls, around }).toEqual({ output: 3, calls: 3, around: 1 });
  });

  it('sees what the node sees', async () => {
    const { context } = await new Flow('args')
      .node('a', () => 1, { params: { p: 1 } })
      .node('b', () => 2, { params: { p: 2 } })
      .edge('a', 'b')
      .use(({ nodeId, input, context, params, visit, signal }, next) => {
        context[`seen by ${nodeId}`] = [input, params.p, visit, signal.aborted];
        return next();
      })
      .run();
    expect(context).toMatchObject({ 'seen by a': [undefined, 1, 1, false], 'seen by b': [1, 2, 1, false] });
  });
});

describe('a runtime', () => {
  const graph = {
    id: 'order',
    nodes: [
      { id: 'load', uses: 'load', params: { id: 7 } },
      { id: 'double', uses: 'double', inputs: 'load.total' },
      { id: 'stop', uses: 'double' },
    ],
    edges: [
      { source: 'load', target: 'double', condition: 'output.total > 3' },
      { source: 'load', target: 'stop', condition: 'isSmall' },
    ],
  };
  const registry = {
    load: (_: unknown, { params }: { params: Readonly<Record<string, unknown>> }) => ({ id: params.id, total: 21 }),
    double: (n: number) => n * 2,
    isSmall: ({ total }: { total: number }) => total < 3,
  };

  it('runs a graph of data with what its registry has', async () => {
    const result = await new FlowRuntime({ registry }).run(graph);
    expect(result).toMatchObject({ status: 'completed', output: 42, skipped: ['stop'] });
    expect(result.context).toEqual({ load: { id: 7, total: 21 }, double: 42 });
  });

  it('runs data that went through JSON, and never changes it', async () => {
    const text = JSON.stringify(graph);
    const data = Object.freeze(JSON.parse(text));
    expect(await new FlowRuntime({ registry }).run(data)).toMatchObject({ output: 42 });
    expect(JSON.stringify(data)).toBe(text);
  });

  it('runs what a builder has built, with or without a registry of its own', async () => {
    const flow = new GraphBuilder(registry).build(graph);
    expect((await flow.run()).output).toBe(42);
    expect((await new FlowRuntime().run(flow)).output).toBe(42);
    expect((await new FlowRuntime({ registry }).run(flow.toBlueprint())).output).toBe(42);
    expect((await new FlowRuntime({ registry }).run(JSON.parse(JSON.stringify(flow.toBlueprint())))).output).toBe(42);
  });

  it('refuses a graph with unknown functions, before anything has run', async () => {
    const error = await rejection(new FlowRuntime().run(graph));
    expect(error).toBeInstanceOf(BlueprintError);
    expect((error as BlueprintError).faults.map(({ nodeId }) => nodeId)).toEqual(
      expect.arrayContaining(['load', 'double', 'stop']),
    );
  });

  it('gives nodes its dependencies', async () => {
    const database = { find: (id: number) => ({ id }) };
    const flow = new Flow('dependencies').node('a', (_, { dependencies }) => dependencies.database.find(3));
    const runtime = new FlowRuntime({ dependencies: { database } });
    expect((await runtime.run(flow)).output).toEqual({ id: 3 });
    expect((await flow.run({}, { executor: new InMemoryExecutor(runtime) })).output).toEqual({ id: 3 });
  });

  it('gives nodes its logger, or that of the run', async () => {
    const lines: string[] = [];
    const loggerOf = (name: string): Logger => {
      const log = (message: string) => void lines.push(`${name} ${message}`);
      return { debug: log, info: log, warn: log, error: log };
    };
    const flow = new Flow('logs').node('a', (_, { logger }) => logger.info('hello'));
    const runtime = new FlowRuntime({ logger: loggerOf('runtime') });
    await runtime.run(flow);
    await runtime.run(flow, {}, { logger: loggerOf('run') });
    await flow.run();
    expect(lines).toEqual(['runtime hello', 'run hello']);
  });

  it('gives nodes the executor that runs them, for flows within functions', async () => {
    const inner = new Flow('inner').node('x', (_, { dependencies }) => dependencies.n);
    const outer = new Flow('outer').node('a', async (_, { executor }) => (await executor.run(inner, {})).output);
    expect((await new FlowRuntime({ dependencies: { n: 5 } }).run(outer)).output).toBe(5);
  });
});

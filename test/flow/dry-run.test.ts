import { Orchestrator } from 'orchestrator';
import {
  type AbstractNode,
  type Context,
  DryRunExecutor,
  type DryRunResult,
  Flow,
  type Graph,
  GraphBuilder,
  type IExecutor,
  type InternalRunOptions,
  type Logger,
  Node,
  type NodeArgs,
  NullLogger,
  type RunOptions,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support.js';

const never = () => expect.fail('was executed');

/** A node that chooses an action, and that fails the test if it is executed. */
function choosing(action?: string, log: string[] = []) {
  return class Choosing extends Node {
    override prep({ nodeId }: NodeArgs): unknown {
      log.push(`prep ${nodeId}`);
      return `prepared ${nodeId}`;
    }
    override exec() {
      return never();
    }
    override post({ nodeId, prepRes }: NodeArgs) {
      log.push(`post ${nodeId}: ${prepRes}`);
      return action;
    }
  };
}

const idsOf = ({ steps }: DryRunResult) => steps.map(({ nodeId }) => nodeId);

async function dryRun(flow: Flow, context: Context = {}, options: RunOptions = {}): Promise<DryRunResult> {
  return new DryRunExecutor().run(flow, context, options);
}

function lines(): { readonly logger: Logger; readonly lines: string[] } {
  const written: string[] = [];
  const log = (message: string) => void written.push(message);
  return { logger: { debug: log, info: log, warn: log, error: log }, lines: written };
}

describe('a dry run', () => {
  it('executes nothing: no function, no action, no exec, no fallback, no middleware', async () => {
    const act = new Orchestrator().action(never);
    const flow = new Flow('nothing')
      .node('function', never)
      .node('action', act)
      .node('class', choosing(), { fallback: 'fallback' })
      .node('fallback', never)
      .batch('batch', never)
      .wait('wait')
      .sleep('sleep', { duration: 1 })
      .edge('function', 'action', { condition: never, transform: never })
      .edge('action', 'class')
      .edge('class', 'batch')
      .edge('batch', 'wait')
      .edge('wait', 'sleep')
      .use(never);
    expect(idsOf(await dryRun(flow))).toEqual(['function', 'action', 'class', 'batch', 'wait', 'sleep']);
  });

  it('runs prep and post of the nodes that have them, and follows the action that post gives', async () => {
    const log: string[] = [];
    const flow = new Flow('phases')
      .node('a', choosing('right', log))
      .node('left', choosing(undefined, log))
      .node('right', choosing('end', log))
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' });
    const result = await dryRun(flow);
    expect(log).toEqual(['prep a', 'post a: prepared a', 'prep right', 'post right: prepared right']);
    expect(result.steps).toEqual([
      { nodeId: 'a', uses: 'a', action: 'right' },
      { nodeId: 'right', uses: 'right', action: 'end' },
    ]);
    expect(result.lastAction).toBe('end');
  });

  it('follows the edges without an action if no edge has the chosen action', async () => {
    const flow = new Flow('otherwise')
      .node('a', choosing('unknown'))
      .node('left', never)
      .node('otherwise', never)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'otherwise');
    expect(idsOf(await dryRun(flow))).toEqual(['a', 'otherwise']);
  });

  it('follows the action that comes with an output', async () => {
    class Posts extends Node {
      override post() {
        return withAction('right' as string, 1);
      }
    }
    const flow = new Flow('with action').node('a', Posts).node('left', never).node('right', never);
    const whole = flow.edge('a', 'left', { action: 'left' }).edge('a', 'right', { action: 'right' });
    expect(idsOf(await dryRun(whole))).toEqual(['a', 'right']);
  });

  it('follows all edges if it cannot know the action', async () => {
    const flow = new Flow('everywhere')
      .node('a', never)
      .node('left', never)
      .node('right', never)
      .node('join', never)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { condition: 'output.n > 3' })
      .edge('left', 'join')
      .edge('right', 'join');
    expect(idsOf(await dryRun(flow))).toEqual(['a', 'left', 'right', 'join']);
  });

  it('goes through fan-outs, and visits each node once', async () => {
    const log: string[] = [];
    const flow = new Flow('fan')
      .node('a', choosing(undefined, log))
      .node('b', choosing(undefined, log))
      .node('c', choosing(undefined, log))
      .node('join', choosing(undefined, log))
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'join')
      .edge('c', 'join');
    expect(idsOf(await dryRun(flow))).toEqual(['a', 'b', 'c', 'join']);
    expect(log.filter((line) => line.startsWith('prep'))).toEqual(['prep a', 'prep b', 'prep c', 'prep join']);
  });

  it('goes through all start nodes', async () => {
    const flow = new Flow('starts').node('a', never).node('b', never).node('c', never).edge('b', 'c');
    expect(idsOf(await dryRun(flow)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('goes into flows and the flows of batches, to any depth', async () => {
    const third = new Flow('third').node('z', choosing());
    const second = new Flow('second').node('y', never).node('third', third).edge('y', 'third');
    const flow = new Flow('first')
      .node('second', second)
      .batch('each', third)
      .batch('plain', never)
      .edge('second', 'each')
      .edge('each', 'plain');
    const result = await dryRun(flow);
    expect(idsOf(result)).toEqual(['second', 'second/y', 'second/third', 'second/third/z', 'each', 'each/z', 'plain']);
    expect(result.steps.map(({ uses }) => uses)).toEqual(['subflow', 'y', 'subflow', 'z', 'batch', 'z', 'batch']);
  });

  it('goes into flows that are data', async () => {
    const inner: Graph = { id: 'inner', nodes: [{ id: 'x', uses: 'never' }], edges: [] };
    const flow = new GraphBuilder({ never, inner }).build({
      id: 'outer',
      nodes: [
        { id: 'sub', uses: 'subflow', params: { flow: 'inner' } },
        { id: 'named', uses: 'inner' },
        { id: 'batch', uses: 'batch', params: { worker: 'inner' } },
      ],
      edges: [
        { source: 'sub', target: 'named' },
        { source: 'named', target: 'batch' },
      ],
    });
    expect(idsOf(await dryRun(flow))).toEqual(['sub', 'sub/x', 'named', 'named/x', 'batch', 'batch/x']);
  });

  it('distinguishes nodes that use the same flow, class or instance', async () => {
    const log: string[] = [];
    const Class = choosing(undefined, log);
    const instance = new Class();
    const inner = new Flow('inner').node('x', never);
    const flow = new Flow('same')
      .node('flow 1', inner)
      .node('flow 2', inner)
      .node('class 1', Class)
      .node('class 2', Class)
      .node('instance 1', instance)
      .node('instance 2', instance)
      .edge('flow 1', 'flow 2')
      .edge('flow 2', 'class 1')
      .edge('class 1', 'class 2')
      .edge('class 2', 'instance 1')
      .edge('instance 1', 'instance 2');
    expect(idsOf(await dryRun(flow))).toEqual([
      'flow 1',
      'flow 1/x',
      'flow 2',
      'flow 2/x',
      'class 1',
      'class 2',
      'instance 1',
      'instance 2',
    ]);
    expect(log.filter((line) => line.startsWith('prep'))).toEqual([
      'prep class 1',
      'prep class 2',
      'prep instance 1',
      'prep instance 2',
    ]);
  });

  it('ends at loops, and at flows that contain themselves', async () => {
    const loop = new Flow('loop')
      .node('a', choosing('again'))
      .node('b', choosing('again'))
      .node('end', never)
      .edge('a', 'b', { action: 'again' })
      .edge('b', 'a', { action: 'again' })
      .edge('b', 'end', { action: 'done' });
    expect(idsOf(await dryRun(loop))).toEqual(['a', 'b']);
    const self = new Flow('self').node('a', never).edge('a', 'a', { action: 'again' });
    expect(idsOf(await dryRun(self))).toEqual(['a']);
    const recursive: Flow = new Flow('recursive');
    recursive.node('a', never).node('again', recursive).edge('a', 'again');
    expect(idsOf(await dryRun(recursive))).toEqual(['a', 'again']);
  });

  it('passes context, parameters (of flow, run and node) and itself to prep and post', async () => {
    const seen: unknown[] = [];
    class Looks extends Node {
      override prep({ context, params, executor, nodeId, input }: NodeArgs) {
        seen.push([context.key, params.a, params.b, params.c, executor instanceof DryRunExecutor, nodeId, input]);
      }
      override post({ execRes }: NodeArgs) {
        seen.push(execRes);
      }
    }
    const flow = new Flow('args', { params: { a: 'flow', b: 'flow', c: 'flow' } }).node('n', Looks, {
      params: { c: 'node' },
    });
    await dryRun(flow, { key: 'k' }, { params: { b: 'run' } });
    expect(seen).toEqual([['k', 'flow', 'run', 'node', true, 'n', undefined], undefined]);
  });

  it('leaves the context that it is given as it was', async () => {
    class Writes extends Node {
      override prep({ context }: NodeArgs) {
        context.written = true;
      }
    }
    const context: Context = { given: 1 };
    await dryRun(new Flow('context').node('a', Writes), context);
    expect(context).toEqual({ given: 1 });
  });

  it('logs the nodes that it visits', async () => {
    const { logger, lines: written } = lines();
    const inner = new Flow('inner').node('x', never);
    const flow = new Flow('outer').node('a', never).node('inner', inner).edge('a', 'inner');
    await dryRun(flow, {}, { logger });
    expect(written[0]).toContain('outer');
    expect(written.at(-1)).toContain('outer');
    const visits = ['"a"', '"inner"', '"inner/x"'].map((id) => written.findIndex((line) => line.includes(id)));
    expect(visits).toEqual([1, 2, 3]);
  });

  it('can be the executor of a run', async () => {
    const flow = new Flow('executor').node('a', choosing('done'));
    const result = (await flow.run({}, { executor: new DryRunExecutor() })) as unknown as DryRunResult;
    expect(result).toMatchObject({ steps: [{ nodeId: 'a', action: 'done' }], lastAction: 'done' });
  });

  it('leaves the flow as it was: run after it, everything is executed', async () => {
    const inner = new Flow('inner').node('x', (n) => n + 1);
    class Double extends Node {
      override exec({ input }: NodeArgs) {
        return input * 2;
      }
    }
    const shared = new Double();
    const flow = new Flow('after')
      .node('a', inner)
      .node('b', shared)
      .node('c', shared)
      .node('d', inner)
      .edge('a', 'b')
      .edge('b', 'c')
      .edge('c', 'd');
    await dryRun(flow);
    expect((await flow.run({}, { input: 1 })).output).toBe(9);
    await dryRun(flow);
    expect((await flow.run({}, { input: 2 })).output).toBe(13);
  });

  it('leaves the links of nodes as they were', async () => {
    const [start, next] = [new (choosing('go'))(), new (choosing())()];
    start.next(next, 'go');
    const flow = new Flow(start);
    expect(idsOf(await dryRun(flow))).toEqual(['Choosing', 'Choosing-2']);
    expect([...start.successors]).toEqual([['go', [next]]]);
    expect(idsOf(await dryRun(flow))).toEqual(['Choosing', 'Choosing-2']);
  });

  it('stops when its signal aborts', async () => {
    const controller = new AbortController();
    class Aborts extends Node {
      override prep() {
        controller.abort('reason');
      }
    }
    const flow = new Flow('signal').node('a', Aborts).node('b', choosing()).edge('a', 'b');
    expect(await rejection(dryRun(flow, {}, { signal: controller.signal }))).toBe('reason');
  });
});

/** An executor of one's own: a walk from the start node, by the actions that `post` gives, without `exec`. */
class Walking implements IExecutor {
  async run(flow: Flow, context: Context, options?: RunOptions) {
    const logger = options?.logger ?? new NullLogger();
    const internal: InternalRunOptions = {
      logger,
      signal: options?.signal,
      params: { ...flow.params, ...options?.params },
      executor: this,
    };
    let action: unknown;
    let node: AbstractNode | undefined = flow.startNode;
    while (node !== undefined) {
      logger.info(`visits ${node.graphData?.id}`);
      const args = { context, ...internal, signal: new AbortController().signal } as unknown as NodeArgs;
      if (node instanceof Flow) action = await node.exec(args);
      else if (node instanceof Node) {
        const prepRes = await node.prep(args);
        action = await node.post({ ...args, prepRes, execRes: undefined });
      }
      node = this.getNextNode(node, action);
    }
    return action as never;
  }

  getNextNode(node: AbstractNode, action: unknown): AbstractNode | undefined {
    return node.successors.get(action as string | undefined)?.[0];
  }
}

describe('an executor of one’s own', () => {
  it('walks from node to node by their actions, and into flows with itself', async () => {
    const { logger, lines: written } = lines();
    const inner = new Flow('inner')
      .node('x', choosing('go'))
      .node('y', choosing('left'))
      .edge('x', 'y', { action: 'go' });
    const flow = new Flow('outer')
      .node('a', choosing('into'))
      .node('inner', inner)
      .node('left', choosing('end'))
      .node('right', choosing())
      .edge('a', 'inner', { action: 'into' })
      .edge('inner', 'left', { action: 'left' })
      .edge('inner', 'right', { action: 'right' });
    expect(await flow.run({}, { executor: new Walking(), logger })).toBe('end');
    expect(written).toEqual(['visits a', 'visits inner', 'visits x', 'visits y', 'visits left']);
  });

  it('sees the parameters of flow and run', async () => {
    const seen: unknown[] = [];
    class Looks extends Node {
      override prep({ params, context }: NodeArgs) {
        seen.push({ ...params }, context.key);
      }
    }
    const flow = new Flow('params', { params: { a: 1, b: 1 } }).node('n', Looks);
    await flow.run({ key: 'k' }, { executor: new Walking(), params: { b: 2 } });
    expect(seen).toEqual([{ a: 1, b: 2 }, 'k']);
  });

  it('walks over nodes that were linked', async () => {
    const [start, middle, end] = [new (choosing('x'))(), new (choosing())(), new (choosing('last'))()];
    start.next(middle, 'x').next(end);
    const walker = new Walking();
    expect(walker.getNextNode(start, 'x')).toBe(middle);
    expect(walker.getNextNode(middle, undefined)).toBe(end);
    expect(walker.getNextNode(end, 'last')).toBe(undefined);
    expect(await new Flow(start).run({}, { executor: walker })).toBe('last');
  });
});

describe('the built-in executors', () => {
  it('find the next node by its action, or else the next node without an action', () => {
    const [start, left, other] = [new (choosing())(), new (choosing())(), new (choosing())()];
    start.next(left, 'left');
    start.next(other);
    const executor = new DryRunExecutor();
    expect(executor.getNextNode(start, 'left')).toBe(left);
    expect(executor.getNextNode(start, 'unknown')).toBe(other);
    expect(executor.getNextNode(start, undefined)).toBe(other);
    expect(executor.getNextNode(other, undefined)).toBe(undefined);
  });
});

import { inspect } from 'node:util';
import { Orchestrator, type TaskCompletionEvent } from 'orchestrator';
import { DistributedExecutor, DistributedWorker, memory } from 'orchestrator/distributed';
import { Flow, FlowRuntime, Node, type NodeArgs } from 'orchestrator/flow';
import { done, Loop, type NodeData, WorkflowOrchestrator } from 'orchestrator/loops';
import { describe, expect, it } from 'vitest';

/** The arguments that a node of a flow gets, without any others. */
const ofNodes = [
  ...[
    'attempt',
    'context',
    'dependencies',
    'error',
    'execRes',
    'executor',
    'failures',
    'idempotencyKey',
    'index',
    'input',
  ],
  ...['isCancelled', 'logger', 'nodeId', 'params', 'prepRes', 'runId', 'signal', 'visit'],
];

function expectWhole(copy: NodeArgs, original: NodeArgs): void {
  expect(Object.keys(copy).sort()).toEqual(ofNodes);
  for (const key of Object.keys(copy) as (keyof NodeArgs)[]) expect(copy[key], key).toEqual(original[key]);
  expect(copy.signal).toBeInstanceOf(AbortSignal);
  expect(copy.isCancelled()).toBe(false);
}

describe('copies of the arguments of flow nodes', () => {
  const runtime = new FlowRuntime({ dependencies: { db: 1 } });

  it('are complete for functions, phases of classes, middleware, sub-flows and items of batches', async () => {
    const seen: string[] = [];
    const look = (where: string, args: NodeArgs) => {
      expectWhole({ ...args }, args);
      const { input: _, ...rest } = args;
      expect(Object.keys(rest)).toHaveLength(ofNodes.length - 1);
      expect(Object.assign({}, args)).toMatchObject({ nodeId: args.nodeId, context: args.context });
      seen.push(where);
    };
    class Phases extends Node {
      override prep(args: NodeArgs) {
        look('prep', args);
        return 1;
      }
      override exec(args: NodeArgs) {
        look('exec', args);
        throw new Error('no');
      }
      override fallback(args: NodeArgs) {
        look('fallback', args);
        return 2;
      }
      override post(args: NodeArgs) {
        expect({ ...args, prepRes: 7 }).toMatchObject({ prepRes: 7, execRes: 2, error: { message: 'no' } });
        look('post', args);
      }
    }
    const inner = new Flow('inner').node('x', (_, args) => look('sub-flow', args));
    const flow = new Flow('f')
      .node('a', (_, args) => look('function', args), { params: { p: 1 } })
      .node('b', Phases)
      .node('c', inner)
      .batch('d', (_: unknown, args: NodeArgs) => look(`item ${args.index}`, args), { items: 'list' })
      .use((args, next) => {
        look('middleware', args);
        return next();
      });
    const { status, errors } = await runtime.run(flow, { list: [1, 2] });
    expect({ status, errors }).toEqual({ status: 'completed', errors: [] });
    expect(new Set(seen)).toEqual(
      new Set(['function', 'prep', 'exec', 'fallback', 'post', 'sub-flow', 'item 0', 'item 1', 'middleware']),
    );
  });

  it('are complete for hooks that read the arguments of a task', async () => {
    const keys: string[][] = [];
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 0 } })
      .onTaskBegin(({ args }) => void keys.push(Object.keys({ ...(args[1] as NodeArgs) })))
      .onTaskRetry(({ args }) => void keys.push(Object.keys({ ...(args[1] as NodeArgs) })));
    let calls = 0;
    const flow = new Flow('f').node('a', () => {
      if (++calls === 1) throw new Error('once');
    });
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(keys.map((found) => found.sort())).toEqual([ofNodes, ofNodes]);
  });

  it('are complete on a fleet', async () => {
    let keys: string[] = [];
    const flow = new Flow('f').node('a', (_, args) => {
      keys = Object.keys({ ...args });
    });
    const engine = memory();
    const worker = new DistributedWorker({ engine, workflows: [flow] });
    await worker.start();
    await flow.run({}, { executor: new DistributedExecutor(engine) });
    await worker.stop();
    expect(keys.sort()).toEqual(ofNodes);
  });

  it('contain additions of middleware, and can be used to run a flow', async () => {
    const inner = new Flow('inner').node('x', (_, { context }) => context.user);
    const flow = new Flow('f')
      .node('a', (_, args) => inner.exec({ ...args, context: { user: (args as NodeArgs & { user: string }).user } }))
      .use((args, next) => {
        Object.assign(args, { user: 'ann' });
        expect({ ...args }).toHaveProperty('user', 'ann');
        return next();
      });
    expect((await runtime.run(flow)).output).toMatchObject({ output: 'ann' });
  });

  it('are printed completely', async () => {
    let text = '';
    const flow = new Flow('f').node('a', (_, args) => {
      text = inspect(args, { depth: 0 });
    });
    await flow.run();
    for (const key of ofNodes) expect(text).toContain(`${key}:`);
  });

  it('abort with their attempt', async () => {
    let copy: NodeArgs | undefined;
    const flow = new Flow('f').node(
      'a',
      (_, args) => {
        copy = { ...args };
        return new Promise(() => {});
      },
      { timeout: 5 },
    );
    await flow.run();
    expect(copy?.signal.aborted).toBe(true);
  });
});

describe('copies of other arguments of user code', () => {
  it('are complete for records of tasks, in hooks and middleware', async () => {
    const ids: unknown[] = [];
    const orchestrator = new Orchestrator()
      .onTaskBegin((event) => void ids.push({ ...event }.id))
      .onTaskCompletion((event: TaskCompletionEvent) => void ids.push({ ...event }.id))
      .use((task, next) => {
        ids.push({ ...task }.id);
        return next();
      });
    await orchestrator.run(() => orchestrator.action(() => 1)(), { id: 'p' });
    expect(ids).toEqual(['p/1', 'p/1', 'p/1']);
  });

  it('are complete for the data of nodes in loops', async () => {
    const copies: NodeData[] = [];
    let calls = 0;
    const loop = new Loop('l')
      .producer('p', (data) => {
        copies.push({ ...data });
        return ++calls === 1 ? 'first' : done;
      })
      .blocking('b', (_: unknown, data) => void copies.push({ ...data }), { timeout: 1_000 });
    const loops = new WorkflowOrchestrator();
    await loops.load({ loops: [loop] });
    await loops.start();
    await loops.ended();
    await loops.close();
    for (const copy of copies) {
      expect(Object.keys(copy).sort()).toEqual(
        ['attempt', 'iteration', 'loopId', 'message', 'messages', 'nodeId', 'signal', 'value'].sort(),
      );
      expect(copy.signal).toBeInstanceOf(AbortSignal);
    }
    expect(copies[1]).toMatchObject({ loopId: 'l', nodeId: 'b', iteration: 1, value: 'first', messages: [] });
  });
});

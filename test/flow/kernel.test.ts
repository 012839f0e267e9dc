import {
  Orchestrator,
  type Policy,
  type ProcessCompletionEvent,
  type TaskBeginEvent,
  type TaskCompletionEvent,
  type TaskRetryEvent,
  ValidationError,
} from 'orchestrator';
import { Flow, FlowRuntime, Node, NodeError, WorkflowError, type WorkflowResult, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, failing, recorded, rejection, settled } from '../support.js';

const quick = { minTimeout: 0 };

/** What the hooks of an orchestrator see. */
function observed() {
  const orchestrator = new Orchestrator();
  const processes: ProcessCompletionEvent[] = [];
  const tasks: TaskCompletionEvent[] = [];
  const begun: TaskBeginEvent[] = [];
  orchestrator
    .onTaskBegin((task) => begun.push(task))
    .onTaskCompletion((task) => tasks.push(task))
    .onProcessCompletion((process) => processes.push(process));
  return { orchestrator, processes, tasks, begun };
}

describe('a node that is an action', () => {
  it('keeps the fallback of the action, which stands inside the fallback node of the flow', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[] = [];
    const fail = (input: unknown): unknown => {
      seen.push(input);
      throw new Error('no');
    };
    const answered = orchestrator.action(fail, { fallback: (input) => `${input} instead` });
    const failing = orchestrator.action(fail, { fallback: fail });
    const flow = new Flow('f')
      .node('start', () => 'input')
      .node('answered', answered, { fallback: 'other' })
      .node('failing', failing, { fallback: 'other' })
      .node('other', () => 'by the other node')
      .edge('start', 'answered')
      .edge('answered', 'failing');
    const { status, errors } = await new FlowRuntime({ orchestrator }).run(flow);
    expect(status).toBe('completed');
    expect(seen).toEqual(['input', 'input instead', 'input instead']);
    expect(errors.map(({ nodeId, recoveredBy }) => [nodeId, recoveredBy])).toEqual([['failing', 'other']]);
  });

  it('does not share calls: each execution of the node calls the function', async () => {
    const orchestrator = new Orchestrator();
    let calls = 0;
    const count = orchestrator.action(() => ++calls, { share: { ttl: Infinity } });
    const flow = new Flow('f').node('first', count).node('second', count).edge('first', 'second');
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(calls).toBe(2);
  });

  it.each([true, 'run', 60_000] as const)(
    'does not share calls of an action of another orchestrator (%s)',
    async (share) => {
      let calls = 0;
      const count = new Orchestrator().action('count', (_: unknown) => ++calls, { share });
      const keyed = new Orchestrator().action('keyed', (_: unknown) => ++calls, {
        share: { ttl: 60_000, key: () => 1 },
      });
      const flow = new Flow('f').node('a', count).node('b', keyed).edge('a', 'b');
      expect((await flow.run({})).output).toBe(2);
      expect((await flow.run({})).output).toBe(4);
    },
  );

  it('refuses options that belong to an action', () => {
    const refused = 'is not an option of a node: give the node an action that has it';
    const cases: [object, string][] = [
      [{ fallbackOn: () => true }, `fallbackOn ${refused}`],
      [{ share: 'run' }, `share ${refused}`],
      [{ fallback: () => 1 }, 'fallback must be a non-empty string, got Function'],
    ];
    for (const [options, message] of cases) {
      expect(() => new Flow('f').node('a', () => 1, options)).toThrow(new ValidationError(message));
      expect(() => new Flow('f').batch('a', () => 1, options)).toThrow(new ValidationError(message));
    }
  });

  it('takes a list of policies', async () => {
    const lines: string[] = [];
    const named = (name: string): Policy => ({
      execute(fn) {
        lines.push(name);
        return fn();
      },
    });
    const flow = new Flow('f').node('a', () => 1, { policy: [named('outer'), named('inner')] });
    await flow.run();
    expect(lines).toEqual(['outer', 'inner']);
  });
});

describe('a node with policies: none', () => {
  const always = (calls: string[], name: string) => () => {
    calls.push(name);
    throw new Error(name);
  };
  const orchestrator = new Orchestrator({ retry: { retries: 2, ...quick }, timeout: { fallback: () => 'default' } });

  it('has no default of the orchestrator, as a flow, a function, a class and a batch', async () => {
    const calls: string[] = [];
    class Failing extends Node {
      override exec = always(calls, 'class');
    }
    const inner = new Flow('inner').node('request', always(calls, 'request'), { policies: 'none' });
    const flow = new Flow('outer')
      .node('inner', inner, { policies: 'none' })
      .node('class', Failing, { policies: 'none' })
      .batch('batch', always(calls, 'item'), { policies: 'none', items: 'list' });
    const { status } = await new FlowRuntime({ orchestrator }).run(flow, { list: [1] });
    expect(status).toBe('failed');
    expect(calls.toSorted()).toEqual(['class', 'item', 'request']);
  });

  it('has none of its action, and those beside it', async () => {
    const calls: string[] = [];
    const action = orchestrator.action(always(calls, 'action'), { retry: 4 });
    const flow = new Flow('own')
      .node('none', action, { policies: 'none' })
      .node('own', always(calls, 'own'), { policies: 'none', retry: { retries: 1, ...quick } });
    const { status, errors } = await new FlowRuntime({ orchestrator }).run(flow);
    expect([status, errors.length]).toEqual(['failed', 2]);
    expect(calls.toSorted()).toEqual(['action', 'own', 'own']);
  });

  it('switches defaults off one by one, in code and as JSON', async () => {
    const timed = new Orchestrator({ retry: { retries: 2, ...quick }, timeout: { total: 20 } });
    const calls: string[] = [];
    const slow = (name: string) => async () => {
      calls.push(name);
      await new Promise((resolve) => setTimeout(resolve, 60));
    };
    const flow = new Flow('off')
      .node('retry', always(calls, 'retry'), { retry: null, timeout: { fallback: null } })
      .node('action', timed.action(always(calls, 'action'), { retry: 2 }), { retry: null })
      .node('null', slow('null'), { timeout: null })
      .node('zero', slow('zero'), { timeout: 0 })
      .node('each', slow('each'), { timeout: { attempt: 0, total: Infinity } });
    const graph = JSON.parse(JSON.stringify(flow.toBlueprint()));
    expect(graph.nodes.map(({ config }: { config: object }) => config)).toEqual([
      { retry: null, timeout: { fallback: null } },
      { retry: null },
      { timeout: null },
      { timeout: null },
      { timeout: { attempt: null, total: null } },
    ]);
    const { status, errors } = await new FlowRuntime({ orchestrator: timed }).run(flow);
    expect([status, errors.map(({ nodeId }) => nodeId)]).toEqual(['failed', ['retry', 'action']]);
    expect(calls.toSorted()).toEqual(['action', 'each', 'null', 'retry', 'zero']);
    const runtime = new FlowRuntime({ orchestrator: timed, registry: flow.registry });
    expect(await runtime.run(graph)).toMatchObject({ status: 'failed', errors: [{}, {}] });
    expect(calls.toSorted()).toHaveLength(10);
    expect((await runtime.run(new Flow('a').node('a', slow('a'), { timeout: 0 }), {}, { timeout: null })).status).toBe(
      'completed',
    );
  });

  it('is data in a blueprint, which is checked', async () => {
    const calls: string[] = [];
    const registry = { fail: always(calls, 'fail') };
    const runtime = new FlowRuntime({ orchestrator, registry });
    const node = { id: 'a', uses: 'fail', config: { policies: 'none' } } as const;
    await runtime.run({ id: 'data', nodes: [node], edges: [] });
    expect(calls).toEqual(['fail']);
    const wrong = { ...node, config: { policies: 'all' as never } };
    expect(await rejection(runtime.run({ id: 'wrong', nodes: [wrong], edges: [] }))).toMatchObject({
      message: expect.stringContaining("policies must be 'none', got"),
    });
    expect(() => new Flow('wrong').node('a', () => 1, { policies: 'all' as never })).toThrow(
      "policies must be 'none', got",
    );
  });
});

describe('the hooks of an orchestrator', () => {
  it('see one process a run, and one task a node, under the node’s id', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const flow = new Flow('lines')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('left out', () => 3)
      .edge('a', 'b')
      .edge('a', 'left out', { condition: () => false });
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(lines).toEqual([
      'process begins',
      'a begins',
      'a completed',
      'b begins',
      'b completed',
      'process completed',
    ]);
  });

  it('see the flow’s name, the run’s id, and its context for state', async () => {
    const { orchestrator, processes, tasks } = observed();
    const flow = new Flow('order').node('a', (n) => n + 1);
    const result = await new FlowRuntime({ orchestrator }).run(flow, { key: 'k' }, { runId: 'run', input: 1 });
    expect(processes).toMatchObject([
      { id: 'run', parentId: undefined, name: 'order', status: 'completed', result: { runId: 'run', output: 2 } },
    ]);
    expect(processes[0]?.context).toBe(result.context);
    expect(tasks).toMatchObject([
      { processId: 'run', number: 1, name: 'a', status: 'completed', result: 2, attempts: 1 },
    ]);
    expect(tasks[0]?.context).toBe(result.context);
    expect(tasks[0]?.args[0]).toBe(1);
  });

  it('may change the context, before the process and before a task', async () => {
    const orchestrator = new Orchestrator<Record<string, unknown>>()
      .onProcessBegin(({ context }) => {
        context.tenant = 'acme';
      })
      .onTaskBegin(({ context, name }) => {
        context[`saw ${name}`] = true;
      });
    const flow = new Flow('hooks').node('a', (_, { context }) => context.tenant);
    const { context } = await new FlowRuntime({ orchestrator }).run(flow);
    expect(context).toEqual({ tenant: 'acme', 'saw a': true, a: 'acme' });
  });

  it('see how each process and task has ended', async () => {
    const { orchestrator, processes, tasks } = observed();
    const failure = new RangeError('no');
    const flow = new Flow('fails').node('a', () => 1).node('b', () => Promise.reject(failure));
    const result = await new FlowRuntime({ orchestrator }).run(flow);
    expect(tasks.map(({ name, status }) => [name, status])).toEqual([
      ['a', 'completed'],
      ['b', 'failed'],
    ]);
    expect(tasks[1]?.error).toBe(failure);
    expect(processes).toMatchObject([{ status: 'failed' }]);
    const error = processes[0]?.error as WorkflowError;
    expect(error).toBeInstanceOf(WorkflowError);
    expect(error.errors).toEqual(result.errors);
    expect(error).toMatchObject({ flowId: 'fails', code: 'ERR_WORKFLOW', result: { runId: result.runId } });
  });

  it('see a run that a fallback has saved succeed', async () => {
    const { orchestrator, processes, tasks } = observed();
    const flow = new Flow('saved')
      .node('a', () => Promise.reject(new Error('no')), { fallback: 'safe' })
      .node('safe', () => 1);
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(tasks.map(({ name, status }) => [name, status])).toEqual([
      ['a', 'failed'],
      ['safe', 'completed'],
    ]);
    expect(processes).toMatchObject([{ status: 'completed' }]);
  });

  it('see a run that was cancelled, and its nodes, aborted', async () => {
    const { orchestrator, processes, tasks } = observed();
    const controller = new AbortController();
    const flow = new Flow('cancelled').node('a', () => deferred().promise);
    const pending = new FlowRuntime({ orchestrator }).run(flow, {}, { signal: controller.signal });
    await settled();
    controller.abort('reason');
    expect((await pending).status).toBe('cancelled');
    expect(tasks).toMatchObject([{ name: 'a', status: 'cancelled', error: 'reason' }]);
    expect(processes).toMatchObject([{ status: 'cancelled', error: 'reason' }]);
  });

  it('see the nodes that failFast aborts aborted, and the run failed', async () => {
    const { orchestrator, processes, tasks } = observed();
    const flow = new Flow('fast')
      .node('hangs', () => deferred().promise)
      .node('bad', async () => {
        await settled();
        throw new Error('no');
      });
    await new FlowRuntime({ orchestrator }).run(flow, {}, { failFast: true });
    expect(tasks.map(({ name, status }) => [name, status]).sort()).toEqual([
      ['bad', 'failed'],
      ['hangs', 'cancelled'],
    ]);
    expect(processes).toMatchObject([{ status: 'failed' }]);
  });

  it('see a run that waits succeed, and the resumed run as another process with its id', async () => {
    const { orchestrator, processes, tasks } = observed();
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('waits')
      .node('a', () => 1)
      .wait('w')
      .node('b', () => 2)
      .edge('a', 'w')
      .edge('w', 'b');
    const first = await runtime.run(flow, {}, { runId: 'run' });
    await runtime.resume(flow, first, { events: { w: 1 } });
    expect(processes.map(({ id, status }) => [id, status])).toEqual([
      ['run', 'completed'],
      ['run', 'completed'],
    ]);
    expect(tasks.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('see each retry of a node', async () => {
    const { orchestrator, tasks } = observed();
    const retries: TaskRetryEvent[] = [];
    orchestrator.onTaskRetry((retry) => retries.push(retry));
    const flow = new Flow('retries').node(
      'a',
      failing(2, 'done', () => new RangeError('again')),
      {
        retry: { retries: 3, ...quick },
      },
    );
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(retries.map(({ name, attempt, retriesLeft, error }) => [name, attempt, retriesLeft, error.message])).toEqual(
      [
        ['a', 1, 3, 'again'],
        ['a', 2, 2, 'again'],
      ],
    );
    expect(tasks).toMatchObject([{ name: 'a', attempts: 3, status: 'completed' }]);
  });

  it('see a task for each visit of a node in a loop', async () => {
    const { orchestrator, tasks, processes } = observed();
    const flow = new Flow('loop')
      .node('a', (_, { visit }) => withAction(visit < 3 ? 'again' : 'done', visit))
      .edge('a', 'a', { action: 'again' });
    await new FlowRuntime({ orchestrator }).run(flow);
    expect(tasks.map(({ name, number }) => [name, number])).toEqual([
      ['a', 1],
      ['a', 2],
      ['a', 3],
    ]);
    expect(processes).toHaveLength(1);
  });

  it('that throw before a node fail it; before the process, they fail the run', async () => {
    const denied = new Error('denied');
    const ofTask = new Orchestrator().onTaskBegin(({ name }) => {
      if (name === 'b') throw denied;
    });
    const flow = new Flow('begin').node('a', () => 1).node('b', () => expect.fail('was called'));
    const { status, errors, completed } = await new FlowRuntime({ orchestrator: ofTask }).run(flow);
    expect({ status, completed }).toEqual({ status: 'failed', completed: ['a'] });
    expect(errors[0]?.cause).toBe(denied);
    const ofProcess = new Orchestrator().onProcessBegin(() => {
      throw denied;
    });
    expect(await rejection(new FlowRuntime({ orchestrator: ofProcess }).run(flow))).toBe(denied);
  });

  it('that throw after a node has succeeded fail it', async () => {
    const late = new Error('late');
    const orchestrator = new Orchestrator().onTaskCompletion(() => {
      throw late;
    });
    const { errors } = await new FlowRuntime({ orchestrator }).run(new Flow('after').node('a', () => 1));
    expect(errors).toMatchObject([{ nodeId: 'a' }]);
    expect(errors[0]?.cause).toBe(late);
  });

  it('wrap nodes with the orchestrator’s middleware, outside that of the flow', async () => {
    const log: string[] = [];
    const orchestrator = new Orchestrator().use(async (task, next) => {
      log.push(`kernel ${task.name}`);
      return `[${await next()}]`;
    });
    const flow = new Flow('middleware')
      .node('a', () => 'a')
      .use(({ nodeId }, next) => {
        log.push(`flow ${nodeId}`);
        return next();
      });
    expect((await new FlowRuntime({ orchestrator }).run(flow)).output).toBe('[a]');
    expect(log).toEqual(['kernel a', 'flow a']);
  });

  it('see a task for the batch and one for each of its items', async () => {
    const { orchestrator, begun, processes } = observed();
    const flow = new Flow('batch').batch('double', (n) => n * 2);
    await new FlowRuntime({ orchestrator }).run(flow, {}, { input: [1, 2] });
    expect(begun.map(({ name, args }) => [name, args[0]])).toEqual([
      ['double', [1, 2]],
      ['double', 1],
      ['double', 2],
    ]);
    expect(processes).toHaveLength(1);
  });
});

describe('the defaults of an orchestrator', () => {
  it('hold for nodes: retry, and what a node says goes over them', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 2, ...quick } });
    const runtime = new FlowRuntime({ orchestrator });
    const fail = () => Promise.reject(new Error('never'));
    const { errors } = await runtime.run(new Flow('retry').node('default', fail).node('own', fail, { retry: 0 }));
    expect(errors.map(({ nodeId, attempts }) => [nodeId, attempts]).sort()).toEqual([
      ['default', 3],
      ['own', 1],
    ]);
  });

  it('hold for the items of a batch, each by itself', async () => {
    let calls = 0;
    const orchestrator = new Orchestrator({ retry: { retries: 1, ...quick } });
    const flow = new Flow('batch').batch('a', () => {
      calls++;
      throw new Error('never');
    });
    const { errors } = await new FlowRuntime({ orchestrator }).run(flow, {}, { input: [1, 2, 3] });
    expect(calls).toBe(6);
    expect(errors).toMatchObject([{ nodeId: 'a' }]);
  });
});

describe('the state of an orchestrator', () => {
  it('is the context of the run, inside a node', async () => {
    const orchestrator = new Orchestrator<Record<string, unknown>>();
    const flow = new Flow('state')
      .node('a', (_, { context }) => {
        orchestrator.setState('set', 1);
        return orchestrator.getState() === context;
      })
      .node('b', () => orchestrator.getState().set)
      .edge('a', 'b');
    const { context } = await new FlowRuntime({ orchestrator }).run(flow);
    expect(context).toEqual({ set: 1, a: true, b: 1 });
    expect(orchestrator.getState()).toEqual(context);
  });

  it('that it starts with is in the context, under what the run is given', async () => {
    const initial = { tenant: 'acme', list: [1], region: 'eu' };
    const orchestrator = new Orchestrator({ state: initial });
    const flow = new Flow('initial').node('a', (_, { context }) => {
      context.list.push(2);
      return [context.tenant, context.region];
    });
    const runtime = new FlowRuntime({ orchestrator });
    const [first, second] = [await runtime.run(flow, { region: 'us' }), await runtime.run(flow)];
    expect(first.context).toEqual({ tenant: 'acme', region: 'us', list: [1, 2], a: ['acme', 'us'] });
    expect(second.context).toEqual({ tenant: 'acme', region: 'eu', list: [1, 2], a: ['acme', 'eu'] });
    expect(initial.list).toEqual([1]);
  });

  it('is that of the sub-flow inside a sub-flow', async () => {
    const orchestrator = new Orchestrator<Record<string, unknown>>({ state: { tenant: 'acme' } });
    const inner = new Flow('inner').node('x', (_, { context }) => [
      orchestrator.getState() === context,
      context.tenant,
      context.outside,
    ]);
    const flow = new Flow('outer').node('inner', inner);
    const { output } = await new FlowRuntime({ orchestrator }).run(flow, { outside: 1 });
    expect(output).toEqual([true, 'acme', undefined]);
  });

  it('is kept apart for runs side by side', async () => {
    const orchestrator = new Orchestrator<Record<string, unknown>>();
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('apart').node('a', async (n) => {
      orchestrator.setState('n', n);
      await settled();
      return orchestrator.getState().n;
    });
    const results = await Promise.all([1, 2, 3].map((input) => runtime.run(flow, {}, { input })));
    expect(results.map(({ output }) => output)).toEqual([1, 2, 3]);
  });
});

describe('a flow inside a kernel run', () => {
  it('is a child process of it', async () => {
    const orchestrator = new Orchestrator();
    const seen: [string, string | undefined, string][] = [];
    orchestrator.onProcessBegin(({ id, parentId, name }) => seen.push([id, parentId, name]));
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('inside').node('a', () => 1);
    const act = orchestrator.action(() => runtime.run(flow, {}, { runId: 'in action' }));
    await orchestrator.run(
      async () => {
        await runtime.run(flow, {}, { runId: 'direct' });
        await act();
      },
      { id: 'outer' },
    );
    expect(seen).toEqual([
      ['outer', undefined, 'orchestrator'],
      ['direct', 'outer', 'inside'],
      ['in action', 'outer', 'inside'],
    ]);
  });

  it('is one also where it runs with another orchestrator', async () => {
    const outer = new Orchestrator();
    const inner = new Orchestrator();
    const parents: unknown[] = [];
    inner.onProcessBegin(({ parentId }) => parents.push(parentId));
    const flow = new Flow('inside').node('a', () => 1);
    await outer.run(() => new FlowRuntime({ orchestrator: inner }).run(flow), { id: 'outer' });
    expect(parents).toEqual(['outer']);
  });

  it('that fails does not fail it: the result says so', async () => {
    const orchestrator = new Orchestrator();
    const flow = new Flow('inside').node('a', () => Promise.reject(new Error('no')));
    const runtime = new FlowRuntime({ orchestrator });
    const result: WorkflowResult = await orchestrator.run(() => runtime.run(flow));
    expect(result.status).toBe('failed');
    expect(result.errors[0]).toBeInstanceOf(NodeError);
  });

  it('that a node starts is a child of that node’s run', async () => {
    const { orchestrator, processes } = observed();
    const runtime = new FlowRuntime({ orchestrator });
    const inner = new Flow('inner').node('x', () => 1);
    const outer = new Flow('outer').node('a', async () => (await runtime.run(inner)).output);
    expect((await runtime.run(outer, {}, { runId: 'run' })).output).toBe(1);
    expect(processes.map(({ name, parentId }) => [name, parentId])).toEqual([
      ['inner', 'run'],
      ['outer', undefined],
    ]);
  });

  it('shares nothing of its state with it', async () => {
    const orchestrator = new Orchestrator<Record<string, unknown>>();
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('inside').node('a', () => {
      orchestrator.setState('inside', true);
    });
    const state = await orchestrator.run(async () => {
      orchestrator.setState('outside', true);
      const { context } = await runtime.run(flow);
      return [{ ...orchestrator.getState() }, context];
    });
    expect(state).toEqual([{ outside: true }, { inside: true }]);
  });

  it('keeps the contexts of runs apart on an orchestrator with shared state', async () => {
    const orchestrator = new Orchestrator({ state: { hits: 0 }, sharedState: true });
    const runtime = new FlowRuntime({ orchestrator });
    const flow = new Flow('f')
      .node('load', () => new Promise<void>((resolve) => setTimeout(resolve, 5)))
      .node('use', (_input, { context }) => context.user)
      .edge('load', 'use');
    const results = await Promise.all(['ann', 'bob', 'cid'].map((user) => runtime.run(flow, { user })));
    expect(results.map(({ output }) => output)).toEqual(['ann', 'bob', 'cid']);
    expect(await orchestrator.run(() => ({ ...orchestrator.getState() }))).toEqual({ hits: 0 });
  });
});

describe('a flow without an orchestrator', () => {
  it('is seen by no hooks, and leaves no process behind', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    await new Flow('unseen').node('a', () => 1).run();
    expect(lines).toEqual([]);
    await orchestrator.run(() => undefined);
    expect(lines).toEqual(['process begins', 'process completed']);
  });
});

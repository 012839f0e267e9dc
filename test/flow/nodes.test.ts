import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import { AbstractNode, Flow, FlowRuntime, GraphBuilder, Node, type NodeArgs, withAction } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, recorded, settled } from '../support.js';

afterEach(() => {
  vi.useRealTimers();
});

const quick = { minTimeout: 0 };

describe('a node class', () => {
  it('goes through prep, exec and post, each of which gets the result of the previous phase', async () => {
    const log: unknown[] = [];
    class Charge extends Node {
      override async prep({ context, input }: NodeArgs) {
        return { cart: context.cart, input };
      }
      override async exec({ prepRes }: NodeArgs) {
        log.push(prepRes);
        return { total: prepRes.cart * prepRes.input };
      }
      override post({ prepRes, execRes }: NodeArgs) {
        log.push(prepRes, execRes);
        return 'paid';
      }
    }
    const { output, completed, context } = await new Flow('phases')
      .node('a', () => 3)
      .node('charge', Charge)
      .node('paid', ({ total }) => total)
      .node('refused', () => 0)
      .edge('a', 'charge')
      .edge('charge', 'paid', { action: 'paid' })
      .edge('charge', 'refused', { action: 'refused' })
      .run({ cart: 7 });
    expect(log).toEqual([{ cart: 7, input: 3 }, { cart: 7, input: 3 }, { total: 21 }]);
    expect(output).toBe(21);
    expect(context.charge).toEqual({ total: 21 });
    expect(completed).toEqual(['a', 'charge', 'paid']);
  });

  it('may leave out any of its phases', async () => {
    class Nothing extends Node {}
    const { status, output, context } = await new Flow('nothing').node('a', Nothing).run();
    expect({ status, output, context }).toEqual({ status: 'completed', output: undefined, context: {} });
  });

  it('is given all that a function is given, in each phase', async () => {
    const seen: unknown[] = [];
    const look = ({ nodeId, runId, visit, params, context, input, dependencies, signal }: NodeArgs) => {
      seen.push([nodeId, runId, visit, params.p, context.key, input, dependencies, signal.aborted]);
    };
    class Looks extends Node {
      override prep(args: NodeArgs) {
        look(args);
      }
      override exec(args: NodeArgs) {
        look(args);
      }
      override post(args: NodeArgs) {
        look(args);
      }
    }
    const flow = new Flow('looks').node('a', Looks, { params: { p: 1 } });
    await new FlowRuntime({ dependencies: 'client' }).run(flow, { key: 'k' }, { runId: 'run', input: 'in' });
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['a', 'run', 1, 1, 'k', 'in', 'client', false]));
  });

  it('follows what post returns: nothing, an action, or an action and another output', async () => {
    const build = (returned: unknown) => {
      class Posts extends Node {
        override exec() {
          return 'exec';
        }
        override async post() {
          return returned;
        }
      }
      return new Flow('posts').node('a', Posts).run();
    };
    expect(await build(undefined)).toMatchObject({ output: 'exec', action: undefined });
    expect(await build(null)).toMatchObject({ output: 'exec', action: undefined });
    expect(await build('go')).toMatchObject({ output: 'exec', action: 'go' });
    expect(await build(withAction('go', 'post'))).toMatchObject({ output: 'post', action: 'go' });
  });

  it.each([[7], [true], [{ action: 'go' }], [['go']]])('fails if post returns %o', async (returned) => {
    class Posts extends Node {
      override post() {
        return returned;
      }
    }
    const { status, errors } = await new Flow('posts').node('a', Posts).run();
    expect(status).toBe('failed');
    expect(errors[0]).toMatchObject({ nodeId: 'a' });
    expect(errors[0]?.cause).toBeInstanceOf(ValidationError);
    expect((errors[0]?.cause as Error | undefined)?.message).toContain(
      'the return value of post of "a" must be an action',
    );
  });

  it('may choose its action in exec', async () => {
    class Chooses extends Node {
      override exec() {
        return withAction('right', 5);
      }
    }
    const { completed, context, action } = await new Flow('chooses')
      .node('a', Chooses)
      .node('left', () => 0)
      .node('right', (n) => n)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .run();
    expect({ completed, context, action }).toEqual({
      completed: ['a', 'right'],
      context: { a: 5, right: 5 },
      action: undefined,
    });
  });

  it('repeats exec alone: the other phases run once', async () => {
    const log: string[] = [];
    const work = failing(2, 'done');
    class Retried extends Node {
      override prep({ attempt }: NodeArgs) {
        log.push(`prep ${attempt}`);
      }
      override exec({ attempt }: NodeArgs) {
        log.push(`exec ${attempt}`);
        return work();
      }
      override post({ attempt }: NodeArgs) {
        log.push(`post ${attempt}`);
      }
    }
    const { output } = await new Flow('retried').node('a', Retried, { retry: { retries: 2, ...quick } }).run();
    expect(output).toBe('done');
    expect(log).toEqual(['prep 0', 'exec 1', 'exec 2', 'exec 3', 'post 3']);
  });

  it.each(['prep', 'post', 'fallback'])('that fails in %s is not tried again', async (phase) => {
    const failure = new RangeError(phase);
    let calls = 0;
    const fail = () => {
      calls++;
      throw failure;
    };
    class Fails extends Node {
      override prep() {
        if (phase === 'prep') fail();
      }
      override exec() {
        if (phase === 'fallback') throw new Error('exec');
      }
      override fallback() {
        fail();
      }
      override post() {
        if (phase === 'post') fail();
      }
    }
    const { status, errors } = await new Flow('fails').node('a', Fails, { retry: { retries: 3, ...quick } }).run();
    expect({ status, calls }).toEqual({ status: 'failed', calls: 1 });
    expect(errors[0]?.cause).toBe(failure);
  });

  it('limits the time of exec alone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const gates = { prep: deferred(), exec: deferred(), post: deferred() };
    class Slow extends Node {
      override prep() {
        return gates.prep.promise;
      }
      override exec() {
        return gates.exec.promise;
      }
      override post() {
        return gates.post.promise;
      }
    }
    const pending = new Flow('slow').node('a', Slow, { timeout: 100 }).run();
    for (const [gate, time] of [
      [gates.prep, 500],
      [gates.exec, 80],
      [gates.post, 500],
    ] as const) {
      await settled();
      await vi.advanceTimersByTimeAsync(time);
      gate.resolve();
    }
    expect((await pending).status).toBe('completed');
  });

  it('stands in for exec with fallback once all attempts have failed, and goes on to post', async () => {
    const log: unknown[] = [];
    class Falls extends Node {
      override prep() {
        return 'prepared';
      }
      override exec({ attempt }: NodeArgs) {
        throw new Error(`attempt ${attempt}`);
      }
      override fallback({ error, prepRes, attempt }: NodeArgs) {
        log.push((error as Error).message, prepRes, attempt);
        return 'instead';
      }
      override post({ execRes, error }: NodeArgs) {
        log.push(execRes, (error as Error).message);
        return 'fell';
      }
    }
    const result = await new Flow('falls').node('a', Falls, { retry: { retries: 1, ...quick } }).run();
    expect(result).toMatchObject({ status: 'completed', output: 'instead', action: 'fell', errors: [] });
    expect(log).toEqual(['attempt 2', 'prepared', 2, 'instead', 'attempt 2']);
  });

  it('gives fallback the TimeoutError of an exec that took too long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    class Hangs extends Node {
      override exec() {
        return deferred().promise;
      }
      override fallback({ error }: NodeArgs) {
        return (error as TimeoutError).limit;
      }
    }
    const pending = new Flow('hangs').node('a', Hangs, { timeout: 100 }).run();
    await settled();
    await vi.advanceTimersByTimeAsync(100);
    expect((await pending).output).toBe(100);
  });

  it('without fallback keeps the failure of exec as it is', async () => {
    const failure = Object.assign(new RangeError('no'), { code: 'E_NO' });
    class Fails extends Node {
      override exec() {
        throw failure;
      }
    }
    const { errors } = await new Flow('fails').node('a', Fails, { retry: { retries: 1, ...quick } }).run();
    expect(errors[0]).toMatchObject({ attempts: 2 });
    expect(errors[0]?.cause).toBe(failure);
  });

  it('has a fallback of its own before the fallback node of the flow', async () => {
    class Falls extends Node {
      override exec(): unknown {
        throw new Error('exec');
      }
      override fallback({ input }: NodeArgs): unknown {
        if (input === 'save') return 'own';
        throw new Error('fallback');
      }
    }
    const flow = new Flow('two').node('a', Falls, { fallback: 'safe' }).node('safe', () => 'node');
    expect(await flow.run({}, { input: 'save' })).toMatchObject({ output: 'own', skipped: ['safe'], errors: [] });
    expect(await flow.run({}, { input: 'lose' })).toMatchObject({
      status: 'completed',
      context: { a: 'node', safe: 'node' },
      errors: [{ nodeId: 'a', cause: { message: 'fallback' } }],
    });
  });

  it('has an instance for each execution, which its phases share', async () => {
    let made = 0;
    class Counts extends Node {
      #calls = 0;
      constructor() {
        super();
        made++;
      }
      override prep() {
        this.#calls++;
      }
      override exec({ attempt }: NodeArgs) {
        this.#calls++;
        if (attempt < 2) throw new Error('again');
        return this.#calls;
      }
    }
    const flow = new Flow('instances')
      .node('a', Counts, { retry: { retries: 1, ...quick } })
      .node('b', Counts, { retry: { retries: 1, ...quick } });
    expect(made).toBe(0);
    expect((await flow.run()).output).toEqual({ a: 3, b: 3 });
    expect((await flow.run()).output).toEqual({ a: 3, b: 3 });
    expect(made).toBe(4);
  });

  it('given as an instance is that instance for all executions', async () => {
    class Counts extends Node {
      #calls = 0;
      constructor(readonly step: number) {
        super();
      }
      override exec() {
        this.#calls += this.step;
        return this.#calls;
      }
    }
    const flow = new Flow('shared').node('a', new Counts(10)).node('b', () => 0);
    expect((await flow.run()).context.a).toBe(10);
    expect((await flow.run()).context.a).toBe(20);
  });

  it('may be named in data', async () => {
    class Double extends Node {
      override exec({ input, params }: NodeArgs) {
        return input * params.by;
      }
    }
    const flow = new GraphBuilder({ Double, shared: new Double() }).build({
      id: 'data',
      nodes: [
        { id: 'a', uses: 'Double', params: { by: 2 } },
        { id: 'b', uses: 'shared', params: { by: 3 } },
      ],
      edges: [{ source: 'a', target: 'b' }],
    });
    expect((await flow.run({}, { input: 7 })).output).toBe(42);
  });
});

describe('nodes that are linked', () => {
  class Step extends Node {
    constructor(readonly label: string) {
      super();
    }
    override exec({ input }: NodeArgs): unknown {
      const before = typeof input === 'object' ? Object.values(input).join() : (input ?? '');
      return `${before}${this.label}`;
    }
  }

  it('make a flow from the node that it starts with', async () => {
    const start = new Step('a');
    start.next(new Step('b')).next(new Step('c'));
    const flow = new Flow(start);
    expect(flow.startNode).toBe(start);
    expect((await flow.run()).output).toBe('abc');
    expect(flow.toBlueprint().nodes.map(({ id }) => id)).toEqual(['Step', 'Step-2', 'Step-3']);
    expect(start.graphData).toMatchObject({ id: 'Step', data: { originalId: 'Step' } });
  });

  it('follow by action, and where none matches by the link without one', async () => {
    class Chooses extends Step {
      override post({ context }: NodeArgs) {
        return context.action;
      }
    }
    const start = new Chooses('a');
    const join = new Step('j');
    start.next(new Step('l'), 'left').next(join);
    start.next(new Step('o')).next(join);
    const flow = new Flow(start);
    expect((await flow.run({ action: 'left' })).output).toBe('alj');
    expect((await flow.run({ action: 'other' })).output).toBe('aoj');
  });

  it('may lead back', async () => {
    class Again extends Step {
      override post({ visit }: NodeArgs) {
        return visit < 3 ? 'again' : 'done';
      }
    }
    const start = new Step('a');
    const check = start.next(new Again('b'));
    check.next(start, 'again');
    check.next(new Step('!'), 'done');
    expect((await new Flow(start).run()).output).toBe('ababab!');
  });

  it('may be flows', async () => {
    const inner = new Flow(new Step('inner'));
    const start = new Step('a');
    start.next(inner).next(new Step('b'));
    expect((await new Flow(start).run()).output).toBe('ainnerb');
  });

  it('are there for a flow that was written with ids, too', () => {
    const flow = new Flow('ids')
      .node('a', Step as never)
      .node('b', () => 1)
      .edge('a', 'b', { action: 'go' });
    const start = flow.startNode;
    expect(start).toBeInstanceOf(Step);
    expect(start?.graphData).toMatchObject({ id: 'a', data: { originalId: 'a' } });
    const [next] = start?.successors.get('go') ?? [];
    expect(next).toBeInstanceOf(AbstractNode);
    expect(next?.graphData?.id).toBe('b');
  });
});

describe('an action as a node', () => {
  it('gets the input, and what any node gets', async () => {
    const orchestrator = new Orchestrator();
    const greet = orchestrator.action((name: string, { nodeId }: NodeArgs) => `${nodeId}: hello ${name}`);
    const { output } = await new Flow('action').node('a', greet).run({}, { input: 'Ada' });
    expect(output).toBe('a: hello Ada');
  });

  it('of the runtime’s orchestrator is one task, with the node’s id for a name', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const fetchUser = orchestrator.action(async (id: number) => ({ id }), { name: 'fetchUser' });
    await new FlowRuntime({ orchestrator }).run(new Flow('action').node('user', fetchUser), {}, { input: 1 });
    expect(lines).toEqual(['process begins', 'user begins', 'user completed', 'process completed']);
  });

  it('has its own policies, and those of the node over them, field by field', async () => {
    const orchestrator = new Orchestrator();
    const attempts: string[] = [];
    const act = orchestrator.action(
      (_: unknown, { nodeId, attempt }: NodeArgs) => {
        attempts.push(`${nodeId}${attempt}`);
        throw new Error('never');
      },
      { retry: { retries: 2, ...quick } },
    );
    const flow = new Flow('policies')
      .node('own', act)
      .node('fewer', act, { retry: { retries: 1 } })
      .node('none', act, { retry: 0 });
    const { errors } = await new FlowRuntime({ orchestrator }).run(flow);
    expect(errors.map(({ nodeId, attempts }) => [nodeId, attempts]).sort()).toEqual([
      ['fewer', 2],
      ['none', 1],
      ['own', 3],
    ]);
    expect(attempts.sort()).toEqual(['fewer1', 'fewer2', 'none1', 'own1', 'own2', 'own3']);
  });

  it('with a time limit of its own is ended by it, or by that of the node', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const orchestrator = new Orchestrator();
    const hang = orchestrator.action(() => deferred().promise, { timeout: 300 });
    const flow = new Flow('limits').node('own', hang).node('node', hang, { timeout: 100 });
    const pending = new FlowRuntime({ orchestrator }).run(flow);
    await settled();
    await vi.advanceTimersByTimeAsync(300);
    const { errors } = await pending;
    expect(errors.map(({ nodeId, cause }) => [nodeId, cause instanceof TimeoutError && cause.limit])).toEqual([
      ['node', 100],
      ['own', 300],
    ]);
  });

  it('of another orchestrator is a task of that, inside the node’s', async () => {
    const [mine, other] = [new Orchestrator({ name: 'mine' }), new Orchestrator({ name: 'other' })];
    const lines: string[] = [];
    const note = (name: string) => (line: string) => lines.push(`${name} ${line}`);
    for (const [name, orchestrator] of [
      ['mine', mine],
      ['other', other],
    ] as const) {
      const add = note(name);
      orchestrator
        .onProcessBegin(() => add('process begins'))
        .onTaskBegin((task) => add(`${task.name} begins`))
        .onTaskCompletion((task) => add(`${task.name} ${task.status}`))
        .onProcessCompletion(({ status }) => add(`process ${status}`));
    }
    const act = other.action(failing(1, 'done'), { name: 'act', retry: { retries: 1, ...quick } });
    const { output } = await new FlowRuntime({ orchestrator: mine }).run(new Flow('foreign').node('a', act));
    expect(output).toBe('done');
    expect(lines).toEqual([
      'mine process begins',
      'mine a begins',
      'other process begins',
      'other act begins',
      'other act completed',
      'other process completed',
      'mine a completed',
      'mine process completed',
    ]);
  });

  it('called by a function of the flow is a task beside the node’s', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const load = orchestrator.action((id: number) => id * 2, { name: 'load' });
    const flow = new Flow('calls').node('a', async (id) => (await load(id)) + 1);
    expect((await new FlowRuntime({ orchestrator }).run(flow, {}, { input: 4 })).output).toBe(9);
    expect(lines).toEqual([
      'process begins',
      'a begins',
      'load begins',
      'load completed',
      'a completed',
      'process completed',
    ]);
  });
});

describe('what stands in a flow', () => {
  it.each([[undefined], [null], ['text'], [{}], [7]])('cannot be %o', (implementation) => {
    expect(() => new Flow('wrong').node('a', implementation as never)).toThrow(ValidationError);
  });

  it('may have the name of a built-in kind for an id', async () => {
    const { output } = await new Flow('names')
      .node('wait', () => 1)
      .node('batch', (n) => n + 1)
      .edge('wait', 'batch')
      .run();
    expect(output).toBe(2);
  });

  it('may have an id that is a name of Object.prototype', async () => {
    const { output, context } = await new Flow('toString')
      .node('toString', () => 1)
      .node('hasOwnProperty', (n) => n + 1)
      .edge('toString', 'hasOwnProperty')
      .run();
    expect(output).toBe(2);
    expect(Object.keys(context)).toEqual(['toString', 'hasOwnProperty']);
  });
});

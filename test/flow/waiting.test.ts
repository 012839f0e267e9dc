import { ValidationError } from 'orchestrator';
import {
  CheckpointError,
  Flow,
  FlowRuntime,
  GraphBuilder,
  InMemoryExecutor,
  MemoryCheckpointStore,
  type NodeArgs,
  SerializationError,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, failing, rejection, settled, timers } from '../support.js';

let log: string[] = [];

beforeEach(() => {
  log = [];
});

afterEach(() => {
  vi.useRealTimers();
});

/** A node that records its execution, and returns its input. */
const note = (input: unknown, { nodeId }: NodeArgs) => {
  log.push(nodeId);
  return input;
};

/** The snapshot of a result. */
const asText = (result: WorkflowResult) => result.snapshot;

describe('a wait', () => {
  const order = () =>
    new Flow('order')
      .node('load', note)
      .wait('approval')
      .node('ship', note)
      .node('report', note)
      .edge('load', 'approval')
      .edge('load', 'report')
      .edge('approval', 'ship');

  it('leaves the run waiting once all independent nodes have ended', async () => {
    const result = await order().run({}, { input: 1 });
    expect(result).toMatchObject({
      status: 'awaiting',
      awaiting: [{ nodeId: 'approval', event: 'approval' }],
      completed: ['load', 'report'],
      errors: [],
      skipped: [],
    });
    expect(result.unreached).toEqual([
      { nodeId: 'ship', reason: 'it waits for "approval", which waits for something outside' },
    ]);
    expect(log).toEqual(['load', 'report']);
  });

  it('ends when the run is continued with a payload, which becomes its output; nothing is repeated', async () => {
    const flow = order();
    const result = await flow.continue(await flow.run({}, { input: 1 }), { events: { approval: { by: 'Ada' } } });
    expect(result).toMatchObject({
      status: 'completed',
      awaiting: [],
      unreached: [],
      context: { load: 1, report: 1, approval: { by: 'Ada' }, ship: { by: 'Ada' } },
    });
    expect(log).toEqual(['load', 'report', 'ship']);
  });

  it('goes on in the same run', async () => {
    const ids: string[] = [];
    const flow = new Flow('ids')
      .wait('w')
      .node('a', (_, { runId }) => ids.push(runId))
      .edge('w', 'a');
    const first = await flow.run({}, { runId: 'run-1' });
    expect((await flow.continue(first, { events: { w: 1 } })).runId).toBe('run-1');
    expect(ids).toEqual(['run-1']);
  });

  it('keeps waiting if the run is continued without events', async () => {
    const flow = order();
    const again = await flow.continue(await flow.run());
    expect(again).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'approval' }] });
    expect(log).toEqual(['load', 'report']);
    expect((await flow.continue(again, { events: { approval: 1 } })).status).toBe('completed');
  });

  it('may be for an event with a name of its own, that several wait for', async () => {
    const flow = new Flow('named')
      .wait('one', { event: 'approved' })
      .wait('two', { event: 'approved' })
      .wait('three', { event: 'paid' })
      .node('join', (input) => input)
      .edge('one', 'join')
      .edge('two', 'join')
      .edge('three', 'join');
    const first = await flow.run();
    expect(first.awaiting).toEqual([
      { nodeId: 'one', event: 'approved' },
      { nodeId: 'two', event: 'approved' },
      { nodeId: 'three', event: 'paid' },
    ]);
    const { output, status } = await flow.continue(first, { events: { approved: 'yes', paid: 5 } });
    expect({ output, status }).toEqual({ output: { one: 'yes', two: 'yes', three: 5 }, status: 'completed' });
  });

  it('that waits for another keeps a join waiting that needs both', async () => {
    const flow = new Flow('both').wait('a').wait('b').node('join', note).edge('a', 'join').edge('b', 'join');
    const first = await flow.run();
    const second = await flow.continue(first, { events: { b: 'B' } });
    expect(second).toMatchObject({
      status: 'awaiting',
      awaiting: [{ nodeId: 'a', event: 'a' }],
      completed: ['b'],
      unreached: [{ nodeId: 'join' }],
    });
    expect(log).toEqual([]);
    const third = await flow.continue(second, { events: { a: 'A' } });
    expect(third).toMatchObject({ status: 'completed', output: { a: 'A', b: 'B' } });
    expect(log).toEqual(['join']);
  });

  it('lets a join of any go on with the first, and run no second time', async () => {
    const flow = new Flow('any')
      .wait('a')
      .wait('b')
      .node('join', note, { joinStrategy: 'any' })
      .edge('a', 'join')
      .edge('b', 'join');
    const second = await flow.continue(await flow.run(), { events: { b: 'B' } });
    expect(second).toMatchObject({ status: 'completed', skipped: ['a'], context: { join: { b: 'B' } } });
    expect(log).toEqual(['join']);
  });

  it('is followed by the edges that its payload selects', async () => {
    const flow = new Flow('decides')
      .wait('approval')
      .node('yes', note)
      .node('no', note)
      .edge('approval', 'yes', { condition: 'output.ok' })
      .edge('approval', 'no', { condition: '!output.ok' });
    expect(await flow.continue(await flow.run(), { events: { approval: { ok: false } } })).toMatchObject({
      status: 'completed',
      skipped: ['yes'],
    });
  });

  it('may end with nothing', async () => {
    const flow = new Flow('nothing')
      .wait('w')
      .node('a', (input) => ({ input }))
      .edge('w', 'a');
    const { output, status } = await flow.continue(await flow.run(), { events: { w: undefined } });
    expect({ output, status }).toEqual({ output: { input: undefined }, status: 'completed' });
  });

  it('refuses an event that nothing waits for, before anything has run', async () => {
    const flow = order();
    const first = await flow.run();
    for (const event of ['aproval', 'toString', 'ship']) {
      const error = await rejection(flow.continue(first, { events: { [event]: 1, approval: 1 } }));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as Error).message).toContain(`events.${event}`);
      expect((error as Error).message).toContain('approval');
    }
    expect(log).toEqual(['load', 'report']);
  });

  it('starts anew in each turn of a loop', async () => {
    const flow = new Flow('loop')
      .node('ask', (_, { visit }) => visit)
      .wait('answer')
      .node('check', (answer) => (answer === 'stop' ? answer : withAction('again', answer)))
      .edge('ask', 'answer')
      .edge('answer', 'check')
      .edge('check', 'ask', { action: 'again' });
    let result: WorkflowResult = await flow.run();
    for (const answer of ['more', 'and more', 'stop']) {
      expect(result).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'answer' }] });
      result = await flow.continue(result, { events: { answer } });
    }
    expect(result).toMatchObject({ status: 'completed', context: { ask: 3, check: 'stop' } });
  });

  it('stands before a failure: both are in the result, and the failure stands until the run has ended', async () => {
    const work = failing(1, 'done');
    const flow = new Flow('fails').wait('w').node('bad', work).node('join', note).edge('w', 'join').edge('bad', 'join');
    const first = await flow.run();
    expect(first).toMatchObject({ status: 'awaiting', errors: [{ nodeId: 'bad' }] });
    const failed = await flow.continue(first, { events: { w: 1 } });
    expect(failed).toMatchObject({ status: 'failed', completed: ['w'], errors: [{ nodeId: 'bad' }] });
    expect(await flow.continue(failed)).toMatchObject({
      status: 'completed',
      errors: [],
      output: { w: 1, bad: 'done' },
    });
  });
});

describe('a run is continued', () => {
  const make = () =>
    new Flow('again')
      .node('a', note)
      .wait('w')
      .node('b', (_, { context }) => [context.when instanceof Date, context.map.get('k'), context.a])
      .edge('a', 'w')
      .edge('w', 'b');
  const given = { when: new Date(5), map: new Map([['k', 1n]]) };

  it.each([
    ['its result', (result: WorkflowResult) => result],
    ['its snapshot', asText],
    ['a snapshot that went through a file', (result: WorkflowResult) => Buffer.from(asText(result)).toString('utf8')],
  ])('from %s', async (_, from) => {
    const flow = make();
    const first = await flow.run(given, { input: 'in' });
    expect(await flow.continue(from(first), { events: { w: 1 } })).toMatchObject({
      status: 'completed',
      output: [true, 1n, 'in'],
    });
    expect(log).toEqual(['a']);
  });

  it('with another runtime, and a flow that is made anew', async () => {
    const text = asText(await make().run(given, { input: 'in' }));
    const result = await new FlowRuntime({ dependencies: 'other' }).continue(make(), text, { events: { w: 1 } });
    expect(result).toMatchObject({ status: 'completed', output: [true, 1n, 'in'] });
  });

  it('from data, by a runtime that has the registry', async () => {
    const graph = {
      id: 'data',
      nodes: [
        { id: 'a', uses: 'note' },
        { id: 'w', uses: 'wait', params: { event: 'go' } },
        { id: 'b', uses: 'note' },
      ],
      edges: [
        { source: 'a', target: 'w' },
        { source: 'w', target: 'b' },
      ],
    };
    const first = await new GraphBuilder({ note }).build(graph).run({}, { input: 1 });
    const result = await new FlowRuntime({ registry: { note } }).continue(
      JSON.parse(JSON.stringify(graph)),
      asText(first),
      {
        events: { go: 2 },
      },
    );
    expect(result).toMatchObject({ status: 'completed', output: 2 });
    expect(log).toEqual(['a', 'b']);
  });

  it('by its id from a store, as often as it waits', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const flow = new Flow('stored')
      .node('a', note)
      .wait('w')
      .wait('v')
      .node('b', note)
      .edge('a', 'w')
      .edge('w', 'v')
      .edge('v', 'b');
    await flow.run({}, { checkpoint, runId: 'run' });
    expect(await flow.continue('run', { checkpoint, events: { w: 1 } })).toMatchObject({ status: 'awaiting' });
    expect(await flow.continue('run', { checkpoint, events: { v: 2 } })).toMatchObject({
      status: 'completed',
      output: 2,
    });
    expect(log).toEqual(['a', 'b']);
  });

  it('as it was: what a continued run does changes no result that was there before', async () => {
    const flow = new Flow('twice')
      .node('list', () => [1])
      .wait('w')
      .node('push', (n, { context }) => {
        context.list.push(n);
        return context.list.length;
      })
      .edge('list', 'w')
      .edge('w', 'push');
    const first = await flow.run();
    const both = await Promise.all([1, 2].map((n) => flow.continue(first, { events: { w: n } })));
    expect(both.map(({ context }) => context.list)).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(first).toMatchObject({ status: 'awaiting', context: { list: [1] } });
  });

  it('that has completed already, and executes nothing', async () => {
    const flow = new Flow('done').node('a', note).node('b', note).edge('a', 'b');
    const result = await flow.continue(await flow.run({}, { input: 1 }));
    expect(result).toMatchObject({ status: 'completed', output: 1 });
    expect(log).toEqual(['a', 'b']);
  });

  it('with the parameters, dependencies and signal that it is continued with', async () => {
    const flow = new Flow('options')
      .wait('w')
      .node('a', (_, { params, dependencies, signal }) => [params.p, dependencies, signal.aborted])
      .edge('w', 'a');
    const first = await flow.run({}, { params: { p: 'before' } });
    const result = await new FlowRuntime({ dependencies: 'client' }).continue(flow, first, {
      events: { w: 1 },
      params: { p: 'now' },
      signal: new AbortController().signal,
    });
    expect(result.output).toEqual(['now', 'client', false]);
  });

  it('by its former name `resume` too, of a flow, a runtime and the executor in process', async () => {
    const flow = make();
    const first = await flow.run(given);
    const options = { events: { w: 1 } };
    const runtime = new FlowRuntime();
    for (const result of [
      await flow.resume(first, options),
      await runtime.resume(flow, first, options),
      await new InMemoryExecutor(runtime).resume(flow, first, options),
      await new InMemoryExecutor(runtime).continue(flow, first, options),
    ]) {
      expect(result).toMatchObject({ runId: first.runId, status: 'completed' });
    }
    expect(log.filter((id) => id === 'a')).toEqual(['a']);
  });

  it('only of this flow in this version', async () => {
    const first = await make().run(given);
    const changed = make().node('c', note).edge('b', 'c');
    const other = new Flow('other').wait('w');
    for (const flow of [changed, other]) {
      const error = await rejection(flow.continue(first, { events: { w: 1 } }));
      expect(error).toBeInstanceOf(CheckpointError);
      expect((error as CheckpointError).runId).toBe(first.runId);
    }
    expect(log).toEqual(['a']);
  });

  it('not if it is unknown, or the text is not a snapshot', async () => {
    const flow = make();
    const checkpoint = new MemoryCheckpointStore();
    expect(await rejection(flow.continue('nowhere', { checkpoint }))).toBeInstanceOf(CheckpointError);
    expect(await rejection(flow.continue('nowhere'))).toBeInstanceOf(CheckpointError);
    expect(await rejection(flow.continue('[1]'))).toBeInstanceOf(CheckpointError);
  });

  it('not where its context holds what cannot be saved, which is named', async () => {
    const flow = new Flow('class')
      .node('a', () => ({ deep: [new (class Client {})()] }))
      .wait('w')
      .edge('a', 'w');
    const first = await flow.run();
    const error = await rejection(flow.continue(first, { events: { w: 1 } }));
    expect(error).toBeInstanceOf(SerializationError);
    expect((error as SerializationError).path).toBe('context.a.deep[0]');
  });
});

describe('a sleep', () => {
  const start = Date.UTC(2030, 0, 1);
  const clock = (milliseconds: number) => vi.setSystemTime(start + milliseconds);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: start });
  });

  it('leaves the run waiting until its time has come, and passes its input on', async () => {
    const flow = new Flow('nap')
      .node('a', note)
      .sleep('nap', { duration: 60_000 })
      .node('b', note)
      .edge('a', 'nap')
      .edge('nap', 'b');
    const first = await flow.run({}, { input: 'in' });
    expect(first).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'nap', until: start + 60_000 }] });
    clock(59_999);
    const early = await flow.continue(first);
    expect(early).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'nap', until: start + 60_000 }] });
    clock(60_000);
    expect(await flow.continue(early)).toMatchObject({ status: 'completed', output: 'in' });
    expect(log).toEqual(['a', 'b']);
  });

  it('may be until a time', async () => {
    const flow = new Flow('until')
      .sleep('until', { until: start + 5 })
      .node('b', () => 'b')
      .edge('until', 'b');
    const first = await flow.run();
    expect(first.awaiting).toMatchObject([{ nodeId: 'until', until: start + 5 }]);
    clock(5);
    expect(await flow.continue(first)).toMatchObject({ status: 'completed', output: 'b' });
  });

  it('until a time that has passed holds a run back no longer than until it is continued', async () => {
    const flow = new Flow('past').sleep('past', { until: start - 1 });
    const first = await flow.run({}, { input: 1 });
    const result = first.status === 'awaiting' ? await flow.continue(first) : first;
    expect(result).toMatchObject({ status: 'completed', output: 1, awaiting: [] });
  });

  it('keeps no timer', async () => {
    const before = timers();
    const flow = new Flow('timer').sleep('s', { duration: 60_000 });
    for (let run = 0; run < 20; run++) await flow.run();
    expect(timers()).toBeLessThan(before + 10);
  });

  it('ends by itself while something else is still waited for', async () => {
    const flow = new Flow('mixed').sleep('s', { duration: 10 }).wait('w').node('b', note).edge('s', 'b');
    const first = await flow.run({}, { input: 1 });
    clock(10);
    const second = await flow.continue(first);
    expect(second).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'w' }], completed: ['s', 'b'] });
    expect(await flow.continue(second, { events: { w: 2 } })).toMatchObject({ status: 'completed' });
  });
});

describe('a wait in a sub-flow', () => {
  const inner = () =>
    new Flow('inner').node('x', note).wait('approval').node('y', note).edge('x', 'approval').edge('approval', 'y');

  it('leaves the run around it waiting, and goes on where it was', async () => {
    const flow = new Flow('outer')
      .node('a', note)
      .node('sub', inner())
      .node('b', note)
      .edge('a', 'sub')
      .edge('sub', 'b');
    const first = await flow.run({}, { input: 1 });
    expect(first).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'sub/approval', event: 'approval' }] });
    const result = await flow.continue(asText(first), { events: { approval: 'yes' } });
    expect(result).toMatchObject({ status: 'completed', output: 'yes', context: { a: 1, sub: 'yes' } });
    expect(log).toEqual(['a', 'x', 'y', 'b']);
  });

  it('may be two deep', async () => {
    const middle = new Flow('middle').node('m', note).node('sub', inner()).edge('m', 'sub');
    const flow = new Flow('outer').node('mid', middle).node('b', note).edge('mid', 'b');
    const checkpoint = new MemoryCheckpointStore();
    const first = await flow.run({}, { checkpoint, runId: 'run' });
    expect(first.awaiting).toEqual([{ nodeId: 'mid/sub/approval', event: 'approval' }]);
    const result = await flow.continue('run', { checkpoint, events: { approval: 'yes' } });
    expect(result).toMatchObject({ status: 'completed', output: 'yes' });
    expect(log).toEqual(['m', 'x', 'y', 'b']);
  });

  it('that waits twice is resumed twice', async () => {
    const twice = new Flow('twice').wait('one').wait('two').node('y', note).edge('one', 'two').edge('two', 'y');
    const flow = new Flow('outer').node('sub', twice);
    const second = await flow.continue(await flow.run(), { events: { one: 1 } });
    expect(second).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'sub/two', event: 'two' }] });
    expect(await flow.continue(second, { events: { two: 2 } })).toMatchObject({ status: 'completed', output: 2 });
  });

  it('keeps what the other nodes of the sub-flow have done, and its context', async () => {
    const sub = new Flow('sub')
      .node('x', (_, { context }) => {
        context.kept = [...context.list, 'x'];
      })
      .wait('w')
      .node('y', (_, { context }) => context.kept)
      .edge('x', 'w')
      .edge('w', 'y');
    const flow = new Flow('outer').node('sub', sub, { inputs: { list: 'given' } });
    const result = await flow.continue(await flow.run({ given: [1] }), { events: { w: 0 } });
    expect(result.output).toEqual([1, 'x']);
  });

  it('in a batch lets the items that are done be, and goes on with all that wait', async () => {
    const item = new Flow('item')
      .node('x', (n) => {
        log.push(`x${n}`);
        return withAction(n > 1 ? 'wait' : 'go', n);
      })
      .wait('approval')
      .node('y', (input, { context }) => `${context.x} ${JSON.stringify(input)}`)
      .edge('x', 'approval', { action: 'wait' })
      .edge('x', 'y', { action: 'go' })
      .edge('approval', 'y');
    const flow = new Flow('outer').batch('all', item).node('end', note).edge('all', 'end');
    const first = await flow.run({}, { input: [1, 2, 3] });
    expect(first).toMatchObject({
      status: 'awaiting',
      awaiting: [
        { nodeId: 'all/approval', event: 'approval' },
        { nodeId: 'all/approval', event: 'approval' },
      ],
    });
    const result = await flow.continue(asText(first), { events: { approval: 'yes' } });
    expect(result).toMatchObject({
      status: 'completed',
      output: ['1 {"x":1}', '2 {"approval":"yes"}', '3 {"approval":"yes"}'],
    });
    expect(log).toEqual(['x1', 'x2', 'x3', 'end']);
  });

  it('in a batch whose items wait for events of their own goes on item by item', async () => {
    const one = new Flow('one').wait('first').node('y', note).edge('first', 'y');
    const two = new Flow('two').wait('second').node('y', note).edge('second', 'y');
    const item = new Flow('item')
      .node('x', (n) => withAction(n === 0 ? 'one' : 'two', n))
      .node('one', one)
      .node('two', two)
      .edge('x', 'one', { action: 'one' })
      .edge('x', 'two', { action: 'two' });
    const flow = new Flow('outer').batch('all', item);
    const second = await flow.continue(await flow.run({}, { input: [0, 1] }), { events: { second: 'b' } });
    expect(second).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'all/one/first', event: 'first' }] });
    const result = await flow.continue(second, { events: { first: 'a' } });
    expect(result).toMatchObject({ status: 'completed', output: ['a', 'b'] });
    expect(log).toEqual(['y', 'y']);
  });
});

describe('a continued run', () => {
  it('runs no branch that was not taken, and no fallback that was not needed', async () => {
    const flow = new Flow('decided')
      .node('a', () => withAction('left', 0), { fallback: 'safe' })
      .node('safe', note)
      .node('after safe', note)
      .node('left', note)
      .node('right', note)
      .node('after right', note)
      .wait('w')
      .node('join', note)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .edge('safe', 'after safe')
      .edge('right', 'after right')
      .edge('left', 'w')
      .edge('w', 'join')
      .edge('after right', 'join')
      .edge('after safe', 'join');
    const first = await flow.run();
    expect([...first.skipped].sort()).toEqual(['after right', 'after safe', 'right', 'safe']);
    const result = await flow.continue(asText(first), { events: { w: 1 } });
    expect(result).toMatchObject({ status: 'completed', output: { w: 1 } });
    expect([...result.skipped].sort()).toEqual(['after right', 'after safe', 'right', 'safe']);
    expect(log).toEqual(['left', 'join']);
  });

  it('that failed repeats what failed, and what follows it', async () => {
    const work = failing(1, 'worked');
    const flow = new Flow('failed')
      .node('a', note)
      .node('b', () => {
        log.push('b');
        return work();
      })
      .node('beside', note)
      .node('join', note)
      .edge('a', 'b')
      .edge('a', 'beside')
      .edge('b', 'join')
      .edge('beside', 'join');
    const first = await flow.run({}, { input: 0 });
    expect(first).toMatchObject({ status: 'failed', errors: [{ nodeId: 'b' }] });
    const result = await flow.continue(asText(first));
    expect(result).toMatchObject({ status: 'completed', errors: [], output: { b: 'worked', beside: 0 } });
    expect(log).toEqual(['a', 'b', 'beside', 'b', 'join']);
  });

  it('that failed with its fallback tries the node again, then the fallback', async () => {
    const flow = new Flow('both failed')
      .node(
        'a',
        () => {
          log.push('a');
          throw new Error('a');
        },
        { fallback: 'safe' },
      )
      .node('safe', () => {
        log.push('safe');
        if (log.length < 4) throw new Error('safe');
        return 'saved';
      })
      .node('b', note)
      .edge('a', 'b');
    const first = await flow.run();
    expect(first).toMatchObject({ status: 'failed', errors: [{ nodeId: 'a' }, { nodeId: 'safe' }] });
    const result = await flow.continue(first);
    expect(result).toMatchObject({ status: 'completed', output: 'saved' });
    expect(result.errors).toMatchObject([{ nodeId: 'a', recoveredBy: 'safe' }]);
    expect(log).toEqual(['a', 'safe', 'a', 'safe', 'b']);
  });

  it('keeps the errors that fallbacks have saved, with message, code and cause', async () => {
    const failure = Object.assign(new RangeError('no'), { code: 'E_NO', cause: new TypeError('why') });
    const flow = new Flow('saved')
      .node('a', () => Promise.reject(failure), { fallback: 'safe' })
      .node('safe', () => 1)
      .wait('w')
      .edge('a', 'w');
    const { errors, status } = await flow.continue(asText(await flow.run()), { events: { w: 1 } });
    expect(status).toBe('completed');
    expect(errors).toMatchObject([{ nodeId: 'a', attempts: 1, recoveredBy: 'safe' }]);
    expect(errors[0]?.cause).toBeInstanceOf(RangeError);
    expect(errors[0]?.cause).toMatchObject({ name: 'RangeError', message: 'no', code: 'E_NO' });
    const why = (errors[0]?.cause as Error | undefined)?.cause;
    expect(why).toBeInstanceOf(TypeError);
    expect(why).toMatchObject({ name: 'TypeError', message: 'why' });
  });

  it('that was cancelled repeats what was cut short, in the same visit, and starts what was not', async () => {
    const controller = new AbortController();
    const visits: string[] = [];
    let first = true;
    const flow = new Flow('cancelled')
      .node('a', note)
      .node('b', async (_, { visit, nodeId }) => {
        visits.push(`${nodeId}${visit}`);
        if (first) await deferred().promise;
      })
      .node('queued', note)
      .node('after', note)
      .edge('a', 'b')
      .edge('a', 'queued')
      .edge('b', 'after');
    const pending = flow.run({}, { signal: controller.signal, concurrency: 1 });
    await settled();
    controller.abort();
    const cancelled = await pending;
    expect(cancelled).toMatchObject({ status: 'cancelled', cutShort: ['b'] });
    first = false;
    const result = await flow.continue(asText(cancelled));
    expect(result).toMatchObject({ status: 'completed', cutShort: [], reason: undefined });
    expect(visits).toEqual(['b1', 'b1']);
    expect([...log].sort()).toEqual(['a', 'after', 'queued']);
  });

  it('that was cancelled before it began begins', async () => {
    const flow = new Flow('before').node('a', note);
    const cancelled = await flow.run({}, { signal: AbortSignal.abort(), input: 3 });
    expect(await flow.continue(cancelled)).toMatchObject({ status: 'completed', output: 3 });
  });

  it('that was cancelled in a fallback goes on with the fallback, which stands in', async () => {
    const controller = new AbortController();
    const flow = new Flow('in the fallback')
      .node(
        'a',
        () => {
          log.push('a');
          throw new Error('no');
        },
        { fallback: 'safe' },
      )
      .node('safe', async (input) => {
        log.push('safe');
        if (!controller.signal.aborted) await deferred().promise;
        return `saved ${input}`;
      })
      .node('b', note)
      .edge('a', 'b');
    const pending = flow.run({}, { signal: controller.signal, input: 5 });
    await settled();
    controller.abort();
    const cancelled = await pending;
    expect(cancelled).toMatchObject({ status: 'cancelled', cutShort: ['safe'] });
    expect(await flow.continue(asText(cancelled))).toMatchObject({
      status: 'completed',
      output: 'saved 5',
      errors: [{ nodeId: 'a', recoveredBy: 'safe' }],
    });
    expect(log).toEqual(['a', 'safe', 'safe', 'b']);
  });

  it('that was cancelled in a loop goes on in the turn that it was in', async () => {
    const controller = new AbortController();
    const flow = new Flow('loop')
      .node('head', (_, { visit }) => {
        log.push(`head${visit}`);
        return visit;
      })
      .node('work', async (turn, { visit }) => {
        log.push(`work${visit}`);
        if (turn === 2 && !controller.signal.aborted) {
          controller.abort();
          await deferred().promise;
        }
        return withAction(turn < 3 ? 'again' : 'done', turn);
      })
      .node('end', note)
      .edge('head', 'work')
      .edge('work', 'head', { action: 'again' })
      .edge('work', 'end', { action: 'done' });
    const cancelled = await flow.run({}, { signal: controller.signal });
    expect(cancelled).toMatchObject({ status: 'cancelled', cutShort: ['work'] });
    expect(await flow.continue(asText(cancelled))).toMatchObject({ status: 'completed', output: 3 });
    expect(log).toEqual(['head1', 'work1', 'head2', 'work2', 'work2', 'head3', 'work3', 'end']);
  });

  it('that was cancelled in a sub-flow and a batch repeats only what was under way in them', async () => {
    const controller = new AbortController();
    const hangOnce = async (input: unknown, { nodeId, index }: NodeArgs) => {
      log.push(`${nodeId}${index ?? ''}`);
      if (!controller.signal.aborted && index !== 0) await deferred().promise;
      return input;
    };
    const sub = new Flow('sub').node('x', note).node('y', hangOnce).edge('x', 'y');
    const flow = new Flow('outer').node('sub', sub).batch('batch', hangOnce, { items: 'list' });
    const pending = flow.run({ list: ['i', 'j'] }, { signal: controller.signal, input: 1 });
    await settled();
    controller.abort();
    const result = await flow.continue(asText(await pending));
    expect(result).toMatchObject({ status: 'completed', output: { sub: 1, batch: ['i', 'j'] } });
    expect([...log].sort()).toEqual(['batch0', 'batch1', 'batch1', 'x', 'y', 'y']);
  });

  it('knows the transformed values that edges passed on before', async () => {
    const flow = new Flow('passed')
      .node('a', () => 1)
      .wait('w')
      .node('join', (input) => input)
      .edge('a', 'join', { transform: 'output + 100' })
      .edge('w', 'join');
    expect((await flow.continue(asText(await flow.run()), { events: { w: 2 } })).output).toEqual({ a: 101, w: 2 });
  });

  it('that was cancelled before it began to go on waits as it did', async () => {
    const flow = new Flow('as it did').wait('w').node('a', note).edge('w', 'a');
    const first = await flow.run();
    const cancelled = await flow.continue(first, { events: { w: 1 }, signal: AbortSignal.abort() });
    expect(cancelled).toMatchObject({ status: 'cancelled', awaiting: [{ nodeId: 'w' }] });
    const result = await flow.continue(asText(cancelled), { events: { w: 2 } });
    expect(result).toMatchObject({ status: 'completed', output: 2 });
  });

  it('has what came for a wait, also where it was cancelled before it could use it', async () => {
    const controller = new AbortController();
    let calls = 0;
    const flow = new Flow('came')
      .node('slow', async () => {
        if (++calls < 3) await deferred().promise;
      })
      .wait('w')
      .node('a', note)
      .edge('w', 'a');
    const first = await flow.run({}, { timeout: 10 });
    expect(first).toMatchObject({ status: 'cancelled', awaiting: [{ event: 'w' }], cutShort: ['slow'] });
    const pending = flow.continue(first, { events: { w: 'payload' }, signal: controller.signal, concurrency: 1 });
    await settled();
    controller.abort();
    const cancelled = await pending;
    expect(cancelled).toMatchObject({ status: 'cancelled', awaiting: [], cutShort: ['slow'] });
    const result = await flow.continue(asText(cancelled));
    expect(result).toMatchObject({ status: 'completed', context: { w: 'payload', a: 'payload' } });
  });

  it('can be run with a bound on its nodes', async () => {
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await settled();
      running--;
    };
    const flow = new Flow('limits').wait('w').node('a', work).node('b', work).node('c', work);
    const grown = flow.edge('w', 'a').edge('w', 'b').edge('w', 'c');
    expect((await grown.continue(await grown.run(), { events: { w: 1 }, concurrency: 2 })).status).toBe('completed');
    expect(most).toBe(2);
  });

  it('under an id that the store has already is refused: it is to be resumed', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const flow = new Flow('known').node('a', note).wait('w').edge('a', 'w');
    await flow.run({}, { checkpoint, runId: 'run' });
    expect(await rejection(flow.run({}, { checkpoint, runId: 'run' }))).toBeInstanceOf(CheckpointError);
    expect(log).toEqual(['a']);
  });
});

import { Orchestrator, TimeoutError, ValidationError } from 'orchestrator';
import {
  BlueprintError,
  DryRunExecutor,
  Flow,
  FlowRuntime,
  GraphBuilder,
  MemoryCheckpointStore,
  NodeError,
  TooLateError,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { rejection } from '../support.js';
import { day, later, start, useFakeDate } from './fake-date.js';

useFakeDate();

/** An order that is approved, or escalated after a day. */
const order = () =>
  new Flow('order')
    .node('load', () => ({ total: 5 }))
    .wait('approve', { event: 'approved', timeout: day })
    .node('ship', (answer: unknown) => ['shipped', answer])
    .node('escalate', (loaded: unknown) => ['escalated', loaded])
    .edge('load', 'approve')
    .edge('approve', 'ship')
    .edge('approve', 'escalate', { action: 'timeout' });

describe('a wait with a timeout', () => {
  it('tells when it expires', async () => {
    const { status, awaiting } = await order().run();
    expect({ status, awaiting }).toEqual({
      status: 'awaiting',
      awaiting: [{ nodeId: 'approve', event: 'approved', until: start + day, expires: true }],
    });
  });

  it('ends with its event, like a wait without a timeout', async () => {
    const flow = order();
    const first = await flow.run();
    later(day - 1);
    const result = await flow.continue(first, { events: { approved: { by: 'Ada' } } });
    expect(result).toMatchObject({
      status: 'completed',
      output: ['shipped', { by: 'Ada' }],
      skipped: ['escalate'],
    });
  });

  it('is followed by the edges with the action timeout when it expires, and passes on its input', async () => {
    const flow = order();
    const first = await flow.run();
    later(day - 1);
    const second = await flow.continue(first);
    expect(second.status).toBe('awaiting');
    later(1);
    const result = await flow.continue(second);
    expect(result).toMatchObject({
      status: 'completed',
      output: ['escalated', { total: 5 }],
      context: { approve: { total: 5 } },
      skipped: ['ship'],
    });
  });

  it('fails with a TimeoutError when it expires if no edge has the action, and waits anew when it is tried again', async () => {
    const flow = new Flow('strict')
      .wait('approve', { timeout: 50 })
      .node('ship', (answer) => answer)
      .edge('approve', 'ship');
    const first = await flow.run();
    later(50);
    const failed = await flow.continue(first);
    expect(failed.status).toBe('failed');
    const [error] = failed.errors;
    expect(error).toBeInstanceOf(NodeError);
    expect(error?.cause).toBeInstanceOf(TimeoutError);
    expect(error?.cause).toMatchObject({ message: '"approve" timed out after 50 ms' });
    later(1_000);
    const again = await flow.continue(failed);
    expect(again).toMatchObject({ status: 'awaiting', awaiting: [{ until: Date.now() + 50 }] });
    expect(await flow.continue(again, { events: { approve: 'yes' } })).toMatchObject({
      status: 'completed',
      output: 'yes',
    });
  });

  it('may be replaced by a fallback when it fails', async () => {
    const graph = {
      id: 'fallen',
      nodes: [
        { id: 'approve', uses: 'wait', params: { timeout: 50 }, config: { fallback: 'decide' } },
        { id: 'decide', uses: 'decide' },
      ],
      edges: [],
    };
    const flow = new GraphBuilder({ decide: () => 'decided' }).build(graph);
    const first = await flow.run();
    later(50);
    expect(await flow.continue(first)).toMatchObject({ status: 'completed', context: { approve: 'decided' } });
  });

  it('expires anew in each turn of a loop', async () => {
    const flow = new Flow('reminders')
      .node('remind', (_, { visit }) => visit)
      .wait('answer', { timeout: day })
      .node('late', (visit: number) => (visit < 3 ? withAction('again', visit) : withAction('stop', visit)))
      .node('close', (visit) => `closed after ${visit}`)
      .edge('remind', 'answer')
      .edge('answer', 'late', { action: 'timeout' })
      .edge('late', 'remind', { action: 'again' })
      .edge('late', 'close', { action: 'stop' });
    let result: WorkflowResult = await flow.run();
    for (let turn = 1; turn <= 3; turn++) {
      expect(result).toMatchObject({ status: 'awaiting', awaiting: [{ until: Date.now() + day }] });
      later(day);
      result = await flow.continue(result);
    }
    expect(result).toMatchObject({ status: 'completed', output: 'closed after 3' });
  });

  it('works in sub-flows', async () => {
    const flow = new Flow('outer')
      .node('inner', order())
      .node('last', (output) => output)
      .edge('inner', 'last');
    const first = await flow.run();
    expect(first.awaiting).toEqual([{ nodeId: 'inner/approve', event: 'approved', until: start + day, expires: true }]);
    const approved = await flow.continue(first, { events: { approved: 1 } });
    expect(approved.output).toEqual(['shipped', 1]);
    later(day);
    const expired = await flow.continue(first);
    expect(expired.output).toEqual(['escalated', { total: 5 }]);
    expect(await rejection(flow.continue(first, { events: { approved: 1 } }))).toBeInstanceOf(TooLateError);
  });

  it.each([
    ['the node', { retry: { retries: 2, minTimeout: 0 } }, new FlowRuntime()],
    [
      'the orchestrator',
      {},
      new FlowRuntime({ orchestrator: new Orchestrator({ retry: { retries: 2, minTimeout: 0 } }) }),
    ],
  ])('fails a sub-flow for good, whatever retries %s has', async (_, options, runtime) => {
    const inner = new Flow('inner').wait('w', { timeout: 50 });
    const middle = new Flow('middle').node('inner', inner);
    const flow = new Flow('outer')
      .node('middle', middle, options)
      .node('alarm', (_input, { failures }) => failures.length, { joinStrategy: 'failed' })
      .edge('middle', 'alarm');
    const first = await runtime.run(flow);
    expect(first.status).toBe('awaiting');
    later(50);
    const failed = await runtime.continue(flow, first);
    expect(failed).toMatchObject({ status: 'failed', completed: ['alarm'], context: { alarm: 1 } });
  });

  it('is let go of by a join of any that has started, unless it leads elsewhere when it expires', async () => {
    const first = await new Flow('first')
      .node('fast', () => 'fast')
      .wait('slow', { timeout: day })
      .node('join', (input) => input, { joinStrategy: 'any' })
      .edge('fast', 'join')
      .edge('slow', 'join')
      .edge('slow', 'join', { action: 'timeout' })
      .run();
    expect(first).toMatchObject({ status: 'completed', skipped: ['slow'], output: { fast: 'fast' } });
    const second = await new Flow('second')
      .node('fast', () => 'fast')
      .wait('slow', { timeout: day })
      .node('join', (input) => input, { joinStrategy: 'any' })
      .node('alarm', () => 'alarm')
      .edge('fast', 'join')
      .edge('slow', 'join')
      .edge('slow', 'alarm', { action: 'timeout' })
      .run();
    expect(second).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'slow' }] });
  });

  it('is drawn with its time, and both ways are walked by a dry run', async () => {
    const flow = order();
    expect(flow.toMermaid()).toContain('(["approve (at most 1 d 0 h)"])');
    const { steps } = await flow.run({}, { executor: new DryRunExecutor() });
    expect(steps.map(({ nodeId }) => nodeId)).toEqual(['load', 'approve', 'ship', 'escalate']);
  });

  it('may be JSON', async () => {
    const { output } = await new GraphBuilder({
      load: () => 5,
      ship: (answer: unknown) => answer,
      escalate: (input: unknown) => ['escalated', input],
    })
      .build(JSON.parse(JSON.stringify(order().toBlueprint())))
      .run()
      .then((first) => {
        later(day);
        return order().continue(first);
      });
    expect(output).toEqual(['escalated', 5]);
  });

  it('gets a value from a transform, because it passes on its input', async () => {
    const flow = new Flow('transformed')
      .node('a', () => 1)
      .wait('w', { timeout: 5 })
      .node('b', (input) => input)
      .edge('a', 'w', { transform: 'output + 1.0' })
      .edge('w', 'b', { action: 'timeout' });
    const first = await flow.run();
    later(5);
    expect((await flow.continue(first)).output).toBe(2);
    const without = new Flow('x')
      .node('a', () => 1)
      .wait('w')
      .edge('a', 'w', { transform: 'output' });
    expect(await rejection(without.run())).toBeInstanceOf(BlueprintError);
  });

  it.each([0, -1, Number.NaN, Infinity, '1 day', null])('has a time, and not %s', (timeout) => {
    const define = () => new Flow('f').wait('w', { timeout: timeout as number });
    expect(define).toThrow(ValidationError);
    expect(define).toThrow(/timeout must be a finite number of milliseconds greater than 0/);
    const build = () =>
      new GraphBuilder().build({ id: 'f', nodes: [{ id: 'w', uses: 'wait', params: { timeout } }], edges: [] });
    expect(build).toThrow(/params\.timeout of "w" must be a finite number of milliseconds greater than 0/);
  });
});

describe('an event that comes too late', () => {
  it('is refused once its wait has expired; the run is unchanged and continues without it', async () => {
    const flow = order();
    const checkpoint = new MemoryCheckpointStore();
    await flow.run({}, { checkpoint, id: 'r' });
    later(day);
    const before = await checkpoint.load('r');
    const error = await rejection(flow.continue('r', { checkpoint, events: { approved: 1 } }));
    expect(error).toBeInstanceOf(TooLateError);
    expect(error).toMatchObject({ code: 'ERR_TOO_LATE', runId: 'r', event: 'approved', expiredAt: start + day });
    expect((error as Error).message).toBe(
      'events.approved comes too late for run "r": the wait for it expired at 1970-01-02T00:16:40.000Z: continue the run without it',
    );
    expect(await checkpoint.load('r')).toEqual(before);
    expect((await flow.continue('r', { checkpoint })).output).toEqual(['escalated', { total: 5 }]);
  });

  it('is refused once all of its waits have ended', async () => {
    const flow = order();
    const checkpoint = new MemoryCheckpointStore();
    await flow.run({}, { checkpoint, id: 'r' });
    await flow.continue('r', { checkpoint, events: { approved: 1 } });
    const error = await rejection(flow.continue('r', { checkpoint, events: { approved: 2 } }));
    expect(error).toBeInstanceOf(TooLateError);
    expect((error as Error).message).toContain('the waits for it have ended');
    expect(await rejection(flow.continue('r', { checkpoint, events: { aproved: 2 } }))).toBeInstanceOf(ValidationError);
  });
});

/** A store with room for a number of entries. */
class FullStore extends MemoryCheckpointStore {
  room = Infinity;

  override async append(...args: Parameters<MemoryCheckpointStore['append']>): Promise<void> {
    if (this.room-- <= 0) throw new Error('the disk is full');
    return super.append(...args);
  }
}

describe('the end of a wait in a saved run', () => {
  /** A run whose program dies between the arrival of the event and the end of the node behind the wait. */
  async function dying(events: Record<string, unknown>, passes = 0) {
    const flow = order();
    const checkpoint = new FullStore();
    await flow.run({}, { checkpoint, id: 'r' });
    later(passes);
    // Accepts the first entry, which records the end of the wait, and no other.
    checkpoint.room = 1;
    expect(await rejection(flow.continue('r', { checkpoint, events }))).toEqual(new Error('the disk is full'));
    checkpoint.room = Infinity;
    return { flow, checkpoint };
  }

  it('survives the program: the payload is kept', async () => {
    const { flow, checkpoint } = await dying({ approved: { by: 'Ada' } });
    later(2 * day);
    expect((await flow.continue('r', { checkpoint })).output).toEqual(['shipped', { by: 'Ada' }]);
  });

  it('may be repeated by a caller who does not know, with the same payload', async () => {
    const { flow, checkpoint } = await dying({ approved: { by: 'Ada' } });
    const another = flow.continue('r', { checkpoint, events: { approved: { by: 'Bob' } } });
    expect(await rejection(another)).toBeInstanceOf(TooLateError);
    const again = await flow.continue('r', { checkpoint, events: { approved: { by: 'Ada' } } });
    expect(again.output).toEqual(['shipped', { by: 'Ada' }]);
  });

  it.each([['itself'], ['a sub-flow']])(
    'is accepted again while the node behind it runs, and later, in %s',
    async (place) => {
      let isBroken = true;
      const inner = order().node('pack', (shipped) => {
        if (isBroken) throw new Error('no boxes');
        return shipped;
      });
      inner.edge('ship', 'pack');
      const flow = place === 'itself' ? inner : new Flow('outer').node('inner', inner);
      const checkpoint = new MemoryCheckpointStore();
      const approved = { sum: 5n, by: ['Ada'] };
      await flow.run({}, { checkpoint, id: 'r' });
      const again = () => flow.continue('r', { checkpoint, events: { approved: structuredClone(approved) } });
      expect((await again()).status).toBe('failed');
      isBroken = false;
      // A run that has ended shows its result, and is not tried again.
      expect((await again()).status).toBe('failed');
      await flow.continue('r', { checkpoint });
      expect(await again()).toMatchObject({ status: 'completed', output: ['shipped', approved] });
      const another = flow.continue('r', { checkpoint, events: { approved: { ...approved, by: ['Bob'] } } });
      expect(await rejection(another)).toBeInstanceOf(TooLateError);
    },
  );

  it('is recognised by what was sent, which its schema may have converted', async () => {
    let count = 0;
    const schema = z.object({ by: z.string() }).transform(({ by }) => ({ by, number: ++count }));
    const flow = new Flow('f', { events: { go: schema } }).wait('go').node('end', (payload) => payload);
    flow.edge('go', 'end');
    const first = await flow.run();
    const second = await flow.continue(first, { events: { go: { by: 'Ada' } as never } });
    const third = await flow.continue(second, { events: { go: { by: 'Ada' } as never } });
    expect([second.output, third.output, count]).toEqual([{ by: 'Ada', number: 1 }, { by: 'Ada', number: 1 }, 1]);
  });

  it('by a payload is forgotten when a later wait for the event expires', async () => {
    const flow = new Flow('f')
      .wait('one', { event: 'go' })
      .wait('two', { event: 'go', timeout: 50 })
      .node('late', () => 'late')
      .edge('one', 'two')
      .edge('two', 'late', { action: 'timeout' });
    const events = { go: 1 };
    const second = await flow.continue(await flow.run(), { events });
    later(50);
    expect(await rejection(flow.continue(second, { events }))).toMatchObject({ expiredAt: start + 50 });
    const ended = await flow.continue(second);
    expect(ended.output).toBe('late');
    expect(await rejection(flow.continue(ended, { events }))).toBeInstanceOf(TooLateError);
  });

  it('stays decided for the time', async () => {
    const { flow, checkpoint } = await dying({}, day);
    vi.setSystemTime(start);
    expect(await rejection(flow.continue('r', { checkpoint, events: { approved: 1 } }))).toBeInstanceOf(TooLateError);
    expect((await flow.continue('r', { checkpoint })).output).toEqual(['escalated', { total: 5 }]);
  });

  it('of several waits for a join of any is the same after each continuation', async () => {
    const flow = new Flow('both')
      .wait('a')
      .wait('b')
      .node('join', (input) => input, { joinStrategy: 'any' })
      .edge('a', 'join')
      .edge('b', 'join');
    const checkpoint = new MemoryCheckpointStore();
    await flow.run({}, { checkpoint, id: 'r', concurrency: 1 });
    const first = await flow.continue('r', { checkpoint, concurrency: 1, events: { a: 1, b: 2 } });
    const again = await flow.continue('r', { checkpoint, concurrency: 1 });
    expect([again.output, again.skipped]).toEqual([first.output, first.skipped]);
  });
});

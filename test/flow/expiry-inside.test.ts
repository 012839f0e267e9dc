import { TimeoutError } from 'orchestrator';
import { Flow, TooLateError, type WorkflowResult, withAction } from 'orchestrator/flow';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { rejection } from '../support.js';
import { DyingStore } from './dying-store.js';
import { day, later, start, useFakeDate } from './fake-date.js';

/* Waits that expire inside sub-flows and batches: the node around them and the waits inside must agree. */

useFakeDate();
afterEach(() => {
  vi.restoreAllMocks();
});

const approval = () =>
  new Flow('approval')
    .wait('approve', { event: 'approved', timeout: day })
    .node('ship', (answer) => ['shipped', answer])
    .node('escalate', () => 'escalated')
    .edge('approve', 'ship')
    .edge('approve', 'escalate', { action: 'timeout' });

/** A flow around other flows, with a node behind them. */
const around = (inner: Flow) =>
  new Flow('order')
    .node('sub', inner)
    .node('end', (output) => output)
    .edge('sub', 'end');

/** Continues a run in a program that dies after a number of entries. Returns false if the program needed fewer. */
function dies(flow: Flow, checkpoint: DyingStore, room: number, events: object): Promise<boolean> {
  return checkpoint.dies(room, () => flow.continue('r', { checkpoint, events: events as never }));
}

describe.each([
  ['a sub-flow', around(approval() as never)],
  ['a sub-flow of a sub-flow', around(around(approval() as never) as never)],
])('a wait in %s', (_, flow) => {
  const checkpoint = () => new DyingStore();

  it('stays ended by its event, whenever the program dies and however long after it goes on', async () => {
    let deaths = 0;
    for (let room = 1; ; room++) {
      vi.setSystemTime(start);
      const store = checkpoint();
      await flow.run({}, { checkpoint: store, id: 'r' });
      later(day - 1);
      if (!(await dies(flow as never, store, room, { approved: 'yes' }))) break;
      deaths++;
      later(2 * day);
      const result = await flow.continue('r', { checkpoint: store });
      expect({ room, output: result.output }).toEqual({ room, output: ['shipped', 'yes'] });
    }
    expect(deaths).toBeGreaterThan(3);
  });

  it('stays expired, whenever the program dies and even if the clock is set back', async () => {
    let deaths = 0;
    for (let room = 1; ; room++) {
      vi.setSystemTime(start);
      const store = checkpoint();
      await flow.run({}, { checkpoint: store, id: 'r' });
      later(day);
      if (!(await dies(flow as never, store, room, {}))) break;
      deaths++;
      vi.setSystemTime(start);
      const result = await flow.continue('r', { checkpoint: store });
      expect({ room, output: result.output }).toEqual({ room, output: 'escalated' });
    }
    expect(deaths).toBeGreaterThan(3);
  });

  it('refuses an event that comes too late', async () => {
    const first = await flow.run();
    later(day);
    expect(await rejection(flow.continue(first, { events: { approved: 1 } }))).toBeInstanceOf(TooLateError);
  });

  it('is decided at one time, even if it expires while the run is being continued', async () => {
    const first = await flow.run();
    let now = start + day - 1;
    vi.spyOn(Date, 'now').mockImplementation(() => now++);
    const result = await flow.continue(first, { events: { approved: 'yes' } });
    expect(result.output).toEqual(['shipped', 'yes']);
  });
});

it('an event ends one wait of a loop in a sub-flow, whenever the program dies', async () => {
  const inner = new Flow('inner')
    .node('turn', (_, { visit }) => visit)
    .wait('answer', { event: 'go', timeout: day })
    .node('check', (payload, { visit }) => withAction(visit < 2 ? 'again' : 'done', `${visit} ${payload}`))
    .node('last', (output) => output)
    .edge('turn', 'answer')
    .edge('answer', 'check')
    .edge('check', 'turn', { action: 'again' })
    .edge('check', 'last', { action: 'done' });
  const flow = around(inner as never);
  let deaths = 0;
  for (let room = 1; ; room++) {
    const checkpoint = new DyingStore();
    await flow.run({}, { checkpoint, id: 'r' });
    if (!(await dies(flow as never, checkpoint, room, { go: 'one' }))) break;
    deaths++;
    const second = await flow.continue('r', { checkpoint });
    expect({ room, status: second.status }).toEqual({ room, status: 'awaiting' });
    // In the same millisecond: the wait that has just begun takes the next event.
    const result = await flow.continue('r', { checkpoint, events: { go: 'two' } });
    expect({ room, output: result.output }).toEqual({ room, output: '2 two' });
  }
  expect(deaths).toBeGreaterThan(5);
});

it('of the elements of a batch, an event ends the waits that have not expired', async () => {
  const inner = new Flow('element')
    .node('begin', (hours: number) => void later(hours * 3_600_000))
    .wait('approve', { event: 'approved', timeout: day })
    .node('yes', (answer) => answer)
    .node('no', () => 'expired')
    .edge('begin', 'approve')
    .edge('approve', 'yes')
    .edge('approve', 'no', { action: 'timeout' });
  const flow = new Flow('orders').batch('each', inner as never, { concurrency: 1 });
  const first: WorkflowResult = await flow.run({}, { input: [0, 1, 1] });
  expect(first.awaiting.map(({ until }) => ((until as number) - start - day) / 3_600_000)).toEqual([0, 1, 2]);
  vi.setSystemTime(start + day + 3_600_000);
  const result = await flow.continue(first as never, { events: { approved: 'yes' } });
  expect(result.output).toEqual(['expired', 'expired', 'yes']);
});

it('a wait that fails in a sub-flow fails the node around it, and both wait anew', async () => {
  const flow = around(new Flow('inner').wait('approve', { timeout: 50 }) as never);
  const first = await flow.run();
  later(50);
  const failed = await flow.continue(first);
  expect(failed.status).toBe('failed');
  const inner = failed.errors[0]?.cause as { errors: { cause: unknown }[] } | undefined;
  expect(inner?.errors[0]?.cause).toBeInstanceOf(TimeoutError);
  const again = await flow.continue(failed);
  expect(again).toMatchObject({ status: 'awaiting', awaiting: [{ until: Date.now() + 50 }] });
  expect((await flow.continue(again, { events: { approve: 'yes' } })).output).toBe('yes');
});

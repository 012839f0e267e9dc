import { memory } from 'orchestrator/distributed';
import {
  Flow,
  FlowRuntime,
  MemoryCheckpointStore,
  ResumptionOrchestrator,
  StepByStepOrchestrator,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { fleetOf } from '../distributed/fleet.js';

const day = 86_400_000;

/** The properties of a result that are the same in each way of running. */
function pictureOf({ status, output, completed, skipped, awaiting, context, unreached }: WorkflowResult) {
  return {
    status,
    output,
    completed: [...completed].toSorted(),
    skipped: [...skipped].toSorted(),
    awaiting: awaiting.map(({ nodeId, event }) => `${nodeId} waits for ${event}`).toSorted(),
    context: { ...context },
    unreached: unreached.map(({ nodeId }) => nodeId),
  };
}

/**
 * Runs a flow in process, step by step and on a fleet, delivers each event while the run waits, and returns the
 * results.
 */
async function everyWay(build: () => Flow, events: readonly (readonly [event: string, payload: unknown])[] = []) {
  let here = await build().run();
  for (const [event, payload] of events) here = await build().resume(here, { events: { [event]: payload } });
  const expected = pictureOf(here);

  const checkpoint = new MemoryCheckpointStore();
  let saved = await build().run({}, { checkpoint, runId: 'r' });
  for (const [event, payload] of events) {
    saved = await build().resume('r', { checkpoint, events: { [event]: payload } });
  }
  expect(pictureOf(saved)).toEqual(expected);
  // The saved run agrees with the result.
  if (saved.status === 'awaiting') expect(pictureOf(await build().resume('r', { checkpoint }))).toEqual(expected);

  const runtime = new FlowRuntime();
  const flow = build();
  const { traverser, executorFactory, state, services } = runtime.prepare(flow);
  const stepper = new StepByStepOrchestrator();
  let stepped = await stepper.run(traverser, executorFactory, state, services);
  const on = async () => {
    while (traverser.hasMoreWork()) stepped = await stepper.run(traverser, executorFactory, state, services);
  };
  await on();
  for (const [event, payload] of events) {
    state.events = { [event]: payload };
    stepped = await new ResumptionOrchestrator(stepper).run(traverser, executorFactory, state, services);
    await on();
  }
  expect(pictureOf(stepped)).toEqual(expected);

  const { orchestrator } = await fleetOf(build(), { engine: memory() });
  const runId = await orchestrator.startRun();
  const until = async (statuses: readonly string[]) => {
    await expect.poll(() => orchestrator.status(runId), { interval: 5 }).toBeOneOf([...statuses]);
  };
  for (const [event, payload] of events) {
    await until(['awaiting']);
    await orchestrator.signal(runId, event, payload);
  }
  await until([here.status]);
  expect(pictureOf(await orchestrator.result(runId))).toEqual(expected);
  if (here.status !== 'awaiting') expect(await orchestrator.pendingWork(runId)).toEqual([]);
  return here;
}

const approval = () =>
  new Flow('approval')
    .wait('approved')
    .sleep('expired', { duration: day })
    .node('decide', (input) => Object.keys(input), { joinStrategy: 'any' })
    .edge('approved', 'decide')
    .edge('expired', 'decide') as unknown as Flow;

describe('a join of any that has started', () => {
  it('lets go of a sleep', async () => {
    const result = await everyWay(approval, [['approved', true]]);
    expect(result).toMatchObject({ status: 'completed', skipped: ['expired'], output: ['approved'], awaiting: [] });
  });

  it('lets go of a wait, once the time has come', async () => {
    const build = () =>
      new Flow('expiry')
        .wait('approved')
        .sleep('expired', { duration: 1 })
        .node('decide', (input) => Object.keys(input), { joinStrategy: 'any' })
        .edge('approved', 'decide')
        .edge('expired', 'decide') as unknown as Flow;
    const waiting = await build().run();
    expect(waiting.status).toBe('awaiting');
    await expect.poll(() => Date.now()).toBeGreaterThan(waiting.awaiting[1]?.until ?? Infinity);
    const { status, skipped, output } = await build().resume(waiting);
    expect({ status, skipped, output }).toEqual({ status: 'completed', skipped: ['approved'], output: ['expired'] });
    const { finish, orchestrator } = await fleetOf(build());
    const run = await finish();
    expect(run).toMatchObject({ status: 'completed', output: ['expired'] });
    expect((await orchestrator.result(run.runId)).skipped).toEqual(['approved']);
  });

  it('lets go of a wait in parallel with a node', async () => {
    const result = await everyWay(
      () =>
        new Flow('beside')
          .node('fast', () => 'fast')
          .wait('slow')
          .node('join', (input) => input, { joinStrategy: 'any' })
          .node('after', (input) => input)
          .edge('fast', 'join')
          .edge('slow', 'join')
          .edge('join', 'after') as unknown as Flow,
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['slow'], output: { fast: 'fast' } });
  });

  it('lets go of a wait that begins later', async () => {
    const result = await everyWay(
      () =>
        new Flow('late')
          .node('fast', () => 'fast')
          .node('long', async () => {
            for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
          })
          .wait('slow')
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('fast', 'join')
          .edge('long', 'slow')
          .edge('slow', 'join') as unknown as Flow,
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['slow'], output: 'joined' });
  });

  it('lets go of waits that lead only to it, through nodes without other predecessors', async () => {
    const result = await everyWay(
      () =>
        new Flow('behind')
          .wait('a')
          .node('parse', () => 'parsed')
          .wait('b')
          .sleep('timer', { duration: day })
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('a', 'parse')
          .edge('parse', 'b')
          .edge('b', 'join')
          .edge('timer', 'join') as unknown as Flow,
      [['timer', null]],
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['a', 'parse', 'b'], output: 'joined' });
  });

  it('lets go of a sub-flow that waits, and of a batch of them', async () => {
    const inner = () =>
      new Flow('inner')
        .node('ask', () => 1)
        .wait('answer')
        .edge('ask', 'answer');
    const result = await everyWay(
      () =>
        new Flow('outer')
          .node('sub', inner())
          .node('list', () => [1, 2])
          .batch('subs', inner())
          .wait('now')
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('sub', 'join')
          .edge('list', 'subs')
          .edge('subs', 'join')
          .edge('now', 'join') as unknown as Flow,
      [['now', 1]],
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['sub', 'subs'], output: 'joined' });
    expect(JSON.parse(JSON.stringify(result.snapshot))).not.toContain('answer');
  });

  it('lets go of a join of waits that leads only to it', async () => {
    const result = await everyWay(
      () =>
        new Flow('joins')
          .wait('a')
          .wait('b')
          .node('both', () => 'both')
          .wait('c')
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('a', 'both')
          .edge('b', 'both')
          .edge('both', 'join')
          .edge('c', 'join') as unknown as Flow,
      [['c', 1]],
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['a', 'b', 'both'] });
  });

  it('lets go of waits that lead to it through one node, however late each begins', async () => {
    const result = await everyWay(
      () =>
        new Flow('together')
          .node('fast', () => 'fast')
          .wait('a')
          .node('behind', () => 'behind')
          .node('long', async () => {
            for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
          })
          .wait('b')
          .node('both', () => 'both')
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('fast', 'join')
          .edge('a', 'behind')
          .edge('behind', 'both')
          .edge('long', 'b')
          .edge('b', 'both')
          .edge('both', 'join') as unknown as Flow,
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['a', 'behind', 'b', 'both'], output: 'joined' });
  });

  it('keeps a wait that also leads elsewhere', async () => {
    const build = () =>
      new Flow('needed')
        .node('fast', () => 'fast')
        .wait('a')
        .node('log', () => 'logged')
        .wait('b')
        .node('join', () => 'joined', { joinStrategy: 'any' })
        .node('other', () => 'other', { joinStrategy: 'any' })
        .edge('fast', 'join')
        .edge('a', 'join')
        .edge('a', 'log')
        .edge('b', 'join')
        .edge('b', 'other') as unknown as Flow;
    expect((await everyWay(build)).awaiting.map(({ nodeId }) => nodeId)).toEqual(['a', 'b']);
    const result = await everyWay(build, [
      ['a', 1],
      ['b', 2],
    ]);
    expect(result).toMatchObject({ status: 'completed', skipped: [], context: { log: 'logged', other: 'other' } });
  });

  it('keeps a wait that a partly reached join of all needs', async () => {
    const build = () =>
      new Flow('reached')
        .node('fast', () => 'fast')
        .wait('a')
        .node('both', (input) => Object.keys(input).toSorted())
        .node('join', () => 'joined', { joinStrategy: 'any' })
        .edge('fast', 'join')
        .edge('fast', 'both')
        .edge('a', 'both')
        .edge('both', 'join') as unknown as Flow;
    expect((await everyWay(build)).status).toBe('awaiting');
    expect((await everyWay(build, [['a', 1]])).context.both).toEqual(['a', 'fast']);
  });

  it('keeps a wait that ends the flow, and one before a join that has not started', async () => {
    const build = () =>
      new Flow('ends')
        .node('fast', () => 'fast')
        .wait('end')
        .wait('a')
        .node('all', () => 'all')
        .node('any', () => 'any', { joinStrategy: 'any' })
        .edge('fast', 'any')
        .edge('fast', 'all')
        .edge('a', 'all') as unknown as Flow;
    expect((await everyWay(build)).awaiting.map(({ nodeId }) => nodeId)).toEqual(['end', 'a']);
  });

  it('lets go once the nodes between have no other way to be reached', async () => {
    const result = await everyWay(
      () =>
        new Flow('gone')
          .node('fast', () => 'fast')
          .wait('choice')
          .wait('a')
          .node('between', () => 'between', { joinStrategy: 'any' })
          .node('end', () => 'end')
          .node('join', () => 'joined', { joinStrategy: 'any' })
          .edge('fast', 'join')
          .edge('choice', 'between', { condition: () => false })
          .edge('choice', 'end')
          .edge('a', 'between')
          .edge('between', 'join') as unknown as Flow,
      [['choice', 1]],
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['a', 'between'] });
  });

  it('lets go at each turn of a loop', async () => {
    const result = await everyWay(
      () =>
        new Flow('turns')
          .node('head', (_, { visit }) => visit)
          .sleep('late', { duration: day })
          .wait('go')
          .node('join', (_, { visit }) => (visit < 3 ? withAction('again', visit) : visit), { joinStrategy: 'any' })
          .edge('head', 'late')
          .edge('head', 'go')
          .edge('late', 'join')
          .edge('go', 'join')
          .edge('join', 'head', { action: 'again' }) as unknown as Flow,
      [
        ['go', 1],
        ['go', 2],
        ['go', 3],
      ],
    );
    expect(result).toMatchObject({ status: 'completed', skipped: ['late'], output: 3 });
  });

  it('lets go also if it has failed', async () => {
    const result = await everyWay(
      () =>
        new Flow('fails')
          .node('fast', () => 'fast')
          .wait('slow')
          .node('join', () => Promise.reject(new Error('down')), { joinStrategy: 'any' })
          .edge('fast', 'join')
          .edge('slow', 'join') as unknown as Flow,
    );
    expect(result).toMatchObject({ status: 'failed', skipped: ['slow'], awaiting: [] });
  });
});

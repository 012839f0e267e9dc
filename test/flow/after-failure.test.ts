import {
  DryRunExecutor,
  EventDrivenOrchestrator,
  Flow,
  FlowRuntime,
  type Graph,
  MemoryCheckpointStore,
  MemoryCoordinationStore,
  type NodeArgs,
  type WorkflowResult,
  withAction,
} from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { deferred, settled } from '../support.js';
import { everyWay } from './every-way.js';

const loose = (flow: unknown) => flow as Flow;
const fails = () => Promise.reject(new RangeError('down'));
const note =
  (log: string[]) =>
  (_: unknown, { nodeId }: NodeArgs) =>
    void log.push(nodeId);

function short({ status, completed, skipped, errors, output }: WorkflowResult) {
  return {
    status,
    output,
    completed: [...completed].toSorted(),
    skipped: [...skipped].toSorted(),
    failed: errors.filter(({ recoveredBy }) => recoveredBy === undefined).map(({ nodeId }) => nodeId),
  };
}

describe('a node that is settled', () => {
  const chain = (work: () => unknown) =>
    loose(
      new Flow('chain')
        .node('open', () => 'handle')
        .node('work', work)
        .node('report', (text) => `report of ${text}`)
        .node('close', (input) => ({ input }), { joinStrategy: 'settled' })
        .edge('open', 'work')
        .edge('work', 'report')
        .edge('open', 'close')
        .edge('report', 'close'),
    );

  it('runs after a success, and does not change the output', async () => {
    const result = await everyWay({ build: () => chain(() => 'work') });
    expect(short(result)).toMatchObject({ status: 'completed', output: 'report of work' });
    expect(result.context.close.input).toEqual({ open: 'handle', report: 'report of work' });
  });

  it('runs after a failure that keeps the node before it from running, and the run stays failed', async () => {
    const result = await everyWay({ build: () => chain(fails) });
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['close', 'open'], failed: ['work'] });
    expect(result.context.close.input).toEqual({ open: 'handle' });
    expect(result.unreached).toEqual([{ nodeId: 'report', reason: 'it waits for "work", which failed' }]);
  });

  it('waits until each node before it has ended, however', async () => {
    const slow = deferred();
    const log: string[] = [];
    const pending = new Flow('f')
      .node('bad', fails)
      .node('slow', () => slow.promise)
      .node('choose', () => 1)
      .node('not', () => 2)
      .node('close', note(log), { joinStrategy: 'settled' })
      .edge('choose', 'not', { condition: 'output > 1' })
      .edge('bad', 'close')
      .edge('slow', 'close')
      .edge('not', 'close')
      .run();
    await settled();
    expect(log).toEqual([]);
    slow.resolve();
    expect(short(await pending)).toMatchObject({ status: 'failed', skipped: ['not'] });
    expect(log).toEqual(['close']);
  });

  it('gets undefined instead of the output of a single node that failed, even if the context has its key', async () => {
    const result = await everyWay({
      build: () =>
        loose(
          new Flow('f')
            .node('bad', fails)
            .node('close', (input) => ({ input: input ?? 'nothing' }), { joinStrategy: 'settled' })
            .edge('bad', 'close'),
        ),
      context: { bad: 'before' },
      input: 'input of the run',
    });
    expect(result.context.close).toEqual({ input: 'nothing' });
  });

  it('is skipped with a branch that is skipped', async () => {
    const result = await everyWay({
      build: () =>
        loose(
          new Flow('f')
            .node('check', () => withAction('small' as string, 1))
            .node('large', () => 2)
            .node('close', () => 3, { joinStrategy: 'settled' })
            .edge('check', 'large', { action: 'large' })
            .edge('check', 'close', { action: 'large' })
            .edge('large', 'close')
            .node('small', () => 4)
            .edge('check', 'small', { action: 'small' }),
        ),
    });
    expect(short(result)).toMatchObject({ status: 'completed', skipped: ['close', 'large'], output: 4 });
  });

  it('runs once where its predecessor fails, is recovered, or its fallback fails', async () => {
    const build = (fallback: () => unknown) => () =>
      loose(
        new Flow('f')
          .node('risky', fails, { fallback: 'safe' })
          .node('safe', fallback)
          .node(
            'close',
            (input, { failures }) => ({ input, failures: failures.map(({ nodeId }) => nodeId).toSorted() }),
            {
              joinStrategy: 'settled',
            },
          )
          .edge('risky', 'close'),
      );
    const saved = await everyWay({ build: build(() => 'saved') });
    expect(short(saved)).toMatchObject({ status: 'completed', output: 'saved', completed: ['close', 'risky', 'safe'] });
    expect(saved.context.close).toEqual({ input: 'saved', failures: [] });
    const lost = await everyWay({ build: build(fails) });
    expect(short(lost)).toMatchObject({ status: 'failed', completed: ['close'], failed: ['risky', 'safe'] });
    expect(lost.context.close).toEqual({ input: undefined, failures: ['risky', 'safe'] });
  });

  it('waits for a node that waits for an event', async () => {
    const build = () =>
      loose(
        new Flow('f')
          .node('bad', fails)
          .wait('approve')
          .node('close', (input) => input, { joinStrategy: 'settled' })
          .edge('bad', 'close')
          .edge('approve', 'close'),
      );
    expect((await build().run()).status).toBe('awaiting');
    const waiting = await build().run();
    expect(waiting.completed).toEqual([]);
    const result = await build().continue(waiting, { events: { approve: 'yes' } });
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['approve', 'close'] });
    expect(result.context.close).toEqual({ approve: 'yes' });
  });

  it('may itself wait, be a batch or a sub-flow', async () => {
    const inner = () =>
      loose(
        new Flow('inner')
          .node('x', () => 'x')
          .wait('done')
          .edge('x', 'done'),
      );
    const build = () =>
      loose(
        new Flow('f')
          .node('bad', fails)
          .node('list', () => [1, 2])
          .batch('each', (n: number) => n * 2, { joinStrategy: 'settled', items: 'list' })
          .node('sub', inner(), { joinStrategy: 'settled' })
          .wait('sign', { joinStrategy: 'settled' })
          .edge('bad', 'each')
          .edge('list', 'each')
          .edge('bad', 'sub')
          .edge('bad', 'sign'),
      );
    const result = await everyWay({
      build,
      events: [],
    }).catch((error) => error);
    expect(result.status).toBe('awaiting');
    expect(result.context.each).toEqual([2, 4]);
    expect(result.awaiting.map(({ nodeId }: { nodeId: string }) => nodeId).toSorted()).toEqual(['sign', 'sub/done']);
  });

  it('does not run with failFast, after an abort and after the timeout of the run', async () => {
    const log: string[] = [];
    const build = (work: () => unknown) =>
      new Flow('f').node('work', work).node('close', note(log), { joinStrategy: 'settled' }).edge('work', 'close');
    const fast = await build(fails).run({}, { failFast: true });
    expect(fast.unreached).toEqual([{ nodeId: 'close', reason: 'it is ready, and was not started', isReady: true }]);
    const never = () => new Promise(() => {});
    expect((await build(never).run({}, { timeout: 10 })).status).toBe('cancelled');
    expect((await build(never).run({}, { signal: AbortSignal.timeout(10) })).status).toBe('cancelled');
    expect(log).toEqual([]);
  });
});

describe('a node that waits for a failure', () => {
  it('starts at the first failure, and gets the outputs that are there', async () => {
    const slow = deferred();
    const seen: unknown[] = [];
    const pending = new Flow('f')
      .node('fast', () => 'fast')
      .node('bad', fails)
      .node('slow', () => slow.promise)
      .node('alarm', (input, { failures }) => void seen.push(input, failures), { joinStrategy: 'failed' })
      .edge('fast', 'alarm')
      .edge('bad', 'alarm')
      .edge('slow', 'alarm')
      .run();
    await settled();
    expect(seen[0]).toEqual({ fast: 'fast' });
    const [failure] = seen[1] as NodeArgs['failures'];
    expect(failure).toMatchObject({ nodeId: 'bad', attempts: 1, cause: new RangeError('down') });
    slow.resolve();
    const result = await pending;
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['alarm', 'fast', 'slow'], failed: ['bad'] });
    expect(seen).toHaveLength(2);
  });

  const build = (b: () => unknown) => () =>
    loose(
      new Flow('f')
        .node('a', () => 'a')
        .node('b', b)
        .node('c', () => 'c')
        .node('alarm', (_, { failures }) => failures.map(({ message }) => message), { joinStrategy: 'failed' })
        .edge('a', 'b')
        .edge('b', 'c')
        .edge('c', 'alarm'),
    );

  it('runs where a failure keeps the node before it from running', async () => {
    const result = await everyWay({ build: build(fails) });
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['a', 'alarm'] });
    expect(result.context.alarm).toEqual(['node "b" failed: down']);
  });

  it('is skipped if nothing has failed, and does not change the output', async () => {
    const result = await everyWay({ build: build(() => 'b') });
    expect(short(result)).toEqual({
      status: 'completed',
      output: 'c',
      completed: ['a', 'b', 'c'],
      skipped: ['alarm'],
      failed: [],
    });
  });

  it('may lead on', async () => {
    const flow = (work: () => unknown) =>
      loose(
        new Flow('f')
          .node('work', work)
          .node('alarm', () => 'alarm', { joinStrategy: 'failed' })
          .node('mail', (text) => `${text} by mail`)
          .edge('work', 'alarm')
          .edge('alarm', 'mail'),
      );
    expect(short(await everyWay({ build: () => flow(fails) }))).toMatchObject({
      status: 'failed',
      output: 'alarm by mail',
      completed: ['alarm', 'mail'],
    });
    expect(short(await everyWay({ build: () => flow(() => 1) }))).toMatchObject({
      status: 'completed',
      output: 1,
      skipped: ['alarm', 'mail'],
    });
  });

  it('fails the run as well if it fails, and the first failure comes first', async () => {
    const result = await everyWay({
      build: () =>
        loose(new Flow('f').node('a', fails).node('alarm', fails, { joinStrategy: 'failed' }).edge('a', 'alarm')),
    });
    expect(short(result)).toMatchObject({ status: 'failed', failed: ['a', 'alarm'] });
  });

  it('does not let go of a wait', async () => {
    const build = () =>
      loose(
        new Flow('f')
          .node('bad', fails)
          .wait('approve')
          .node('alarm', () => 'alarm', { joinStrategy: 'failed' })
          .edge('bad', 'alarm')
          .edge('approve', 'alarm'),
      );
    const result = await everyWay({ build, events: [['approve', 'yes']], retries: true });
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['alarm', 'approve'], skipped: [] });
  });
});

describe('a wait before a join of any that has started', () => {
  /** `fast` starts `first`, beside the wait `slow`, which also leads to an aside. */
  const build = (joinStrategy: 'settled' | 'failed', timeout?: number) => () =>
    loose(
      new Flow('f')
        .node('fast', () => 'fast')
        .wait('slow', { timeout })
        .node('first', () => 'first', { joinStrategy: 'any' })
        .node('after', () => 'after', { joinStrategy })
        .edge('fast', 'first')
        .edge('slow', 'first', { condition: 'output == 2.0' })
        .edge('slow', 'after'),
    );

  it('is kept for a node that is settled, and the output is that of the join', async () => {
    expect((await build('settled')().run()).status).toBe('awaiting');
    const result = await everyWay({ build: build('settled'), events: [['slow', 1]] });
    expect(short(result)).toMatchObject({ completed: ['after', 'fast', 'first', 'slow'], output: 'first' });
  });

  it('is kept for a node that is failed if the wait can fail, and the output is that of the join', async () => {
    expect((await build('failed', 86_400_000)().run()).status).toBe('awaiting');
    const result = await everyWay({ build: build('failed', 86_400_000), events: [['slow', 1]] });
    expect(short(result)).toMatchObject({ completed: ['fast', 'first', 'slow'], skipped: ['after'], output: 'first' });
  });

  const chained = (toAlarm: 'wait' | 'next') => () =>
    loose(
      new Flow('f')
        .node('fast', () => 'fast')
        .wait('wait')
        .node('next', () => 'next')
        .node('last', () => 'last')
        .node('first', () => 'first', { joinStrategy: 'any' })
        .node('alarm', () => 'alarm', { joinStrategy: 'failed' })
        .edge('fast', 'first')
        .edge('wait', 'next')
        .edge('next', 'last')
        .edge('last', 'first')
        .edge(toAlarm, 'alarm'),
    );

  it('is let go if it can only end a node that is failed as skipped', async () => {
    const result = await everyWay({ build: chained('wait') });
    expect(short(result)).toMatchObject({ status: 'completed', skipped: ['alarm', 'last', 'next', 'wait'] });
  });

  it('is kept with the nodes before an alarm that may fail, and without those behind them', async () => {
    const result = await everyWay({ build: chained('next'), events: [['wait', 1]] });
    expect(short(result)).toMatchObject({
      completed: ['fast', 'first', 'next', 'wait'],
      skipped: ['alarm', 'last'],
      output: 'first',
    });
  });

  it('is let go when the alarm that it was kept for has run, also if the alarm fails', async () => {
    for (const alarm of [() => 'alarm', fails]) {
      const result = await everyWay({
        build: () =>
          loose(
            new Flow('f')
              .node('fast', () => 'fast')
              .node('bad', fails)
              .wait('slow', { timeout: 86_400_000 })
              .node('first', () => 'first', { joinStrategy: 'any' })
              .node('alarm', alarm, { joinStrategy: 'failed' })
              .edge('fast', 'first')
              .edge('bad', 'alarm')
              .edge('slow', 'first')
              .edge('slow', 'alarm'),
          ),
      });
      expect(short(result)).toMatchObject({ status: 'failed', skipped: ['slow'] });
    }
  });

  it('is let go whatever its own join, and the node before it does not become an output', async () => {
    for (const joinStrategy of ['all', 'allCompleted'] as const) {
      const result = await everyWay({
        build: () =>
          loose(
            new Flow('f')
              .node('fast', () => 'fast')
              .node('before', () => 'before')
              .wait('slow', { joinStrategy })
              .node('first', () => 'first', { joinStrategy: 'any' })
              .edge('fast', 'first')
              .edge('before', 'slow')
              .edge('slow', 'first'),
          ),
      });
      expect(short(result)).toMatchObject({ skipped: ['slow'], output: 'first' });
    }
  });

  it('is kept for an aside also after the run was saved', async () => {
    const { snapshot } = await build('settled')().run();
    const result = await build('settled')().continue(snapshot, { events: { slow: 1 } });
    expect(short(result)).toMatchObject({ completed: ['after', 'fast', 'first', 'slow'], output: 'first' });
  });
});

describe('a node that needs all nodes before it completed', () => {
  const build = (a: () => unknown, b: () => unknown) => () =>
    loose(
      new Flow('f')
        .node('a', a)
        .node('b', b)
        .node('optional', () => 'optional')
        .node('join', (input) => Object.keys(input).toSorted(), { joinStrategy: 'allCompleted' })
        .edge('a', 'optional', { action: 'more' })
        .edge('optional', 'join')
        .edge('b', 'join'),
    );

  it('runs if none of them was skipped', async () => {
    const result = await everyWay({
      build: build(
        () => withAction('more', 1),
        () => 2,
      ),
    });
    expect(short(result)).toMatchObject({ status: 'completed', output: ['b', 'optional'], skipped: [] });
  });

  it('is skipped if one of them was, and the outputs of the others are those of the run', async () => {
    const result = await everyWay({
      build: build(
        () => 1,
        () => 2,
      ),
    });
    expect(short(result)).toMatchObject({ status: 'completed', output: { a: 1, b: 2 }, skipped: ['join', 'optional'] });
  });

  it('is not reached if one of them has failed, in any order', async () => {
    const result = await everyWay({ build: build(() => 1, fails) });
    expect(short(result)).toMatchObject({ status: 'failed', skipped: ['optional'], failed: ['b'] });
    expect(result.unreached.map(({ nodeId }) => nodeId)).toEqual(['join']);
  });
});

describe('a failure in a loop', () => {
  it('ends the loop; what is settled behind it runs', async () => {
    const result = await everyWay({
      build: () =>
        loose(
          new Flow('f')
            .node('turn', (_, { visit }) => visit)
            .node('work', (_, { visit }) => (visit === 3 ? fails() : visit))
            .node('check', (n: number) => withAction(n < 9 ? 'again' : 'done', n))
            .node('tidy', (_, { visit }) => withAction('again', visit), { joinStrategy: 'settled' })
            .node('after', () => 'after')
            .node('close', (input) => input ?? 'nothing', { joinStrategy: 'settled' })
            .node('alarm', (_, { failures }) => failures.length, { joinStrategy: 'failed' })
            .edge('turn', 'work')
            .edge('work', 'check')
            .edge('work', 'tidy')
            .edge('tidy', 'turn', { action: 'again' })
            .edge('check', 'turn', { action: 'again' })
            .edge('check', 'after', { action: 'done' })
            .edge('turn', 'close', { condition: 'output > 5' })
            .edge('after', 'alarm'),
        ),
    });
    expect(short(result)).toMatchObject({ status: 'failed', completed: ['alarm', 'close', 'tidy', 'turn'] });
    expect(result.context).toMatchObject({ tidy: 3, close: 'nothing', alarm: 1 });
  });
});

describe('a failed run that is continued', () => {
  const build = (log: string[], state: { isDown: boolean; closeFails?: boolean }) =>
    loose(
      new Flow('f')
        .node('work', (_, { nodeId }) => {
          log.push(nodeId);
          if (state.isDown) throw new Error('down');
          return 'work';
        })
        .node(
          'close',
          (input, { nodeId }) => {
            log.push(`${nodeId} ${input}`);
            if (state.closeFails === true) throw new Error('stuck');
          },
          { joinStrategy: 'settled' },
        )
        .node('alarm', note(log), { joinStrategy: 'failed' })
        .edge('work', 'close')
        .edge('work', 'alarm'),
    );

  it('repeats no node that has run after the failure', async () => {
    const [log, state] = [[] as string[], { isDown: true }];
    const checkpoint = new MemoryCheckpointStore();
    const flow = build(log, state);
    const failed = await flow.run({}, { id: 'r', checkpoint });
    expect(log).toEqual(['work', 'close undefined', 'alarm']);
    state.isDown = false;
    for (const result of [await flow.continue(failed), await flow.continue('r', { checkpoint })]) {
      expect(short(result)).toEqual({
        status: 'completed',
        output: 'work',
        completed: ['alarm', 'close', 'work'],
        skipped: [],
        failed: [],
      });
    }
    expect(log.slice(3)).toEqual(['work', 'work']);
  });

  it('lets a node that was to run after the failure wait for the node that is tried again', async () => {
    const [log, state] = [[] as string[], { isDown: true, closeFails: true }];
    const flow = build(log, state);
    const failed = await flow.run();
    expect(short(failed)).toMatchObject({ status: 'failed', failed: ['work', 'close'] });
    Object.assign(state, { isDown: false, closeFails: false });
    log.length = 0;
    expect(short(await flow.continue(failed))).toMatchObject({ status: 'completed', failed: [] });
    expect(log).toEqual(['work', 'close work']);
  });

  it('skips an alarm that has not run once the node has completed', async () => {
    const [log, state] = [[] as string[], { isDown: true }];
    const flow = build(log, state);
    const failed = await flow.run({}, { failFast: true });
    state.isDown = false;
    expect(short(await flow.continue(failed))).toMatchObject({ status: 'completed', skipped: ['alarm'] });
    expect(log).toEqual(['work', 'work', 'close work']);
  });

  it('stays as it was if the program dies while the failed nodes are tried again', async () => {
    let [isDown, starts] = [true, 0];
    const never = deferred();
    const begun = deferred();
    const flow = loose(
      new Flow('f')
        .node('work', () => (isDown ? fails() : 'work'))
        .node('alarm', () => fails(), { joinStrategy: 'failed' })
        .node('next', () => (++starts === 1 ? (begun.resolve() ?? never.promise) : 'next'))
        .edge('work', 'alarm')
        .edge('work', 'next'),
    );
    const store = new MemoryCheckpointStore();
    const failed = await flow.run({}, { id: 'r', checkpoint: store });
    expect(short(failed)).toMatchObject({ status: 'failed', failed: ['work', 'alarm'] });
    isDown = false;
    // The first program dies while it executes the last node: its store is copied, and it never ends.
    void flow.continue('r', { checkpoint: store });
    await begun.promise;
    const copy = new MemoryCheckpointStore();
    const { snapshot, seq, entries } = (await store.load('r')) as NonNullable<Awaited<ReturnType<typeof store.load>>>;
    await copy.save('r', snapshot, seq);
    for (const [at, entry] of entries.entries()) await copy.append('r', seq + at + 1, entry);
    const result = await flow.continue('r', { checkpoint: copy });
    expect(short(result)).toMatchObject({ status: 'completed', output: 'next', skipped: ['alarm'], failed: [] });
  });

  it('waits for an event behind a node that has run after the failure', async () => {
    let isDown = true;
    const flow = loose(
      new Flow('f')
        .node('fetch', () => (isDown ? fails() : 1))
        .wait('approve')
        .node('close', () => 'closed', { joinStrategy: 'settled' })
        .edge('fetch', 'approve')
        .edge('approve', 'close'),
    );
    const failed = await flow.run();
    expect(short(failed)).toMatchObject({ status: 'failed', completed: ['close'] });
    isDown = false;
    const waiting = await flow.continue(failed);
    expect(waiting.status).toBe('awaiting');
    expect(short(await flow.continue(waiting, { events: { approve: 'yes' } }))).toMatchObject({
      status: 'completed',
      output: 'yes',
    });
  });
});

describe('in other places', () => {
  const graph = (joinStrategy: string, edges: Graph['edges'] = [{ source: 'a', target: 'b' }]) =>
    ({
      id: 'f',
      nodes: [
        { id: 'a', uses: 'x' },
        { id: 'b', uses: 'x', config: { joinStrategy } },
      ],
      edges,
    }) as Graph;
  const runtime = new FlowRuntime({ registry: { x: fails } });

  it('a blueprint has the strategies by name', async () => {
    for (const name of ['all', 'any', 'settled', 'failed', 'allCompleted']) runtime.validate(graph(name));
    expect(short(await runtime.run(JSON.parse(JSON.stringify(graph('settled')))))).toMatchObject({
      failed: ['a', 'b'],
    });
    expect(() => runtime.validate(graph('always'))).toThrow(
      'nodes[1].config.joinStrategy must be one of "all", "any", "settled", "failed", "allCompleted", got String',
    );
    expect(() => new Flow('f').node('a', fails, { joinStrategy: 'never' as never })).toThrow(
      'joinStrategy must be one of',
    );
  });

  it('a node that runs after a failure needs a node before it', () => {
    const message = (name: string) =>
      `nodes[1].config.joinStrategy of "b" must not be "${name}": no edge from a node before it leads to it`;
    expect(() => runtime.validate(graph('failed', []))).toThrow(message('failed'));
    const itself = [
      { source: 'b', target: 'a' },
      { source: 'b', target: 'b', action: 'again' },
    ];
    expect(() => runtime.validate(graph('settled', itself))).toThrow(message('settled'));
  });

  it('a dry run visits what runs if nothing fails, clean-up last', async () => {
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('last', () => 1, { joinStrategy: 'settled' })
      .node('close', () => 1, { joinStrategy: 'settled' })
      .node('alarm', () => 1, { joinStrategy: 'failed' })
      .node('mail', () => 1)
      .node('both', () => 1, { joinStrategy: 'allCompleted' })
      .node('never', () => 1, { joinStrategy: 'allCompleted' })
      .node('b', () => 1)
      .edge('a', 'close')
      .edge('close', 'last')
      .edge('a', 'both')
      .edge('a', 'b')
      .edge('b', 'both')
      .edge('b', 'alarm')
      .edge('alarm', 'mail')
      .edge('mail', 'never')
      .edge('b', 'never');
    const { steps } = await new DryRunExecutor().run(loose(flow));
    expect(steps.map(({ nodeId }) => nodeId)).toEqual(['a', 'b', 'both', 'close', 'last']);
  });

  it('a drawing shows the strategy', () => {
    const lines = new Flow('f').load(graph('settled'), { x: fails }).toMermaid().split('\n');
    expect(lines).toContain('  n0["a"]');
    expect(lines).toContain('  n1["b<br>(settled)"]');
  });

  it('a saved run cannot be continued with another strategy', async () => {
    const failed = await runtime.run(graph('settled'));
    for (const name of ['all', 'failed', 'allCompleted']) {
      await expect(runtime.continue(graph(name), failed)).rejects.toThrow('node changed: "b"');
    }
  });

  it('an event-driven run gives the failures of other workers to its nodes', async () => {
    const seen: unknown[] = [];
    const flow = loose(
      new Flow('f')
        .node('bad', fails)
        .node('alarm', (input, { failures }) => void seen.push(input, ...failures.map(({ message }) => message)), {
          joinStrategy: 'failed',
        })
        .edge('bad', 'alarm'),
    );
    const { services } = new FlowRuntime({ registry: flow.registry });
    const orchestrator = new EventDrivenOrchestrator(services, new MemoryCoordinationStore());
    const errors: NodeArgs['failures'][number][] = [];
    const state = {
      getContext: () => ({}),
      addCompletedNode: () => {},
      addError: (_: string, error: unknown) => void errors.push(error as (typeof errors)[number]),
      getErrors: () => errors,
    };
    const blueprint = flow.toBlueprint();
    // The second delivery of the job gives the same answer.
    for (let delivery = 0; delivery < 2; delivery++) {
      expect(await orchestrator.handleJob('bad', blueprint, state, 'r')).toEqual({ nodesToEnqueue: ['alarm'] });
    }
    expect(await orchestrator.handleJob('alarm', blueprint, state, 'r')).toEqual({ nodesToEnqueue: [] });
    expect(seen).toEqual([undefined, 'node "bad" failed: down']);
  });
});

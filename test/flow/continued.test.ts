import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TimeoutError } from 'orchestrator';
import {
  type CheckpointStore,
  FileCheckpointStore,
  Flow,
  MemoryCheckpointStore,
  type NodeArgs,
  StepByStepOrchestrator,
  type WorkflowResult,
} from 'orchestrator/flow';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { deferred, settled } from '../support.js';
import { DyingStore } from './dying-store.js';
import { everyWay } from './every-way.js';
import { later, start, useFakeDate } from './fake-date.js';

/* Continued runs: the failures of a run that has not ended stand, and a run that has ended as failed is tried again. */

useFakeDate();

const loose = (flow: unknown) => flow as Flow;
const failures = ({ errors }: WorkflowResult) => errors.map(({ nodeId }) => nodeId);

/** Makes nodes that note their executions; those that are named fail as long as `isDown`. */
function scene(...failing: readonly string[]) {
  const log: string[] = [];
  const state = { isDown: true };
  const node = (_input: unknown, { nodeId }: NodeArgs) => {
    log.push(nodeId);
    if (state.isDown && failing.includes(nodeId)) throw new Error(`${nodeId} is down`);
    return nodeId;
  };
  /** Returns the executions since the last call. */
  const executed = () => log.splice(0).toSorted();
  return { node, state, executed };
}

/** Ways to keep a run between two continuations. */
const ways: [string, () => Promise<CheckpointStore | undefined>][] = [
  ['not saved', async () => undefined],
  ['saved in memory', async () => new MemoryCheckpointStore()],
  [
    'saved in files',
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'continued-'));
      onTestFinished(() => rm(directory, { recursive: true }));
      return new FileCheckpointStore(directory);
    },
  ],
];

describe.each(ways)('a run that is %s', (_, open) => {
  /** Runs a flow, and continues the run from its store or its snapshot. */
  async function programs(flow: Flow, options: object = {}) {
    const checkpoint = await open();
    const begin = { ...options, ...(checkpoint && { checkpoint, id: 'r' }) };
    let last: WorkflowResult = await flow.run({}, begin);
    const proceed = async (given: object = {}) => {
      last = await flow.continue(checkpoint === undefined ? last.snapshot : 'r', {
        ...given,
        ...(checkpoint && { checkpoint }),
      });
      return last;
    };
    return { first: last, proceed };
  }

  it('lets failures stand as long as a node waits, then ends, and is tried again after that', async () => {
    const { node, state, executed } = scene('bad');
    const flow = loose(new Flow('f').node('bad', node).wait('w').node('a', node).edge('w', 'a'));
    const { first, proceed } = await programs(flow);
    expect(first.status).toBe('awaiting');
    expect((await proceed()).status).toBe('awaiting');
    expect(executed()).toEqual(['bad']);
    expect(await proceed({ events: { w: 1 } })).toMatchObject({ status: 'failed', completed: ['w', 'a'] });
    expect(executed()).toEqual(['a']);
    state.isDown = false;
    expect((await proceed()).status).toBe('completed');
    expect(executed()).toEqual(['bad']);
  });

  it('carries out the clean-up behind two waits that expire one after the other, and ends', async () => {
    const { node, executed } = scene();
    const flow = loose(
      new Flow('f')
        .wait('one', { timeout: 50 })
        .wait('two', { timeout: 100 })
        .node('close', node, { joinStrategy: 'settled' })
        .edge('one', 'close')
        .edge('two', 'close'),
    );
    const { proceed } = await programs(flow);
    later(50);
    expect(await proceed()).toMatchObject({ status: 'awaiting', awaiting: [{ nodeId: 'two' }] });
    later(50);
    const ended = await proceed();
    expect(ended).toMatchObject({ status: 'failed', completed: ['close'] });
    expect(ended.errors.map(({ cause }) => cause)).toEqual([expect.any(Error), expect.any(Error)]);
    expect(ended.errors[1]?.cause).toBeInstanceOf(TimeoutError);
    expect(executed()).toEqual(['close']);
    expect((await proceed()).awaiting.map(({ until }) => until)).toEqual([start + 150, start + 200]);
  });

  it('lets failures in a sub-flow stand that waits, and tries them again with the run', async () => {
    const { node, state, executed } = scene('bad', 'deep');
    const inmost = new Flow('inmost').node('deep', node);
    const inner = new Flow('inner').node('bad', node).node('in', inmost).wait('w').node('a', node).edge('w', 'a');
    const flow = loose(new Flow('outer').node('sub', inner as never).wait('v'));
    const { proceed } = await programs(flow);
    expect(executed()).toEqual(['bad', 'deep']);
    expect((await proceed({ events: { w: 1 } })).status).toBe('awaiting');
    expect(executed()).toEqual(['a']);
    const ended = await proceed({ events: { v: 1 } });
    expect([ended.status, failures(ended), executed()]).toEqual(['failed', ['sub'], []]);
    state.isDown = false;
    expect((await proceed()).status).toBe('completed');
    expect(executed()).toEqual(['bad', 'deep']);
  });

  it('tries the elements of a batch again that have failed, once it has ended', async () => {
    const { node, state, executed } = scene('n');
    const inner = new Flow('element').node('n', node);
    const flow = loose(new Flow('outer').batch('each', inner as never).wait('v'));
    const { proceed } = await programs(flow, { input: [1, 2] });
    expect(executed()).toEqual(['n', 'n']);
    expect((await proceed({ events: { v: 1 } })).status).toBe('failed');
    expect(executed()).toEqual([]);
    state.isDown = false;
    expect((await proceed()).output).toEqual({ each: ['n', 'n'], v: 1 });
    expect(executed()).toEqual(['n', 'n']);
  });

  it('is not tried again by an event that is sent again', async () => {
    const { node, state, executed } = scene('bad');
    const flow = loose(new Flow('again').wait('go').node('bad', node, { after: 'go' }));
    const { proceed } = await programs(flow);
    expect((await proceed({ events: { go: 1 } })).status).toBe('failed');
    expect(executed()).toEqual(['bad']);
    state.isDown = false;
    expect((await proceed({ events: { go: 1 } })).status).toBe('failed');
    expect(executed()).toEqual([]);
    expect((await proceed()).status).toBe('completed');
    expect(executed()).toEqual(['bad']);
  });

  it('has failed if it is aborted when nothing is left but to fail, and is tried again', async () => {
    const controller = new AbortController();
    let isDown = true;
    const flow = new Flow('late-abort').node('a', () => {
      if (!isDown) return 'up';
      controller.abort();
      throw new Error('a is down');
    });
    const { first, proceed } = await programs(loose(flow), { signal: controller.signal });
    expect([first.status, failures(first)]).toEqual(['failed', ['a']]);
    isDown = false;
    expect(await proceed()).toMatchObject({ status: 'completed', output: 'up' });
  });

  it('is continued without its failed nodes after an abort', async () => {
    const { node, executed } = scene('bad');
    let isSlow = true;
    const slow = (input: unknown, args: NodeArgs) => (isSlow ? deferred().promise : node(input, args));
    const controller = new AbortController();
    const flow = loose(new Flow('f').node('bad', node).node('slow', slow));
    const running = programs(flow, { signal: controller.signal });
    await vi.waitFor(() => expect(executed()).toEqual(['bad']), 30_000);
    await settled();
    controller.abort();
    const { first, proceed } = await running;
    expect(first).toMatchObject({ status: 'cancelled', cutShort: ['slow'] });
    isSlow = false;
    expect((await proceed()).status).toBe('failed');
    expect(executed()).toEqual(['slow']);
    expect((await proceed()).status).toBe('failed');
    expect(executed()).toEqual(['bad']);
  });

  it('has ended with its first failure if it is run with failFast, and is tried again', async () => {
    const { node, state, executed } = scene('bad');
    const flow = loose(new Flow('f').wait('w').node('bad', node).node('last', node));
    const { first, proceed } = await programs(flow, { failFast: true, concurrency: 1 });
    expect(first).toMatchObject({ status: 'failed', awaiting: [{ event: 'w' }] });
    expect(executed()).toEqual(['bad']);
    state.isDown = false;
    expect((await proceed({ events: { w: 1 } })).status).toBe('completed');
    expect(executed()).toEqual(['bad', 'last']);
  });

  it('repeats no failed node from step to step', async () => {
    const { node, executed } = scene('bad');
    const flow = loose(new Flow('f').node('bad', node).node('a', node).node('b', node).edge('a', 'b'));
    const orchestrator = new StepByStepOrchestrator();
    const { proceed } = await programs(flow, { orchestrator });
    expect(executed()).toEqual(['a', 'bad']);
    await proceed({ orchestrator });
    expect(executed()).toEqual(['b']);
    await proceed({ orchestrator });
    expect(executed()).toEqual(['bad']);
  });
});

describe('a run whose program dies', () => {
  const outer = (node: (input: unknown, args: NodeArgs) => unknown) => {
    const inmost = new Flow('inmost').node('deep', node).node('calm', node);
    const inner = new Flow('inner').node('bad', node).node('in', inmost).node('good', node);
    return loose(
      new Flow('outer')
        .node('sub', inner as never)
        .node('risky', node)
        .node('side', node)
        .node('close', node, { joinStrategy: 'settled' })
        .edge('sub', 'close')
        .edge('risky', 'close')
        .edge('side', 'close'),
    );
  };

  it('ends as it would have, and repeats no failed node, whenever the program dies', async () => {
    const { node, executed } = scene('deep', 'risky');
    const flow = outer(node);
    await flow.run();
    const all = executed();
    let deaths = 0;
    for (let room = 0; ; room++) {
      const checkpoint = new DyingStore();
      const options = { checkpoint, id: 'r', concurrency: 1 };
      if (!(await checkpoint.dies(room, () => flow.run({}, options)))) break;
      deaths++;
      const { entries = [] } = (await checkpoint.load('r')) ?? {};
      const before = executed();
      const result = await flow.continue('r', { checkpoint, concurrency: 1 });
      const recorded = before.filter((id) => entries.some((entry) => entry.includes(id) && /failed/.test(entry)));
      const again = executed();
      expect({ room, status: result.status, failures: failures(result) }).toEqual({
        room,
        status: 'failed',
        failures: ['sub', 'risky'],
      });
      // Only the node that was running, and whose end was not recorded, is executed once more.
      expect({ room, repeated: before.length + again.length - all.length }).toMatchObject({ room });
      expect(before.length + again.length - all.length).toBeLessThanOrEqual(1);
      expect(recorded.filter((id) => again.includes(id) && id !== before.at(-1))).toEqual([]);
    }
    expect(deaths).toBeGreaterThan(8);
  });

  it('completes when it is tried again, whenever that program dies', async () => {
    const { node, state, executed } = scene('deep', 'risky');
    const flow = outer(node);
    let deaths = 0;
    for (let room = 0; ; room++) {
      state.isDown = true;
      const checkpoint = new DyingStore();
      await flow.run({}, { checkpoint, id: 'r' });
      executed();
      state.isDown = false;
      const retry = () => flow.continue('r', { checkpoint, concurrency: 1 });
      if (!(await checkpoint.dies(room, retry))) break;
      deaths++;
      const first = executed();
      const result = await retry();
      expect({ room, status: result.status, errors: result.errors }).toEqual({ room, status: 'completed', errors: [] });
      expect([...new Set([...first, ...executed()])]).toEqual(expect.arrayContaining(['deep', 'risky']));
    }
    expect(executed()).toEqual(['deep', 'risky']);
    expect(deaths).toBeGreaterThan(3);
  });

  it('keeps the retries of the node of a sub-flow', async () => {
    const { node, state, executed } = scene('bad');
    const inner = new Flow('inner').node('bad', node);
    const flow = loose(new Flow('outer').node('sub', inner as never, { retry: { retries: 1, minTimeout: 0 } }));
    const checkpoint = new DyingStore();
    // The failure of the first attempt is recorded, but not the second attempt.
    expect(await checkpoint.dies(2, () => flow.run({}, { checkpoint, id: 'r' }))).toBe(true);
    expect(executed()).toEqual(['bad']);
    state.isDown = false;
    expect((await flow.continue('r', { checkpoint })).status).toBe('completed');
    expect(executed()).toEqual(['bad']);
  });

  it('fails by a wait that has expired in a sub-flow, and does not wait anew', async () => {
    const inner = new Flow('inner').wait('w', { timeout: 50 });
    const flow = loose(new Flow('outer').node('sub', inner as never, { retry: { retries: 1, minTimeout: 0 } }));
    let deaths = 0;
    for (let room = 0; ; room++) {
      vi.setSystemTime(start);
      const checkpoint = new DyingStore();
      await flow.run({}, { checkpoint, id: 'r' });
      later(50);
      if (!(await checkpoint.dies(room, () => flow.continue('r', { checkpoint })))) break;
      deaths++;
      const { status } = await flow.continue('r', { checkpoint });
      expect({ room, status }).toEqual({ room, status: 'failed' });
    }
    expect(deaths).toBeGreaterThan(2);
  });
});

it('a run that an event continues repeats no failed node, saved, step by step and on a fleet', async () => {
  const build = () => {
    const { node } = scene('bad', 'deep');
    const inner = new Flow('inner').node('deep', node).wait('w').node('a', node).edge('w', 'a');
    return loose(
      new Flow('outer')
        .node('sub', inner as never)
        .node('bad', node)
        .wait('v')
        .node('b', node)
        .edge('v', 'b'),
    );
  };
  const result = await everyWay({
    build,
    events: [
      ['w', 1],
      ['v', 2],
    ],
  });
  expect([result.status, failures(result).toSorted()]).toEqual(['failed', ['bad', 'sub']]);
});

describe('the result of a saved run', () => {
  it('is read without executing anything', async () => {
    const { node, executed } = scene('bad');
    const flow = loose(
      new Flow('f')
        .node('a', node)
        .wait('w')
        .node('bad', node)
        .node('close', node, { joinStrategy: 'settled' })
        .edge('a', 'w')
        .edge('w', 'bad')
        .edge('bad', 'close'),
    );
    const checkpoint = new DyingStore();
    const read = () => flow.result('r', { checkpoint });
    const statuses: string[] = [];
    await checkpoint.dies(0, () => flow.run({}, { checkpoint, id: 'r' }));
    statuses.push((await read()).status);
    await flow.continue('r', { checkpoint });
    statuses.push((await read()).status);
    await checkpoint.dies(3, () => flow.continue('r', { checkpoint, events: { w: 1 } }));
    statuses.push((await read()).status);
    await flow.continue('r', { checkpoint });
    const ended = await read();
    statuses.push(ended.status);
    expect(statuses).toEqual(['running', 'awaiting', 'running', 'failed']);
    expect(failures(ended)).toEqual(['bad']);
    expect(ended.context).toMatchObject({ a: 'a', w: 1, close: 'close' });
    expect(executed()).toEqual(['a', 'a', 'bad', 'close', 'close']);
    await expect(flow.result('unknown', { checkpoint })).rejects.toThrow('is not in the checkpoint store');
    expect((await flow.result(ended.snapshot)).status).toBe('failed');
  });

  it('is read while another program carries the run out', async () => {
    const checkpoint = new MemoryCheckpointStore();
    const gate = deferred();
    const flow = loose(new Flow('f').node('slow', () => gate.promise));
    const running = flow.run({}, { checkpoint, id: 'r' });
    await vi.waitFor(async () => expect((await flow.result('r', { checkpoint })).status).toBe('running'), 30_000);
    gate.resolve();
    await running;
    expect((await flow.result('r', { checkpoint })).status).toBe('completed');
  });
});

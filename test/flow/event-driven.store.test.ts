import {
  type Context,
  CoordinationError,
  EventDrivenOrchestrator,
  Flow,
  FlowRuntime,
  type ICoordinationStore,
  MemoryCoordinationStore,
  NodeError,
  WorkflowState,
  withAction,
} from 'orchestrator/flow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred, rejection } from '../support.js';
import { diamond } from './diamond.js';
import { at, DatabaseState, Stage, workedOff } from './dying-workers.js';

const worker = (flow: Flow, store: ICoordinationStore, options?: { keyPrefix?: string; ttlSeconds?: number }) => {
  const { services } = new FlowRuntime({ registry: flow.registry });
  const orchestrator = new EventDrivenOrchestrator(services, store, options);
  const blueprint = flow.toBlueprint();
  return async (nodeId: string, state: DatabaseState | WorkflowState<Context>, runId = 'run') =>
    (await orchestrator.handleJob(nodeId, blueprint, state, runId)).nodesToEnqueue;
};

describe('a store that fails', () => {
  const unreachable = (method: keyof ICoordinationStore, error: unknown, after = 0) => {
    const store = new MemoryCoordinationStore();
    let calls = 0;
    const real = store[method].bind(store) as (...args: unknown[]) => Promise<unknown>;
    const failing = async (...args: unknown[]) => {
      calls += 1;
      if (calls === after + 1) throw error;
      return real(...args);
    };
    return Object.assign(store, { [method]: failing });
  };

  it('fails no node: the job rejects with the store error as the cause, and succeeds when it is delivered again', async () => {
    const cause = new Error('ECONNREFUSED');
    let calls = 0;
    const flow = new Flow('f')
      .node('a', () => {
        calls += 1;
        return 1;
      })
      .node('b', (n) => n + 1)
      .edge('a', 'b');
    const state = new DatabaseState();
    const handle = worker(flow as never, unreachable('setIfNotExist', cause, 1));
    const error = await rejection(handle('a', state));
    expect(error).toBeInstanceOf(CoordinationError);
    expect(error).not.toBeInstanceOf(NodeError);
    expect(error).toMatchObject({ code: 'ERR_COORDINATION', runId: 'run', operation: 'setIfNotExist', cause });
    expect((error as Error).message).toBe(
      'the coordination store failed at setIfNotExist for run "run": ECONNREFUSED; deliver the job again',
    );
    expect(state.errors.size).toBe(0);
    expect(await handle('a', state)).toEqual(['b']);
    expect(calls).toBe(2);
  });

  it.each(['get', 'increment', 'setIfNotExist'] as const)(
    'is reported with the call that failed: %s',
    async (operation) => {
      const handle = worker(diamond(), unreachable(operation, 'no text', 0));
      const state = new DatabaseState({ a: 1 });
      expect(await rejection(handle('b', state))).toMatchObject({ operation, cause: 'no text' });
    },
  );

  it('uses up neither retries nor the fallback of a node', async () => {
    let attempts = 0;
    const flow = new Flow('f')
      .node(
        'a',
        () => {
          attempts += 1;
          if (attempts % 2 === 1) throw new Error('once');
          return 'A';
        },
        { retry: { retries: 1, minTimeout: 0 }, fallback: 'safe' },
      )
      .node('safe', () => expect.fail('is not needed'))
      .node('b', (text) => text)
      .edge('a', 'b');
    const stage = new Stage(flow as never);
    const { calls } = await workedOff(stage);
    for (let call = 0; call < calls; call++) {
      attempts = 0;
      const state = new DatabaseState();
      const { rejections } = await workedOff(stage, { state, fate: at({ [call]: 'is done and fails' }) });
      expect(rejections).toHaveLength(1);
      expect(state.errors.size).toBe(0);
      expect(state.context).toEqual({ a: 'A', b: 'A' });
    }
  });

  it('may return null for a missing key', async () => {
    const store = new MemoryCoordinationStore();
    const get = async (key: string) =>
      ((await MemoryCoordinationStore.prototype.get.call(store, key)) ?? null) as string;
    const state = new DatabaseState();
    await workedOff(new Stage(diamond()), { state, store: Object.assign(store, { get }) });
    expect(state.context).toEqual({ a: 1, b: 2, c: 3, d: 6 });
  });
});

describe('a job that is delivered again', () => {
  it('does not repeat a completed node, and returns the same nodes, even after other jobs have gone on', async () => {
    const executed: string[] = [];
    const node = (_: unknown, { nodeId }: { nodeId: string }) => void executed.push(nodeId);
    const flow = new Flow('f').node('a', node).node('b', node).node('c', node).node('d', node);
    flow.edge('a', 'b').edge('a', 'c').edge('b', 'd').edge('c', 'd');
    const handle = worker(flow as never, new MemoryCoordinationStore());
    const state = new DatabaseState();
    expect(await handle('a', state)).toEqual(['b', 'c']);
    expect(await handle('b', state)).toEqual([]);
    expect(await handle('c', state)).toEqual(['d']);
    expect(await handle('d', state)).toEqual([]);
    expect(await handle('a', state)).toEqual(['b', 'c']);
    expect(await handle('b', state)).toEqual([]);
    expect(await handle('c', state)).toEqual(['d']);
    expect(executed).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps to the first decision, whatever another execution of the node returns', async () => {
    const answers = ['left', 'right'];
    const gates = [deferred(), deferred()];
    let calls = 0;
    const flow = new Flow('f')
      .node('a', async () => {
        const call = calls++;
        await gates[call]?.promise;
        return withAction(answers[call] as string, call);
      })
      .node('left', () => 1)
      .node('right', () => 2)
      .node('join', (input) => input)
      .edge('a', 'left', { action: 'left' })
      .edge('a', 'right', { action: 'right' })
      .edge('left', 'join')
      .edge('right', 'join');
    const handle = worker(flow as never, new MemoryCoordinationStore());
    const state = new DatabaseState();
    const both = [handle('a', state), handle('a', state)] as const;
    await eventually(() => calls === 2);
    gates[1]?.resolve();
    expect(await Promise.race(both)).toEqual(['right']);
    gates[0]?.resolve();
    expect(await Promise.all(both)).toEqual([['right'], ['right']]);
    expect([...state.skipped]).toEqual(['left']);
  });

  it('fails once: a node that would complete the second time stays with its fallback', async () => {
    let calls = 0;
    const flow = new Flow('f')
      .node(
        'a',
        () => {
          calls += 1;
          if (calls === 1) throw new Error('once');
          return 'A';
        },
        { fallback: 'safe' },
      )
      .node('safe', () => 'safe')
      .node('b', (text) => text)
      .edge('a', 'b');
    const handle = worker(flow as never, new MemoryCoordinationStore());
    const state = new DatabaseState();
    expect(await handle('a', state)).toEqual(['safe']);
    expect(await handle('a', state)).toEqual(['safe']);
    expect(await handle('safe', state)).toEqual(['b']);
    expect(await handle('b', state)).toEqual([]);
    expect(state.context).toEqual({ a: 'safe', safe: 'safe', b: 'safe' });
    expect(calls).toBe(1);
  });
});

describe('a state that is kept elsewhere', () => {
  it('gets the transformed values of edges, and the value that first left a loop', async () => {
    const flow = new Flow('f')
      .node('head', (_, { visit }) => ({ turn: visit, at: new Date(visit) }))
      .node('check', ({ turn }) => withAction(turn < 3 ? 'again' : 'done', `turn ${turn}`))
      .node('early', (input) => input)
      .node('join', (input) => input)
      .node('last', (input) => input)
      .edge('head', 'check')
      .edge('head', 'early', { condition: 'output.turn == 2' })
      .edge('head', 'join', { condition: 'output.turn == 2' })
      .edge('check', 'head', { action: 'again' })
      .edge('check', 'join', { action: 'done', transform: (output: string) => `${output}!` })
      .edge('join', 'last', { transform: () => undefined });
    const stage = new Stage(flow as never);
    const expected = { turn: 2, at: new Date(2) };
    const { calls } = await workedOff(stage);
    for (let call = -1; call < calls; call++) {
      const state = new DatabaseState();
      await workedOff(stage, { state, fate: at({ [call]: 'dies after' }), again: 'last' });
      expect(state.context).toMatchObject({ early: expected, join: { head: expected, check: 'turn 3!' } });
      expect(state.completed.has('last')).toBe(true);
      expect(state.context.last).toBeUndefined();
    }
  });

  it('gets only the inputs of a join whose edges were taken', async () => {
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('join', (input) => input)
      .edge('a', 'join')
      .edge('b', 'join', { condition: 'output > 2' });
    const state = new DatabaseState();
    await workedOff(new Stage(flow as never), { state });
    expect(state.context.join).toEqual({ a: 1 });
  });

  it('fails a node whose edge passes on a value that cannot be serialised; a state in memory passes it on', async () => {
    const passed = () => 'called';
    const flow = new Flow('f')
      .node('a', () => 1)
      .node('b', (input) => (input as () => string)())
      .edge('a', 'b', { transform: () => passed });
    const remote = new DatabaseState();
    await workedOff(new Stage(flow as never), { state: remote });
    expect(remote.errors.get('a')).toMatchObject({ cause: { code: 'ERR_SERIALIZATION' } });
    const local = new WorkflowState<Context>({}, { runId: 'run' });
    await workedOff(new Stage(flow as never), { state: local });
    expect(local.getContext().b).toBe('called');
  });
});

describe('keys', () => {
  /** All keys that were used. */
  const noting = () => {
    const store = new MemoryCoordinationStore();
    const keys = new Map<string, Set<string>>();
    let by = '';
    const noted = (method: 'increment' | 'setIfNotExist') => {
      const real = store[method].bind(store) as (...args: unknown[]) => Promise<unknown>;
      return (key: string, ...rest: unknown[]) => {
        const users = keys.get(key) ?? new Set();
        keys.set(key, users.add(by));
        return real(key, ...rest);
      };
    };
    Object.assign(store, { increment: noted('increment'), setIfNotExist: noted('setIfNotExist') });
    const as = (name: string) => {
      by = name;
    };
    return { store, keys, as };
  };

  it('of different nodes and runs differ, whatever characters their ids contain', async () => {
    const flow = new Flow('f');
    for (const id of ['a', 'x', 'x:1', 'd', 'd:x', 'd%3Ax', '0', 'd:0']) flow.node(id as never, () => 1);
    const edges = [
      'a>x',
      'a>x:1',
      'a>0',
      'x>d',
      'x:1>d',
      '0>d',
      'x>d:x',
      'x:1>d:x',
      'x>d%3Ax',
      '0>d%3Ax',
      'x>d:0',
      '0>d:0',
    ];
    for (const edge of edges) flow.edge(...(edge.split('>') as [never, never]));
    const { store, keys, as } = noting();
    const handle = worker(flow as never, store);
    for (const runId of ['r', 'r:d', 'r%3Ad', 'r:d:x']) {
      as(runId);
      const state = new DatabaseState();
      const queue = ['a'];
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        queue.push(...(await handle(next, state, runId)));
      expect(state.completed).toEqual(new Set(['a', 'x', 'x:1', '0', 'd', 'd:x', 'd%3Ax', 'd:0']));
    }
    expect([...keys].filter(([, users]) => users.size > 1)).toEqual([]);
  });

  it('of ids that need no escaping are as in earlier versions, so that older runs go on', async () => {
    // The keys that the previous version had set after `a` and `b`.
    const store = new MemoryCoordinationStore();
    for (const key of ['joinlock:run:b', 'settled:run:a', 'joinlock:run:c', 'settled:run:b', 'reached:run:d']) {
      await store.setIfNotExist(`orchestrator:${key}`, 'a', 3_600);
    }
    await store.setIfNotExist('orchestrator:fanin:run:d:b', 'taken', 3_600);
    await store.increment('orchestrator:fanin:run:d', 3_600);
    const handle = worker(diamond(), store);
    const state = new DatabaseState({ a: 1, b: 2 });
    expect(await handle('c', state)).toEqual(['d']);
    await handle('d', state);
    expect(state.context.d).toBe(6);
  });
});

describe('the lifetime of keys', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A diamond with a slow branch. */
  const slow = (minutes: number) => {
    const store = new MemoryCoordinationStore();
    const gate = deferred();
    const long = new Flow('slow')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('c', async () => {
        setTimeout(gate.resolve, minutes * 60_000);
        await gate.promise;
        return 3;
      })
      .node('d', (input) => input)
      .edge('a', 'b')
      .edge('a', 'c')
      .edge('b', 'd')
      .edge('c', 'd');
    return { store, long };
  };

  it('is extended while a node executes: a branch of 62 minutes, or of a day, still reaches its join', async () => {
    for (const minutes of [62, 24 * 60]) {
      const { store, long } = slow(minutes);
      const handle = worker(long as never, store);
      const state = new DatabaseState();
      await handle('a', state);
      await handle('b', state);
      const handled = handle('c', state);
      await vi.advanceTimersByTimeAsync(minutes * 60_000);
      expect(await handled).toEqual(['d']);
      await handle('d', state);
      expect(state.context.d).toEqual({ b: 2, c: 3 });
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it('is extended by the jobs of any worker: a branch of many short nodes still reaches its join', async () => {
    const store = new MemoryCoordinationStore();
    const flow = new Flow('steps')
      .node('a', () => 1)
      .node('b', () => 2)
      .node('turn', (_, { visit }) => withAction(visit < 40 ? 'again' : 'done', visit))
      .node('inner', (_, { visit }) => withAction(visit % 2 === 1 ? 'more' : 'enough', visit))
      .node('d', (input) => input)
      .edge('a', 'b')
      .edge('a', 'turn')
      .edge('b', 'd')
      .edge('turn', 'inner', { action: 'again' })
      .edge('inner', 'inner', { action: 'more' })
      .edge('inner', 'turn', { action: 'enough' })
      .edge('turn', 'd', { action: 'done' });
    const state = new DatabaseState();
    const queue = ['a'];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      // Each job has its own worker, half an hour after the previous job.
      queue.push(...(await worker(flow as never, store)(next, state)));
      vi.advanceTimersByTime(30 * 60_000);
    }
    expect(state.context.d).toEqual({ b: 2, turn: 40 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('can be set, so that a run may pause for longer', async () => {
    const day = 86_400;
    for (const [ttlSeconds, expected] of [
      [undefined, []],
      [2 * day, ['d']],
    ] as const) {
      const store = new MemoryCoordinationStore();
      const handle = worker(diamond(), store, ttlSeconds === undefined ? {} : { ttlSeconds });
      const state = new DatabaseState();
      await handle('a', state);
      await handle('b', state);
      vi.advanceTimersByTime(day * 1_000);
      expect(await handle('c', state)).toEqual(expected);
    }
  });

  it('is the same for all keys', async () => {
    const times = new Set<number>();
    const store = new MemoryCoordinationStore();
    const increment = (key: string, ttl: number) => {
      times.add(ttl);
      return MemoryCoordinationStore.prototype.increment.call(store, key, ttl);
    };
    const setIfNotExist = (key: string, value: string, ttl: number) => {
      times.add(ttl);
      return MemoryCoordinationStore.prototype.setIfNotExist.call(store, key, value, ttl);
    };
    Object.assign(store, { increment, setIfNotExist });
    await workedOff(new Stage(diamond()), { store, options: { ttlSeconds: 77 } });
    expect([...times]).toEqual([77]);
  });

  it('survives an outage of the store while a node executes', async () => {
    const { store, long } = slow(62);
    const handle = worker(long as never, store);
    const state = new DatabaseState();
    await handle('a', state);
    await handle('b', state);
    let failures = 0;
    const real = store.extendTTL.bind(store);
    const extendTTL = async (key: string, ttl: number) => {
      failures += 1;
      if (failures < 5) throw new Error('away');
      return real(key, ttl);
    };
    Object.assign(store, { extendTTL });
    const handled = handle('c', state);
    await vi.advanceTimersByTimeAsync(62 * 60_000);
    expect(await handled).toEqual(['d']);
    expect(failures).toBeGreaterThan(4);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '60', null])('refuses %j', (ttlSeconds) => {
    const { services } = new FlowRuntime();
    const make = () =>
      new EventDrivenOrchestrator(services, new MemoryCoordinationStore(), { ttlSeconds: ttlSeconds as number });
    expect(make).toThrow('ttlSeconds must be a whole number of seconds from 1 to 315360000');
  });
});

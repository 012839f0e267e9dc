import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { AbortError, Orchestrator } from 'orchestrator';
import {
  BlockingNode,
  done,
  type ErrorPolicy,
  idle,
  Loop,
  type LoopManager,
  LoopStateError,
  type NodeConfig,
  type NodeData,
  NonBlockingNode,
  ProducerNode,
  to,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred, recorded, rejection, settled } from '../support.js';
import { counting, lived, managed, pause, useFakeTime, World } from './one-loop.js';
import { expectResources, resources } from './support.js';

const fail = (message = 'failed') => {
  throw new Error(message);
};

/** Runs everything that is ready, and advances the time. */
const pass = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds);

/** Counts from 1 to a limit. A node behind the producer fails at the given numbers. */
function failingAt(numbers: readonly number[], last: number, onError?: ErrorPolicy, seen: unknown[] = []) {
  return new Loop('l', onError === undefined ? {} : { onError })
    .producer('p', counting(last, done))
    .blocking('b', (value: number) => (numbers.includes(value) ? fail(`${value} failed`) : value))
    .blocking('see', (value) => void seen.push(value));
}

describe('a node that fails', () => {
  it('ends its iteration, and the loop continues', async () => {
    const seen: unknown[] = [];
    const { end, world, metrics } = await lived(failingAt([2], 3, undefined, seen));
    expect([end, seen]).toEqual([{ reason: 'done' }, [1, 3]]);
    expect(world.failures).toEqual(['b: 2 failed']);
    expect(metrics).toMatchObject({ iterations: 3, errors: 1, restarts: 0, error: undefined });
    expect(metrics.nodes.map(({ nodeId, calls, errors }) => [nodeId, calls, errors])).toEqual([
      ['p', 4, 0],
      ['b', 3, 1],
      ['see', 2, 0],
    ]);
  });

  it('does not affect its siblings', async () => {
    const seen: unknown[] = [];
    const loop = new Loop('l')
      .producer('p', counting(2, done))
      .blocking('a', () => fail())
      .blocking('b', (value) => void seen.push(value))
      .edge('p', 'a')
      .edge('p', 'b');
    await lived(loop);
    expect(seen).toEqual([1, 2]);
  });

  it('ends the loop with its error if the policy is stop', async () => {
    const seen: unknown[] = [];
    const { end, world, metrics } = await lived(failingAt([2], 9, 'stop', seen));
    expect([end.reason, end.error?.message, seen]).toEqual(['error', '2 failed', [1]]);
    expect(world.states).toEqual(['starting', 'running', 'stopping', 'error']);
    expect(metrics).toMatchObject({ state: 'error', error: 'Error: 2 failed', iterations: 2 });
  });

  it('skips its siblings if the loop does not continue', async () => {
    const seen: unknown[] = [];
    const loop = new Loop('l', { onError: 'stop' })
      .producer('p', counting(2, done))
      .blocking('a', () => fail())
      .blocking('b', (value) => void seen.push(value))
      .edge('p', 'a')
      .edge('p', 'b');
    await lived(loop);
    expect(seen).toEqual([]);
  });

  it('pauses the loop, which continues when it is resumed', async () => {
    const seen: unknown[] = [];
    const world = new World();
    const { manager } = managed(failingAt([2], 3, 'pause', seen), world);
    const { ended } = await manager.start();
    await eventually(() => expect(manager.state).toBe('paused'));
    expect(seen).toEqual([1]);
    expect(manager.metrics()).toMatchObject({ error: 'Error: 2 failed' });
    manager.resume();
    expect(await ended).toEqual({ reason: 'done' });
    expect(seen).toEqual([1, 3]);
    expect(world.states).toEqual(['starting', 'running', 'paused', 'running', 'stopping', 'stopped']);
    expect(world.events).toContainEqual({ type: 'state', state: 'paused', error: new Error('2 failed') });
    expect(manager.metrics().error).toBe(undefined);
  });

  it('has a policy that overrides that of the loop', async () => {
    const loop = new Loop('l', { onError: 'stop' })
      .producer('p', counting(3, done))
      .blocking('a', (value: number) => (value === 1 ? fail('tolerated') : value), { onError: 'continue' })
      .blocking('b', (value: number) => (value === 2 ? fail('not tolerated') : value));
    const { end, metrics } = await lived(loop);
    expect([end.error?.message, metrics.iterations]).toEqual(['not tolerated', 2]);
  });

  it('is also counted as a producer', async () => {
    const { end } = await lived(new Loop('l').producer('p', () => fail(), { onError: 'stop' }));
    expect(end).toMatchObject({ reason: 'error', error: { message: 'failed' } });
    const later = await lived(new Loop('l').producer('p', async () => fail('later'), { onError: 'stop' }));
    expect(later.end).toMatchObject({ reason: 'error', error: { message: 'later' } });
  });

  it('is also counted as a non-blocking node', async () => {
    const gate = deferred();
    const loop = new Loop('l', { onError: 'stop' }).producer('p', async ({ iteration }) => {
      if (iteration > 1) await gate.promise;
      return iteration;
    });
    loop.nonBlocking('n', async () => {
      gate.resolve();
      fail('beside');
    });
    const { end, world } = await lived(loop);
    expect(end.error?.message).toBe('beside');
    expect(world.letters[0]).toMatchObject({ nodeId: 'n', value: 1 });
  });

  it('is also counted after the last iteration', async () => {
    const beside = (onError: ErrorPolicy) =>
      new Loop('l', { onError }).producer('p', counting(1, done)).nonBlocking('n', async () => {
        await settled();
        fail('late');
      });
    expect((await lived(beside('stop'))).end).toMatchObject({ reason: 'error', error: { message: 'late' } });
    expect((await lived(beside('pause'))).end).toEqual({ reason: 'done' });
  });

  it('fails with an error, whatever it throws', async () => {
    const loop = new Loop('l').producer('p', counting(1, done)).nonBlocking('n', () => {
      throw 'text';
    });
    const { world } = await lived(loop);
    expect(world.failures).toEqual(['n: "n" threw String instead of an Error']);
  });

  it('applies the policy of the first failure if several nodes fail', async () => {
    const loop = new Loop('l', { onError: 'stop' })
      .producer('p', counting(1, done))
      .nonBlocking('n', async () => fail('first'), { onError: 'pause' })
      .blocking('b', async () => {
        await settled();
        fail('second');
      });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await manager.pause();
    expect(manager.state).toBe('paused');
    manager.resume();
    expect(await ended).toEqual({ reason: 'done' });
  });
});

describe('a loop that restarts', () => {
  beforeEach(useFakeTime);
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A node that fails at the first call of each object, and records all of its calls. */
  function fragile(notes: string[], lives = 99) {
    let made = 0;
    return class Fragile extends BlockingNode {
      readonly life = ++made;
      override setUp() {
        notes.push(`set up ${this.life}`);
      }
      run({ value }: NodeData) {
        notes.push(`run ${this.life} ${value}`);
        if (this.life <= lives) fail(`life ${this.life}`);
      }
      override async cleanUp() {
        await pause(0);
        notes.push(`clean up ${this.life}`);
      }
    };
  }

  it('has new node objects after a delay', async () => {
    const notes: string[] = [];
    const loop = new Loop('l', { onError: 'restart' }).producer('p', counting(2, done)).node('f', fragile(notes, 1));
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(1);
    expect([manager.state, notes]).toEqual(['restarting', ['set up 1', 'run 1 1', 'clean up 1']]);
    await pass(98);
    expect(manager.state).toBe('restarting');
    await pass(3);
    expect(await ended).toEqual({ reason: 'done' });
    expect(notes.slice(3)).toEqual(['set up 2', 'run 2 2', 'clean up 2']);
    expect(world.states).toEqual(['starting', 'running', 'restarting', 'running', 'stopping', 'stopped']);
    expect(manager.metrics()).toMatchObject({ restarts: 1, errors: 1, iterations: 2, error: undefined });
    expect(manager.metrics().nodes[1]).toMatchObject({ calls: 2, errors: 1, state: 'healthy', error: 'Error: life 1' });
  });

  it('waits longer each time, and ends with an error after too many restarts', async () => {
    const times: number[] = [];
    const began = performance.now();
    const policy = { action: 'restart', limit: 5, backoff: 10, maxBackoff: 50 } as const;
    const loop = new Loop('l', { onError: policy })
      .producer('p', () => 1)
      .blocking('b', () => {
        times.push(Math.round((performance.now() - began) / 10) * 10);
        fail(`failure ${times.length}`);
      });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(1_000);
    expect(times).toEqual([0, 10, 30, 70, 120, 170]);
    expect(await ended).toMatchObject({ reason: 'error', error: { message: 'failure 6' } });
    expect(manager.metrics()).toMatchObject({ restarts: 5, state: 'error' });
    expect(world.states.slice(-3)).toEqual(['running', 'stopping', 'error']);
  });

  it('counts only restarts within the window', async () => {
    const policy = { action: 'restart', limit: 1, within: 100, backoff: 0 } as const;
    const loop = new Loop('l', { onError: policy, schedule: 150 })
      .producer('p', counting(4, done))
      .blocking('b', (value: number) => {
        if (value < 4) fail(`failure ${value}`);
      });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(1_000);
    expect(await ended).toEqual({ reason: 'done' });
    expect(manager.metrics().restarts).toBe(3);
  });

  it('does not restart if no restarts are allowed', async () => {
    const { end } = await lived(failingAt([1], 1, { action: 'restart', limit: 0 }));
    expect(end).toMatchObject({ reason: 'error', error: { message: '1 failed' } });
  });

  it('waits for calls of non-blocking nodes', async () => {
    const notes: string[] = [];
    class Slow extends NonBlockingNode {
      async run() {
        await pause(500);
        notes.push('ended');
      }
      override cleanUp() {
        notes.push('clean up');
      }
    }
    const loop = new Loop('l', { onError: { action: 'restart', backoff: 0 } })
      .producer('p', counting(1, done))
      .node('slow', Slow)
      .blocking('b', () => fail());
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(499);
    expect(manager.state).toBe('restarting');
    await pass(10);
    await ended;
    expect(notes).toEqual(['ended', 'clean up', 'clean up']);
  });

  it('tries again if a set-up fails during the restart', async () => {
    let made = 0;
    class Late extends BlockingNode {
      readonly life = ++made;
      override setUp() {
        if (this.life === 2 || this.life === 3) fail(`set-up ${this.life}`);
      }
      run() {
        if (this.life === 1) fail('first');
      }
    }
    const loop = new Loop('l', { onError: { action: 'restart', backoff: 10 } })
      .producer('p', counting(2, done))
      .node('late', Late);
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(200);
    expect(await ended).toEqual({ reason: 'done' });
    expect(world.failures).toEqual(['late: first', 'p: set-up 2', 'p: set-up 3']);
    expect(manager.metrics()).toMatchObject({ restarts: 3, iterations: 2 });
  });

  it('ends with the error of the set-up if all set-ups fail', async () => {
    let made = 0;
    class Once extends BlockingNode {
      override setUp() {
        if (++made > 1) fail(`set-up ${made}`);
      }
      run() {
        fail('first');
      }
    }
    const loop = new Loop('l', { onError: { action: 'restart', limit: 2, backoff: 1 } })
      .producer('p', () => 1)
      .node('once', Once);
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(100);
    expect(await ended).toMatchObject({ reason: 'error', error: { message: 'set-up 3' } });
  });

  it('can be stopped and paused while it waits', async () => {
    const stopped = managed(failingAt([1], 3, 'restart')).manager;
    const { ended } = await stopped.start();
    await pass(50);
    stopped.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
    const seen: unknown[] = [];
    const paused = managed(failingAt([1], 3, 'restart', seen)).manager;
    const second = await paused.start();
    await pass(50);
    const pausing = paused.pause();
    await pass(49);
    expect(paused.state).toBe('restarting');
    await pass(5);
    await pausing;
    expect([paused.state, seen]).toEqual(['paused', []]);
    paused.resume();
    await pass(5);
    expect(await second.ended).toEqual({ reason: 'done' });
    expect(seen).toEqual([2, 3]);
  });
});

describe('the state of a node', () => {
  beforeEach(useFakeTime);
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is failing until a call succeeds', async () => {
    const { world } = await lived(failingAt([2, 3], 5));
    expect(world.nodeStates).toEqual(['b failing', 'b healthy']);
  });

  it('is retrying while a failed call is repeated', async () => {
    const attempts: number[] = [];
    const loop = new Loop('l').producer('p', counting(1, done)).blocking(
      'b',
      (_, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) fail();
      },
      { retry: { retries: 5, minTimeout: 10 } },
    );
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(5);
    expect(manager.metrics().nodes[1]).toMatchObject({
      state: 'retrying',
      calls: 1,
      retries: 0,
      error: 'Error: failed',
    });
    await pass(10);
    expect(manager.metrics().nodes[1]).toMatchObject({ state: 'retrying', retries: 1 });
    await pass(20);
    await ended;
    expect(attempts).toEqual([1, 2, 3]);
    expect(world.nodeStates).toEqual(['b retrying', 'b healthy']);
    expect(world.events).toContainEqual({ type: 'node', nodeId: 'b', state: 'retrying', error: expect.any(Error) });
    expect(manager.metrics().nodes[1]).toMatchObject({ calls: 1, errors: 0, retries: 2, state: 'healthy' });
    expect(manager.metrics().errors).toBe(0);
  });

  it('is failing when no attempt has completed', async () => {
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .nonBlocking('n', async () => fail(), { retry: { retries: 1, minTimeout: 1 } });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(10);
    await ended;
    expect(world.nodeStates).toEqual(['n retrying', 'n failing']);
    expect(world.letters).toHaveLength(1);
    expect(manager.metrics().nodes[1]).toMatchObject({ calls: 1, errors: 1, retries: 1, error: 'Error: failed' });
  });
});

describe('the policies of a node', () => {
  beforeEach(useFakeTime);
  afterEach(() => {
    vi.useRealTimers();
  });

  it('end an attempt that takes too long, and abort its signal', async () => {
    const reasons: unknown[] = [];
    const loop = new Loop('l').producer('p', counting(1, done)).blocking(
      'b',
      (_, { signal, attempt }) => {
        signal.addEventListener('abort', () => reasons.push([attempt, signal.reason.code]));
        return attempt === 2 ? 'in time' : new Promise(() => {});
      },
      { timeout: 50, retry: { retries: 1, minTimeout: 1 } },
    );
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(200);
    expect(await ended).toEqual({ reason: 'done' });
    expect([reasons, world.failures]).toEqual([[[1, 'ERR_TIMEOUT']], []]);
  });

  it('fail with a TimeoutError that names it', async () => {
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .blocking('b', () => new Promise(() => {}), { timeout: 50 });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await pass(60);
    await ended;
    expect(world.failures).toEqual(['b: "b" timed out after 50 ms']);
  });

  it('are only its own with policies: none', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 2, minTimeout: 1 } });
    const calls: string[] = [];
    const counted = (name: string) => async () => {
      calls.push(name);
      return fail();
    };
    const loop = new Loop('l', { orchestrator })
      .producer('one', counting(1, done))
      .nonBlocking('function', counted('function'), { policies: 'none' })
      .nonBlocking('action', orchestrator.action(counted('action'), { retry: 2 }), { policies: 'none' })
      .nonBlocking('own', counted('own'), { policies: 'none', retry: { retries: 1, minTimeout: 1 } });
    expect(() => new Loop('m').producer('a', () => 1, { policies: 'all' as never })).toThrow(
      "policies must be 'none', got",
    );
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(10_000);
    await ended;
    expect(calls.toSorted()).toEqual(['action', 'function', 'own', 'own']);
  });

  it('are none if it switches off those of the orchestrator and of its action', async () => {
    const orchestrator = new Orchestrator({
      retry: { retries: 2, minTimeout: 1 },
      timeout: { total: 50, fallback: () => fail() },
    });
    const calls: string[] = [];
    const counted = (name: string) => async () => {
      calls.push(name);
      if (name === 'slow') await new Promise((resolve) => setTimeout(resolve, 100));
      return name === 'slow' ? undefined : fail();
    };
    const loop = new Loop('l', { orchestrator })
      .producer('one', counting(1, done))
      .nonBlocking('function', counted('function'), { retry: null })
      .nonBlocking('action', orchestrator.action(counted('action'), { retry: 2 }), { retry: null })
      .nonBlocking('slow', counted('slow'), { retry: null, timeout: null })
      .nonBlocking('slower', orchestrator.action(counted('slow'), { timeout: 20 }), { timeout: 0 });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(10_000);
    await ended;
    expect(calls.toSorted()).toEqual(['action', 'function', 'slow', 'slow']);
  });

  it('come from the orchestrator, or from the action if it is one', async () => {
    const orchestrator = new Orchestrator({ retry: { retries: 1, minTimeout: 1 } });
    const calls = { plain: 0, action: 0, own: 0, foreign: 0 };
    const counted = (name: keyof typeof calls) => async () => {
      calls[name]++;
      return fail();
    };
    const loop = new Loop('l', { orchestrator })
      .producer('p', counting(1, done))
      .nonBlocking('plain', counted('plain'))
      .nonBlocking('action', orchestrator.action(counted('action'), { retry: 2 }))
      .nonBlocking('own', orchestrator.action(counted('own'), { retry: 2 }), { retry: 0 })
      .nonBlocking('foreign', new Orchestrator().action(counted('foreign')), { retry: 0 });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await pass(10_000);
    await ended;
    expect(calls).toEqual({ plain: 2, action: 3, own: 1, foreign: 1 });
  });
});

describe('hooks of the kernel', () => {
  it('see a loop as one process, and each call of a node as a task of it', async () => {
    const orchestrator = new Orchestrator({ name: 'o' });
    const lines = recorded(orchestrator);
    const processes = new Set<string>();
    orchestrator.onTaskBegin(({ id }) => void processes.add(id.split('/')[0] as string));
    const { end } = await lived(
      new Loop('l', { orchestrator })
        .producer('p', counting(2, done))
        .blocking('b', (value: number) => (value === 2 ? fail() : value))
        .nonBlocking('n', async () => {}),
    );
    expect(end).toEqual({ reason: 'done' });
    const counts = new Map<string, number>();
    for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
    expect(Object.fromEntries(counts)).toEqual({
      'process begins': 1,
      'p begins': 3,
      'p completed': 3,
      'b begins': 2,
      'b completed': 1,
      'b failed': 1,
      'n begins': 1,
      'n completed': 1,
      'process completed': 1,
    });
    expect([lines[0], lines.at(-1)]).toEqual(['process begins', 'process completed']);
    expect(processes.size).toBe(1);
  });

  it('get the value of a node as its argument, and its retries', async () => {
    const orchestrator = new Orchestrator();
    const seen: unknown[] = [];
    orchestrator.onTaskRetry(({ name, attempt }) => void seen.push([name, attempt]));
    orchestrator.onTaskCompletion(
      ({ name, args, attempts, result }) => void seen.push([name, args[0], attempts, result]),
    );
    const loop = new Loop('l', { orchestrator })
      .producer('p', counting(1, to()))
      .blocking('b', (value: number, { attempt }) => (attempt === 1 ? fail() : value * 2), {
        retry: { retries: 1, minTimeout: 0 },
      });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await eventually(() => expect(seen.length).toBeGreaterThan(3));
    manager.stop({ drain: false });
    await ended;
    expect(seen.slice(0, 3)).toEqual([
      ['p', undefined, 1, 1],
      ['b', 1],
      ['b', 1, 2, 2],
    ]);
  });

  it('may wrap nodes', async () => {
    const seen: unknown[] = [];
    const orchestrator = new Orchestrator().use(async ({ name }, next) => {
      const result = await next();
      return name === 'b' ? `wrapped ${result}` : result;
    });
    await lived(
      new Loop('l', { orchestrator })
        .producer('p', counting(1, done))
        .blocking('b', (value) => value)
        .blocking('see', (value) => void seen.push(value)),
    );
    expect(seen).toEqual(['wrapped 1']);
  });

  it('see an action that is a node once, not a task in a task', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    const double = orchestrator.action(async function double(value: number) {
      return value * 2;
    });
    const seen: unknown[] = [];
    await lived(
      new Loop('l', { orchestrator })
        .producer('p', orchestrator.action(counting(1, done)) as never)
        .blocking('b', double)
        .blocking('see', (value) => void seen.push(value)),
    );
    expect(seen).toEqual([2]);
    expect(lines.filter((line) => line.endsWith('begins'))).toEqual([
      'process begins',
      'p begins',
      'b begins',
      'see begins',
      'p begins',
    ]);
  });

  it('let a node start tasks of its own, in the same process', async () => {
    const orchestrator = new Orchestrator();
    const ids: string[] = [];
    orchestrator.onTaskBegin(({ id, name }) => void ids.push(`${name} ${id.split('/')[0]}`));
    const inner = orchestrator.action(async () => 1, { name: 'inner' });
    await lived(new Loop('l', { orchestrator }).producer('p', counting(1, done)).blocking('b', () => inner()));
    expect(new Set(ids.map((line) => line.split(' ')[1])).size).toBe(1);
    expect(ids.map((line) => line.split(' ')[0])).toEqual(['p', 'b', 'inner', 'p']);
  });

  it('see a failed process if the loop has failed', async () => {
    const orchestrator = new Orchestrator();
    const lines = recorded(orchestrator);
    await lived(new Loop('l', { orchestrator, onError: 'stop' }).producer('p', () => fail()));
    expect(lines.at(-1)).toBe('process failed');
  });

  it('keep a loop from starting if a hook at its begin throws', async () => {
    const orchestrator = new Orchestrator().onProcessBegin(() => fail('no access'));
    const { manager, world } = managed(new Loop('l', { orchestrator }).producer('p', () => 1));
    expect(await rejection(manager.start())).toEqual(new Error('no access'));
    expect(world.states).toEqual(['starting', 'error']);
  });

  it('fail a loop if a hook at its end throws', async () => {
    const orchestrator = new Orchestrator().onProcessCompletion(() => fail('not written'));
    const { end, metrics } = await lived(new Loop('l', { orchestrator }).producer('p', counting(1, done)));
    expect(end).toMatchObject({ reason: 'error', error: { message: 'not written' } });
    expect(metrics.state).toBe('error');
  });
});

it('reports each call to subscribers of the kernel', async () => {
  const names: string[] = [];
  const note = (message: unknown) => void names.push((message as { name: string }).name);
  subscribe('tracing:orchestrator:task:start', note);
  try {
    await lived(new Loop('l').producer('p', counting(1, done)).blocking('b', () => {}));
  } finally {
    unsubscribe('tracing:orchestrator:task:start', note);
  }
  expect(names).toEqual(['p', 'b', 'p']);
});

describe('setting up and cleaning up', () => {
  /** Three nodes that record their calls. */
  function noted(
    notes: string[],
    wrong: { readonly setUp?: string; readonly cleanUp?: string; readonly make?: string } = {},
  ) {
    const made = (Base: typeof BlockingNode | typeof ProducerNode) =>
      class extends (Base as typeof BlockingNode) {
        constructor(config: NodeConfig) {
          super(config);
          if (wrong.make === config.nodeId) fail(`${config.nodeId} not made`);
        }
        override async setUp() {
          notes.push(`+${this.config.nodeId}`);
          await settled();
          if (wrong.setUp === this.config.nodeId) fail(`${this.config.nodeId} not set up`);
        }
        run({ iteration }: NodeData): unknown {
          return iteration > 2 ? done : iteration;
        }
        override async cleanUp() {
          await settled();
          notes.push(`-${this.config.nodeId}`);
          if (wrong.cleanUp === this.config.nodeId) fail(`${this.config.nodeId} not cleaned up`);
        }
      };
    return new Loop('l')
      .node('p', made(ProducerNode) as never)
      .node('a', made(BlockingNode))
      .node('b', made(BlockingNode));
  }
  const all = ['+p', '+a', '+b', '-p', '-a', '-b'];

  it('happens once, in order, when a loop is done', async () => {
    const notes: string[] = [];
    await lived(noted(notes));
    expect(notes).toEqual(all);
  });

  it('happens once when it is stopped, aborted, or stops with an error', async () => {
    const endings: ((manager: LoopManager) => void)[] = [
      (manager) => manager.stop({ drain: false }),
      (manager) => manager.abort(new Error('now')),
      (manager) => {
        manager.stop({ drain: false });
        manager.abort(new Error('now'));
      },
    ];
    for (const end of endings) {
      const notes: string[] = [];
      const { manager } = managed(
        noted(notes).blocking(
          'wait',
          (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
        ),
      );
      const { ended } = await manager.start();
      const stop = manager.metrics().iterations;
      end(manager);
      if (!manager.signal.aborted) manager.abort(new Error('late'));
      expect((await ended).reason).toBe('stopped');
      expect([notes, stop]).toEqual([all, 0]);
    }
    const notes: string[] = [];
    const { end } = await lived(noted(notes).blocking('last', () => fail(), { onError: 'stop' }));
    expect([end.reason, notes]).toEqual(['error', all]);
  });

  it('is undone if a set-up fails, and the loop does not start', async () => {
    const notes: string[] = [];
    const { manager, world } = managed(noted(notes, { setUp: 'a' }));
    expect(await rejection(manager.start())).toEqual(new Error('a not set up'));
    expect(notes).toEqual(['+p', '+a', '-p', '-a']);
    expect(world.states).toEqual(['starting', 'error']);
    expect(manager.metrics()).toMatchObject({ state: 'error', error: 'Error: a not set up' });
  });

  it('is undone if a node cannot be created', async () => {
    const notes: string[] = [];
    expect(await rejection(managed(noted(notes, { make: 'b' })).manager.start())).toEqual(new Error('b not made'));
    expect(notes).toEqual(['+p', '+a', '-p', '-a']);
  });

  it('continues if one clean-up fails, whose error is that of the loop', async () => {
    const notes: string[] = [];
    const { end, world } = await lived(noted(notes, { cleanUp: 'p' }));
    expect(notes).toEqual(all);
    expect(end).toMatchObject({ reason: 'error', error: { message: 'p not cleaned up' } });
    expect(world.failures).toEqual(['p: p not cleaned up']);
  });

  it('does not hide the reason why the loop has ended', async () => {
    const { end } = await lived(noted([], { cleanUp: 'p' }).blocking('last', () => fail('first'), { onError: 'stop' }));
    expect(end).toMatchObject({ reason: 'error', error: { message: 'first' } });
  });

  it('gives each node its configuration', async () => {
    let seen: NodeConfig | undefined;
    class Curious extends BlockingNode {
      override setUp() {
        seen = this.config;
      }
      run() {}
    }
    class Simple extends ProducerNode {
      run() {
        return done;
      }
    }
    const world = new World();
    world.cursor = 'line 5';
    await lived(new Loop('l').node('p', Simple).node('c', Curious, { options: { unit: 'km' } }), world);
    expect(seen).toMatchObject({ loopId: 'l', nodeId: 'c', options: { unit: 'km' } });
    expect(seen?.cursor.value).toBe('line 5');
  });
});

describe('a loop that is to end', () => {
  it('ends behind the iteration that is under way', async () => {
    const [begun, gate] = [deferred(), deferred()];
    const seen: string[] = [];
    const loop = new Loop('l')
      .producer('p', () => 1)
      .blocking('b', async () => {
        begun.resolve();
        await gate.promise;
      })
      .blocking('c', () => void seen.push('c'));
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await begun.promise;
    manager.stop({ drain: true });
    gate.resolve();
    expect([await ended, seen, manager.metrics().iterations]).toEqual([{ reason: 'stopped' }, ['c'], 1]);
  });

  it('ends at once where its producer only waits', async () => {
    const { manager } = managed(new Loop('l', { schedule: 1e9 }).producer('p', () => 1));
    const { ended } = await manager.start();
    await settled();
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
  });

  it('drains what it reads first', async () => {
    const world = new World();
    const seen: unknown[] = [];
    const { manager } = managed(
      new Loop('l').read('r', 'q').blocking('b', (value) => void seen.push(value)),
      world,
    );
    const { ended } = await manager.start();
    for (let value = 0; value < 5; value++) world.push('q', value);
    world.reader?.end();
    manager.stop({ drain: true });
    manager.stop({ drain: true });
    expect([await ended, seen]).toEqual([{ reason: 'drained' }, [0, 1, 2, 3, 4]]);
    expect(world.queue('q').isEmpty).toBe(true);
  });

  it('does not drain what it reads where it is not to', async () => {
    const world = new World();
    const { manager } = managed(
      new Loop('l').read('r', 'q').blocking('b', () => settled()),
      world,
    );
    const { ended } = await manager.start();
    for (let value = 0; value < 5; value++) world.push('q', value);
    await settled();
    manager.stop({ drain: true });
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(world.queue('q').metrics.depth).toBeGreaterThan(0);
  });

  it('drains though it is paused', async () => {
    const world = new World();
    const { manager } = managed(new Loop('l').read('r', 'q'), world);
    const { ended } = await manager.start();
    await manager.pause();
    world.push('q', 1);
    world.reader?.end();
    manager.stop({ drain: true });
    expect(await ended).toEqual({ reason: 'drained' });
  });

  it('aborts the signals of its nodes, which is no failure of theirs', async () => {
    const orchestrator = new Orchestrator();
    const reason = new Error('deadline');
    const seen: unknown[] = [];
    const waiting = deferred();
    const until = (signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          seen.push(signal.reason);
          reject(signal.reason);
        });
      });
    const loop = new Loop('l', { orchestrator })
      .producer('p', counting(9, done))
      .nonBlocking('n', (_, { signal }) => until(signal))
      .blocking('b', (_, { signal }) => {
        waiting.resolve();
        return Promise.all([until(signal), until(orchestrator.signal)]);
      })
      .blocking('c', () => void seen.push('c'));
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await waiting.promise;
    manager.abort(reason);
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(seen).toEqual([reason, reason, reason]);
    expect([world.failures, world.letters, manager.metrics().errors]).toEqual([[], [], 0]);
  });

  it.each([
    ['a retry', (loop: Loop) => loop.blocking('b', () => fail(), { retry: { retries: 5, minTimeout: 60_000 } })],
    ['its schedule', () => new Loop('l', { schedule: { every: 60_000, missed: 'delay' } }).producer('p', () => 1)],
    ['its producer', () => new Loop('l').producer('p', () => idle(60_000))],
    [
      'a restart',
      (loop: Loop) => loop.blocking('b', () => fail(), { onError: { action: 'restart', backoff: 10_000 } }),
    ],
    ['a message', () => new Loop('l').read('r', 'q')],
  ] as const)('does not wait for %s, and leaves no timer behind', async (_, loopOf) => {
    const { manager } = managed(loopOf(new Loop('l').producer('p', () => 1)));
    const before = await resources();
    const { ended } = await manager.start();
    await settled();
    manager.abort(new Error('deadline'));
    expect(await ended).toEqual({ reason: 'stopped' });
    await expectResources(before);
  });

  it('reports a failed clean-up after an abort', async () => {
    class Untidy extends ProducerNode {
      run() {
        return settled();
      }
      override cleanUp() {
        fail('left behind');
      }
    }
    const { manager } = managed(new Loop('l').node('p', Untidy));
    const { ended } = await manager.start();
    manager.abort(new Error('deadline'));
    expect(await ended).toMatchObject({ reason: 'error', error: { message: 'left behind' } });
    expect(manager.state).toBe('error');
  });

  it('does not call a non-blocking node that waits for its turn', async () => {
    const seen: number[] = [];
    const loop = new Loop('l').producer('p', counting(2, done)).nonBlocking(
      'n',
      (value: number, { signal }) => {
        seen.push(value);
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      },
      { maxInFlight: 1 },
    );
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    manager.abort(new Error('deadline'));
    expect([await ended, seen]).toEqual([{ reason: 'stopped' }, [1]]);
  });

  it('aborts a push that waits for room', async () => {
    const world = new World();
    world.queue('q', { capacity: 1 });
    const { manager } = managed(new Loop('l').producer('p', () => 1).push('out', 'q'), world);
    const { ended } = await manager.start();
    await eventually(() => expect(world.queue('q').metrics.blocked).toBe(1));
    manager.abort(new Error('deadline'));
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(world.failures).toEqual([]);
  });

  it('reports failures that are not caused by the abort', async () => {
    const gate = deferred();
    const loop = new Loop('l').producer('p', counting(1, done)).nonBlocking('n', async () => {
      await gate.promise;
      fail('own');
    });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    manager.abort(new Error('deadline'));
    gate.resolve();
    await ended;
    expect(world.failures).toEqual(['n: own']);
  });

  it('can be started once', async () => {
    const { manager } = managed(new Loop('l').producer('p', counting(1, done)));
    await (await manager.start()).ended;
    expect(await rejection(manager.start())).toEqual(
      new LoopStateError('l', 'stopped', 'start() works once, create a new LoopManager'),
    );
    await manager.pause();
    expect(manager.state).toBe('stopped');
    expect(() => manager.replay('p', 1)).toThrow(LoopStateError);
  });

  it('can be stopped while it starts', async () => {
    const gate = deferred();
    class Slow extends ProducerNode {
      override setUp() {
        return gate.promise;
      }
      run() {
        return 1;
      }
    }
    const { manager } = managed(new Loop('l').node('p', Slow));
    const starting = manager.start();
    manager.stop({ drain: false });
    gate.resolve();
    expect(await (await starting).ended).toEqual({ reason: 'stopped' });
    expect(manager.metrics().iterations).toBe(0);
  });

  it('does not belong to the process of its caller', async () => {
    const orchestrator = new Orchestrator();
    const { manager } = managed(new Loop('l', { orchestrator }).producer('p', async () => settled()));
    const { ended } = await orchestrator.run(() => manager.start());
    const before = manager.metrics().iterations;
    await eventually(() => expect(manager.metrics().iterations).toBeGreaterThan(before));
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
  });
});

describe('a pause', () => {
  const endless = () => managed(new Loop('l').producer('p', async () => settled())).manager;

  it('begins when the current iteration has ended', async () => {
    const manager = endless();
    const { ended } = await manager.start();
    await manager.pause();
    const { iterations } = manager.metrics();
    await settled();
    await settled();
    expect([manager.state, manager.metrics().iterations]).toEqual(['paused', iterations]);
    manager.resume();
    await eventually(() => expect(manager.metrics().iterations).toBeGreaterThan(iterations));
    manager.stop({ drain: false });
    await ended;
  });

  it('may be asked for twice, and right behind a resume', async () => {
    const manager = endless();
    const { ended } = await manager.start();
    await Promise.all([manager.pause(), manager.pause()]);
    const { iterations } = manager.metrics();
    manager.resume();
    await manager.pause();
    await settled();
    await settled();
    expect([manager.state, manager.metrics().iterations]).toEqual(['paused', iterations]);
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
  });

  it('is possible from the start', async () => {
    const { manager, world } = managed(new Loop('l').producer('p', counting(2, done)));
    const { ended } = await manager.start({ paused: true });
    await settled();
    expect([manager.state, manager.metrics().iterations]).toEqual(['paused', 0]);
    manager.resume();
    expect(await ended).toEqual({ reason: 'done' });
    expect(world.states).toEqual(['starting', 'running', 'paused', 'running', 'stopping', 'stopped']);
  });

  it('resolves when the loop is resumed or ends', async () => {
    const gate = deferred();
    const { manager } = managed(new Loop('l').producer('p', () => gate.promise));
    const { ended } = await manager.start();
    const first = manager.pause();
    manager.resume();
    await first;
    expect(manager.state).toBe('running');
    const second = manager.pause();
    manager.abort(new Error('over'));
    gate.resolve();
    await Promise.all([second, ended]);
    expect(manager.state).toBe('stopped');
  });
});

describe('messages', () => {
  const values = (world: World) => world.queue('q').metrics;

  it('are acknowledged when their iteration has ended, with all that it has begun', async () => {
    const gates = [deferred(), deferred()];
    const world = new World();
    const loop = new Loop('l').read('r', 'q').nonBlocking('n', (index: number) => gates[index]?.promise);
    const { manager } = managed(loop, world);
    const { ended } = await manager.start();
    world.push('q', 0);
    world.push('q', 1);
    await settled();
    expect(values(world)).toMatchObject({ depth: 0, unacknowledged: 2, acknowledged: 0 });
    gates[1]?.resolve();
    await settled();
    expect(values(world)).toMatchObject({ unacknowledged: 1, acknowledged: 1 });
    gates[0]?.resolve();
    await settled();
    expect(values(world)).toMatchObject({ unacknowledged: 0, acknowledged: 2 });
    manager.stop({ drain: false });
    await ended;
  });

  it('come with their envelope, one by one or in batches', async () => {
    const world = new World();
    const seen: unknown[] = [];
    const see = (value: unknown, { message, messages }: NodeData) => {
      seen.push([value, message?.id, messages.map(({ id }) => id)]);
    };
    for (let value = 1; value <= 5; value++) world.push('q', value);
    const { manager } = managed(new Loop('l').read('r', 'q', { batch: 2 }).blocking('see', see), world);
    const { ended } = await manager.start();
    world.reader?.end();
    manager.stop({ drain: true });
    await ended;
    expect(seen).toEqual([
      [[1, 2], undefined, [1, 2]],
      [[3, 4], undefined, [3, 4]],
      [[5], 5, [5]],
    ]);
  });

  it('may tell their reader that there is nothing to do, or that all is done', async () => {
    const world = new World();
    const seen: unknown[] = [];
    for (const value of ['skip', 'use', 'end', 'left']) world.push('q', value);
    const read = (value: string) => (value === 'skip' ? idle(0) : value === 'end' ? done : value);
    const { end } = await lived(
      new Loop('l').read('r', 'q', {}, read).blocking('b', (value) => void seen.push(value)),
      world,
    );
    expect([end, seen]).toEqual([{ reason: 'done' }, ['use']]);
    expect(values(world)).toMatchObject({ acknowledged: 3, depth: 1 });
  });

  it('that fail in their reader or behind it are in the dead letters, and acknowledged', async () => {
    const world = new World();
    for (let value = 1; value <= 3; value++) world.push('q', value);
    const read = (value: number) => (value === 1 ? fail('unreadable') : value * 10);
    const loop = new Loop('l')
      .read('r', 'q', {}, read)
      .blocking('b', (value: number) => (value === 20 ? fail('no') : value));
    const { manager } = managed(loop, world);
    const { ended } = await manager.start();
    world.reader?.end();
    manager.stop({ drain: true });
    await ended;
    expect(world.letters).toMatchObject([
      {
        loopId: 'l',
        nodeId: 'r',
        value: 1,
        error: { message: 'unreadable' },
        message: { queue: 'q', id: 1, value: 1 },
      },
      { loopId: 'l', nodeId: 'b', value: 20, error: { message: 'no' }, message: { queue: 'q', id: 2, value: 2 } },
    ]);
    expect(values(world)).toMatchObject({ acknowledged: 3, unacknowledged: 0 });
  });

  it.each(['in the reader', 'in the chain', 'beside the chain'])(
    'that were in an iteration at an abort (%s) are delivered again',
    async (where) => {
      const world = new World();
      const begun = deferred();
      const wait = (_: unknown, { signal }: NodeData) => {
        begun.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      const loop = new Loop('l');
      if (where === 'in the reader') loop.read('r', 'q', {}, wait);
      else if (where === 'in the chain') loop.read('r', 'q').blocking('b', wait);
      else loop.read('r', 'q').nonBlocking('n', wait);
      const { manager } = managed(loop, world);
      world.push('q', 'precious');
      const { ended } = await manager.start();
      await begun.promise;
      await settled();
      manager.abort(new Error('now'));
      expect(await ended).toEqual({ reason: 'stopped' });
      expect(values(world)).toMatchObject({ acknowledged: 0, unacknowledged: 1 });
      expect(world.letters).toEqual([]);
      world.reader?.close();
      expect(world.queue('q').reader().take()).toMatchObject({ value: 'precious', deliveries: 2 });
    },
  );
});

describe('a cursor', () => {
  /** Counts, and saves its position. */
  class Tailing extends ProducerNode<number> {
    run({ iteration }: NodeData<undefined>) {
      if (iteration > 3) return done;
      this.config.cursor.save(iteration);
      this.config.cursor.save(`line ${iteration}`);
      return iteration;
    }
    override cleanUp() {
      this.config.cursor.save('end');
    }
  }

  it('is saved when its iteration has ended, in order', async () => {
    const gates = [deferred(), deferred(), deferred()];
    const loop = new Loop('l').node('p', Tailing).nonBlocking('n', (value: number) => gates[value - 1]?.promise);
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    expect(manager.metrics().iterations).toBe(3);
    gates[1]?.resolve();
    await settled();
    expect(world.cursors).toEqual([]);
    gates[0]?.resolve();
    await settled();
    expect(world.cursors).toEqual(['line 1', 'line 2']);
    gates[2]?.resolve();
    await ended;
    expect(world.cursors).toEqual(['line 1', 'line 2', 'line 3', 'end']);
  });

  it('waits for earlier iterations, however many later ones have ended', async () => {
    const gate = deferred();
    class Counting extends ProducerNode<number> {
      run({ iteration }: NodeData<undefined>) {
        if (iteration > 50) return done;
        this.config.cursor.save(iteration);
        return iteration;
      }
    }
    const loop = new Loop('l')
      .node('p', Counting)
      .nonBlocking('n', (value: number) => (value === 2 ? gate.promise : undefined));
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    expect([manager.metrics().iterations, world.cursors]).toEqual([50, [1]]);
    gate.resolve();
    await ended;
    // Of all waiting cursors, only the last one matters.
    expect(world.cursors).toEqual([1, 2, 49, 50]);
  });

  it('takes its place behind unfinished iterations, also if it is saved between iterations', async () => {
    const gate = deferred();
    class Ending extends ProducerNode<number> {
      override async setUp() {
        this.config.cursor.save('begin');
      }
      run({ iteration }: NodeData<undefined>) {
        if (iteration > 1) return done;
        this.config.cursor.save(iteration);
        return iteration;
      }
      override cleanUp() {
        this.config.cursor.save('end');
      }
    }
    const loop = new Loop('l').node('p', Ending).nonBlocking('n', (_, { signal }) => {
      gate.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await gate.promise;
    manager.abort(new Error('now'));
    await ended;
    // Saving this cursor would claim that all iterations before it have ended.
    expect(world.cursors).toEqual(['begin']);
  });

  it('is not saved for an aborted iteration, nor for any behind it', async () => {
    const loop = new Loop('l')
      .node('p', Tailing)
      .nonBlocking('n', (value: number, { signal }) =>
        value === 2
          ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          : undefined,
      );
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    manager.abort(new Error('now'));
    await ended;
    expect(world.cursors).toEqual(['line 1']);
  });

  it('is not saved if the producer has failed', async () => {
    class Broken extends ProducerNode<number> {
      run({ iteration }: NodeData<undefined>) {
        this.config.cursor.save(iteration);
        return fail();
      }
    }
    const { world } = await lived(new Loop('l', { onError: 'stop' }).node('p', Broken as never));
    expect(world.cursors).toEqual([]);
  });

  it('is read as it was last saved', async () => {
    const seen: unknown[] = [];
    class Reading extends ProducerNode {
      override setUp() {
        seen.push(this.config.cursor.value);
        this.config.cursor.save(7);
      }
      run() {
        seen.push(this.config.cursor.value);
        return done;
      }
    }
    const world = new World();
    world.cursor = 3;
    await lived(new Loop('l').node('p', Reading), world);
    expect(seen).toEqual([3, 7]);
  });
});

describe('a payload that has failed', () => {
  it('can be given to its node again', async () => {
    const seen: unknown[] = [];
    let isBroken = true;
    const loop = new Loop('l', { schedule: 1e9 })
      .producer('p', () => 1)
      .blocking('b', (value) => (isBroken ? fail() : value))
      .blocking('see', (value) => void seen.push(value));
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await settled();
    expect(world.letters).toMatchObject([{ nodeId: 'b', iteration: 1, value: 1, message: undefined }]);
    manager.replay('b', 1);
    await settled();
    expect(world.letters).toHaveLength(2);
    isBroken = false;
    manager.replay('b', 'again');
    await settled();
    expect(seen).toEqual(['again']);
    expect(() => manager.replay('x', 1)).toThrow(
      new LoopStateError('l', 'running', 'it has no running node "x" to replay to'),
    );
    manager.stop({ drain: false });
    await ended;
  });

  it('follows the policy of its node when it fails again', async () => {
    const loop = new Loop('l', { schedule: 1e9 })
      .producer('p', () => 1)
      .blocking('b', () => {})
      .blocking('c', () => fail('again'), { onError: 'stop' })
      .edge('p', 'b')
      .edge('b', 'c');
    const seen: number[] = [];
    const calm = new Loop('l').producer('p', async () => {
      await settled();
      return seen.push(1);
    });
    calm.blocking('c', (value: unknown) => (value === 'bad' ? fail('again') : value), { onError: 'stop' });
    const { manager } = managed(calm);
    const { ended } = await manager.start();
    await settled();
    manager.replay('c', 'bad');
    expect(await ended).toMatchObject({ reason: 'error', error: { message: 'again' } });
    expect((await lived(loop)).end).toMatchObject({ reason: 'error' });
  });

  it('is the last call if the loop is stopped meanwhile', async () => {
    const [begun, gate] = [deferred(), deferred()];
    let produced = 0;
    const loop = new Loop('l').producer('p', async () => {
      await settled();
      produced++;
    });
    loop.blocking('b', async (value: unknown) => {
      if (value !== 'again') return;
      begun.resolve();
      await gate.promise;
    });
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await manager.pause();
    const before = produced;
    manager.replay('b', 'again');
    await begun.promise;
    manager.resume();
    manager.stop({ drain: false });
    gate.resolve();
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(produced).toBe(before);
  });

  it('is not lost if the loop ends before the replay', async () => {
    const gate = deferred();
    const { manager, world } = managed(new Loop('l').producer('p', () => gate.promise).blocking('b', () => {}));
    const { ended } = await manager.start();
    manager.replay('b', 'precious');
    manager.stop({ drain: false });
    gate.resolve();
    await ended;
    expect(world.letters).toMatchObject([{ nodeId: 'b', value: 'precious', error: { code: 'ERR_LOOP_STATE' } }]);
  });

  it('is not lost if an abort interrupts the replay', async () => {
    const begun = deferred();
    const loop = new Loop('l', { schedule: 1e9 })
      .producer('p', () => to())
      .blocking('b', (_, { signal }) => {
        begun.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      });
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    manager.replay('b', 'precious');
    await begun.promise;
    manager.abort(new Error('now'));
    await ended;
    expect(world.letters).toMatchObject([{ nodeId: 'b', value: 'precious' }]);
  });

  it('is replayed from the dead letters of a workflow: its message, or its value', async () => {
    const seen: unknown[] = [];
    let isBroken = true;
    const source = new Loop('source')
      .producer('p', ({ iteration }) => (iteration === 1 ? 1 : idle(60_000)))
      .blocking('b', (value) => (isBroken ? fail() : value))
      .push('out', 'q');
    const sink = new Loop('sink').read('r', 'q').blocking('c', (value) => (isBroken ? fail() : void seen.push(value)));
    await using workflow = new WorkflowOrchestrator().load({ queues: { q: {} }, loops: [source, sink] });
    await workflow.start();
    await workflow.queue('q').push('from outside');
    await eventually(() => expect(workflow.deadLetters.size).toBe(2));
    isBroken = false;
    expect(await workflow.deadLetters.replay()).toBe(2);
    await eventually(() => expect(seen).toHaveLength(2));
    expect(seen.sort()).toEqual([1, 'from outside']);
    expect(workflow.deadLetters.size).toBe(0);
  });
});

it('reports the error behind an AbortError of p-retry', async () => {
  const loop = new Loop('l').producer('p', counting(1, done)).blocking('b', () => {
    throw new AbortError('given up');
  });
  const { world } = await lived(loop);
  expect(world.failures).toEqual(['b: given up']);
});

import { Orchestrator, ValidationError } from 'orchestrator';
import { NullLogger } from 'orchestrator/flow';
import {
  BlockingNode,
  done,
  idle,
  Loop,
  LoopDefinitionError,
  LoopStateError,
  type NodeData,
  type NodeSettings,
  NotFoundError,
  type QueueDefinition,
  QueueFullError,
  type WorkflowMetrics,
  WorkflowOrchestrator,
} from 'orchestrator/loops';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../distributed/servers/eventually.js';
import { deferred, recorded, rejection } from '../support.js';
import { collector, fixture, patient, states, upTo, workflow } from './support.js';

const module = fixture();

function counter(id: string, to?: string, every = 2) {
  let last = 0;
  const loop = new Loop(id, { schedule: { every } }).producer('count', () => ++last);
  return { loop: to === undefined ? loop : loop.push('out', to), last: () => last };
}

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}

describe('load', () => {
  it('takes loops and queues in several parts', async () => {
    const { loop, values } = collector<number>('q');
    const orchestrator = workflow({ loops: [loop] }).load({ queues: { q: {} }, loops: [counter('a', 'q').loop] });
    await orchestrator.start();
    await eventually(() => values.length > 3);
    expect(values.slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('takes loops as data, with implementations from a registry', async () => {
    const { loop, values } = collector<number>('q');
    let last = 0;
    const registry = { count: () => (last < 3 ? ++last : done), double: (value: number) => 2 * value };
    const orchestrator = workflow(
      {
        queues: { q: {} },
        loops: [
          loop,
          JSON.parse(`{ "id": "a", "pool": "async", "nodes": [
            { "id": "one", "kind": "producer", "uses": "count" },
            { "id": "two", "kind": "blocking", "uses": "double" },
            { "id": "out", "kind": "queue", "options": { "queue": "q" } } ] }`),
        ],
      },
      { registry },
    );
    await orchestrator.start();
    await eventually(() => values.length === 3);
    expect(values).toEqual([2, 4, 6]);
  });

  it.each([
    ['no workflow', undefined, /^workflow must be an object, got undefined/],
    ['an unknown field', { loops: [], queue: {} }, /^workflow.queue is unknown, expected queues, loops/],
    ['loops that are no array', { loops: {} }, /^workflow.loops must be an array, got Object/],
    ['no loops', {}, /^workflow.loops must be an array, got undefined/],
    [
      'queues that are no object',
      { loops: [], queues: [] },
      /^workflow.queues must be an object of queues by name, got Array/,
    ],
    [
      'a queue without room',
      { loops: [], queues: { q: { capacity: 0 } } },
      /^workflow.queues.q.capacity must be a whole number of at least 1, got 0/,
    ],
    [
      'an overflow policy that is none',
      { loops: [], queues: { q: { overflow: 'explode' } } },
      /^workflow.queues.q.overflow must be one of block, drop-oldest/,
    ],
    ['what is no loop', { loops: [1] }, /^workflow.loops\[0\] must be a Loop, or an object, got 1/],
    ['a place of what is no loop', { loops: [{ loop: {} }] }, /^workflow.loops\[0\].loop must be a Loop, got Object/],
    [
      'a pool that is none',
      { loops: [{ id: 'a', module: './x.js', pool: 'cloud' }] },
      /^workflow.loops\[0\].pool must be one of async, thread, process/,
    ],
    ['a module without an id', { loops: [{ module: './x.js' }] }, /^workflow.loops\[0\].id must be a non-empty string/],
    [
      'a module that is none',
      { loops: [{ id: 'a', module: '' }] },
      /^workflow.loops\[0\].module must be a file URL or a path/,
    ],
    [
      'an unknown field of a module',
      { loops: [{ id: 'a', module: './x.js', exports: 'b' }] },
      /^workflow.loops\[0\].exports is unknown/,
    ],
    [
      'limits that are not of a thread',
      { loops: [{ id: 'a', module: './x.js', pool: 'process', resourceLimits: {} }] },
      /^workflow.loops\[0\].resourceLimits is for the pool thread, not for process/,
    ],
    [
      'a crash policy that is none',
      { loops: [{ id: 'a', module: './x.js', pool: 'thread', onCrash: 'pause' }] },
      /^workflow.loops\[0\].onCrash must be one of stop, restart/,
    ],
  ])('refuses %s', (_, given, message) => {
    const error = thrown(() => new WorkflowOrchestrator().load(given as never));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as Error).message).toMatch(message);
  });

  it('refuses duplicate loops and queues, and a local loop in a thread, with all faults at once', () => {
    const orchestrator = new WorkflowOrchestrator().load({ queues: { q: {} }, loops: [counter('a').loop] });
    const error = thrown(() =>
      orchestrator.load({
        queues: { q: {} },
        loops: [counter('a').loop, { loop: counter('b').loop, pool: 'thread' }, new Loop('empty')],
      }),
    );
    expect(error).toBeInstanceOf(LoopDefinitionError);
    expect((error as LoopDefinitionError).faults.map(({ message }) => message)).toEqual([
      'there are two loops "a"',
      expect.stringContaining(
        'loop "b" is built in this program, so it cannot live in a thread: load it from a module',
      ),
      'loop "empty": it has no producer',
      'there are two queues "q"',
    ]);
    // Nothing was loaded.
    expect(orchestrator.metrics().loops.map(({ loopId }) => loopId)).toEqual(['a']);
  });

  it('refuses invalid options by name', () => {
    expect(() => new WorkflowOrchestrator({ metricsInterval: 1 })).toThrow(
      'metricsInterval must be a number of milliseconds of at least 10, got 1',
    );
    expect(() => new WorkflowOrchestrator({ store: {} as never })).toThrow('store must be a LoopStore, got Object');
    expect(() => new WorkflowOrchestrator({ logger: {} as never })).toThrow(
      'logger must be an object with debug, info, warn, error, got Object',
    );
    expect(() => new WorkflowOrchestrator({ name: 'x' } as never)).toThrow('name is unknown');
  });

  it('is refused after the first start', async () => {
    const orchestrator = workflow({ loops: [counter('a').loop] });
    await orchestrator.start();
    expect(thrown(() => orchestrator.load({ loops: [] }))).toBeInstanceOf(LoopStateError);
  });
});

describe('start', () => {
  it('finds faults between loops, also of those in modules, and starts none of them', async () => {
    const orchestrator = workflow({
      queues: { in: {}, out: {} },
      loops: [
        counter('a').loop,
        { id: 'd', module, export: 'doubler', options: { from: 'in', to: 'nowhere' }, pool: 'thread' },
        counter('b', 'out').loop,
      ],
    });
    const error = await rejection(orchestrator.start());
    expect(error).toBeInstanceOf(LoopDefinitionError);
    expect((error as LoopDefinitionError).faults.map(({ message }) => message)).toEqual([
      'loop "d" uses the queue "nowhere", which is not declared (in, out)',
      'nothing reads the queue "out": a push to it would wait for ever',
    ]);
    expect(orchestrator.metrics().loops.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it('starts one, then the others', async () => {
    const [a, b] = [counter('a'), counter('b')];
    const orchestrator = workflow({ loops: [a.loop, b.loop] });
    await orchestrator.start('a');
    expect(orchestrator.metrics().loops.map(({ state }) => state)).toEqual(['running', 'stopped']);
    await eventually(() => a.last() > 2);
    expect(b.last()).toBe(0);
    await orchestrator.start();
    await eventually(() => b.last() > 2);
    await orchestrator.start();
  });

  it('starts each loop once, however often start is called', async () => {
    let made = 0;
    class Once extends BlockingNode {
      override setUp() {
        made++;
        return new Promise((resolve) => setTimeout(resolve, 10));
      }
      run({ value }: NodeData) {
        return value;
      }
    }
    const orchestrator = workflow({ loops: [new Loop('a').producer('p', () => idle(10)).node('once', Once)] });
    await Promise.all([orchestrator.start(), orchestrator.start(), orchestrator.start()]);
    expect(made).toBe(1);
    expect(await rejection(orchestrator.start('a'))).toMatchObject({
      name: 'LoopStateError',
      message: 'loop "a" is running: call stop() before start()',
    });
    expect(await rejection(orchestrator.start('b'))).toBeInstanceOf(NotFoundError);
  });

  it('starts a stopped loop anew, with new nodes', async () => {
    let made = 0;
    class Node extends BlockingNode {
      override setUp() {
        made++;
      }
      run({ iteration }: NodeData) {
        iterations.push(iteration);
      }
    }
    const iterations: number[] = [];
    const orchestrator = workflow({
      loops: [new Loop('a', { schedule: { every: 1 } }).producer('p', () => 1).node('n', Node)],
    });
    for (let round = 1; round <= 3; round++) {
      const before = iterations.length;
      await orchestrator.start();

      await eventually(() => iterations.length > before);
      expect(iterations[before]).toBe(1);
      await orchestrator.stop();
      expect(made).toBe(round);
    }
  });
});

describe('pause and resume', () => {
  it('pause one loop, while the others continue', async () => {
    const [a, b] = [counter('a'), counter('b')];
    const orchestrator = workflow({ loops: [a.loop, b.loop] });
    await orchestrator.start();
    await orchestrator.pause('a');
    const before = [a.last(), b.last()] as const;
    await eventually(() => b.last() > before[1] + 5);
    expect(a.last()).toBe(before[0]);
    orchestrator.resume('a');
    await eventually(() => a.last() > before[0]);
  });

  it('pause all loops, even if one waits for room that another makes', async () => {
    const { loop, values } = collector<number>('q', { ms: 2 });
    let last = 0;
    const orchestrator = workflow({
      queues: { q: { capacity: 2 } },
      loops: [loop, new Loop('a').producer('p', () => ++last).push('out', 'q')],
    });
    await orchestrator.start();
    await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
    await orchestrator.pause();
    expect(orchestrator.metrics().loops.map(({ state }) => state)).toEqual(['paused', 'paused']);
    const before = values.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(values.length).toBe(before);
    orchestrator.resume();
    await eventually(() => values.length > before);
    await orchestrator.stop();
    expect(values).toEqual(upTo(last));
  });

  it('let a loop wait for room in the queue of a paused loop until that is resumed', async () => {
    const { loop } = collector<number>('q');
    let last = 0;
    const orchestrator = workflow({
      queues: { q: { capacity: 2 } },
      loops: [loop, new Loop('a').producer('p', () => ++last).push('out', 'q')],
    });
    await orchestrator.start();
    await orchestrator.pause(loop.id);
    await eventually(() => orchestrator.queue('q').metrics.blocked === 1);
    const pausing = orchestrator.pause('a');
    orchestrator.resume(loop.id);
    await pausing;
    expect(orchestrator.metrics().loops.map(({ state }) => state)).toEqual(['running', 'paused']);
  });

  it('end when the loop is resumed, whatever the pause waited for', async () => {
    const hold = deferred();
    const orchestrator = workflow({ loops: [new Loop('a').producer('p', () => hold.promise)] });
    await orchestrator.start();
    const pausing = orchestrator.pause();
    orchestrator.resume();
    await pausing;
    hold.resolve();
    expect(orchestrator.metrics().loops[0]?.state).toBe('running');
  });

  it('are refused for a loop that does not run', async () => {
    const orchestrator = workflow({ loops: [counter('a').loop] });
    expect(await rejection(orchestrator.pause('a'))).toMatchObject({
      name: 'LoopStateError',
      message: 'loop "a" is stopped: call start() first',
    });
    expect(thrown(() => orchestrator.resume('a'))).toBeInstanceOf(LoopStateError);
    expect(await rejection(orchestrator.pause('b'))).toBeInstanceOf(NotFoundError);
    await orchestrator.pause();
    orchestrator.resume();
  });
});

describe('what a workflow reports', () => {
  it('is every state, in order', async () => {
    const orchestrator = workflow({ loops: [counter('a').loop] });
    const seen = states(orchestrator);
    await orchestrator.start();
    await orchestrator.pause();
    orchestrator.resume();
    await eventually(() => orchestrator.metrics().loops[0]?.state === 'running');
    await orchestrator.stop();
    expect(seen).toEqual(
      ['starting', 'running', 'paused', 'running', 'stopping', 'stopped'].map((state) => `a ${state}`),
    );
  });

  it('is no end while a loop runs that was stopped and started again', async () => {
    const ticking = (id: string) => new Loop(id, { schedule: { every: 5 } }).producer('p', () => 1);
    const orchestrator = workflow({ loops: [ticking('a'), ticking('b')] });
    await orchestrator.start();
    let hasEnded = false;
    const ended = orchestrator.ended().then(() => {
      hasEnded = true;
    });
    await orchestrator.stop({ loopId: 'a' });
    await orchestrator.start('a');
    await orchestrator.stop({ loopId: 'b' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(hasEnded).toBe(false);
    await orchestrator.stop({ loopId: 'a' });
    await ended;
    await orchestrator.close();
  });

  it('are failures and states of nodes, to listeners and to a logger', async () => {
    const lines: string[] = [];
    const line = (level: string) => (message: string, details?: object) =>
      void lines.push(`${level} ${Object.keys(details ?? {})} ${message}`);
    const logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
    let calls = 0;
    const loop = new Loop('a', { schedule: { every: 5 } })
      .producer('p', () => (++calls <= 2 ? calls : done))
      .blocking('picky', (value: number) => {
        if (value === 1) throw new Error('not one');
      });
    const orchestrator = workflow({ loops: [loop] }, { logger });
    orchestrator.on('node', ({ loopId, nodeId, state }) => lines.push(`${loopId} ${nodeId} ${state}`));
    orchestrator.on('failure', ({ loopId, nodeId, iteration, error }) =>
      lines.push(`${loopId} ${nodeId} ${iteration} ${error}`),
    );
    orchestrator.on('deadLetter', ({ id, nodeId, value }) => lines.push(`letter ${id} ${nodeId} ${value}`));
    await orchestrator.start();
    await orchestrator.ended();
    expect(lines).toEqual([
      'info loopId,state loop "a" is starting',
      'info loopId,state loop "a" is running',
      'warn loopId,nodeId,state node "picky" of loop "a" is failing',
      'a picky failing',
      'error loopId,nodeId,iteration,err node "picky" of loop "a" has failed',
      'a picky 1 Error: not one',
      'letter 1 picky 1',
      'info loopId,nodeId,state node "picky" of loop "a" is healthy',
      'a picky healthy',
      'info loopId,state loop "a" is stopping',
      'info loopId,state loop "a" is stopped',
    ]);
  });

  it('are queues without a type that several loops read', async () => {
    const load = (queue: QueueDefinition) => {
      const loops = ['a', 'b'].map((id) => new Loop(id).read('in', 'q').blocking('take', () => {}));
      const warnings: string[] = [];
      const nothing = () => {};
      const logger = {
        debug: nothing,
        info: nothing,
        warn: (line: string) => void warnings.push(line),
        error: nothing,
      };
      const orchestrator = workflow({ queues: { q: queue, r: {} }, loops }, { logger });
      const told: unknown[] = [];
      orchestrator.on('warning', (warning) => told.push(warning));
      return { orchestrator, warnings, told };
    };
    const { orchestrator, warnings, told } = load({});
    expect(orchestrator.warnings).toEqual([]);
    await orchestrator.start();
    await orchestrator.stop();
    await orchestrator.start();
    const message =
      'loops "a", "b" share the messages of the queue "q", so each gets only some of them: ' +
      "set type: 'topic' if each loop needs all messages, or type: 'queue' if they share the work";
    expect(orchestrator.warnings).toEqual([{ message, queue: 'q' }]);
    expect([told, warnings]).toEqual([[{ message, queue: 'q' }], [message]]);
    for (const type of ['queue', 'topic'] as const) {
      const said = load({ type });
      await said.orchestrator.start();
      expect([said.orchestrator.warnings, said.warnings]).toEqual([[], []]);
    }
  });

  it('are deleted dead letters', async () => {
    let calls = 0;
    const loop = new Loop('a')
      .producer('p', () => (++calls <= 1_005 ? calls : done))
      .blocking('fail', (value: number) => {
        throw new RangeError(`no ${value}`);
      });
    const warnings: unknown[] = [];
    const nothing = () => {};
    const warn = (message: string, details: object = {}) => void warnings.push([message, details]);
    const logger = { debug: nothing, info: nothing, warn, error: nothing };
    const orchestrator = workflow({ loops: [loop] }, { logger, deadLetterCapacity: 3 });
    const dropped: number[] = [];
    orchestrator.on('deadLetterDropped', ({ value }) => dropped.push(Number(value)));
    await orchestrator.start();
    await orchestrator.ended();
    expect(orchestrator.deadLetters.list().map(({ value }) => value)).toEqual([1_003, 1_004, 1_005]);
    expect(dropped).toEqual(upTo(1_002));
    expect(orchestrator.metrics()).toMatchObject({ deadLetters: 3, deadLettersDropped: 1_002 });
    // Fewer lines than deleted dead letters.
    expect(warnings.filter((line) => String(line).includes('dead letter'))).toEqual([
      ['a dead letter was dropped: 3 are kept', expect.objectContaining({ dropped: 1, loopId: 'a', nodeId: 'fail' })],
      ['1001 dead letters were dropped: 3 are kept', expect.objectContaining({ err: new RangeError('no 1001') })],
    ]);
  });

  it('are metrics, at the given interval, while it runs', async () => {
    const { loop } = collector<number>('q');
    const orchestrator = workflow(
      { queues: { q: { capacity: 7 } }, loops: [loop, counter('a', 'q', 1).loop] },
      { metricsInterval: 20 },
    );
    const pushed: WorkflowMetrics[] = [];
    orchestrator.on('metrics', (metrics) => pushed.push(metrics));
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    restore = () => vi.useRealTimers();
    await orchestrator.start();
    await eventually(() => orchestrator.metrics().loops.every(({ iterations }) => iterations > 0));
    vi.advanceTimersByTime(19);
    expect(pushed).toEqual([]);
    vi.advanceTimersByTime(81);
    expect(pushed).toHaveLength(5);
    const last = pushed.at(-1);
    expect(last?.loops.map(({ loopId, state }) => [loopId, state])).toEqual([
      ['collect q', 'running'],
      ['a', 'running'],
    ]);
    expect(last?.queues).toEqual([expect.objectContaining({ queue: 'q', capacity: 7, dropped: 0 })]);
    const { loops } = orchestrator.metrics();
    for (const { iterations, iterationsPerSecond, durations, nodes, errors } of loops) {
      expect(iterations).toBeGreaterThan(0);
      expect(iterationsPerSecond).toBeGreaterThan(0);
      expect(durations.max).toBeGreaterThanOrEqual(durations.p50);
      expect(nodes.map(({ state }) => state)).toEqual(['healthy', 'healthy']);
      expect(errors).toBe(0);
    }
    await orchestrator.stop();
    vi.advanceTimersByTime(1_000);
    expect(pushed).toHaveLength(5);
  });

  it('is its health', async () => {
    let isBad = true;
    const loop = new Loop('a', { schedule: { every: 1 } })
      .producer('p', () => 1)
      .blocking('node', () => {
        if (isBad) throw new Error('bad');
      });
    const other = new Loop('b', { onError: 'stop' })
      .producer('p', () => 1)
      .blocking('last', () => {
        throw new Error('the end');
      });
    const orchestrator = workflow({ loops: [loop, other] });
    expect(orchestrator.health()).toEqual({
      status: 'healthy',
      loops: [
        { loopId: 'a', state: 'stopped', failing: [], error: undefined },
        { loopId: 'b', state: 'stopped', failing: [], error: undefined },
      ],
    });
    await orchestrator.start('a');
    await eventually(() => orchestrator.health().status === 'failing');
    expect(orchestrator.health().loops[0]).toMatchObject({ state: 'running', failing: ['node'] });
    isBad = false;
    await eventually(() => orchestrator.health().status === 'healthy');
    await orchestrator.start('b');
    await eventually(() => orchestrator.health().status === 'error');
    expect(orchestrator.health().loops[1]).toMatchObject({ state: 'error', error: 'Error: the end' });
    expect(orchestrator.health().loops[0]).toMatchObject({ state: 'running' });
  });

  it("hurts no loop where a listener throws: that is the program's to hear", async () => {
    const uncaught: unknown[] = [];
    const handlers = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    restore = () => {
      process.removeAllListeners('uncaughtException');
      for (const handler of handlers) process.on('uncaughtException', handler);
    };
    const a = counter('a');
    const orchestrator = workflow({ loops: [a.loop] }, { logger: new NullLogger() });
    orchestrator.on('state', () => {
      throw new Error('a bad listener');
    });
    await orchestrator.start();
    await eventually(() => a.last() > 3);
    expect((await orchestrator.stop()).loops[0]?.reason).toBe('stopped');
    await eventually(() => uncaught.length === 4);
  });

  it('goes through hooks of an orchestrator that is given: each call of a node is a task', async () => {
    const kernel = new Orchestrator({ name: 'kernel' });
    const lines = recorded(kernel);
    let last = 0;
    const orchestrator = workflow(
      {
        loops: [
          new Loop('a').producer('p', () => (last++ === 0 ? 1 : done)).blocking('b', (value: number) => value + 1),
        ],
      },
      { orchestrator: kernel },
    );
    await orchestrator.start();
    await orchestrator.ended();
    expect(lines).toEqual([
      'process begins',
      'p begins',
      'p completed',
      'b begins',
      'b completed',
      'p begins',
      'p completed',
      'process completed',
    ]);
  });
});

let restore = () => {};
afterEach(() => {
  restore();
  restore = () => {};
});

describe('queues', () => {
  it('are pushed to from outside, which waits for room', async () => {
    const orchestrator = workflow({ queues: { q: { capacity: 2 } }, loops: [collector('q').loop] });
    const queue = orchestrator.queue('q');
    expect(await rejection(queue.push(1))).toBeInstanceOf(LoopStateError);
    await orchestrator.start();
    await orchestrator.pause();
    const settled: number[] = [];
    for (const value of upTo(4)) void queue.push(value).then(() => settled.push(value));
    await eventually(() => settled.length === 2);
    expect(queue.metrics).toMatchObject({ depth: 2, blocked: 2, pushed: 2 });
    orchestrator.resume();
    await eventually(() => settled.length === 4);
    expect(settled).toEqual(upTo(4));
    expect(thrown(() => orchestrator.queue('x'))).toMatchObject({
      name: 'NotFoundError',
      message: 'there is no queue "x", only q',
    });
  });

  it('refuse pushes from outside when they are full, with the policy fail', async () => {
    const orchestrator = workflow({ queues: { q: { capacity: 1, overflow: 'fail' } }, loops: [counter('a').loop] });
    await orchestrator.start();
    await orchestrator.queue('q').push(1);
    expect(await rejection(orchestrator.queue('q').push(2))).toBeInstanceOf(QueueFullError);
  });

  it('give each message to one of several readers, in any pool', async () => {
    const { loop, values } = collector<number>('out');
    const orchestrator = workflow({
      queues: { in: { capacity: 10 }, out: {} },
      loops: [
        { id: 'one', module, export: 'doubler', options: { from: 'in', to: 'out', ms: 1 }, pool: 'thread' },
        { id: 'two', module, export: 'doubler', options: { from: 'in', to: 'out', ms: 1 }, pool: 'async' },
        loop,
      ],
    });
    await orchestrator.start();
    let last = 0;
    const haveBoth = () => {
      const { loops } = orchestrator.metrics();
      return loops.slice(0, 2).every(({ iterations }) => iterations > 10);
    };
    await eventually(async () => {
      for (const _ of upTo(20)) await orchestrator.queue('in').push(++last);
      return haveBoth();
    });
    await orchestrator.stop(patient);
    expect(values.sort((a, b) => a - b)).toEqual(upTo(last).map((value) => 2 * value));
  });

  it('give each message of a topic to every loop that reads it', async () => {
    const { loop, values } = collector<{ value: number }>('out');
    const here = collector<number>('news', { id: 'here' });
    const orchestrator = workflow({
      queues: { news: { type: 'topic', capacity: 5 }, out: {} },
      loops: [
        { id: 'there', module, export: 'echo', options: { from: 'news', to: 'out' }, pool: 'thread' },
        here.loop,
        loop,
      ],
    });
    await orchestrator.start();
    for (const value of upTo(50)) await orchestrator.queue('news').push(value);
    await orchestrator.stop(patient);
    expect(here.values).toEqual(upTo(50));
    expect(values.map(({ value }) => value)).toEqual(upTo(50));
  });
});

describe('dead letters', () => {
  function picky(pool: 'async' | 'thread' | 'process') {
    return { id: 'unlucky', module, export: 'unlucky', options: { from: 'in' }, pool };
  }

  it.each(['async', 'thread', 'process'] as const)('of the pool %s are listed, replayed and removed', async (pool) => {
    const orchestrator = workflow({ queues: { in: {} }, loops: [picky(pool), counter('other').loop] });
    await orchestrator.start();
    for (const value of ['a', 'b', 'c']) await orchestrator.queue('in').push(value);
    await eventually(() => orchestrator.deadLetters.size === 3);
    const letters = orchestrator.deadLetters.list({ loopId: 'unlucky' });
    expect(letters.map(({ id, value, message }) => [id, value, message?.value, message?.queue])).toEqual([
      [1, 'a', 'a', 'in'],
      [2, 'b', 'b', 'in'],
      [3, 'c', 'c', 'in'],
    ]);
    expect(orchestrator.deadLetters.list({ loopId: 'other' })).toEqual([]);
    expect(await orchestrator.deadLetters.replay(2)).toBe(1);
    await eventually(() => orchestrator.deadLetters.list().at(-1)?.id === 4);
    expect(orchestrator.deadLetters.list().map(({ id, value }) => [id, value])).toEqual([
      [1, 'a'],
      [3, 'c'],
      [4, 'b'],
    ]);
    orchestrator.deadLetters.remove(1);
    expect(await orchestrator.deadLetters.replay()).toBe(2);
    await eventually(() => orchestrator.deadLetters.list().at(-1)?.id === 6);
    expect(orchestrator.deadLetters.list().map(({ value }) => value)).toEqual(['c', 'b']);
    expect(await rejection(orchestrator.deadLetters.replay(1))).toMatchObject({
      name: 'NotFoundError',
      message: 'there is no dead letter "1"',
    });
    expect(thrown(() => orchestrator.deadLetters.remove(99))).toBeInstanceOf(NotFoundError);
  });

  it('without a message go to the node again, if its loop runs', async () => {
    const seen: number[] = [];
    let isBad = true;
    let last = 0;
    const loop = new Loop('a')
      .producer('p', () => (last < 2 ? ++last : idle(10)))
      .blocking('node', (value: number) => {
        if (isBad) throw new Error('not now');
        seen.push(value);
      });
    const orchestrator = workflow({ loops: [loop] });
    await orchestrator.start();
    await eventually(() => orchestrator.deadLetters.size === 2);
    isBad = false;
    await orchestrator.deadLetters.replay(1);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([1]);
    await orchestrator.stop();
    expect(await rejection(orchestrator.deadLetters.replay(2))).toMatchObject({
      name: 'LoopStateError',
      message: 'loop "a" is stopped: call start() first',
    });
    expect(await orchestrator.deadLetters.replay()).toBe(0);
    expect(orchestrator.deadLetters.size).toBe(1);
  });

  it('of a topic go back to the loop that failed, and to no other', async () => {
    const here = collector<number>('news', { id: 'here' });
    let failures = 0;
    const bad = new Loop('bad').read('in', 'news').blocking('fail', () => {
      failures++;
      throw new Error('bad news');
    });
    const orchestrator = workflow({ queues: { news: { type: 'topic' } }, loops: [here.loop, bad] });
    await orchestrator.start();
    await orchestrator.queue('news').push(1);
    await eventually(() => orchestrator.deadLetters.size === 1);
    await orchestrator.deadLetters.replay();
    await eventually(() => failures === 2);
    expect(here.values).toEqual([1]);
  });

  it('are kept up to a limit: the oldest are deleted', async () => {
    const orchestrator = workflow({ queues: { in: {} }, loops: [picky('async')] }, { deadLetterCapacity: 2 });
    await orchestrator.start();
    for (const value of upTo(5)) await orchestrator.queue('in').push(value);
    await eventually(() => orchestrator.deadLetters.dropped === 3);
    expect(orchestrator.deadLetters.list().map(({ value }) => value)).toEqual([4, 5]);
  });

  it('are replayed once, although the queue has no room at first', async () => {
    const orchestrator = workflow({ queues: { in: { capacity: 1 } }, loops: [picky('async')] });
    await orchestrator.start();
    await orchestrator.queue('in').push('a');
    await eventually(() => orchestrator.deadLetters.size === 1);
    await orchestrator.pause();
    await orchestrator.queue('in').push('b');
    const replaying = orchestrator.deadLetters.replay(1);
    expect(await rejection(orchestrator.deadLetters.replay(1))).toBeInstanceOf(NotFoundError);
    expect(await orchestrator.deadLetters.replay()).toBe(0);
    orchestrator.resume();
    expect(await replaying).toBe(1);
    await eventually(() => orchestrator.deadLetters.list().length === 2);
    expect(orchestrator.deadLetters.list().map(({ value }) => value)).toEqual(['b', 'a']);
  });
});

describe('an outage of what a node needs', () => {
  /** Sends numbers in order to a service that is down for a while. */
  function outage(settings: NodeSettings) {
    let isUp = true;
    let last = 0;
    const saved: number[] = [];
    const source = new Loop('source', { schedule: 1 }).producer('n', () => ++last).push('out', 'q');
    const sink = new Loop('sink').read('in', 'q').blocking(
      'save',
      async (value: number) => {
        if (!isUp) throw new Error('connect ECONNREFUSED');
        saved.push(value);
      },
      settings,
    );
    const orchestrator = workflow({ queues: { q: { capacity: 20 } }, loops: [source, sink] });
    const setUp = (next: boolean) => {
      isUp = next;
    };
    const isFull = () => orchestrator.queue('q').metrics.blocked === 1;
    return { orchestrator, saved, setUp, isFull, made: () => last };
  }

  it('stops the loops if a node is retried forever, and loses no message', async () => {
    const retry = { retries: Number.POSITIVE_INFINITY, minTimeout: 5, maxTimeout: 20 };
    const { orchestrator, saved, setUp, isFull, made } = outage({ retry });
    await orchestrator.start();
    await eventually(() => saved.length > 5);
    setUp(false);
    await eventually(isFull);
    const before = made();
    await eventually(() => Number(orchestrator.metrics().loops[1]?.nodes[1]?.retries) > 10);
    expect(made()).toBe(before);
    expect(orchestrator.health()).toMatchObject({
      status: 'failing',
      loops: [{}, { loopId: 'sink', state: 'running', failing: ['save'] }],
    });
    setUp(true);
    await eventually(() => saved.length > before + 5);
    expect(saved).toEqual(upTo(saved.length));
    expect(orchestrator.deadLetters.size).toBe(0);
    expect(orchestrator.health().status).toBe('healthy');
  });

  it('stops the loops if the loop pauses until a probe succeeds, and loses no message', async () => {
    const { orchestrator, saved, setUp, isFull } = outage({ onError: 'pause' });
    let isUp = true;
    const probe = async () => isUp;
    // As shown in the guide.
    orchestrator.on('state', async ({ loopId, state, error }) => {
      if (loopId !== 'sink' || state !== 'paused' || error === undefined) return;
      while (!(await probe())) await new Promise((resolve) => setTimeout(resolve, 10));
      orchestrator.resume(loopId);
      await orchestrator.deadLetters.replay();
    });
    await orchestrator.start();
    await eventually(() => saved.length > 5);
    isUp = false;
    setUp(false);
    await eventually(isFull);
    expect(orchestrator.deadLetters.size).toBe(1);
    const count = saved.length;
    setUp(true);
    isUp = true;
    await eventually(() => orchestrator.deadLetters.size === 0 && saved.length > count + 30);
    // The failed message comes after the messages that were waiting.
    expect([...saved].sort((one, other) => one - other)).toEqual(upTo(saved.length));
  });
});

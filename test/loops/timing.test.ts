import { done, idle, Loop, LoopManager, type MissedTicks, type NodeData, type Schedule, to } from 'orchestrator/loops';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import fc from '../properties.js';
import { deferred } from '../support.js';
import { counting, lived, managed, pause, plan, useFakeTime, World } from './one-loop.js';

/** Milliseconds since the start of the test. */
let began = 0;
const clock = () => Math.round(performance.now() - began);

/** Advances the time until the promise has settled. */
async function played<Result>(pending: Promise<Result>): Promise<Result> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  pending.then(settle, settle);
  await vi.advanceTimersByTimeAsync(0);
  for (let step = 0; !isSettled; step++) {
    if (step > 20_000) throw new Error('it does not end');
    await vi.advanceTimersToNextTimerAsync();
  }
  return pending;
}

function inFakeTime() {
  beforeEach(() => {
    useFakeTime();
    began = performance.now();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/** Records the start and the end of a call. */
function diary() {
  const lines: string[] = [];
  const taking = (name: string, milliseconds: number) => async (value: unknown) => {
    lines.push(`${clock()} ${name} begins`);
    await pause(milliseconds);
    lines.push(`${clock()} ${name} ends`);
    return value;
  };
  return { lines, taking };
}

describe('the order of an iteration', () => {
  inFakeTime();

  it('begins with the producer, and waits only for blocking nodes', async () => {
    const { lines, taking } = diary();
    const next = counting(2, done);
    const loop = new Loop('l')
      .producer('p', async () => {
        const value = next();
        if (value !== done) await taking('p', 10)(value);
        return value;
      })
      .blocking('a', taking('a', 20))
      .nonBlocking('n', taking('n', 45))
      .blocking('b', taking('b', 5));
    const { end } = await played(lived(loop));
    expect(lines).toEqual([
      '0 p begins',
      '10 p ends',
      '10 a begins',
      '30 a ends',
      '30 n begins',
      '30 b begins',
      '35 b ends',
      '35 p begins',
      '45 p ends',
      '45 a begins',
      '65 a ends',
      '65 n begins',
      '65 b begins',
      '70 b ends',
      '75 n ends',
      '110 n ends',
    ]);
    expect(end).toEqual({ reason: 'done' });
    expect(clock()).toBe(110);
  });

  it('runs the synchronous part of a non-blocking node before its successors', async () => {
    const seen: string[] = [];
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .nonBlocking('n', async () => {
        seen.push('n');
        await pause(1);
        seen.push('n later');
      })
      .blocking('b', () => {
        seen.push('b');
      });
    await played(lived(loop));
    expect(seen).toEqual(['n', 'b', 'n later']);
  });

  it('gives each successor the output of a blocking node, one whole branch after the other', async () => {
    const { lines, taking } = diary();
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .blocking('a', taking('a', 5))
      .blocking('a2', taking('a2', 5))
      .blocking('b', taking('b', 5))
      .edge('p', 'a')
      .edge('p', 'b')
      .edge('a', 'a2');
    await played(lived(loop));
    expect(lines.filter((line) => line.includes('begins'))).toEqual(['0 a begins', '5 a2 begins', '10 b begins']);
  });

  it('passes on the output of a blocking node, and the input of a non-blocking node', async () => {
    const seen: unknown[] = [];
    const see = (value: unknown) => seen.push(value);
    const loop = new Loop('l')
      .producer('p', counting(2, done))
      .blocking('double', (value: number) => value * 2)
      .nonBlocking('note', async (value: number) => `noted ${value}`)
      .blocking('see', see);
    await played(lived(loop));
    expect(seen).toEqual([2, 4]);
  });

  it('gives a node its position', async () => {
    const seen: Partial<NodeData>[] = [];
    const see = ({ loopId, nodeId, iteration, attempt, message, messages, value, signal }: NodeData) => {
      seen.push({ loopId, nodeId, iteration, attempt, message, messages, value });
      expect(signal.aborted).toBe(false);
    };
    const loop = new Loop('l')
      .producer('p', (data) => {
        see(data);
        return data.iteration === 2 ? done : 'x';
      })
      .blocking('b', (_, data) => see(data));
    await played(lived(loop));
    const place = { loopId: 'l', attempt: 1, message: undefined, messages: [] };
    expect(seen).toEqual([
      { ...place, nodeId: 'p', iteration: 1, value: undefined },
      { ...place, nodeId: 'b', iteration: 1, value: 'x' },
      { ...place, nodeId: 'p', iteration: 2, value: undefined },
    ]);
  });
});

describe('the route of a value', () => {
  inFakeTime();

  it('is chosen by name: one, several in that order, or none', async () => {
    const seen: string[] = [];
    const loop = new Loop('l').producer('p', counting(4, done)).blocking('fork', (value: number) => {
      if (value === 1) return to('b', 'one');
      if (value === 2) return to(['c', 'a'], 'two');
      return value === 3 ? to() : 'all';
    });
    for (const id of ['a', 'b', 'c']) loop.blocking(id, (value) => void seen.push(`${id} ${value}`));
    loop.edge('p', 'fork');
    for (const id of ['a', 'b', 'c']) loop.edge('fork', id);
    await played(lived(loop));
    expect(seen).toEqual(['b one', 'c two', 'a two', 'a all', 'b all', 'c all']);
  });

  it('may be chosen by the producer, and by a non-blocking node for its input', async () => {
    const seen: string[] = [];
    const next = counting(2, done);
    const loop = new Loop('l')
      .producer('p', () => {
        const value = next();
        return value === 1 ? to('n', 'from p') : value === done ? value : to('b', 'straight');
      })
      .nonBlocking('n', () => to('b', 'ignored'))
      .blocking('a', () => void seen.push('a'))
      .blocking('b', (value) => void seen.push(`b ${value}`))
      .edge('p', 'n')
      .edge('p', 'b')
      .edge('n', 'a')
      .edge('n', 'b');
    await played(lived(loop));
    expect(seen).toEqual(['b from p', 'b straight']);
  });

  it('may not lead to a node without an edge: the node fails', async () => {
    const loop = new Loop('l')
      .producer('p', counting(1, done))
      .blocking('a', () => to('b'))
      .blocking('b', () => to('x'))
      .blocking('c', () => {});
    const { world } = await played(lived(loop));
    expect(world.failures).toEqual(['b: node "b" leads to c, not to "x"']);
    const last = new Loop('l').producer('p', counting(1, done)).blocking('a', () => to('a'));
    expect((await played(lived(last))).world.failures).toEqual(['a: node "a" leads to no other node, not to "a"']);
  });
});

describe('a producer', () => {
  inFakeTime();

  it('is called again after its own delay, by default after 100 milliseconds', async () => {
    const times: number[] = [];
    const answers = [idle(), idle(30), idle(0), 'value', done];
    const loop = new Loop('l').producer('p', () => {
      times.push(clock());
      return answers.shift() as string;
    });
    const { metrics } = await played(lived(loop));
    expect(times).toEqual([0, 100, 130, 130, 130]);
    expect(metrics.iterations).toBe(1);
  });

  it('is called again at the next tick if there is a schedule', async () => {
    const times: number[] = [];
    const answers = [idle(), idle(5), idle(25), 'value', done];
    const loop = new Loop('l', { schedule: 10 }).producer('p', async () => {
      times.push(clock());
      return answers.shift() as string;
    });
    await played(lived(loop));
    expect(times).toEqual([0, 10, 20, 50, 60]);
  });

  it('is called again after a growing delay if it fails, up to a hundred times the first delay', async () => {
    const times: number[] = [];
    const loop = new Loop('l', { producerBackoff: 10 }).producer('p', async () => {
      times.push(clock());
      if (times.length === 12) return 'value';
      if (times.length === 15) return done;
      throw new Error('failed');
    });
    const { world, metrics } = await played(lived(loop));
    const waits = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000, 0, 10, 20]);
    expect(world.letters).toEqual([]);
    expect(metrics).toMatchObject({ errors: 13, iterations: 1 });
  });

  it('ends the loop with `done`, after all calls in flight have ended', async () => {
    const loop = new Loop('l').producer('p', counting(1, done)).nonBlocking('n', () => pause(500));
    const { manager, world } = managed(loop);
    const { ended } = await manager.start();
    await vi.advanceTimersByTimeAsync(499);
    expect([manager.state, manager.metrics().inFlight]).toEqual(['stopping', 1]);
    expect(await played(ended)).toEqual({ reason: 'done' });
    expect(world.states).toEqual(['starting', 'running', 'stopping', 'stopped']);
    expect(manager.metrics()).toMatchObject({ inFlight: 0, iterations: 1 });
  });
});

describe('a schedule', () => {
  inFakeTime();

  /** Starts of iterations that take the given times. */
  async function beginnings(schedule: number | Schedule, durations: readonly number[]) {
    const times: number[] = [];
    const left = [...durations];
    const loop = new Loop('l', { schedule })
      .producer('p', () => {
        if (left.length === 0) return done;
        times.push(clock());
        return left.shift() as number;
      })
      .blocking('work', (milliseconds: number) => (milliseconds > 0 ? pause(milliseconds) : undefined));
    const { metrics } = await played(lived(loop));
    return { times, missed: metrics.missedTicks };
  }

  it('begins at once, then on each tick', async () => {
    expect(await beginnings(100, [0, 30, 99, 100, 0])).toEqual({ times: [0, 100, 200, 300, 400], missed: 0 });
  });

  it('passes over ticks that are missed', async () => {
    expect(await beginnings({ every: 100 }, [0, 101, 350, 0, 0])).toEqual({
      times: [0, 100, 300, 700, 800],
      missed: 4,
    });
  });

  it('makes up for ticks that were missed, at once, where it is to catch up', async () => {
    expect(await beginnings({ every: 100, missed: 'catch-up' }, [350, 0, 20, 0, 0])).toEqual({
      times: [0, 350, 350, 370, 400],
      missed: 0,
    });
  });

  it('makes up for a hundred ticks at most', async () => {
    const { times, missed } = await beginnings({ every: 10, missed: 'catch-up' }, [2_005, ...new Array(105).fill(0)]);
    expect(missed).toBe(99);
    expect(times.slice(1, 102)).toEqual(new Array(101).fill(2_005));
    expect(times.slice(102)).toEqual([2_010, 2_020, 2_030, 2_040]);
  });

  it('begins its interval when an iteration has ended, where it is to delay', async () => {
    expect(await beginnings({ every: 100, missed: 'delay' }, [0, 30, 250, 0])).toEqual({
      times: [0, 100, 230, 580],
      missed: 0,
    });
  });

  it('may have longer intervals than a timer can hold', async () => {
    const day = 24 * 3_600_000;
    for (const [schedule, days] of [
      [{ cron: '0 0 1 2 *', timezone: 'UTC' }, 31],
      [{ every: 30 * day }, 30],
    ] as const) {
      vi.setSystemTime(new Date('2026-01-01T00:00:00Z'));
      const start = performance.now();
      const times: number[] = [];
      const loop = new Loop('l', { schedule }).producer('p', () => void times.push(performance.now() - start));
      const { manager } = managed(loop);
      const { ended } = await manager.start();
      await vi.advanceTimersByTimeAsync(days * day - 1);
      expect(times.filter((time) => time > 0)).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(times.at(-1)).toBe(days * day);
      manager.stop({ drain: false });
      await vi.advanceTimersByTimeAsync(1);
      await ended;
    }
  });

  describe('when the machine has slept', () => {
    const hour = 3_600_000;

    /** Advances only the wall clock. */
    const sleepFor = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

    async function begun(schedule: number | Schedule, producer: () => unknown = () => 1) {
      vi.setSystemTime(new Date('2026-03-01T10:00:00.500Z'));
      let count = 0;
      const loop = new Loop('l', { schedule }).producer('p', () => {
        count++;
        return producer();
      });
      const { manager } = managed(loop);
      const { ended } = await manager.start();
      await vi.advanceTimersByTimeAsync(1_000);
      const stop = async () => {
        manager.stop({ drain: false });
        await vi.advanceTimersByTimeAsync(1);
        await ended;
      };
      return { count: () => count, manager, stop };
    }

    it.each([
      [{ cron: '0 18 * * *', timezone: 'UTC' }, 0],
      [{ every: 8 * hour }, 1],
      [{ every: 8 * hour, missed: 'delay' }, 1],
    ] as const)('starts a due iteration within half a minute: %j', async (schedule, before) => {
      const { count, stop } = await begun(schedule);
      expect(count()).toBe(before);
      sleepFor(8 * hour - 3_000);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(count()).toBe(before);
      await vi.advanceTimersByTimeAsync(30_000);
      expect(count()).toBe(before + 1);
      await stop();
    });

    it('starts one iteration for several due ticks, and counts the rest', async () => {
      const { count, manager, stop } = await begun({ cron: '0 * * * *', timezone: 'UTC' });
      sleepFor(5 * hour);
      await vi.advanceTimersByTimeAsync(31_000);
      expect(count()).toBe(1);
      await vi.advanceTimersByTimeAsync(hour);
      expect(count()).toBe(2);
      expect(manager.metrics().missedTicks).toBe(4);
      await stop();
    });

    it('calls a producer again whose delay has passed meanwhile', async () => {
      let count = 0;
      const loop = new Loop('l').producer('p', () => {
        count++;
        return idle(8 * hour);
      });
      const { manager } = managed(loop);
      const { ended } = await manager.start();
      await vi.advanceTimersByTimeAsync(1_000);
      sleepFor(8 * hour);
      await vi.advanceTimersByTimeAsync(31_000);
      expect(count).toBe(2);
      manager.stop({ drain: false });
      await vi.advanceTimersByTimeAsync(1);
      await ended;
    });
  });

  it('follows the wall clock if that is set back, unlike intervals', async () => {
    vi.setSystemTime(new Date('2026-03-01T10:00:00.500Z'));
    const counts = { cron: 0, every: 0 };
    const managers = [
      managed(new Loop('c', { schedule: { cron: '0 11 * * *', timezone: 'UTC' } }).producer('p', () => ++counts.cron)),
      managed(new Loop('i', { schedule: 600_000 }).producer('p', () => ++counts.every)),
    ].map(({ manager }) => manager);
    const lives = await Promise.all(managers.map((manager) => manager.start()));
    await vi.advanceTimersByTimeAsync(1_000);
    vi.setSystemTime(Date.now() - 1_800_000);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(counts).toEqual({ cron: 0, every: 7 });
    await vi.advanceTimersByTimeAsync(1_800_000);
    expect(counts.cron).toBe(1);
    for (const manager of managers) manager.stop({ drain: false });
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all(lives.map(({ ended }) => ended));
  });

  it('follows a calendar', async () => {
    vi.setSystemTime(new Date('2026-03-01T10:00:30Z'));
    expect(await beginnings({ cron: '* * * * *' }, [0, 61_000, 0])).toEqual({
      times: [30_000, 90_000, 210_000],
      missed: 1,
    });
  });

  it('accepts seconds, and makes up for missed ticks of a calendar', async () => {
    vi.setSystemTime(new Date('2026-03-01T10:00:00.500Z'));
    expect(await beginnings({ cron: '*/10 * * * * *', missed: 'catch-up' }, [25_000, 0, 0, 0])).toEqual({
      times: [9_500, 34_500, 34_500, 39_500],
      missed: 0,
    });
  });

  it('makes up for at most a hundred ticks of a calendar', async () => {
    vi.setSystemTime(new Date('2026-03-01T10:00:00.500Z'));
    const { times, missed } = await beginnings({ cron: '* * * * * *', missed: 'catch-up' }, [
      150_200,
      ...new Array(101).fill(0),
    ]);
    expect(times.slice(1, 101)).toEqual(new Array(100).fill(150_700));
    expect([times[101], missed]).toEqual([151_500, 50]);
  });

  it('knows time zones', async () => {
    vi.setSystemTime(new Date('2026-01-10T00:00:00Z'));
    const { times } = await beginnings({ cron: '0 12 * * *', timezone: 'America/New_York' }, [0]);
    expect(times).toEqual([17 * 3_600_000]);
  });

  it.each([
    [{ cron: 'whenever' }, /^schedule.cron is not understood: /],
    [{ cron: '* * * * *', timezone: 'Mars/Olympus' }, /^schedule.cron is not understood: /],
  ])('refuses %j when it starts', async (schedule, message) => {
    const { manager, world } = managed(new Loop('l', { schedule }).producer('p', () => 1));
    await expect(manager.start()).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringMatching(message),
    });
    expect(world.states).toEqual(['starting', 'error']);
  });

  it('waits forever for a day that does not come, and can be stopped', async () => {
    const { manager } = managed(new Loop('l', { schedule: { cron: '0 0 31 2 *' } }).producer('p', () => 1));
    const { ended } = await manager.start();
    await vi.advanceTimersByTimeAsync(5_000);
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(manager.metrics().iterations).toBe(0);
  });

  it('also paces a reader', async () => {
    const times: number[] = [];
    const world = new World();
    for (let value = 0; value < 3; value++) world.push('q', value);
    const loop = new Loop('l', { schedule: 100 }).read('r', 'q').blocking('b', () => void times.push(clock()));
    const { manager } = managed(loop, world);
    const { ended } = await manager.start();
    await vi.advanceTimersByTimeAsync(250);
    world.reader?.end();
    manager.stop({ drain: true });
    expect(await played(ended)).toEqual({ reason: 'drained' });
    expect(times).toEqual([0, 100, 200]);
  });
});

describe('calls of a non-blocking node in flight', () => {
  inFakeTime();

  const loopWith = (settings: object, seen: string[], times = 4) =>
    new Loop('l')
      .producer('p', counting(times, done))
      .blocking('pace', async (value) => {
        await pause(10);
        return value;
      })
      .nonBlocking(
        'n',
        async (value) => {
          seen.push(`${clock()} n ${value}`);
          await pause(25);
        },
        settings,
      )
      .blocking('b', (value) => void seen.push(`${clock()} b ${value}`));

  it('are waited for at maxInFlight', async () => {
    const seen: string[] = [];
    const { metrics } = await played(lived(loopWith({ maxInFlight: 2 }, seen)));
    expect(seen).toEqual(['10 n 1', '10 b 1', '20 n 2', '20 b 2', '35 n 3', '35 b 3', '45 n 4', '45 b 4']);
    expect(metrics.nodes[2]).toMatchObject({ calls: 4, dropped: 0, errors: 0 });
  });

  it('are not added to where more are to be dropped, and what follows goes on', async () => {
    const seen: string[] = [];
    const { metrics } = await played(lived(loopWith({ maxInFlight: 2, whenFull: 'drop' }, seen)));
    expect(seen).toEqual(['10 n 1', '10 b 1', '20 n 2', '20 b 2', '30 b 3', '40 n 4', '40 b 4']);
    expect(metrics.nodes[2]).toMatchObject({ calls: 3, dropped: 1, errors: 0 });
  });

  it.each([
    ['block', ['10 n 1', '10 b 1', '20 n 2', '20 b 2', '35 n 3', '35 b 3', '45 n 4', '45 b 4']],
    ['drop-newest', ['10 n 1', '10 b 1', '20 n 2', '20 b 2', '30 b 3', '40 n 4', '40 b 4']],
    ['fail', ['10 n 1', '10 b 1', '20 n 2', '20 b 2', '40 n 4', '40 b 4']],
  ])('are limited by the policies that queues also use, %s', async (overflow, expected) => {
    const seen: string[] = [];
    await played(lived(loopWith({ maxInFlight: 2, overflow }, seen)));
    expect(seen).toEqual(expected);
  });

  it('are not exceeded with the policy fail, and successors are skipped', async () => {
    const seen: string[] = [];
    const { metrics, world } = await played(lived(loopWith({ maxInFlight: 2, whenFull: 'fail' }, seen)));
    expect(seen).toEqual(['10 n 1', '10 b 1', '20 n 2', '20 b 2', '40 n 4', '40 b 4']);
    expect(world.failures).toEqual([
      'n: node "n" already has 2 calls in flight: raise maxInFlight or set overflow to block',
    ]);
    expect(world.letters).toMatchObject([{ nodeId: 'n', value: 3, error: { code: 'ERR_IN_FLIGHT' } }]);
    expect(metrics.nodes[2]).toMatchObject({ calls: 3, errors: 1 });
  });

  it('are a hundred at most by default', async () => {
    const gate = deferred();
    const loop = new Loop('l').producer('p', counting(150, done)).nonBlocking('n', () => gate.promise);
    const { manager } = managed(loop);
    const { ended } = await manager.start();
    await vi.advanceTimersByTimeAsync(50);
    expect(manager.metrics()).toMatchObject({ inFlight: 100, iterations: 100 });
    gate.resolve();
    await played(ended);
    expect(manager.metrics()).toMatchObject({ inFlight: 0, iterations: 150 });
  });
});

interface ProgramNode {
  readonly kind: 'blocking' | 'non-blocking';
  /** Duration in milliseconds. With 0 the node returns no promise. */
  readonly takes: number;
  /** Bit mask of the iterations in which the node fails. */
  readonly fails: number;
  readonly maxInFlight: number;
  readonly whenFull: 'wait' | 'drop' | 'fail';
  /** Index of the node before this node. */
  readonly behind: number;
  /** Bit masks of the iterations in which the node chooses successors, and of the chosen successors. */
  readonly routes: number;
  readonly chosen: number;
}

interface Program {
  readonly producerTakes: number;
  readonly iterations: number;
  readonly every: number;
  readonly missed: MissedTicks | undefined;
  readonly nodes: readonly ProgramNode[];
}

const programNode: fc.Arbitrary<ProgramNode> = fc.record({
  kind: fc.constantFrom('blocking', 'non-blocking'),
  takes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 97 })),
  fails: fc.oneof(fc.constant(0), fc.nat(63)),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  whenFull: fc.constantFrom('wait', 'drop', 'fail'),
  behind: fc.nat(5),
  routes: fc.oneof(fc.constant(0), fc.nat(63)),
  chosen: fc.nat(15),
});
const program: fc.Arbitrary<Program> = fc.record({
  producerTakes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 })),
  iterations: fc.integer({ min: 1, max: 6 }),
  every: fc.integer({ min: 20, max: 200 }),
  missed: fc.constantFrom(undefined, undefined, 'skip', 'catch-up', 'delay'),
  nodes: fc.array(programNode, { minLength: 1, maxLength: 6 }),
});

const has = (bits: number, iteration: number) => ((bits >> (iteration - 1)) & 1) === 1;
const nameOf = (index: number) => (index < 0 ? 'p' : `n${index}`);
const parentOf = (node: ProgramNode, index: number) => (node.behind % (index + 1)) - 1;
const childrenOf = ({ nodes }: Program, index: number) =>
  nodes.flatMap((node, at) => (parentOf(node, at) === index ? [at] : []));
/** The successors that a node chooses, in reverse order. */
const chosenOf = (given: Program, index: number) => {
  const { chosen } = given.nodes[index] as ProgramNode;
  return childrenOf(given, index)
    .filter((_, at) => ((chosen >> at) & 1) === 1)
    .reverse();
};

/** Events at the same moment, whose order does not matter. */
class Tie extends Error {}

/**
 * A model of the timing rules: when each node is called with which value, what fails, and when everything has ended.
 */
function modelled(given: Program) {
  const calls: string[] = [];
  const failures: string[] = [];
  const underWay = given.nodes.map((): number[] => []);
  let dropped = 0;
  let missed = 0;
  let last = 0;

  const visit = (index: number, value: string, iteration: number, start: number): number => {
    const node = given.nodes[index] as ProgramNode;
    let time = start;
    const ends = underWay[index] as number[];
    const children = has(node.routes, iteration) ? chosenOf(given, index) : childrenOf(given, index);
    const on = (targets: number[], passed: string, from: number) =>
      targets.reduce((at, child) => visit(child, passed, iteration, at), from);
    if (node.kind === 'non-blocking') {
      if (ends.includes(time)) throw new Tie();
      const busy = () => ends.filter((end) => end > time);
      if (busy().length >= node.maxInFlight) {
        if (node.whenFull === 'drop') {
          dropped++;
          return on(childrenOf(given, index), value, time);
        }
        if (node.whenFull === 'fail') {
          failures.push(`${time} ${nameOf(index)}`);
          return time;
        }
        const first = Math.min(...busy());
        if (busy().filter((end) => end === first).length > 1) throw new Tie();
        time = first;
      }
    }
    calls.push(`${time} ${nameOf(index)} ${value}`);
    const end = time + node.takes;
    const fails = has(node.fails, iteration);
    if (fails) failures.push(`${end} ${nameOf(index)}`);
    if (node.kind === 'blocking') return fails ? end : on(children, `${value}>${index}`, end);
    if (node.takes > 0) {
      ends.push(end);
      last = Math.max(last, end);
    } else if (fails) return time;
    // The result of its promise chooses no successors.
    return on(node.takes > 0 ? childrenOf(given, index) : children, value, time);
  };

  let time = 0;
  let tick = 0;
  const nextTick = () => {
    const { missed: rule, every } = given;
    if (rule === undefined) return;
    if (rule === 'skip')
      while (tick < time) {
        tick += every;
        missed++;
      }
    time = Math.max(time, tick);
    if (rule !== 'delay') tick += every;
  };
  for (let iteration = 1; iteration <= given.iterations; iteration++) {
    nextTick();
    time += given.producerTakes;
    for (const child of childrenOf(given, -1)) time = visit(child, String(iteration), iteration, time);
    if (given.missed === 'delay') tick = time + given.every;
  }
  nextTick();
  return { calls, failures: failures.sort(), dropped, missed, end: Math.max(time + given.producerTakes, last) };
}

function modelledUnlessTied(given: Program): ReturnType<typeof modelled> | undefined {
  try {
    return modelled(given);
  } catch (error) {
    if (error instanceof Tie) return undefined;
    throw error;
  }
}

/** Runs the same program with a real loop. */
async function carriedOut(given: Program) {
  began = performance.now();
  const calls: string[] = [];
  const next = counting(given.iterations, done);
  const taking = (milliseconds: number) => (milliseconds === 0 ? undefined : pause(milliseconds));
  const schedule = given.missed === undefined ? undefined : { every: given.every, missed: given.missed };
  const loop = new Loop('l', { schedule, onError: 'continue' }).producer('p', () => {
    const paused = taking(given.producerTakes);
    return (paused === undefined ? next() : paused.then(next)) as string;
  });
  given.nodes.forEach((node, index) => {
    const work = (value: string | number, { iteration }: NodeData<string | number>) => {
      calls.push(`${clock()} ${nameOf(index)} ${value}`);
      const outcome = () => {
        if (has(node.fails, iteration)) throw new Error('failed');
        return has(node.routes, iteration)
          ? to(chosenOf(given, index).map(nameOf), `${value}>${index}`)
          : `${value}>${index}`;
      };
      const paused = taking(node.takes);
      return paused === undefined ? outcome() : paused.then(outcome);
    };
    const { maxInFlight, whenFull } = node;
    if (node.kind === 'blocking') loop.blocking(nameOf(index), work);
    else loop.nonBlocking(nameOf(index), work, { maxInFlight, whenFull });
  });
  for (const [index, node] of given.nodes.entries()) loop.edge(nameOf(parentOf(node, index)), nameOf(index));
  const failures: string[] = [];
  const world = new World();
  world.report = (event) => {
    if (event.type === 'failure') failures.push(`${clock()} ${event.nodeId}`);
  };
  const { ended } = await new LoopManager(plan(loop), world).start();
  await played(ended);
  return { calls, failures: failures.sort(), end: clock() };
}

describe('random programs', () => {
  inFakeTime();

  it('run as the timing rules say', async () => {
    await fc.assert(
      fc.asyncProperty(program, async (given) => {
        const expected = modelledUnlessTied(given);
        // Skip this program. fast-check generates another one.
        fc.pre(expected !== undefined);
        const { calls, failures, end } = await carriedOut(given);
        expect({ calls, failures, end }).toEqual({
          calls: expected.calls,
          failures: expected.failures,
          end: expected.end,
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a loop that never waits', () => {
  it('still lets timers fire on time', async () => {
    const { manager } = managed(new Loop('l').producer('p', () => 1).blocking('b', (value) => value));
    const { ended } = await manager.start();
    const gate = deferred();
    let fired = 0;
    const timer = setInterval(() => {
      if (++fired === 5) gate.resolve();
    }, 5);
    await gate.promise;
    clearInterval(timer);
    manager.stop({ drain: false });
    expect(await ended).toEqual({ reason: 'stopped' });
    expect(manager.metrics().iterations).toBeGreaterThan(0);
  });

  it('lets other code run if loops only wait for each other', async () => {
    const world = new World();
    const loops = [new Loop('ping').read('r', 'a').push('p', 'b'), new Loop('pong').read('r', 'b').push('p', 'a')];
    const managers = loops.map((loop) => managed(loop, world).manager);
    const started = await Promise.all(managers.map((manager) => manager.start()));
    world.push('a', 'ball');
    await expect.poll(() => managers[0]?.metrics().iterations).toBeGreaterThan(10);
    for (const manager of managers) manager.stop({ drain: false });
    expect(await Promise.all(started.map(({ ended }) => ended))).toEqual([
      { reason: 'stopped' },
      { reason: 'stopped' },
    ]);
  });

  it('lets other code run if its queue was drained for good', async () => {
    const { manager, world } = managed(new Loop('l').read('r', 'q'));
    const { ended } = await manager.start();
    world.reader?.end();
    await pause(5);
    manager.stop({ drain: true });
    expect(await ended).toEqual({ reason: 'drained' });
  });
});

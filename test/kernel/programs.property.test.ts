import { getEventListeners } from 'node:events';
import { Orchestrator, ParallelError } from 'orchestrator';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import fc from '../properties.js';
import { deferred } from '../support.js';

/** Random programs of nested runs, groups, limits, retries and aborts, and what must hold for each of them. */

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date', 'performance'] });
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('unhandledRejection', note);
  vi.useRealTimers();
});

/** One action. `takes` is its time in milliseconds, Infinity if it never ends by itself. */
interface Leaf {
  readonly kind: 'leaf';
  readonly takes: number;
  readonly fails: boolean;
  /** If true, the function ignores the abort of its signal. */
  readonly isDeaf: boolean;
  readonly retries: number;
  readonly attempt: number | null;
  readonly total: number | null;
}

interface Run {
  readonly kind: 'run';
  readonly inner: Program;
  readonly timeout: number | null;
  readonly abortAfter: number | null;
}

interface Group {
  readonly kind: 'parallel' | 'map';
  readonly inner: readonly Program[];
  readonly concurrency: number;
  readonly mode: 'all' | 'failFast' | 'settle';
  readonly timeout: number | null;
}

interface Any {
  readonly kind: 'any';
  readonly inner: readonly Program[];
  readonly stagger: number;
  readonly timeout: number | null;
}

interface Each {
  readonly kind: 'each';
  readonly inner: readonly Program[];
  readonly concurrency: number;
  readonly ordered: boolean;
  readonly settle: boolean;
  readonly timeout: number | null;
  /** Number of results after which the loop is left, and the way it is left. */
  readonly leaveAfter: number | null;
  readonly leaveBy: 'break' | 'throw';
  /** Time of the loop's body, in milliseconds. */
  readonly body: number;
}

type Program = Leaf | Run | Group | Any | Each;

const limit = seldom(fc.integer({ min: 1, max: 60 }));
const concurrency = fc.constantFrom(1, 2, 3, Infinity);

/** `null` most of the time. */
function seldom<Value>(arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const { program } = fc.letrec<{ program: Program; list: Program[] }>((tie) => ({
  program: fc.oneof(
    { maxDepth: 4, depthSize: 'large', withCrossShrink: true },
    fc.record<Leaf>({
      kind: fc.constant('leaf'),
      takes: fc.oneof({ weight: 12, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constant(Infinity) }),
      fails: fc.constantFrom(false, false, false, true),
      isDeaf: fc.boolean(),
      retries: fc.nat(2),
      attempt: limit,
      total: limit,
    }),
    fc.record<Run>({ kind: fc.constant('run'), inner: tie('program'), timeout: limit, abortAfter: limit }),
    fc.record<Group>({
      kind: fc.constantFrom('parallel', 'map'),
      inner: tie('list'),
      concurrency,
      mode: fc.constantFrom('all', 'failFast', 'settle'),
      timeout: limit,
    }),
    fc.record<Any>({
      kind: fc.constant('any'),
      inner: tie('list').filter((list) => list.length > 0),
      stagger: fc.constantFrom(0, 5, 20, Infinity),
      timeout: limit,
    }),
    fc.record<Each>({
      kind: fc.constant('each'),
      inner: tie('list'),
      concurrency,
      ordered: fc.boolean(),
      settle: fc.boolean(),
      timeout: limit,
      leaveAfter: seldom(fc.nat(3)),
      leaveBy: fc.constantFrom('break', 'throw'),
      body: fc.constantFrom(0, 0, 3),
    }),
  ),
  list: fc.oneof(
    { weight: 8, arbitrary: fc.array(tie('program'), { minLength: 2, maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(tie('program'), { maxLength: 1 }) },
  ),
}));

/** An orchestrator that carries out programs, and what it has seen of them. */
class World {
  readonly controller = new AbortController();
  readonly counts = { started: 0, tasks: { begun: 0, ended: 0 }, processes: { begun: 0, ended: 0 } };
  readonly signals = new Set<AbortSignal>();
  /** Broken rules. They are kept here, because programs catch what is thrown in them. */
  readonly broken: string[] = [];
  readonly orchestrator = new Orchestrator()
    .onTaskBegin(() => this.counts.tasks.begun++)
    .onTaskCompletion(() => this.counts.tasks.ended++)
    .onProcessBegin(() => this.counts.processes.begun++)
    .onProcessCompletion(() => this.counts.processes.ended++);

  readonly leaf = this.orchestrator.action(async ({ takes, fails, isDeaf }: Leaf) => {
    const { signal } = this.orchestrator;
    this.rule(!signal.aborted, 'nothing starts with an aborted signal');
    this.counts.started++;
    this.signals.add(signal);
    try {
      await this.sleep(takes, isDeaf ? undefined : signal);
    } finally {
      this.signals.delete(signal);
    }
    if (fails) throw new Error('failed');
    return takes;
  });

  async perform(program: Program): Promise<unknown> {
    if (program.kind === 'leaf') {
      const { retries, attempt, total } = program;
      const retry = { retries, minTimeout: 3 };
      return this.orchestrator.withOptions(this.leaf, { retry, timeout: { attempt, total } })(program);
    }
    const began = Date.now();
    const grace = program.kind === 'each' ? program.body : 0;
    try {
      return await this[program.kind](program as never);
    } finally {
      this.rule(Date.now() - began <= (program.timeout ?? Infinity) + grace, `${program.kind} ends at its limit`);
    }
  }

  async run({ inner, timeout, abortAfter }: Run): Promise<unknown> {
    const controller = new AbortController();
    const timer = abortAfter === null ? undefined : setTimeout(() => controller.abort(new Error('enough')), abortAfter);
    try {
      return await this.orchestrator.run(() => this.perform(inner), { timeout, signal: controller.signal });
    } finally {
      clearTimeout(timer);
    }
  }

  async parallel({ inner, concurrency, mode, timeout }: Group): Promise<unknown> {
    const calls = inner.map(this.atMost(concurrency));
    const options = { concurrency, timeout, settle: mode === 'settle', failFast: mode === 'failFast' };
    return this.shaped(inner, mode, await this.orchestrator.parallel(calls, options)());
  }

  async map({ inner, concurrency, mode, timeout }: Group): Promise<unknown> {
    const options = { concurrency, timeout, settle: mode === 'settle', failFast: mode === 'failFast' };
    const calls = inner.map(this.atMost(concurrency));
    return this.shaped(inner, mode, await this.orchestrator.map(calls, (call) => call(), options));
  }

  async any({ inner, stagger, timeout }: Any): Promise<unknown> {
    try {
      return await this.orchestrator.any(inner.map(this.atMost(Infinity)), { stagger, timeout })();
    } catch (error) {
      const isAll = !(error instanceof ParallelError) || error.errors.length > 0;
      this.rule(isAll, 'a ParallelError has failures');
      throw error;
    }
  }

  async each({ inner, concurrency, leaveAfter, leaveBy, body, ...options }: Each): Promise<unknown> {
    const taken: unknown[] = [];
    const rule = (holds: boolean, words: string) => this.rule(holds, words);
    let began = 0;
    const source = function* () {
      for (const item of inner) {
        // A result that the loop has not seen yet may have been taken already.
        rule(began - taken.length <= concurrency, 'each holds no more items than its concurrency');
        began++;
        yield item;
      }
    };
    for await (const result of this.orchestrator.each(source(), (item) => this.perform(item), {
      concurrency,
      ...options,
    })) {
      if (taken.length === leaveAfter) {
        if (leaveBy === 'throw') throw new Error('left');
        return taken;
      }
      taken.push(result);
      if (body > 0) await this.sleep(body);
    }
    this.rule(taken.length === inner.length, 'each yields as many results as items');
    return taken;
  }

  shaped(inner: readonly Program[], mode: Group['mode'], results: readonly unknown[]): readonly unknown[] {
    this.rule(results.length === inner.length, 'a group has as many results as actions');
    const isSettled = (result: unknown) => 'status' in Object(result);
    if (mode === 'settle') this.rule(results.every(isSettled), 'a group with settle has settled results');
    return results;
  }

  /** Makes calls of programs of which no more than the given number may run at the same time. */
  atMost(most: number): (program: Program) => () => Promise<unknown> {
    let running = 0;
    return (program) => async () => {
      this.rule(++running <= most, 'a group runs no more actions at a time than its concurrency');
      try {
        return await this.perform(program);
      } finally {
        running--;
      }
    };
  }

  rule(holds: boolean, words: string): void {
    if (!holds) this.broken.push(words);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = deferred();
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    const timer = milliseconds === Infinity ? undefined : setTimeout(resolve, milliseconds);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

/** Longest time of a program, in milliseconds: the limit of the outermost run. */
const longest = 400;

it('nothing hangs, is left behind or goes on, whatever the program', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(program, seldom(fc.nat(100)), async (program, abortAfter) => {
      const world = new World();
      const { controller, counts, orchestrator } = world;
      const before = vi.getTimerCount();
      const began = Date.now();
      const reason = new Error('aborted from outside');
      let ended: { readonly at: number; readonly error?: unknown } | undefined;
      const aborting = abortAfter === null ? undefined : setTimeout(() => controller.abort(reason), abortAfter);
      orchestrator
        .run(() => world.perform(program), { signal: controller.signal, timeout: longest })
        .then(
          () => {
            ended = { at: Date.now() - began };
          },
          (error: unknown) => {
            ended = { at: Date.now() - began, error };
          },
        );
      for (let time = 0; ended === undefined && time <= longest; time++) await vi.advanceTimersByTimeAsync(1);
      clearTimeout(aborting);
      expect(ended?.at).toBeLessThanOrEqual(Math.min(longest, abortAfter ?? Infinity) + 1);
      await vi.advanceTimersByTimeAsync(0);
      // Whatever still waits ignores the abort, and knows that it was aborted.
      for (const signal of world.signals) expect(signal.aborted).toBe(true);
      const { started } = counts;
      await vi.advanceTimersByTimeAsync(longest);
      expect(counts.started).toBe(started);
      expect(counts.tasks.ended).toBe(counts.tasks.begun);
      expect(counts.processes.ended).toBe(counts.processes.begun);
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
      expect(vi.getTimerCount()).toBe(before);
      expect(world.broken).toEqual([]);
      expect(unhandled).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

interface Job {
  readonly takes: number;
  readonly fails: boolean;
}
const jobs = fc.array(fc.record({ takes: fc.integer({ min: 1, max: 50 }), fails: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
});

/** When the actions of a call of `any` start, and the one that wins, simulated millisecond by millisecond. */
function race(list: readonly Job[], stagger: number) {
  const starts: number[] = [];
  for (let time = 0; time <= 1_000; time++) {
    const endsNow = (index: number) => (starts[index] as number) + (list[index] as Job).takes === time;
    const ending = [...starts.keys()].filter(endsNow);
    const winner = ending.find((index) => !list[index]?.fails);
    if (winner !== undefined) return { starts, winner };
    const last = starts.length - 1;
    const isDue = last < 0 || stagger === 0 || ending.includes(last) || time - (starts[last] as number) === stagger;
    if (isDue && starts.length < list.length) starts.push(time);
    while (stagger === 0 && starts.length < list.length) starts.push(time);
  }
  return { starts, winner: undefined };
}

it('any starts its actions and finds its winner as the model does', async () => {
  await fc.assert(
    fc.asyncProperty(jobs, fc.constantFrom(0, 7, 20, Infinity), async (list, stagger) => {
      const expected = race(list, stagger);
      // Ends at the same time as a start or another end may come in any order.
      const moments = list.map(({ takes }, index) => (expected.starts[index] ?? Number.NaN) + takes);
      const known = [...moments, ...expected.starts.map((start) => start + stagger)].filter(Number.isFinite);
      fc.pre(new Set(known).size === known.length);
      const began = Date.now();
      const starts: number[] = [];
      const actions = list.map(({ takes, fails }, index) => async () => {
        starts[index] = Date.now() - began;
        await new Promise((resolve) => setTimeout(resolve, takes));
        if (fails) throw new Error(`job ${index}`);
        return index;
      });
      const pending = new Orchestrator()
        .any(actions, { stagger })()
        .then(
          (winner) => winner,
          ({ errors }: ParallelError) => (errors.length === list.length ? undefined : errors),
        );
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await pending).toBe(expected.winner);
      expect(starts).toEqual(expected.starts);
    }),
    { numRuns: 300 },
  );
});

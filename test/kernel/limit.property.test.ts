import { limit, Orchestrator } from 'orchestrator';
import { afterEach, expect, it, vi } from 'vitest';
import fc from '../properties.js';
import { settled } from '../support.js';

afterEach(() => void vi.useRealTimers());

/**
 * One unit of time. Everything happens at multiples of it, but aborts and failures that pause the limit: each of these
 * has a power of two of its own below the unit, so that no two of them ever happen at once, and the outcome does not
 * depend on the order of timers.
 */
const unit = 2 ** 18;

interface Call {
  readonly key: string;
  readonly arrival: number;
  readonly cost: number;
  readonly duration: number;
  /** Time of the abort, or Infinity. */
  readonly abort: number;
  /** Time for which the failure of the call closes the limit, if it fails. */
  readonly pause: number | undefined;
}

interface Given {
  readonly concurrency: number;
  readonly rate: number;
  readonly per: number;
  readonly calls: readonly Call[];
}

const givens: fc.Arbitrary<Given> = fc
  .record({
    concurrency: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(Infinity)),
    rate: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }) },
      { weight: 1, arbitrary: fc.constant(Infinity) },
    ),
    per: fc.integer({ min: 1, max: 5 }),
    calls: fc.array(
      fc.record({
        key: fc.constantFrom('a', 'a', 'a', 'b'),
        arrival: fc.integer({ min: 0, max: 12 }),
        cost: fc.integer({ min: 0, max: 6 }),
        duration: fc.integer({ min: 0, max: 6 }),
        abort: fc.option(fc.integer({ min: 0, max: 10 })),
        pause: fc.option(fc.integer({ min: 1, max: 5 })),
      }),
      { minLength: 1, maxLength: 9 },
    ),
  })
  .map(({ calls, rate, per, ...given }) => ({
    ...given,
    rate,
    per: per * unit,
    calls: calls.map((call, index) => ({
      ...call,
      cost: Math.min(call.cost, rate),
      arrival: call.arrival * unit,
      duration: call.duration * unit + (call.pause === null ? 0 : 2 ** (2 * index)),
      pause: call.pause === null ? undefined : call.pause * unit,
      abort: call.abort === null ? Infinity : (call.arrival + call.abort) * unit + 2 ** (2 * index + 1),
    })),
  }));

/** Says when each call starts, by looking at the whole past at every moment. `undefined`: it is aborted before. */
function model({ concurrency, rate, per, calls }: Given): (number | undefined)[] {
  const starts: (number | undefined)[] = calls.map(() => undefined);
  for (const key of ['a', 'b']) {
    const all = calls.map((_, index) => index).filter((index) => calls[index]?.key === key);
    const arrived = all.toSorted((one, other) => at(one).arrival - at(other).arrival);
    const over = new Set<number>();
    let openAt = 0;
    let now = -1;
    for (;;) {
      const moments = all.flatMap((index) => {
        const { arrival, abort, duration } = at(index);
        const start = starts[index];
        return start === undefined ? [arrival, abort] : [abort, start + duration, start + per];
      });
      now = Math.min(...[...moments, openAt].filter((moment) => moment > now && moment < Infinity));
      if (now === Infinity) break;
      for (const index of all) {
        const { abort, duration, pause } = at(index);
        const start = starts[index];
        if (over.has(index)) continue;
        const ends = start !== undefined && start + duration <= now;
        if (ends && pause !== undefined) openAt = Math.max(openAt, start + duration + pause);
        if (ends || abort <= now) over.add(index);
      }
      for (let progress = true; progress; ) {
        const first = arrived.find(
          (index) => at(index).arrival <= now && starts[index] === undefined && !over.has(index),
        );
        progress = first !== undefined && hasRoom(first);
        if (first === undefined || !progress) break;
        starts[first] = now;
        if (at(first).duration === 0) over.add(first);
      }
    }

    function hasRoom(index: number): boolean {
      const running = all.filter((other) => starts[other] !== undefined && !over.has(other));
      const recent = all.filter((other) => (starts[other] ?? -Infinity) > now - per);
      const used = recent.reduce((sum, other) => sum + at(other).cost, 0);
      return running.length < concurrency && now >= openAt && used + at(index).cost <= rate;
    }
  }
  return starts;

  function at(index: number): Call {
    return calls[index] as Call;
  }
}

async function reality({ concurrency, rate, per, calls }: Given): Promise<(number | undefined)[]> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  const began = performance.now();
  const starts: (number | undefined)[] = calls.map(() => undefined);
  const shared = limit({
    concurrency,
    rate,
    per: rate === Infinity ? undefined : per,
    key: (index: number) => calls[index]?.key as string,
    cost: rate === Infinity ? undefined : (index: number) => calls[index]?.cost as number,
    pauseOn: (error) => (error as Error & { pause?: number }).pause,
  });
  const orchestrator = new Orchestrator();
  const act = orchestrator.action(
    async (index: number) => {
      const { duration, pause } = calls[index] as Call;
      starts[index] = performance.now() - began;
      if (duration > 0) await new Promise((resolve) => setTimeout(resolve, duration));
      if (pause !== undefined) throw Object.assign(new Error('429'), { pause });
    },
    { limit: shared },
  );
  const tasks = calls.map(async ({ arrival, abort }, index) => {
    await new Promise((resolve) => setTimeout(resolve, arrival));
    const controller = new AbortController();
    if (abort < Infinity) setTimeout(() => controller.abort(), abort - arrival);
    await orchestrator.run(() => act(index), { signal: controller.signal }).catch(() => {});
  });
  await vi.advanceTimersByTimeAsync(250 * unit);
  await Promise.all(tasks);
  await settled();
  expect([shared.running, shared.waiting]).toEqual([0, 0]);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  return starts;
}

it('starts attempts when a model that looks at the whole past says, with costs, keys, aborts and pauses', async () => {
  await fc.assert(
    fc.asyncProperty(givens, async (given) => {
      const starts = await reality(given);
      expect(starts).toEqual(model(given));
      // The same once more, without the model: no window contains more than the rate.
      for (const { key, start: from } of started(given, starts)) {
        const window = started(given, starts).filter(
          (other) => other.key === key && other.start >= from && other.start < from + given.per,
        );
        expect(window.reduce((sum, { cost }) => sum + cost, 0)).toBeLessThanOrEqual(given.rate);
      }
    }),
    { numRuns: 400 },
  );
});

function started({ calls }: Given, starts: readonly (number | undefined)[]) {
  return calls.flatMap(({ key, cost }, index) => {
    const start = starts[index];
    return start === undefined ? [] : [{ key, cost, start }];
  });
}

it('never lets more start in a window than the rate by the real clock, as the functions themselves see it', async () => {
  const times: number[] = [];
  const act = new Orchestrator().action(() => void times.push(performance.now()), { limit: { rate: 7, per: 50 } });
  await Promise.all(Array.from({ length: 40 }, () => act()));
  for (let index = 7; index < times.length; index++) {
    expect((times[index] as number) - (times[index - 7] as number)).toBeGreaterThanOrEqual(50);
  }
});

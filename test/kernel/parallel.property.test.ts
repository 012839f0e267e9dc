import { Orchestrator, ParallelError } from 'orchestrator';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import fc from '../properties.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Job {
  readonly takes: number;
  readonly fails: boolean;
}
const jobs = fc.array(fc.record({ takes: fc.integer({ min: 1, max: 50 }), fails: fc.boolean() }), { maxLength: 12 });
const concurrency = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(Infinity));

/** A model of the expected behaviour: slots that take the next job as soon as they are free, simulated over time. */
function model(list: readonly Job[], slots: number) {
  const started: number[] = [];
  let running: { index: number; ends: number }[] = [];
  const fill = (time: number) => {
    while (running.length < slots && started.length < list.length) {
      const index = started.length;
      started.push(index);
      running.push({ index, ends: time + (list[index]?.takes ?? 0) });
    }
  };
  fill(0);
  for (let time = 1; running.length > 0; time++) {
    for (const { index } of running.filter(({ ends }) => ends === time)) {
      if (list[index]?.fails) return { started, failure: index };
      running = running.filter((job) => job.index !== index);
      fill(time);
    }
  }
  return { started, failure: undefined };
}

async function outcome(orchestrator: Orchestrator, list: readonly Job[], options: object) {
  const started: number[] = [];
  const signals: AbortSignal[] = [];
  const act = orchestrator.action(async (index: number) => {
    started.push(index);
    signals[index] = orchestrator.signal;
    await new Promise((resolve) => setTimeout(resolve, list[index]?.takes));
    if (list[index]?.fails) throw new Error(`job ${index}`);
    return index;
  });
  const pending = orchestrator.map(list.keys(), act, options).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  await vi.runAllTimersAsync();
  return { started, signals, settled: (await pending) as { value?: unknown; error?: unknown } };
}

it('waits for all: starts each action once, in order, and returns every result', async () => {
  await fc.assert(
    fc.asyncProperty(jobs, concurrency, async (list, slots) => {
      const { started, settled } = await outcome(new Orchestrator(), list, { concurrency: slots });
      expect(started).toEqual([...list.keys()]);
      const failed = [...list.keys()].filter((index) => list[index]?.fails);
      if (failed.length === 0) {
        expect(settled.value).toEqual(started);
        return;
      }
      const error = settled.error as ParallelError<PromiseSettledResult<number>[]>;
      expect(error).toBeInstanceOf(ParallelError);
      expect(error.errors.map(({ message }) => message)).toEqual(failed.map((index) => `job ${index}`));
      expect(error.results.map(({ status }) => status === 'rejected')).toEqual(list.map(({ fails }) => fails));
    }),
    { numRuns: 150 },
  );
});

it('fails fast: rejects with the first failure in time, starts nothing after it, aborts the running actions', async () => {
  await fc.assert(
    fc.asyncProperty(jobs, concurrency, async (list, slots) => {
      const expected = model(list, slots);
      const { started, signals, settled } = await outcome(new Orchestrator(), list, {
        concurrency: slots,
        failFast: true,
      });
      expect(started).toEqual(expected.started);
      if (expected.failure === undefined) {
        expect(settled.value).toEqual(started);
        expect(signals.every(({ aborted }) => !aborted)).toBe(true);
        return;
      }
      expect(settled.error).toEqual(new Error(`job ${expected.failure}`));
      expect(signals.every(({ aborted }) => aborted)).toBe(true);
    }),
    { numRuns: 150 },
  );
});

import { MemoryCheckpointStore, StepByStepOrchestrator, type WorkflowResult } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import fc from '../properties.js';
import { counted, expectOrder, expectRepeated, expectSame } from './compare.js';
import { everyWay } from './every-way.js';
import { type Execution, modelRun } from './model.js';
import { type Case, cases, scriptOf } from './random-graphs.js';
import { built, type Pace, paces } from './scripted-flow.js';
import { graph } from './written-graph.js';

const numRuns = Number(process.env.FLOW_RUNS ?? 200);

/** When a run is stopped, and what it is resumed from then. */
interface Stop {
  readonly after: number;
  readonly lag: Pace;
  readonly from: 'run id' | 'result';
}

const concurrency = fc.constantFrom(1, 2, 3, undefined);
const stops = fc.array(
  fc.record<Stop>({
    after: fc.integer({ min: 1, max: 6 }),
    lag: fc.constantFrom<Pace>('at once', 'a microtask', 1),
    from: fc.constantFrom('run id', 'result'),
  }),
  { minLength: 1, maxLength: 5 },
);

const shapes = {
  'acyclic graphs': cases({}),
  'acyclic graphs with failures': cases({ failures: true }),
  'graphs with fallbacks': cases({ failures: true, fallbacks: true }),
  'graphs with loops': cases({ cycles: true }),
  'graphs with loops, failures and fallbacks': cases({ cycles: true, failures: true, fallbacks: true }),
};

describe.each(Object.entries(shapes))('%s', { timeout: 600_000 }, (_, arbitrary) => {
  it('run to completion as the rules say, at any pace and concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, concurrency, async (one, pace, slots) => {
        const { flow, log } = built(one, pace);
        const result = await flow.run({}, options(slots));
        const expected = modelRun(one.graph, scriptOf(one));
        expectSame(result, expected);
        expect(counted(log.starts())).toEqual(expected.executions);
        expectOrder(log, expected);
      }),
      { numRuns },
    );
  });

  it('run step by step in the batches of the rules', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, concurrency, async (one, pace, slots) => {
        const { flow, log, runtime } = built(one, pace);
        const { traverser, executorFactory, state, services } = runtime.prepare(flow, {}, options(slots));
        const stepper = new StepByStepOrchestrator();
        const batches: Execution[][] = [];
        let result: WorkflowResult;
        do {
          const before = log.starts().length;
          result = await stepper.run(traverser, executorFactory, state, services);
          batches.push(log.starts().slice(before).toSorted());
          expect(result.status === 'completed' && traverser.hasMoreWork()).toBe(false);
        } while (traverser.hasMoreWork());
        const expected = modelRun(one.graph, scriptOf(one));
        expect(batches).toEqual(expected.batches.map((batch) => batch.toSorted()));
        expectSame(result, expected);
      }),
      { numRuns },
    );
  });

  it('can be stopped and resumed anywhere, and repeat nothing but what was cut short', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, paces, concurrency, stops, async (one, pace, slots, list) => {
        await stoppedAndResumed(one, pace, slots, list);
      }),
      { numRuns },
    );
  });
});

it('lets the failure of a node stand whose fallback has completed in vain', async () => {
  const one: Case = {
    graph: graph('s>a s>c a>e:y', { a: { fallback: 'd' } }),
    steps: { a: [{ fails: true }], d: [{ action: 'x' }] },
  };
  // The run is stopped once the fallback has completed, while another node is under way.
  const stop: Stop = { after: 3, lag: 20, from: 'run id' };
  const log = await stoppedAndResumed(one, ['at once', 'at once', 60, 'at once'], undefined, [stop]);
  expect(log.starts(0)).toEqual(['s#1', 'a#1', 'c#1', 'd#1']);
  expect(log.starts(1)).toEqual(['c#1']);
});

/** What random graphs seldom come to. */
const rare: readonly (Case & { readonly what: string })[] = [
  {
    what: 'fails a node with a condition that gives nothing',
    graph: graph('a>b a>c?odd'),
    steps: { a: [{ broken: ['odd'] }] },
  },
  {
    what: 'lets nodes that follow each other share a fallback',
    graph: graph('a>b b>c', { a: { fallback: 'f' }, b: { fallback: 'f' } }),
    steps: { a: [{ fails: true }], b: [{ fails: true }] },
  },
  {
    what: 'lets nodes of a loop that follow each other share a fallback',
    graph: graph('s>a a>b b>a:again', { a: { fallback: 'f' }, b: { fallback: 'f' } }),
    steps: { a: [{ fails: true }], b: [{ action: 'again' }, { fails: true }], f: [{}, { action: 'again' }] },
  },
  {
    what: 'needs the fallback of a fallback anew in each turn of a loop',
    graph: graph('s>a a>a:again', { a: { fallback: 'f' }, f: { fallback: 'g' } }),
    steps: { a: [{ action: 'again' }, { fails: true }], f: [{ fails: true }] },
  },
  {
    what: 'starts a header by its way in, whatever an inner loop that could lead back to it comes to',
    graph: graph('s>b:never s>g g>j b>d d>d:again d>j:x j>b:again'),
    steps: {},
  },
  {
    what: 'forgets in a new turn what has completed in the turn before',
    graph: graph('s>a a>b:x b>a:again a>a:again'),
    steps: { a: [{ action: 'x' }], b: [{ action: 'again' }] },
  },
];

it.each(rare.map((one) => [one.what, one] as const))('%s', async (_, one) => {
  const { flow, log } = built(one, ['at once']);
  const expected = modelRun(one.graph, scriptOf(one));
  expectSame(await flow.run(), expected);
  expect(counted(log.starts())).toEqual(expected.executions);
  expectOrder(log, expected);
  await everyWay({ build: () => built(one, ['at once']).flow });
});

/** Runs a case with all its stops, and compares it with the model. */
async function stoppedAndResumed(one: Case, pace: readonly Pace[], slots: number | undefined, list: readonly Stop[]) {
  const { flow, log } = built(one, pace);
  const checkpoint = new MemoryCheckpointStore();
  const runs: WorkflowResult[] = [];
  for (const stop of [...list, undefined]) {
    const given = { ...options(slots), checkpoint, signal: log.beginRun(stop) };
    const last = runs.at(-1);
    if (last === undefined) runs.push(await flow.run({}, { ...given, runId: 'run' }));
    else if (last.status !== 'cancelled') break;
    else runs.push(await flow.resume(stop?.from === 'result' ? last : 'run', given));
  }
  const expected = modelRun(one.graph, scriptOf(one));
  expectSame(runs.at(-1) as WorkflowResult, expected);
  expect(counted([...new Set(log.starts())])).toEqual(expected.executions);
  expectOrder(log, expected);
  expectRepeated(log, runs);
  return log;
}

function options(slots: number | undefined): { concurrency?: number } {
  return slots === undefined ? {} : { concurrency: slots };
}

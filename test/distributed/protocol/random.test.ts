import { FlowRuntime, type WorkflowResult } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../src/distributed/testing/trouble-plan.js';
import type { Execution } from '../../flow/model.js';
import { type Case, cases } from '../../flow/random-graphs.js';
import { markOf } from '../../flow/scene.js';
import { built, paces } from '../../flow/scripted-flow.js';
import {
  mayLetGoByTime,
  mayLoseFallback,
  sceneOf,
  type TroubledCase,
  troubledCases,
} from '../../flow/troubled-flows.js';
import fc from '../../properties.js';
import { type Chaos, ChaoticFleet, calm } from './chaos.js';
import { faultsOfReplicas, repeatedEffects } from './journals.js';
import { comparable, inProcess, sendAll } from './troubled-fleets.js';

const numRuns = Number(process.env.PROTOCOL_RUNS ?? 15);

/** Mostly one node in each job, as by default. */
const jobSizes = fc.constantFrom(1, 1, 2, 3, 16);

const workers = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });

const shapes = {
  'acyclic graphs with failures': cases({ failures: true }),
  'graphs with fallbacks': cases({ failures: true, fallbacks: true }),
  'graphs with loops': cases({ cycles: true }),
  'graphs with loops, failures and fallbacks': cases({ cycles: true, failures: true, fallbacks: true }),
  'acyclic graphs with nodes that may be repeated': cases({ failures: true, fallbacks: true, repeatable: true }),
  'graphs with loops and nodes that may be repeated': cases({
    cycles: true,
    failures: true,
    fallbacks: true,
    repeatable: true,
  }),
};

const worlds: Readonly<Record<string, Chaos>> = {
  'where nothing goes wrong': calm,
  'where requests and answers are lost': { ...calm, lostRequests: 0.1, lostAnswers: 0.1 },
  'where workers die': { ...calm, crashes: 0.1 },
  'where locks are lost': { ...calm, lostLocks: 0.3 },
  'where the run is paused and resumed': { ...calm, pauses: 0.2 },
  'where the journal is compacted': { ...calm, compactions: 0.5 },
  'where all of that happens': {
    lostRequests: 0.03,
    lostAnswers: 0.03,
    crashes: 0.05,
    lostLocks: 0,
    compactions: 0.2,
    pauses: 0.1,
  },
};

/**
 * Returns the parts of a result that depend only on the flow. The attempts of nodes that were never executed are left
 * out.
 */
function digest({ status, output, context, completed, skipped, errors }: WorkflowResult) {
  const failures = errors.map(({ nodeId, recoveredBy }) => `${nodeId} ${recoveredBy}`);
  // A node that fails while its edges are followed leaves its output in process, but not on a fleet.
  const outputs = Object.entries(context).filter(([key]) => completed.includes(key));
  return {
    status,
    output,
    outputs: Object.fromEntries(outputs),
    completed: [...completed].sort(),
    skipped: [...skipped].sort(),
    failures: failures.sort(),
  };
}

/** Returns true if no worker dies or loses its lock, so that no node is executed twice but those that may be repeated. */
function isGentle({ crashes, lostLocks }: Chaos): boolean {
  return crashes + lostLocks === 0;
}

function repeatedExecutions({ graph }: Case, executions: readonly Execution[]): Execution[] {
  const once = new Set(graph.nodes.flatMap(({ id, repeatable }) => (repeatable === true ? [] : [id])));
  return executions.filter((execution, at) => {
    const [id = ''] = execution.split('#');
    return once.has(id) && executions.indexOf(execution) < at;
  });
}

/** Asserts what holds for any run that has ended. */
async function expectClean(fleet: ChaoticFleet): Promise<void> {
  const { journal } = fleet;
  expect(repeatedEffects(journal.run)).toEqual([]);
  expect(faultsOfReplicas(journal.origin, journal.run)).toEqual([]);
  expect(journal.replica().ledger.size).toBe(0);
  expect(journal.run.finished).toBe(1);
  expect(await fleet.inner.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
}

async function untilEnded(fleet: ChaoticFleet, runId: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  try {
    await fleet.orchestrator.waitForCompletion(runId, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    const entries = fleet.journal.run.entries.map(({ text }) => text.slice(0, 160));
    const queue = JSON.stringify(await fleet.inner.queue.depth());
    throw new Error(`is ${fleet.journal.run.status} for ever, with ${queue}\n${entries.join('\n')}`);
  }
}

describe.each(Object.entries(shapes))('%s', { timeout: 600_000 }, (name, arbitrary) => {
  it.each(Object.entries(worlds))('come to the same on a fleet as in process, %s', async (_, chaos) => {
    const seed = fc.integer({ min: 0, max: 2 ** 31 });
    const given = [arbitrary, paces, workers, seed, jobSizes] as const;
    let heldBack = 0;
    const property = fc.asyncProperty(...given, async (one: Case, pace, slots, seeded, nodesPerJob) => {
      const executions: Execution[] = [];
      const { flow, runtime } = built(one, pace, (execution) => executions.push(execution));
      const expected = digest((await built(one, pace).flow.run()) as WorkflowResult);
      const fleet = new ChaoticFleet(flow, runtime, slots, chaos, randomFrom(seeded), nodesPerJob);
      await fleet.start();
      const runId = await fleet.orchestrator.startRun();
      await untilEnded(fleet, runId);
      const result = await fleet.orchestrator.result(runId);
      await fleet.drained();
      await fleet.stop();
      expect(digest(result)).toEqual(expected);
      await expectClean(fleet);
      heldBack += fleet.heldBack;
      if (isGentle(chaos)) expect(repeatedExecutions(one, executions)).toEqual([]);
    });
    await fc.assert(property, { numRuns, endOnFailure: process.env.PROTOCOL_SHRINK === undefined });
    expect(heldBack > 0).toBe(name.includes('that may be repeated'));
  });
});

describe.each([
  ['graphs with waits, some of which expire', false],
  ['graphs with waits and nodes that may be repeated', true],
])('%s', { timeout: 600_000 }, (_, repeatable) => {
  const given = troubledCases({ cycles: true, failures: true, fallbacks: true, repeatable });

  it.each(Object.entries(worlds))(
    'come to the same on a fleet as in process, with signals at any moment, %s',
    async (_, chaos) => {
      const seed = fc.integer({ min: 0, max: 2 ** 31 });
      const property = fc.asyncProperty(
        given,
        workers,
        seed,
        jobSizes,
        async (given: TroubledCase, slots, seeded, nodesPerJob) => {
          fc.pre(!mayLoseFallback(given) && !mayLetGoByTime(given, true));
          const scene = sceneOf(given);
          const expected = await inProcess(scene, 'run');
          const flow = scene.build({ begin: async (args) => markOf(args), end: async () => {} });
          const runtime = new FlowRuntime({ registry: flow.registry });
          const fleet = new ChaoticFleet(flow, runtime, slots, chaos, randomFrom(seeded), nodesPerJob);
          await fleet.start();
          const context = structuredClone(scene.context) as never;
          const runId = await fleet.orchestrator.startRun(context, undefined, { runId: 'run' });
          await Promise.all([untilEnded(fleet, runId), sendAll(fleet.orchestrator, runId, flow)]);
          const result = await fleet.orchestrator.result(runId);
          await fleet.drained();
          await fleet.stop();
          expect(comparable(result)).toEqual(comparable(expected.result));
          await expectClean(fleet);
        },
      );
      await fc.assert(property, { numRuns, endOnFailure: process.env.PROTOCOL_SHRINK === undefined });
    },
  );
});

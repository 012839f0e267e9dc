import fc from 'fast-check';
import type { WorkflowResult } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../../../src/distributed/testing/trouble-plan.js';
import { type Case, cases } from '../../flow/random-graphs.js';
import { built, paces } from '../../flow/scripted-flow.js';
import { type Chaos, ChaoticFleet, calm } from './chaos.js';
import { faultsOfReplicas, repeatedEffects } from './journals.js';

const numRuns = Number(process.env.PROTOCOL_RUNS ?? 15);

const workers = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });

const shapes = {
  'acyclic graphs with failures': cases({ failures: true }),
  'graphs with fallbacks': cases({ failures: true, fallbacks: true }),
  'graphs with loops': cases({ cycles: true }),
  'graphs with loops, failures and fallbacks': cases({ cycles: true, failures: true, fallbacks: true }),
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

describe.each(Object.entries(shapes))('%s', { timeout: 600_000 }, (_, arbitrary) => {
  it.each(Object.entries(worlds))('come to the same on a fleet as in process, %s', async (_, chaos) => {
    const seed = fc.integer({ min: 0, max: 2 ** 31 });
    const property = fc.asyncProperty(arbitrary, paces, workers, seed, async (one: Case, pace, slots, seeded) => {
      const { flow, runtime } = built(one, pace);
      const expected = digest((await built(one, pace).flow.run()) as WorkflowResult);
      const fleet = new ChaoticFleet(flow, runtime, slots, chaos, randomFrom(seeded));
      await fleet.start();
      const runId = await fleet.orchestrator.startRun();
      const signal = AbortSignal.timeout(60_000);
      try {
        await fleet.orchestrator.waitForCompletion(runId, { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        const entries = fleet.journal.run.entries.map(({ text }) => text.slice(0, 160));
        const queue = JSON.stringify(await fleet.inner.queue.depth());
        throw new Error(`is ${fleet.journal.run.status} for ever, with ${queue}\n${entries.join('\n')}`);
      }
      const { journal } = fleet;
      const result = await fleet.orchestrator.result(runId);
      await fleet.drained();
      await fleet.stop();
      expect(digest(result)).toEqual(expected);
      expect(repeatedEffects(journal.run)).toEqual([]);
      expect(faultsOfReplicas(journal.origin, journal.run)).toEqual([]);
      expect(journal.replica().ledger.size).toBe(0);
      expect(journal.run.finished).toBe(1);
      expect(await fleet.inner.queue.depth()).toEqual({ waiting: 0, delayed: 0, active: 0 });
    });
    await fc.assert(property, { numRuns, endOnFailure: process.env.PROTOCOL_SHRINK === undefined });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { memory } from 'orchestrator/distributed';
import { type Plan, planFrom } from 'orchestrator/distributed/testing';
import { Flow, type NodeArgs } from 'orchestrator/flow';
import { expect, it } from 'vitest';
import { survivable, troubles } from '../../../src/distributed/testing/trouble-plan.js';
import type { Scene } from '../../flow/scene.js';
import {
  mayLetGoByTime,
  mayLoseFallback,
  sceneOf,
  type TroubledCase,
  troubledCases,
} from '../../flow/troubled-flows.js';
import fc, { seed } from '../../properties.js';
import { expectSame, inProcess, onFleet } from './troubled-fleets.js';

/*
 * Random flows on fleets whose engine goes wrong. What fails names its seed; `SEED` repeats it, and
 * `TROUBLED_RUNS` says how many there are.
 */

const numRuns = Number(process.env.TROUBLED_RUNS ?? 70);
const only = process.env.TROUBLED_ONLY;

const shapes = {
  'acyclic graphs': troubledCases({ failures: true }),
  'graphs with fallbacks': troubledCases({ failures: true, fallbacks: true }),
  'graphs with loops, failures and fallbacks': troubledCases({ cycles: true, failures: true, fallbacks: true }),
  'graphs with nodes that may be repeated': troubledCases({
    cycles: true,
    failures: true,
    fallbacks: true,
    repeatable: true,
  }),
};

/** A run whose node takes long enough for its state to be recorded, then fails. */
const failing: Scene = {
  build: (site) =>
    new Flow('failing').node('a', async (_: unknown, args: NodeArgs) => {
      await site.begin(args, undefined);
      await sleep(2_000);
      throw new Error('scripted a');
    }) as never,
};

it('a program that dies when the run has ended leaves no item state behind', async () => {
  // The worker lives for some more time, and cannot remove the record.
  const plan = (_call: number, method: string, nth: number) => {
    if (method !== 'workItemStateStore.clearStates') return undefined;
    return nth < 10 ? ('fails' as const) : ('dies before it' as const);
  };
  const plans = [Object.assign(plan, { text: 'dies before its states are removed' })];
  const expected = await inProcess(failing, 'run');
  const engine = memory();
  const ended = await onFleet(failing, 'run', engine, { plans, timeout: 60_000 });
  expectSame(ended, expected, undefined);
  expect(await engine.workItemStateStore.getStates('run')).toEqual([]);
}, 120_000);

interface Trial {
  readonly given: TroubledCase;
  readonly plans: readonly Plan[];
  readonly starter: Plan;
}

function trialOf([given, seeds, share, mayDie]: [TroubledCase, number[], number, boolean]): Trial {
  const kinds = mayDie ? troubles : survivable;
  const [starter = 0, ...workers] = seeds;
  return {
    given,
    plans: workers.map((seeded) => planFrom(seeded, share, kinds)),
    starter: planFrom(starter, share, survivable),
  };
}

it.each(Object.entries(shapes))(
  '%s come to the same on a troubled fleet as in process',
  async (_, cases) => {
    const seeds = fc.array(fc.nat({ max: 2 ** 31 }), { minLength: 2, maxLength: 4 });
    const sample = fc.tuple(cases, seeds, fc.constantFrom(0.02, 0.1, 0.25), fc.boolean());
    const trials = fc.sample(sample, { seed, numRuns }).map(trialOf).entries();
    const work = async () => {
      for (const [at, { given, plans, starter }] of trials) {
        const isComparable = !mayLoseFallback(given) && !mayLetGoByTime(given);
        if (!isComparable || (only !== undefined && at !== Number(only))) continue;
        const scene = sceneOf(given);
        try {
          const expected = await inProcess(scene, 'run');
          const undisturbed = await onFleet(scene, 'run', memory(), {
            plans: plans.map(() => planFrom(0, 0)),
            timeout: 30_000,
          });
          expectSame(undisturbed, expected, undefined);
          const isEager = !mayLetGoByTime(given, true);
          const ended = await onFleet(scene, 'run', memory(), { plans, starter, timeout: 30_000, isEager });
          expectSame(ended, expected, undisturbed);
        } catch (error) {
          const again = `SEED=${seed} TROUBLED_RUNS=${numRuns} TROUBLED_ONLY=${at}`;
          const texts = [starter, ...plans].map(({ text }) => text).join(', ');
          throw Object.assign(error as Error, { message: `${again}\n${texts}\n${(error as Error).message}` });
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
    expect(trials.next().done).toBe(true);
  },
  600_000,
);

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileCheckpointStore, MemoryCheckpointStore } from 'orchestrator/flow';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { planFrom, planOf, troubles } from '../../src/distributed/testing/trouble-plan.js';
import fc from '../properties.js';
import { expectLog, mayLetGoByTime, mayLoseFallback, sceneOf, troubledCases } from './troubled-flows.js';
import { expectSameEnd, type Place, untilDone } from './troubled-runs.js';
import { everything } from './troubled-scenes.js';

const numRuns = Number(process.env.SAVED_RUNS ?? 12);

let directory: string;
let places = 0;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'troubled-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const kinds: [string, () => Place][] = [
  [
    'memory',
    () => {
      const store = new MemoryCheckpointStore();
      return { open: () => store };
    },
  ],
  [
    'files',
    () => {
      const own = join(directory, `${++places}`);
      return { open: () => new FileCheckpointStore(own) };
    },
  ],
];

describe.each(kinds)('a run that is saved in %s', (kind, place) => {
  describe.each(Object.entries(everything))('of %s', (_, scene) => {
    it.each(troubles)(
      'ends as ever where one call of the store %s, whichever',
      { timeout: 600_000 },
      async (trouble) => {
        const undisturbed = await untilDone(scene, place());
        const calls = undisturbed.programs.reduce((sum, program) => sum + program.calls, 0);
        // On files only every fourth case, a different one for each kind of trouble. With SAVED_RUNS, all of them.
        const step = kind === 'files' && process.env.SAVED_RUNS === undefined ? 4 : 1;
        const first = step === 1 ? 1 : 1 + (troubles.indexOf(trouble) % step);
        for (let call = first; call <= calls; call += step) {
          expectSameEnd(await untilDone(scene, place(), [planOf({ [call]: trouble })]), undisturbed);
        }
      },
    );
  });

  const shapes = {
    'acyclic graphs': troubledCases({}),
    'graphs with failures and fallbacks': troubledCases({ failures: true, fallbacks: true }),
    'graphs with loops, failures and fallbacks': troubledCases({ cycles: true, failures: true, fallbacks: true }),
  };

  it.each(Object.entries(shapes))(
    'of %s ends as ever, whatever goes wrong',
    { timeout: 600_000 },
    async (_, arbitrary) => {
      const runs = kind === 'files' ? Math.ceil(numRuns / 3) : numRuns;
      const seeds = fc.array(fc.nat(), { minLength: 1, maxLength: 6 });
      const shares = fc.constantFrom(0.02, 0.1, 0.3);
      await fc.assert(
        fc.asyncProperty(arbitrary, seeds, shares, async (given, seeds, share) => {
          if (mayLoseFallback(given) || mayLetGoByTime(given)) return;
          const scene = sceneOf(given);
          const undisturbed = await untilDone(scene, place());
          const trial = await untilDone(
            scene,
            place(),
            seeds.map((seed) => planFrom(seed, share)),
          );
          expectSameEnd(trial, undisturbed);
          expectLog(given, trial);
        }),
        { numRuns: runs },
      );
    },
  );
});

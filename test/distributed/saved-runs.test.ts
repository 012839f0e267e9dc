import { type Engine, memory, pglite, postgres, redis } from 'orchestrator/distributed';
import type { CheckpointStore } from 'orchestrator/flow';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { planFrom, planOf, troubles } from '../../src/distributed/testing/trouble-plan.js';
import { expectLog, mayLoseFallback, sceneOf, troubledCases } from '../flow/troubled-flows.js';
import { expectSameEnd, type Place, untilDone } from '../flow/troubled-runs.js';
import { everything } from '../flow/troubled-scenes.js';
import fc from '../properties.js';
import { describeWithPostgres, startPostgres } from './servers/postgres.js';
import { temporaryDirectory } from './servers/reaper.js';
import { describeWithRedis, startRedis } from './servers/redis.js';

/*
 * Runs in process that are saved in the store of an engine, whose calls go wrong, and whose programs die.
 */

const numRuns = Number(process.env.SAVED_RUNS ?? 5);

interface Tested {
  readonly name: string;
  readonly describe: (name: string, tests: () => void) => void;
  readonly create: () => Promise<Engine>;
}

const engines: readonly Tested[] = [
  { name: 'memory()', describe, create: async () => memory() },
  { name: 'pglite(directory)', describe, create: async () => pglite(await temporaryDirectory()) },
  {
    name: 'postgres(url)',
    describe: describeWithPostgres,
    create: async () => postgres(await (await startPostgres()).createDatabase('saved')),
  },
  { name: 'redis(url)', describe: describeWithRedis, create: async () => redis((await startRedis()).url) },
];

/** A store that prefixes the ids of its runs. */
function within(store: CheckpointStore, prefix: string): CheckpointStore {
  return {
    claim: (runId, holder) => store.claim(prefix + runId, holder),
    save: (runId, ...rest) => store.save(prefix + runId, ...rest),
    append: (runId, ...rest) => store.append(prefix + runId, ...rest),
    load: (runId) => store.load(prefix + runId),
    delete: (runId, token) => store.delete(prefix + runId, token),
    list: async () =>
      (await store.list()).filter((runId) => runId.startsWith(prefix)).map((runId) => runId.slice(prefix.length)),
  };
}

for (const { name, describe: describeWhere, create } of engines) {
  describeWhere(`a run that is saved on ${name}`, () => {
    let engine: Engine;
    let places = 0;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(async () => {
      await engine?.close();
    });
    const place = (): Place => {
      const store = within(engine.checkpointStore, `${++places}/`);
      return { open: () => store };
    };

    it.each(Object.entries(everything))(
      'of %s ends as ever, whichever call goes wrong',
      { timeout: 600_000 },
      async (_, scene) => {
        const undisturbed = await untilDone(scene, place());
        const calls = undisturbed.programs.reduce((sum, program) => sum + program.calls, 0);
        // Each call goes wrong once, and each trouble comes about as often as the others.
        for (let call = 1; call <= calls; call++) {
          const trouble = troubles[call % troubles.length] as (typeof troubles)[number];
          expectSameEnd(await untilDone(scene, place(), [planOf({ [call]: trouble })]), undisturbed);
        }
      },
    );

    it('of a random graph ends as usual, whatever goes wrong', { timeout: 600_000 }, async () => {
      const graphs = troubledCases({ cycles: true, failures: true, fallbacks: true });
      const seeds = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(graphs, seeds, fc.constantFrom(0.05, 0.2), async (given, seeds, share) => {
          if (mayLoseFallback(given)) return;
          const scene = sceneOf(given);
          const undisturbed = await untilDone(scene, place());
          const plans = seeds.map((seed) => planFrom(seed, share));
          const trial = await untilDone(scene, place(), plans);
          expectSameEnd(trial, undisturbed);
          expectLog(given, trial);
        }),
        { numRuns },
      );
    });
  });
}

import { type Engine, pglite, postgres, redis } from 'orchestrator/distributed';
import { planFrom } from 'orchestrator/distributed/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { survivable } from '../../../src/distributed/testing/trouble-plan.js';
import { mayLetGoByTime, mayLoseFallback, sceneOf, troubledCases } from '../../flow/troubled-flows.js';
import fc, { seed } from '../../properties.js';
import { expectSame, inProcess, onFleet } from '../protocol/troubled-fleets.js';
import { describeWithPostgres, startPostgres } from '../servers/postgres.js';
import { temporaryDirectory } from '../servers/reaper.js';
import { describeWithRedis, startRedis } from '../servers/redis.js';

/*
 * Random flows on fleets whose calls to real engines go wrong. What fails names its seed; `SEED` repeats it.
 */

const numRuns = Number(process.env.TROUBLED_RUNS ?? 6);

interface Tested {
  readonly name: string;
  readonly describe: (name: string, tests: () => void) => void;
  readonly create: () => Promise<Engine>;
}

const engines: readonly Tested[] = [
  { name: 'pglite(directory)', describe, create: async () => pglite(await temporaryDirectory()) },
  {
    name: 'postgres(url)',
    describe: describeWithPostgres,
    create: async () => postgres(await (await startPostgres()).createDatabase('troubled')),
  },
  { name: 'redis(url)', describe: describeWithRedis, create: async () => redis((await startRedis()).url) },
];

for (const { name, describe: describeWhere, create } of engines) {
  describeWhere(`a troubled fleet on ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
    }, 60_000);
    afterAll(async () => {
      await engine?.close();
    });

    it('gives the same result as the flow in process, whatever goes wrong', { timeout: 300_000 }, async () => {
      const shape = { cycles: true, failures: true, fallbacks: true };
      const graphs = fc.oneof(troubledCases(shape), troubledCases({ ...shape, repeatable: true }));
      const sample = fc.tuple(graphs, fc.array(fc.nat(), { minLength: 2, maxLength: 3 }), fc.constantFrom(0.02, 0.1));
      for (const [at, [given, seeds, share]] of fc.sample(sample, { seed, numRuns }).entries()) {
        if (mayLoseFallback(given) || mayLetGoByTime(given)) continue;
        const scene = sceneOf(given);
        const plans = seeds.map((seeded) => planFrom(seeded, share, survivable));
        try {
          const expected = await inProcess(scene, `run-${at}`);
          const options = { plans: plans.slice(1), starter: plans[0], patience: 50, timeout: 60_000 };
          expectSame(await onFleet(scene, `run-${at}`, engine, options), expected, undefined);
        } catch (error) {
          const again = `SEED=${seed} TROUBLED_RUNS=${numRuns}, run ${at}`;
          throw Object.assign(error as Error, { message: `${again}\n${(error as Error).message}` });
        }
      }
    });
  });
}

import type { Engine } from '../contracts.js';
import { testCarriers } from './carriers.js';
import { testCheckpoints } from './checkpoints.js';
import { testControlledRuns } from './controlled-runs.js';
import { testIncarnations } from './incarnations.js';
import { testJournals } from './journal.js';
import { testQueue } from './queue.js';
import { testRuns } from './runs.js';
import { testSchemas } from './schemas.js';
import { testSearch } from './search.js';
import { testStores } from './stores.js';
import type { Suite, TestFramework } from './suite.js';
import { testUpkeep } from './upkeep.js';
import { testWholeRuns } from './whole-runs.js';
import { testWithoutCode } from './without-code.js';
import { testWorkflows } from './workflows.js';

export { checkpointStoreConformanceOf } from './checkpoint-stores/conformance.js';
export type { CheckpointStoreOptions } from './checkpoint-stores/suite.js';
export type { TestFramework } from './suite.js';
export { type Plan, planFrom, planOf, type Trouble } from './trouble-plan.js';
export { TroubledEngine, type TroubledEngineOptions } from './troubled-engine.js';

/**
 * Options of `conformanceOf`: functions that create the engine under test. The engine needs storage of its own that is
 * empty at the start; the tests close every engine that they create.
 */
export interface ConformanceOptions {
  /** The name of the engine, used as a prefix of the test names. */
  readonly name: string;
  /** Creates an engine with empty storage. Called once. The engine is closed after the last test. */
  readonly create: () => Promise<Engine>;
  /**
   * Creates a second engine with the same storage, as another process would. Default: the first engine is used for
   * both.
   */
  readonly again?: (() => Promise<Engine>) | undefined;
  /** Called with the engine after each test. Default: none. */
  readonly afterEach?: ((engine: Engine) => Promise<void>) | undefined;
}

/**
 * Registers the conformance tests of an engine: every method of every contract, then whole runs over the engine. The
 * suite takes about a minute; a single test takes up to ten seconds.
 *
 * @param options - the name of the engine, and functions that create it
 * @param framework - the functions of a test framework: of vitest, of jest, or of `node:test` with
 *   `beforeAll: before, afterAll: after`
 *
 * @example
 * import { afterAll, beforeAll, describe, it } from 'vitest';
 * import { conformanceOf } from 'orchestrator/distributed/testing';
 *
 * conformanceOf({ name: 'my engine', create: async () => myEngine() }, { describe, it, beforeAll, afterAll });
 */
export function conformanceOf(options: ConformanceOptions, framework: TestFramework): void {
  const { name, create, again, afterEach } = options;
  let engine: Engine | undefined;
  let other: Engine | undefined;
  const theEngine = (made: Engine | undefined) => {
    if (made === undefined) throw new Error(`${name} could not be made`);
    return made;
  };
  const suite: Suite = {
    describe: (part, tests) => void framework.describe(part, tests),
    it: (sentence, test) =>
      void framework.it(sentence, async () => {
        await test();
        await afterEach?.(suite.engine);
      }),
    get engine() {
      return theEngine(engine);
    },
    get other() {
      return other ?? theEngine(engine);
    },
  };
  framework.describe(name, () => {
    framework.beforeAll(async () => {
      engine = await create();
      await engine.open();
      other = await again?.();
      await other?.open();
    });
    framework.afterAll(async () => {
      await other?.close();
      await engine?.close();
    });
    testStores(suite);
    testJournals(suite);
    testIncarnations(suite);
    testCheckpoints(suite);
    testRuns(suite);
    testUpkeep(suite);
    testSearch(suite);
    testWorkflows(suite);
    testQueue(suite);
    testWholeRuns(suite);
    testControlledRuns(suite);
    testWithoutCode(suite);
    testSchemas(suite);
    testCarriers(suite);
  });
}

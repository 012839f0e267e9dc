import type { CheckpointStore } from '../../../flow/index.js';
import type { TestFramework } from '../suite.js';
import { testConcurrency } from './concurrency.js';
import { testEntries } from './entries.js';
import { testHolds, testLostHolds } from './holds.js';
import { testSnapshots } from './snapshots.js';
import type { CheckpointStoreOptions, CheckpointStoreSuite } from './suite.js';
import { testTexts } from './texts.js';

/**
 * Registers the conformance tests of a checkpoint store: every method of `CheckpointStore` of the flow layer, and every
 * pattern of calls that runs make.
 *
 * @param options - the name of the store, and functions that create it
 * @param framework - the functions of a test framework: of vitest, of jest, or of `node:test` with `beforeAll:
 *   before, afterAll: after`
 *
 * @example
 * const create = async () => new MyStore();
 * checkpointStoreConformanceOf({ name: 'my store', create }, { describe, it, beforeAll, afterAll });
 */
export function checkpointStoreConformanceOf(options: CheckpointStoreOptions, framework: TestFramework): void {
  const { name, create, again, claimAndDie, loseHold, takeover } = options;
  let store: CheckpointStore | undefined;
  let other: CheckpointStore | undefined;
  const made = (): CheckpointStore => {
    if (store === undefined) throw new Error(`${name} could not be made`);
    return store;
  };
  framework.describe(name, () => {
    framework.beforeAll(async () => {
      store = await create();
      other = await again?.();
    });
    testCheckpointStores({
      describe: (part, tests) => void framework.describe(part, tests),
      it: (sentence, test) => void framework.it(sentence, test),
      get store() {
        return made();
      },
      get other() {
        return other ?? made();
      },
      claimAndDie,
      loseHold,
      takeover,
    });
  });
}

export function testCheckpointStores(suite: CheckpointStoreSuite): void {
  suite.describe('its entries', () => testEntries(suite));
  suite.describe('its snapshots', () => testSnapshots(suite));
  suite.describe('concurrent writes', () => testConcurrency(suite));
  suite.describe('ids and texts', () => testTexts(suite));
  suite.describe('a hold', () => testHolds(suite));
  suite.describe('a hold that is lost', () => testLostHolds(suite));
}

import type { TestFramework } from '../../../shared/conformance.js';
import type { JournalStore } from '../../journal.js';
import { testOwners } from './owners.js';
import { testReads } from './reads.js';
import { testRecords } from './records.js';
import { testRewrites } from './rewrites.js';
import { testSignals } from './signals.js';
import type { JournalStoreOptions } from './suite.js';
import { testTexts } from './texts.js';

export type { TestFramework } from '../../../shared/conformance.js';
export type { JournalStoreOptions } from './suite.js';

/**
 * Registers the conformance tests of a journal store: every method of `JournalStore`, and every pattern of calls that
 * durable runs make.
 *
 * @param options - the name of the store, and functions that create it
 * @param framework - the functions of a test framework: of vitest, of jest, or of `node:test` with `beforeAll:
 *   before, afterAll: after`
 *
 * @example
 * import { afterAll, beforeAll, describe, it } from 'vitest';
 * import { journalStoreConformanceOf } from 'orchestrator/durable/testing';
 *
 * const create = async () => new MyStore();
 * journalStoreConformanceOf({ name: 'my store', create }, { describe, it, beforeAll, afterAll });
 */
export function journalStoreConformanceOf(options: JournalStoreOptions, framework: TestFramework): void {
  const { name, create, again, openAndDie, loseRun, takeover } = options;
  let store: JournalStore | undefined;
  let other: JournalStore | undefined;
  const made = (): JournalStore => {
    if (store === undefined) throw new Error(`${name} could not be made`);
    return store;
  };
  const suite = {
    describe: (part: string, tests: () => void) => void framework.describe(part, tests),
    it: (sentence: string, test: () => Promise<void>) => void framework.it(sentence, test),
    get store() {
      return made();
    },
    get other() {
      return other ?? made();
    },
    again,
    openAndDie,
    loseRun,
    takeover,
  };
  framework.describe(name, () => {
    framework.beforeAll(async () => {
      store = await create();
      other = await again?.();
    });
    framework.afterAll(async () => {
      await other?.close();
      await store?.close();
    });
    suite.describe('its records', () => testRecords(suite));
    suite.describe('a rewrite', () => testRewrites(suite));
    suite.describe('signals', () => testSignals(suite));
    suite.describe('an owner', () => testOwners(suite));
    suite.describe('reading, listing and deleting', () => testReads(suite));
    suite.describe('ids and texts', () => testTexts(suite));
  });
}

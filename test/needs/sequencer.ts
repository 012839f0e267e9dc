import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes because they wait for locks, clocks and servers, the longest first. */
const longest = [
  'distributed/conformance.test.ts',
  'distributed/faults/clock.test.ts',
  'distributed/holds.test.ts',
  'durable/journals/sql.test.ts',
  'durable/faults/kills.test.ts',
  'durable/journals/sql-faults.test.ts',
  'distributed/faults/stop.test.ts',
  'flow/event-driven.deaths.test.ts',
  'distributed/faults/half-open-migration.test.ts',
  'distributed/faults/postgres-connections.test.ts',
  'distributed/faults/redis-connections.test.ts',
  'distributed/faults/closing.test.ts',
  'distributed/lost-locks.test.ts',
  'distributed/faults/full-disk.test.ts',
  'distributed/faults/away.test.ts',
  'cli/engine.test.ts',
  'loops/store-full.test.ts',
];

/** Starts the longest files first, so that no worker ends alone with one of them. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((file) => moduleId.endsWith(`/test/${file}`));
      return rank === -1 ? longest.length : rank;
    };
    return sorted.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

import { Orchestrator, type RunOptions } from 'orchestrator';
import { Journal, type JournalOptions } from 'orchestrator/durable';
import type { JournalRecord } from '../../src/durable/records.js';
import { DyingStore } from '../../src/durable/testing/dying-store.js';

/** A run that is killed and started again, with the calls that its actions have received. */
export function mortal(options: JournalOptions = {}) {
  const orchestrator = new Orchestrator<Record<string, unknown>>();
  const store = new DyingStore();
  const journal = new Journal(store, options);
  const calls: string[] = [];
  const id = 'run';

  /** Creates an action that notes its calls. */
  const action = <Args extends unknown[], Result>(name: string, fn: (...args: Args) => Result, given = {}) =>
    orchestrator.action(
      name,
      (...args: Args) => {
        calls.push([name, ...args].join(' '));
        return fn(...args);
      },
      given,
    );

  return {
    orchestrator,
    store,
    journal,
    calls,
    action,
    id,
    /** Returns the calls since it was called last. */
    called: () => calls.splice(0),
    /** Runs until the end. */
    live: <Result>(fn: () => Result, more: Partial<RunOptions<object>> = {}) => {
      store.begin();
      return orchestrator.run(fn, { id, journal, ...more });
    },
    /**
     * Runs until the record with the given number is stored, then dies. The first one is the number of the life, which
     * the first life does not record.
     */
    die: async (
      at: number,
      fn: () => unknown,
      { isStored = true, ...more }: { isStored?: boolean } & Partial<RunOptions<object>> = {},
    ) => {
      const isFirst = (await store.read(id)) === undefined;
      const died = store.begin({ at: isFirst ? at - 1 : at, isStored });
      const ended = orchestrator.run(fn, { id, journal, ...more }).then(
        () => 'ended',
        (error) => error,
      );
      const outcome = await Promise.race([died.then(() => 'died'), ended]);
      if (outcome !== 'died') throw new Error('the run has ended before it could die', { cause: outcome });
      await new Promise((resolve) => setImmediate(resolve));
    },
    /** Returns the records of the run. */
    records: async () => ((await store.read(id))?.records ?? []).map((text) => JSON.parse(text) as JournalRecord),
    status: async () => (await store.read(id))?.status,
  };
}

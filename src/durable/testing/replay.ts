import { aValue } from '../../shared/validate.js';
import { DurableFunction } from '../durable-function.js';
import { aJournal, type DurableRun, Journal, type JournalRun } from '../face.js';
import type { JournalOwner, JournalStore, OpenedRun, OpenRequest } from '../journal.js';
import { EndOfRecords } from '../run-life.js';
import { textOfValue } from '../values.js';

/** A run that was replayed. */
export interface Replay {
  readonly id: string;
  /** `end` if the code has ended, `ahead` if it has reached a call that is not recorded. */
  readonly reached: 'end' | 'ahead';
}

const aDurableFunction = aValue<DurableFunction>('a DurableFunction', (value) => value instanceof DurableFunction);

/**
 * Replays recorded runs with new code, to see before a release if they can go on. Executes no task and changes nothing:
 * each run ends where its records end. Code outside tasks is executed.
 *
 * @param journal - the journal, or a copy of it
 * @param fn - the function with the new code. Replays the runs of its name and version
 * @throws {ValidationError} if an argument is missing or not valid
 * @throws {DivergenceError} if a run cannot go on with the new code; `runId` is the id of the first one
 * @example
 * await replay(fileJournal('./copy-of-production'), order);
 */
export async function replay<Input, Result>(
  journal: Journal,
  fn: DurableFunction<Input, Result>,
): Promise<readonly Replay[]> {
  aJournal(journal, 'journal');
  aDurableFunction(fn, 'fn');
  const { name, version } = fn;
  const replays: Replay[] = [];
  for (const { id, version: other } of await journal.list({ name })) {
    const run = other === version ? await journal.get(id) : undefined;
    if (run !== undefined) replays.push({ id, reached: await replayOne(run, journal, fn) });
  }
  return replays;
}

async function replayOne<Input, Result>(
  run: JournalRun,
  { forms }: Journal,
  fn: DurableFunction<Input, Result>,
): Promise<Replay['reached']> {
  const journal = new DryJournal(new ReadOnlyStore(run), forms);
  try {
    await fn.run(undefined as Input, { id: run.id, journal });
    return 'end';
  } catch (error) {
    if (error instanceof EndOfRecords) return 'ahead';
    // The function may fail as it is recorded.
    if ((error as { readonly runId?: unknown }).runId === run.id) throw error;
    return 'end';
  }
}

/** A journal whose runs execute nothing. */
class DryJournal extends Journal {
  constructor(
    store: JournalStore,
    override readonly forms: Journal['forms'],
  ) {
    super(store);
  }

  override record(run: DurableRun, execute: Parameters<Journal['record']>[1]): Promise<unknown> {
    return super.record({ ...run, isDry: true }, execute);
  }
}

/** A store with one run, which is still running and never changes. */
class ReadOnlyStore implements JournalStore {
  constructor(private readonly run: JournalRun) {}

  async open(_request: OpenRequest): Promise<OpenedRun> {
    const { id, name, version, input, created, records } = this.run;
    const owner: JournalOwner = { append: async () => {}, rewrite: async () => {}, close: async () => {} };
    const header = {
      ...{ id, name, created, version },
      ...(input !== undefined && { input: textOfValue(input, 'the input') }),
    };
    return { header, status: 'running', records, signals: [], owner };
  }

  async signal(): Promise<undefined> {}

  async read(): Promise<undefined> {}

  async list(): Promise<readonly []> {
    return [];
  }

  async delete(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}
}

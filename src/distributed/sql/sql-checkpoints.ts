import { type Checkpoint, CheckpointError } from '../../flow/index.js';
import type { CheckpointStore, Engine, JournalTail } from '../contracts.js';
import type { SqlCore } from './sql-core.js';

export class SqlCheckpoints implements CheckpointStore {
  /** The last entry that is being added, of each run. */
  readonly #appending = new Map<string, Promise<void>>();

  constructor(
    readonly engine: Engine,
    private readonly core: SqlCore,
    private readonly readRun: (runId: string, after: number) => Promise<JournalTail | undefined>,
  ) {}

  read(runId: string, after = -1): Promise<JournalTail | undefined> {
    return this.readRun(runId, after);
  }

  async compact(runId: string, snapshot: string, seq: number): Promise<void> {
    await this.core.query('compact', [runId, snapshot, seq]);
  }

  async save(runId: string, snapshot: string): Promise<void> {
    await this.core.query('save-checkpoint', [runId, snapshot]);
  }

  /** Statements go over several connections: an entry waits for those before it. */
  async append(runId: string, entry: string): Promise<void> {
    const before = this.#appending.get(runId);
    const appending = (before?.catch(() => undefined) ?? Promise.resolve()).then(() => this.#append(runId, entry));
    this.#appending.set(runId, appending);
    try {
      await appending;
    } finally {
      if (this.#appending.get(runId) === appending) this.#appending.delete(runId);
    }
  }
  async load(runId: string): Promise<Checkpoint | undefined> {
    const [row] = await this.core.query('load-checkpoint', [runId]);
    return row && { snapshot: row.snapshot as string, entries: row.entries as string[] };
  }

  async delete(runId: string): Promise<void> {
    await this.core.query('delete-checkpoint', [runId]);
  }

  async list(): Promise<string[]> {
    return (await this.core.query('list-checkpoints')).map(({ id }) => id as string);
  }

  async #append(runId: string, entry: string): Promise<void> {
    const rows = await this.core.query('append-checkpoint', [runId, entry]);
    if (rows.length === 0) throw new CheckpointError(runId, 'has no checkpoint to add to');
  }
}

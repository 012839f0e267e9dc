import { Holds } from '../../flow/checkpoint/holds.js';
import { checkSnapshot, isNewEntry, refusals } from '../../flow/checkpoint/refusals.js';
import type { Checkpoint, Claim } from '../../flow/index.js';
import { checkpointOf, numbered, numbersOf } from '../checkpoint-texts.js';
import type { CheckpointStore, Engine, JournalTail } from '../contracts.js';
import type { SqlCore } from './sql-core.js';

export class SqlCheckpoints implements CheckpointStore {
  readonly #holds = new Holds();
  /** The last write that is under way, of each run. */
  readonly #writing = new Map<string, Promise<void>>();

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

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.#holds.claim(runId, holder);
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    return this.#inTurn(runId, async () => {
      const kept = await this.load(runId);
      if (kept !== undefined) checkSnapshot(runId, numbersOf(kept), seq);
      await this.core.query('save-checkpoint', [runId, numbered(seq, snapshot)]);
    });
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    return this.#inTurn(runId, async () => {
      const kept = await this.load(runId);
      if (kept === undefined) throw refusals.unknown(runId);
      const textOf = (number: number) => kept.entries[number - kept.seq - 1];
      if (!isNewEntry(runId, numbersOf(kept), [seq, entry], textOf)) return;
      await this.core.query('append-checkpoint', [runId, numbered(seq, entry)]);
    });
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const [row] = await this.core.query('load-checkpoint', [runId]);
    return row && checkpointOf(row.snapshot as string, row.entries as string[]);
  }

  async delete(runId: string, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    return this.#inTurn(runId, async () => {
      await this.core.query('delete-checkpoint', [runId]);
    });
  }

  async list(): Promise<string[]> {
    return (await this.core.query('list-checkpoints')).map(({ id }) => id as string);
  }

  /** Statements go over several connections: a write waits for those before it. */
  async #inTurn(runId: string, write: () => Promise<void>): Promise<void> {
    const before = this.#writing.get(runId);
    const writing = (before?.catch(() => undefined) ?? Promise.resolve()).then(write);
    this.#writing.set(runId, writing);
    try {
      await writing;
    } finally {
      if (this.#writing.get(runId) === writing) this.#writing.delete(runId);
    }
  }
}

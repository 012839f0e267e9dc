import { type Checkpoint, type Claim, MemoryCheckpointStore } from '../../../flow/index.js';
import type { CheckpointStore, Engine, JournalEntry, JournalTail, ReadOptions } from '../../contracts.js';
import { isFor } from '../../journal/incarnation.js';
import type { StoredRun } from './stored-run.js';

export class MemoryCheckpoints implements CheckpointStore {
  /** Flow runs that are saved through this engine. */
  readonly #inProcess = new MemoryCheckpointStore();

  constructor(
    readonly engine: Engine,
    private readonly runs: Map<string, StoredRun>,
  ) {}

  async read(runId: string, after?: number, { maxBytes }: ReadOptions = {}): Promise<JournalTail | undefined> {
    const run = this.runs.get(runId);
    if (run === undefined) return undefined;
    const { record, seq, snapshot } = run;
    const isKept = after !== undefined && after >= snapshot.seq;
    const all = isKept ? run.entries.slice(after - snapshot.seq) : run.entries.slice();
    const entries = maxBytes === undefined ? all : firstOf(all, maxBytes);
    const tail = { record, now: Date.now(), seq, snapshot: isKept ? undefined : snapshot, entries };
    return entries.length < all.length ? { ...tail, more: true } : tail;
  }

  async compact(runId: string, text: string, seq: number, incarnation?: number): Promise<void> {
    const run = this.runs.get(runId);
    if (run === undefined || !isFor(incarnation, run.record) || seq <= run.snapshot.seq || seq > run.seq) return;
    run.entries = run.entries.slice(seq - run.snapshot.seq);
    run.snapshot = { text, seq };
  }

  claim(runId: string, holder?: string): Promise<Claim> {
    return this.#inProcess.claim(runId, holder);
  }

  save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    return this.#inProcess.save(runId, snapshot, seq, token);
  }

  append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    return this.#inProcess.append(runId, seq, entry, token);
  }

  load(runId: string): Promise<Checkpoint | undefined> {
    return this.#inProcess.load(runId);
  }

  delete(runId: string, token?: string): Promise<void> {
    return this.#inProcess.delete(runId, token);
  }

  list(): Promise<string[]> {
    return this.#inProcess.list();
  }
}

/** Returns entries from the start of the list, at least one, until `maxBytes` is reached. */
function firstOf(entries: readonly JournalEntry[], maxBytes: number): readonly JournalEntry[] {
  let size = 0;
  const end = entries.findIndex(({ text }) => {
    const isEnough = size >= maxBytes;
    size += Buffer.byteLength(text);
    return isEnough;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

import { aName } from '../../shared/validate.js';
import { Holds } from './holds.js';
import { aSeq, aText, checkSnapshot, isNewEntry, refusals } from './refusals.js';
import type { Checkpoint, CheckpointStore, Claim } from './store.js';

/**
 * Stores checkpoints in memory, for tests and for runs that wait and are continued within one program. All checkpoints
 * are lost when the program ends; use a `FileCheckpointStore` to continue runs after a crash.
 *
 * @example
 * const checkpoint = new MemoryCheckpointStore();
 * const { runId } = await flow.run({ orderId: '42' }, { checkpoint });
 * const result = await flow.continue(runId, { checkpoint, events: { review: 'approved' } });
 */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #checkpoints = new Map<string, Checkpoint & { readonly entries: string[] }>();
  readonly #holds = new Holds();

  async claim(runId: string, holder?: string): Promise<Claim> {
    return this.#holds.claim(aName(runId, 'runId'), holder);
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    aName(runId, 'runId');
    aText(snapshot, 'snapshot');
    aSeq(seq, 'seq');
    this.#holds.check(runId, token);
    const kept = this.#checkpoints.get(runId);
    if (kept !== undefined) checkSnapshot(runId, numbersOf(kept), seq);
    this.#checkpoints.set(runId, { snapshot, seq, entries: kept?.entries.slice(seq - kept.seq) ?? [] });
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    aName(runId, 'runId');
    aSeq(seq, 'seq');
    aText(entry, 'entry');
    this.#holds.check(runId, token);
    const kept = this.#checkpoints.get(runId);
    if (kept === undefined) throw refusals.unknown(runId);
    const textOf = (number: number) => kept.entries[number - kept.seq - 1];
    if (isNewEntry(runId, numbersOf(kept), [seq, entry], textOf)) kept.entries.push(entry);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const kept = this.#checkpoints.get(runId);
    return kept && { ...kept, entries: [...kept.entries] };
  }

  async delete(runId: string, token?: string): Promise<void> {
    this.#holds.check(runId, token);
    this.#checkpoints.delete(runId);
  }

  async list(): Promise<string[]> {
    return [...this.#checkpoints.keys()];
  }
}

function numbersOf({ seq, entries }: Checkpoint) {
  return { seq, last: seq + entries.length };
}

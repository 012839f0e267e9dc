import type { Checkpoint, Claim } from '../../../flow/index.js';
import type { CheckpointStore, Engine, JournalTail, ReadOptions } from '../../contracts.js';
import type { Sharded } from './sharded.js';

/** Maximum number of runs in process whose shards are remembered. */
const mostKnown = 1_000;

/**
 * The journals of a fleet's runs, and those of flows that run in one process. A run in process stays on the shard on
 * which it was claimed or first saved. Its shard is remembered, because to find it takes a read of its checkpoint.
 */
export class ShardedCheckpoints implements CheckpointStore {
  /** The shards of runs in process, the most recently used last. */
  readonly #known = new Map<string, Engine>();

  constructor(readonly engine: Engine & Sharded) {}

  async read(runId: string, after?: number, options?: ReadOptions): Promise<JournalTail | undefined> {
    return (await this.engine.shards.of(runId)).checkpointStore.read(runId, after, options);
  }

  async compact(runId: string, snapshot: string, seq: number, incarnation?: number): Promise<void> {
    await (await this.engine.shards.of(runId)).checkpointStore.compact(runId, snapshot, seq, incarnation);
  }

  async claim(runId: string, holder?: string): Promise<Claim> {
    this.#known.delete(runId);
    return (await this.#of(runId)).claim(runId, holder);
  }

  async save(runId: string, snapshot: string, seq: number, token?: string): Promise<void> {
    await (await this.#of(runId)).save(runId, snapshot, seq, token);
  }

  async append(runId: string, seq: number, entry: string, token?: string): Promise<void> {
    await (await this.#of(runId)).append(runId, seq, entry, token);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    return (await this.engine.shards.find(runId, hasCheckpoint(runId))).checkpointStore.load(runId);
  }

  async delete(runId: string, token?: string): Promise<void> {
    await (await this.#of(runId)).delete(runId, token);
  }

  async list(): Promise<string[]> {
    return (await this.engine.gathered(({ checkpointStore }) => checkpointStore.list())).flat();
  }

  async #of(runId: string): Promise<CheckpointStore> {
    const engine = this.#known.get(runId) ?? (await this.engine.shards.findOrPlace(runId, hasCheckpoint(runId)));
    this.#known.delete(runId);
    this.#known.set(runId, engine);
    const [oldest] = this.#known.keys();
    if (this.#known.size > mostKnown) this.#known.delete(oldest as string);
    return engine.checkpointStore;
  }
}

function hasCheckpoint(runId: string): (engine: Engine) => Promise<boolean> {
  return async ({ checkpointStore }) => (await checkpointStore.load(runId)) !== undefined;
}

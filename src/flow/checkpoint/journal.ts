import type { StateJournal, WorkflowState } from '../state.js';
import type { Serializer } from './serializer.js';
import type { CheckpointStore, Entry, Happening } from './store.js';

/** How many entries follow a snapshot before the next, at least; and how many for each node of the flow. */
const leastEntries = 1_000;
const entriesForEachNode = 4;

/**
 * Writes down what happens in a run, before it counts: once a node's entry is saved, nothing repeats that node.
 *
 * With each entry go the keys of the context that have changed since the one before. Outputs are entries themselves.
 */
export class Journal implements StateJournal {
  readonly #saved = new Map<string, string>();

  private constructor(
    private readonly state: WorkflowState,
    private readonly serializer: Serializer,
    private readonly write: (entry: Entry) => Promise<void>,
  ) {
    this.#changes();
  }

  /** Saves a run from now on. */
  static async open(state: WorkflowState, store: CheckpointStore, serializer: Serializer): Promise<Journal> {
    const { runId } = state;
    const most = Math.max(leastEntries, entriesForEachNode * (state.position?.plan.nodeCount ?? 0));
    let entries = 0;
    const snapshot = () => serializer.serialize(state.save());
    await store.save(runId, snapshot());
    return new Journal(state, serializer, async (entry) => {
      const text = serializer.serialize(entry);
      if (++entries > most) {
        entries = 0;
        await store.save(runId, snapshot());
      }
      await store.append(runId, text);
    });
  }

  /** The journal of a run inside this one: its entries are entries here. */
  async openChild(key: string, child: WorkflowState): Promise<Journal> {
    await this.append({ type: 'started', key, run: child.save() });
    return this.reopenChild(key, child);
  }

  reopenChild(key: string, child: WorkflowState): Journal {
    return new Journal(child, this.serializer, (entry) => this.append({ type: 'child', key, entry }));
  }

  /** @throws {SerializationError} for an output or a key of the context that cannot be saved */
  async append(happening: Happening): Promise<void> {
    await this.write({ happening, ...this.#changes() });
  }

  #changes(): Pick<Entry, 'changed' | 'removed'> {
    const context = this.state.getContext();
    const changed: Record<string, unknown> = {};
    let any = false;
    for (const [key, value] of Object.entries(context)) {
      if (this.state.isCompleted(key)) continue;
      const text = this.serializer.serialize({ context: { [key]: value } });
      if (this.#saved.get(key) === text) continue;
      this.#saved.set(key, text);
      changed[key] = value;
      any = true;
    }
    const removed = [...this.#saved.keys()].filter((key) => !Object.hasOwn(context, key));
    for (const key of removed) this.#saved.delete(key);
    return { ...(any ? { changed } : {}), ...(removed.length > 0 ? { removed } : {}) };
  }
}

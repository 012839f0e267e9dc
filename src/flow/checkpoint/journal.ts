import type { Plan } from '../plan/plan.js';
import type { Position } from '../plan/position.js';
import type { StateJournal, WorkflowState } from '../state.js';
import { Log, type LogTarget } from './log.js';
import { toSaved } from './saved-entry.js';
import type { Serializer } from './serializer.js';
import type { Entry, Happening } from './store.js';

/**
 * Writes down what happens in a run, before it counts: once a node's entry is saved, nothing repeats that node.
 *
 * With each entry go the keys of the context that have changed since the one before. Outputs are entries themselves.
 */
export class Journal implements StateJournal {
  readonly #saved = new Map<string, string>();

  /** @param write - writes an entry down, then applies it */
  constructor(
    private readonly state: WorkflowState,
    private readonly serializer: Serializer,
    private readonly write: (entry: Entry, apply: () => void) => Promise<void>,
  ) {
    this.#changes();
  }

  /** Saves a run from now on. */
  static async open(state: WorkflowState, serializer: Serializer, target: LogTarget): Promise<Journal> {
    const log = new Log(state, serializer, target);
    await log.save();
    return new Journal(state, serializer, (entry, apply) => log.append(serializer.serialize(entry), apply));
  }

  /** The journal of a run inside this one: its entries are entries here. */
  async openChild(key: string, child: WorkflowState): Promise<Journal> {
    await this.append({ type: 'started', key, run: child.save() }, () => this.state.children.set(key, child));
    return this.reopenChild(key, child);
  }

  reopenChild(key: string, child: WorkflowState): Journal {
    return new Journal(child, this.serializer, (entry, apply) => this.append({ type: 'child', key, entry }, apply));
  }

  /**
   * Writes down what has happened, then makes it so.
   *
   * @throws {SerializationError} for an output or a key of the context that cannot be saved
   */
  async append(happening: Happening, apply: () => void): Promise<void> {
    await this.write({ happening: toSaved(this.#plan, happening), ...this.#changes() }, apply);
  }

  get #plan(): Plan {
    return (this.state.position as Position).plan;
  }

  #changes(): Pick<Entry, 'changed' | 'removed'> {
    const context = this.state.getContext();
    const changed: Record<string, unknown> = {};
    let any = false;
    for (const [key, value] of Object.entries(context)) {
      if (this.state.position !== undefined && this.state.position.plan.indexOf(key) >= 0) continue;
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

import { SerializationError } from '../errors.js';
import type { Position } from '../plan/position.js';
import { Codec } from '../run/codec.js';
import type { Merges } from '../run/merge.js';
import type { Entry, RunHappening } from '../run/saved.js';
import type { Serializer } from '../run/serializer.js';
import type { StateJournal, WorkflowState } from '../run/state.js';
import { Log, type LogTarget } from './log.js';
import { SavedContext } from './saved-context.js';
import { toSaved } from './saved-entry.js';

/**
 * Writes down what happens in a run, before it counts: once a node's entry is saved, nothing repeats that node.
 *
 * What a node has done to the context, its output too, goes with the entry of its end, and with no other.
 */
export class Journal implements StateJournal {
  readonly #context: SavedContext;
  #failure: { readonly error: unknown } | undefined = undefined;

  /**
   * From now on the nodes of the run have views of their own on its context.
   *
   * @param write - writes an entry down, then applies it
   * @param parent - the journal of the run around this one
   * @throws {SerializationError} for a context that cannot be saved
   */
  constructor(
    private readonly state: WorkflowState,
    private readonly serializer: Serializer,
    merges: Merges,
    private readonly write: (entry: Entry, apply: () => void) => Promise<void>,
    private readonly parent?: Pick<StateJournal, 'failure'>,
  ) {
    this.#context = new SavedContext(new Codec(serializer), state.getContext(), merges);
    state.data.saveIn(this.#context);
  }

  /** Saves a run from now on. */
  static async open(state: WorkflowState, serializer: Serializer, merges: Merges, target: LogTarget): Promise<Journal> {
    const log = new Log(state, serializer, target);
    const write = (entry: Entry, apply: () => void) => log.append(serializer.serialize(entry), apply);
    const journal = new Journal(state, serializer, merges, write);
    await log.save();
    return journal;
  }

  /** The journal of a run inside this one: its entries are entries here. */
  openInner(key: string, inner: WorkflowState, merges: Merges): Journal {
    const write = (entry: Entry, apply: () => void) => this.#append({ type: 'child', key, entry }, apply);
    return new Journal(inner, this.serializer, merges, write, this);
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.parent?.failure ?? this.#failure;
  }

  /**
   * Writes down what has happened, then makes it so.
   *
   * @throws {SerializationError} for an output or a key of the context that cannot be saved
   */
  append(happening: RunHappening): Promise<void> {
    return this.#append(happening, () => this.state.memory.apply(happening));
  }

  async #append(happening: RunHappening, apply: () => void): Promise<void> {
    const change = this.#context.prepare(happening.type === 'completed' ? happening : undefined);
    const { plan } = this.state.position as Position;
    const saved = toSaved(plan, happening.type === 'completed' ? { ...happening, output: undefined } : happening);
    try {
      await this.write({ happening: saved, ...change.saved }, () => {
        change.apply();
        apply();
      });
    } catch (error) {
      change.giveBack();
      if (!(error instanceof SerializationError)) this.#failure ??= { error };
      throw error;
    }
  }
}

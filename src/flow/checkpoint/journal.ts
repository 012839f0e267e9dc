import { Codec } from '../../shared/codec.js';
import { SerializationError } from '../../shared/serialization-error.js';
import type { Serializer } from '../../shared/serializer.js';
import type { Position } from '../plan/position.js';
import type { Merges } from '../run/merge.js';
import type { Entry, RunHappening } from '../run/saved.js';
import type { StateJournal, WorkflowState } from '../run/state.js';
import { CheckpointLog, type LogTarget } from './checkpoint-log.js';
import { SavedContext } from './saved-context.js';
import { toSaved } from './saved-entry.js';

/**
 * Records each event of a run before the event takes effect. Once the entry of a node is saved, the node is not
 * executed again.
 *
 * The output of a node and its changes to the context are saved in a single entry: the one that records the end of the
 * node.
 */
export class Journal implements StateJournal {
  readonly #context: SavedContext;
  #failure: { readonly error: unknown } | undefined = undefined;

  /**
   * From now on, gives each node of the run its own view of the context.
   *
   * @param write - writes an entry, then applies it
   * @param parent - the journal of the surrounding run
   * @throws {SerializationError} if the context cannot be saved
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

  /** Opens the journal of a run, and saves a first snapshot. */
  static async open(state: WorkflowState, serializer: Serializer, merges: Merges, target: LogTarget): Promise<Journal> {
    const log = new CheckpointLog(state, serializer, target);
    const write = (entry: Entry, apply: () => void) => log.append(serializer.serialize(entry), apply);
    const journal = new Journal(state, serializer, merges, write);
    await log.save();
    return journal;
  }

  /** Opens the journal of a sub-flow's run. Its entries are wrapped in entries of this journal. */
  openInner(key: string, inner: WorkflowState, merges: Merges): Journal {
    const write = (entry: Entry, apply: () => void) => this.#append({ type: 'child', key, entry }, apply);
    return new Journal(inner, this.serializer, merges, write, this);
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.parent?.failure ?? this.#failure;
  }

  /**
   * Writes an event as an entry, then applies the event to the run.
   *
   * @throws {SerializationError} if the output or a value of the context cannot be saved
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

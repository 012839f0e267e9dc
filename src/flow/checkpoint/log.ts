import type { WorkflowState } from '../state.js';
import type { Serializer } from './serializer.js';
import type { CheckpointStore } from './store.js';

/** How many entries follow a snapshot before the next, at least; and how many for each node of the flow. */
const leastEntries = 1_000;
const entriesForEachNode = 4;

/** Where a log writes. */
export interface LogTarget {
  readonly store: CheckpointStore;
  /** Of the claim on the run. */
  readonly token: string;
  /** The number of the last entry that the store has; 0 for a new run. */
  readonly seq: number;
}

/** The checkpoint of a run, as it grows: numbers entries, and applies each once it is written, in order. */
export class Log {
  readonly #most: number;
  /** The number of the last entry that was sent. */
  #sent: number;
  /** The number of the last entry that holds. */
  #applied: number;
  /** The number of the last snapshot. */
  #saved: number;
  /** Settles when the last entry that was sent holds. */
  #before: Promise<void> = Promise.resolve();

  constructor(
    private readonly state: WorkflowState,
    private readonly serializer: Serializer,
    private readonly target: LogTarget,
  ) {
    this.#most = Math.max(leastEntries, entriesForEachNode * (state.position?.plan.nodeCount ?? 0));
    this.#sent = this.#applied = this.#saved = target.seq;
  }

  /** Replaces the entries that hold by a snapshot of the run as it stands. */
  async save(): Promise<void> {
    const { store, token } = this.target;
    this.#saved = this.#applied;
    await store.save(this.state.runId, this.serializer.serialize(this.state.save()), this.#applied, token);
  }

  append(text: string, apply: () => void): Promise<void> {
    const { store, token } = this.target;
    const seq = ++this.#sent;
    const written = Promise.all([this.#before, store.append(this.state.runId, seq, text, token)]);
    const applied = written.then(() => {
      apply();
      this.#applied = seq;
      return this.#applied - this.#saved > this.#most ? this.save() : undefined;
    });
    applied.catch(() => {
      this.#sent = this.#applied;
      this.#before = Promise.resolve();
    });
    this.#before = applied;
    return applied;
  }
}

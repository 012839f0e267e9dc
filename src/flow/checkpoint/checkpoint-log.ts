import type { Serializer } from '../../shared/serializer.js';
import { LockedError } from '../errors.js';
import type { WorkflowState } from '../run/state.js';
import type { Hold } from './hold.js';
import { seal } from './seal.js';

/** Minimum length of the entries between two snapshots: about 260,000 characters. */
const leastLength = 2 ** 18;

/** The destination of a log: a held run in a store. */
export interface LogTarget {
  readonly hold: Hold;
  /** The number of the last entry in the store; 0 for a new run. */
  readonly seq: number;
}

/**
 * The growing checkpoint of a run.
 *
 * Entries are numbered in the order in which they are sent. Any number of entries may be in transit. An entry takes
 * effect once it and all entries before it have been written.
 *
 * If an entry cannot be written, neither this entry nor those after it take effect, and its number is used for the next
 * entry. The failed write must not reach the store later. The log therefore claims the run again, and the store refuses
 * writes that use the former claim. If the failed entry has reached the store after all, the store refuses the next
 * entry, and the run fails. When the run is continued, it starts from what the store has.
 *
 * A snapshot contains everything that has taken effect so far. It is saved in parallel with later entries, as soon as
 * the entries since the last snapshot are longer than that snapshot. All snapshots together are therefore at most a few
 * times as long as the entries.
 */
export class CheckpointLog {
  /** The number of the last entry that was sent. */
  #sent: number;
  /** The number of the last entry that has taken effect. */
  #applied: number;
  /** Resolves when the last entry that was sent has taken effect. */
  #before: Promise<void> = Promise.resolve();
  /** Pending while the run is being claimed again after a failed write. */
  #mending: Promise<void> | undefined = undefined;
  /** The length of the entries since the last snapshot, and the length of that snapshot, in characters. */
  #written = 0;
  #snapshot = 0;
  #isSaving = false;

  constructor(
    private readonly state: WorkflowState,
    private readonly serializer: Serializer,
    private readonly target: LogTarget,
  ) {
    this.#sent = this.#applied = target.seq;
  }

  /** Saves a snapshot of the current state of the run. */
  async save(): Promise<void> {
    await this.target.hold.save(this.#take(), this.#applied);
  }

  /**
   * Writes an entry, then applies it.
   *
   * @param apply - lets the entry take effect; called at most once
   */
  append(text: string, apply: () => void): Promise<void> {
    if (this.#mending === undefined) return this.#send(text, apply);
    return this.#mending.then(() => this.#send(text, apply));
  }

  #send(text: string, apply: () => void): Promise<void> {
    const seq = ++this.#sent;
    const { hold } = this.target;
    const sealed = seal(seq, text);
    const written = hold.append(seq, sealed);
    const holds = this.#hold(seq, this.#before, written, apply);
    this.#before = holds;
    return holds.then(() => this.#grow(sealed.length));
  }

  async #hold(seq: number, before: Promise<void>, written: Promise<void>, apply: () => void): Promise<void> {
    const [ahead, own] = await Promise.allSettled([before, written]);
    // Only the first failed entry of a sequence starts the repair. The entries after it fail even if they have reached
    // the store.
    if (ahead.status === 'fulfilled' && own.status === 'rejected') this.#mend(own.reason);
    if (own.status === 'rejected') throw own.reason;
    if (ahead.status === 'rejected') throw ahead.reason;
    apply();
    this.#applied = seq;
  }

  /**
   * Makes sure that no entry in transit can still reach the store, then continues the numbering after the last entry
   * that has taken effect.
   */
  #mend(error: unknown): void {
    const fenced = error instanceof LockedError ? Promise.reject(error) : this.target.hold.renew();
    this.#mending = fenced.then(() => {
      this.#sent = this.#applied;
      this.#before = Promise.resolve();
      this.#mending = undefined;
    });
    // The next write reports this error.
    this.#mending.catch(() => undefined);
  }

  #grow(length: number): void {
    this.#written += length;
    if (this.#isSaving || this.#mending !== undefined) return;
    if (this.#written <= Math.max(leastLength, this.#snapshot)) return;
    const { hold } = this.target;
    this.#isSaving = true;
    void hold
      .beside(() => hold.save(this.#take(), this.#applied))
      .then(() => {
        this.#isSaving = false;
      });
  }

  /** Returns the current state of the run as text. */
  #take(): string {
    this.#written = 0;
    const text = seal(this.#applied, this.serializer.serialize(this.state.save()));
    this.#snapshot = text.length;
    return text;
  }
}

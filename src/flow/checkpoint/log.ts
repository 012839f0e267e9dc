import { LockedError } from '../errors.js';
import type { Serializer } from '../run/serializer.js';
import type { WorkflowState } from '../run/state.js';
import type { Hold } from './hold.js';
import { seal } from './seal.js';

/** How many characters of entries follow a snapshot before the next, at least: a quarter of a megabyte. */
const leastLength = 2 ** 18;

/** Where a log writes. */
export interface LogTarget {
  readonly hold: Hold;
  /** The number of the last entry that the store has; 0 for a new run. */
  readonly seq: number;
}

/**
 * The checkpoint of a run, as it grows.
 *
 * Entries are numbered as they are sent. Any number may be under way; each holds once it and all before it are written, in
 * their order. Where one is not written, it and those behind it never hold, and the next one gets its number. So that none
 * of them can come to the store behind that one, the run is taken anew before: with the former hold nothing is written any
 * more. A store that has an entry which it said it has not refuses the one that follows, and the run fails. It goes on from
 * what the store has when it is resumed.
 *
 * A snapshot has what holds at that moment, and its number. It is saved beside the entries that follow, once what was
 * written since the last one has outgrown that: all snapshots together cost no more than a few times the entries.
 */
export class Log {
  /** The number of the last entry that was sent. */
  #sent: number;
  /** The number of the last entry that holds. */
  #applied: number;
  /** Settles when the last entry that was sent holds. */
  #before: Promise<void> = Promise.resolve();
  /** What is being done about an entry that was not written. */
  #mending: Promise<void> | undefined = undefined;
  /** How much is written since the last snapshot, and how much that was, in characters. */
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

  /** Replaces what the store has by a snapshot of the run as it stands. */
  async save(): Promise<void> {
    await this.target.hold.save(this.#take(), this.#applied);
  }

  /**
   * Writes an entry, then makes it hold.
   *
   * @param apply - makes it hold; called at most once
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
    // The first of a row that was not written: those behind it do not hold either, also if the store has them.
    if (ahead.status === 'fulfilled' && own.status === 'rejected') this.#mend(own.reason);
    if (own.status === 'rejected') throw own.reason;
    if (ahead.status === 'rejected') throw ahead.reason;
    apply();
    this.#applied = seq;
  }

  /** Makes sure that nothing of what was sent comes to the store any more; then numbers go on behind what holds. */
  #mend(error: unknown): void {
    const fenced = error instanceof LockedError ? Promise.reject(error) : this.target.hold.renew();
    this.#mending = fenced.then(() => {
      this.#sent = this.#applied;
      this.#before = Promise.resolve();
      this.#mending = undefined;
    });
    // Whoever writes next is told.
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

  /** The run as it stands, as a text. */
  #take(): string {
    this.#written = 0;
    const text = seal(this.#applied, this.serializer.serialize(this.state.save()));
    this.#snapshot = text.length;
    return text;
  }
}

import type { Commit } from '../contracts.js';
import type { NodeEntry } from '../journal/entry.js';
import type { Patience } from './patience.js';

/** The entry of a repeatable node that a replica has applied before its commit. */
export interface EarlyEntry {
  readonly entry: NodeEntry;
  readonly commit: Commit;
  readonly patience: Patience | undefined;
}

/** Maximum number of entries that are held back, and maximum number of characters of their texts. */
const mostHeld = 16;
const mostText = 2 ** 20;

/** Milliseconds after which entries that are held back are committed, even if no other commit takes them along. */
const longestHold = 250;

/**
 * The entries that a replica has applied before they are committed, in the order of the journal.
 *
 *     hold ─► held back ─► sent, alone or before the commit of the next node ─► confirmed by the journal
 *                              │  other entries come first ─► displaced, applied after them, and sent again
 *                              └─ no longer fits, or is refused ─► dropped
 *
 * If entries are dropped, so is everything that is based on them: `basis` changes, and executions that began on another
 * basis are refused. Their nodes are executed again.
 */
export class EarlyEntries {
  /** Changes when entries are dropped. */
  basis = 0;
  /** If true, the replica is out of date: it has applied entries that the journal does not have in this place. */
  isStale = false;
  /** If true, no more entries are held back. */
  isOff = false;
  #applied: EarlyEntry[] = [];
  #displaced: EarlyEntry[] = [];
  #held: EarlyEntry[] = [];
  #heldText = 0;
  #isDropped = false;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param onLate - called when entries have been held back for long enough */
  constructor(private readonly onLate: () => void) {}

  /** Number of entries that the replica has applied, but the journal is not known to have. */
  get size(): number {
    return this.#applied.length;
  }

  get hasHeld(): boolean {
    return this.#held.length > 0;
  }

  /** Returns true if any of the entries is neither confirmed nor dropped. */
  hasAny(early: readonly EarlyEntry[]): boolean {
    return early.some((one) => this.#applied.includes(one));
  }

  /** Drops all entries if any of the given ones is neither confirmed nor dropped. */
  dropAny(early: readonly EarlyEntry[]): void {
    if (this.hasAny(early)) this.drop();
  }

  hasRoomFor(text: string): boolean {
    return this.#held.length < mostHeld && this.#heldText + text.length <= mostText;
  }

  /** Holds back an entry that the replica has applied. */
  hold(early: EarlyEntry): void {
    this.#applied.push(early);
    this.#held.push(early);
    this.#heldText += early.commit.text.length;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.onLate();
    }, longestHold);
  }

  /** Returns the entries that are held back, which are about to be sent. */
  takeHeld(): readonly EarlyEntry[] {
    const held = this.#held;
    if (held.length === 0) return held;
    this.#held = [];
    this.#heldText = 0;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return held;
  }

  /** Returns true if the text is that of the first applied entry, which is then confirmed. */
  confirm(text: string): boolean {
    if (this.#applied[0]?.commit.text !== text) return false;
    this.#applied.shift();
    return true;
  }

  /** Called when the replica is replaced by one that was built from the journal alone. */
  displace(): void {
    this.isStale = false;
    this.#displaced.push(...this.#applied.splice(0));
    // What has begun on the replica before, after the entries were dropped, is based on them as well.
    if (this.#isDropped) this.basis++;
    this.#isDropped = false;
  }

  /** Applies the displaced entries to the new replica, or drops them if one no longer fits. */
  repeat(apply: (early: EarlyEntry) => boolean): void {
    for (const early of this.#displaced.splice(0)) {
      if (apply(early)) this.#applied.push(early);
      else {
        this.drop();
        return;
      }
    }
  }

  /** Drops all entries. The replica has to be built anew. */
  drop(): void {
    this.takeHeld();
    this.#applied = [];
    this.#displaced = [];
    this.basis++;
    this.isStale = true;
    this.#isDropped = true;
  }
}

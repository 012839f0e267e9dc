import type { Carrier } from '../kernel/hooks/instrumentation.js';
import { branchOf, groupsAround, isLimit, runsAround } from './identity.js';
import {
  type EndRecord,
  isBeginning,
  type JournalRecord,
  type OutcomeRecord,
  parseRecord,
  type StateRecord,
} from './records.js';

/** Something that an outcome is handed out to. */
export interface Receiver {
  receive(outcome: OutcomeRecord): void;
}

/** The record of a call. */
export class Entry {
  /** The outcome, if the call has one. */
  outcome: OutcomeRecord | undefined = undefined;
  /** If true, the call was begun and must not be repeated. */
  isBegun = false;
  /** Due time of a sleep, a wait or a limit, in epoch milliseconds. */
  due: number | undefined = undefined;
  /** If true, nothing else of the branch was under way with the call. */
  isAlone = true;
  /** If true, something else was under way beside one of the groups and nested runs around the call. */
  isInCrowd = false;
  /**
   * If true, the code may end without asking for the record: it was made after a failure that is void now, or is an
   * abort, which may reach the code before it makes the call.
   */
  isOptional = false;
  isClaimed = false;
  /**
   * If true, the outcome is handed out after all outcomes before it, although the code may take its time to ask for
   * them: the code has asked for this outcome early, and does not wait for it.
   */
  isPatient = false;
  /** The neighbours among the outcomes that have not been handed out. */
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** The call that has asked for the outcome. */
  receiver: Receiver | undefined = undefined;

  constructor(readonly identity: string) {}
}

/**
 * The records that the run has brought from earlier lives, and how many of them the code has asked for. A record that
 * has been asked for is forgotten once it is handed out.
 */
export class History {
  /** Number of lives so far. The first life has no record, because the run begins with it. */
  lives = 1;
  /** Trace context of the last life that was traced. */
  carrier: Carrier | undefined = undefined;
  /** The end that was recorded last, if any. */
  end: EndRecord | undefined = undefined;
  /** Values of the state that an earlier incarnation has left. */
  state: StateRecord['c'] = {};
  /** Numbers of consumed signals. */
  readonly consumed = new Set<number>();
  /** The outcomes that have not been handed out, in order. */
  first: Entry | undefined = undefined;
  /** If true, patient outcomes do not wait any more: the code has ended, and asks for nothing else. */
  isHurried = false;
  /** Number of outcomes that the code has asked for and not received. */
  waiting = 0;
  readonly #entries = new Map<string, Entry>();
  /**
   * Records that have to be asked for before anything new is executed in a branch, by branch, the first at the end.
   * Collected when they are first needed, and may have been asked for since then.
   */
  #alone: Map<string, Alone[]> | undefined;
  /** Paths of the groups and nested runs that the code has begun while something was recorded. */
  readonly #begun = new Set<string>();
  /** Paths of the groups that have ended before all of their members had. */
  readonly #cutShort = new Set<string>();

  constructor(runId: string, texts: readonly string[]) {
    const loader = new Loader(this);
    for (const [index, text] of texts.entries()) loader.add(parseRecord(text, runId, index + 1));
    let last: Entry | undefined;
    for (const entry of loader.kept()) {
      this.#entries.set(entry.identity, entry);
      if (entry.outcome === undefined) continue;
      entry.previous = last;
      if (last === undefined) this.first = entry;
      else last.next = entry;
      last = entry;
    }
  }

  /** Number of records that the code has not asked for yet. */
  get unclaimed(): number {
    return this.#entries.size;
  }

  /** If true, everything that is recorded has been handed out, so new calls are executed at once. */
  get isOver(): boolean {
    return this.#entries.size === 0 && this.waiting === 0;
  }

  /** Returns true if the call is recorded and was not asked for yet. */
  isRecorded(identity: string): boolean {
    return this.#entries.has(identity);
  }

  /** Returns the record of a call, and marks it as asked for. */
  claim(identity: string): Entry | undefined {
    const entry = this.#entries.get(identity);
    if (entry === undefined) return undefined;
    this.#entries.delete(identity);
    entry.isClaimed = true;
    if (entry.outcome !== undefined) this.waiting++;
    return entry;
  }

  /** The outcome to be handed out next, among those that the code has asked for. */
  get next(): Entry | undefined {
    let isBehind = false;
    for (let entry = this.first; entry !== undefined; entry = entry.next) {
      if (entry.isClaimed && !(isBehind && entry.isPatient && !this.isHurried)) return entry;
      isBehind ||= !entry.isClaimed && this.#isExpected(entry);
    }
    return undefined;
  }

  /** If true, all outcomes that the code has to ask for have been handed out. */
  get isCaughtUp(): boolean {
    let entry = this.first;
    while (entry !== undefined && !(entry.isClaimed || this.#isExpected(entry))) entry = entry.next;
    return entry === undefined;
  }

  /** Removes an outcome that is handed out. */
  remove(entry: Entry): void {
    const { previous, next } = entry;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    entry.previous = undefined;
    entry.next = undefined;
    this.waiting--;
  }

  /** Notes that the code has begun a group or a nested run. */
  begin(group: string): void {
    if (this.#entries.size > 0) this.#begun.add(group);
  }

  /**
   * Notes that a group has ended before all of its members had. Which members had begun by then depends on time, so the
   * code need not ask for what is recorded of them.
   */
  cutShort(group: string): void {
    if (this.#entries.size > 0) this.#cutShort.add(group);
  }

  /**
   * Returns the first record that has to be asked for before anything new is executed in a branch: that of a call that
   * was alone, or one inside a group that was alone and has not been begun.
   */
  firstAlone(branch: string): Entry | undefined {
    this.#alone ??= aloneAmong(this.#entries.values());
    const found = this.#alone.get(branch) ?? [];
    for (let first = found.at(-1); first !== undefined; first = found.at(-1)) {
      const { entry, group } = first;
      if (!entry.isClaimed && !this.#begun.has(group ?? '') && this.#isExpected(entry)) return entry;
      found.pop();
    }
    return undefined;
  }

  /**
   * Returns true if something is recorded that comes after a place in the code.
   *
   * @param paths - paths of the branch and the branches around it
   */
  isPast(paths: readonly string[]): boolean {
    const inside = paths[0] === '/' ? '/' : `${paths[0]}/`;
    for (const entry of this.#entries.values()) {
      const branch = branchOf(entry.identity);
      if (this.#isExpected(entry) && (paths.includes(branch) || branch.startsWith(inside))) return true;
    }
    return false;
  }

  /** Returns the first record that the code had to ask for and did not. */
  leftOver(): Entry | undefined {
    for (const entry of this.#entries.values()) if (this.#isExpected(entry)) return entry;
    return undefined;
  }

  /** Returns true if the code has to ask for the record. */
  #isExpected({ isOptional, identity }: Entry): boolean {
    if (isOptional) return false;
    return this.#cutShort.size === 0 || !groupsAround(identity).some(({ group }) => this.#cutShort.has(group));
  }
}

/** A call that was alone in its branch, or the first call inside a group or nested run that was. */
interface Alone {
  readonly entry: Entry;
  /** Path of the group or nested run. */
  readonly group?: string;
}

function aloneAmong(entries: Iterable<Entry>): Map<string, Alone[]> {
  const alone = new Map<string, Alone[]>();
  const groups = new Set<string>();
  const add = (branch: string, found: Alone) => {
    const others = alone.get(branch);
    if (others === undefined) alone.set(branch, [found]);
    else others.push(found);
  };
  for (const entry of entries) {
    const { identity, isAlone, isInCrowd, isOptional } = entry;
    if (isOptional) continue;
    if (isAlone) add(branchOf(identity), { entry });
    if (isInCrowd || isLimit(identity)) continue;
    for (const { group, branch } of groupsAround(identity)) {
      if (groups.has(group)) continue;
      groups.add(group);
      add(branch, { entry, group });
    }
  }
  for (const found of alone.values()) found.reverse();
  return alone;
}

/** Reads records in their order. */
class Loader {
  readonly #byIdentity = new Map<string, Entry>();
  #entries: Entry[] = [];

  constructor(private readonly history: History) {}

  add(record: JournalRecord): void {
    if ('i' in record) this.#addCall(record);
    else if ('l' in record) {
      this.history.lives = record.l;
      this.history.carrier = record.k ?? this.history.carrier;
    } else if ('end' in record) this.#addEnd(record);
    else {
      this.history.state = { ...this.history.state, ...record.c };
      for (const number of record.n ?? []) this.history.consumed.add(number);
    }
  }

  /** Returns the entries that the code will ask for. A nested run that has its outcome does not run again. */
  kept(): readonly Entry[] {
    return this.#entries.filter((entry) => {
      const { identity } = entry;
      if (this.#byIdentity.get(identity) !== entry) return false;
      return !runsAround(identity).some((run) => this.#byIdentity.get(run)?.outcome !== undefined);
    });
  }

  #addCall(record: Extract<JournalRecord, { readonly i: string }>): void {
    const known = this.#byIdentity.get(record.i);
    if (isBeginning(record)) {
      const entry = known ?? this.#enter(record.i);
      entry.isBegun ||= record.b === 1;
      entry.due = record.d ?? entry.due;
      entry.isAlone = record.p !== 1;
      entry.isInCrowd = record.g === 1;
      return;
    }
    // The outcome has its own place in the order, so an entry that was begun earlier is replaced.
    const entry = this.#enter(record.i);
    if (known !== undefined) {
      entry.isBegun = known.isBegun;
      entry.due = known.due;
    }
    entry.outcome = record;
    entry.isOptional = record.a !== undefined;
    entry.isAlone = record.p !== 1;
    entry.isInCrowd = record.g === 1;
    if (record.n !== undefined) this.history.consumed.add(record.n);
  }

  #enter(identity: string): Entry {
    const entry = new Entry(identity);
    this.#byIdentity.set(identity, entry);
    this.#entries.push(entry);
    return entry;
  }

  /**
   * Voids the failures with which the function has failed. Records after the first of them may depend on it: aborts
   * among them are void, too, and the others are optional, so they are used if the code asks for them.
   */
  #addEnd(record: EndRecord): void {
    this.history.end = record;
    const voided = record.v && new Set(record.v.map((identity) => this.#byIdentity.get(identity)));
    const isFailed = record.end === 'failed';
    let isAfter = false;
    this.#entries = this.#entries.flatMap((entry) => {
      // An error that the code has made of others does not name them, so any of the failures may be behind it.
      const isBehind = voided?.has(entry) ?? (isFailed && entry.outcome?.e !== undefined);
      const isVoid = isBehind || (isAfter && entry.outcome?.a !== undefined);
      if (isAfter) entry.isOptional = true;
      if (!isVoid) return [entry];
      isAfter = true;
      return this.#again(entry);
    });
  }

  /** Keeps the mark of a task with `once` that was begun and did not end, because it must not be repeated even now. */
  #again(entry: Entry): readonly Entry[] {
    if (this.#byIdentity.get(entry.identity) === entry) this.#byIdentity.delete(entry.identity);
    const isInterrupted = entry.outcome?.x !== undefined || (entry.isBegun && entry.outcome?.a !== undefined);
    if (!isInterrupted) return [];
    const again = new Entry(entry.identity);
    again.isBegun = true;
    again.isOptional = true;
    this.#byIdentity.set(entry.identity, again);
    return [again];
  }
}

import type { GroupRecord, ProcessRecord, TaskRecord } from '../../index.js';
import { clean } from '../../shared/terminal-text.js';
import { Counts, type Ended } from './counts.js';
import { Rate } from './rate.js';
import type { Retry } from './retry.js';

export type Kind = 'process' | 'task' | 'parallel' | 'map';

/** What processes, tasks and groups are told by. */
export type AnyRecord = ProcessRecord | TaskRecord | GroupRecord;

/** How many names are told apart in one place, how deep places may lie in each other, and how many there are in all. */
const mostNames = 64;
const mostDepth = 10;
const mostTallies = 2_000;

/** How many items a group has, or several. */
export interface Items {
  settled: number;
  failed: number;
  /** `undefined` where that is not known of one of them. */
  total: number | undefined;
}

/**
 * All processes, tasks or groups of one name in one place: inside of the same run, task or group, or of those of that
 * name. So the tree of what is going on is as large as the program has names, however much there is of each.
 *
 * Where there are too many names, what has ended makes room: it is counted among the rest, which has no name. Groups have
 * few names and often come one after another, so each is on its own, except where several are under way, and where what
 * they lie in stands for several of its name.
 */
export class Tally {
  /** What may be shown of its name. */
  readonly label: string;
  /** In the order in which they began. */
  readonly running = new Set<Activity>();
  /** Those of them that have failed at least one attempt. */
  readonly retried = new Set<Activity>();
  readonly counts = new Counts();
  /** Of a process: all tasks in it. */
  readonly tasks = new Counts();
  /** Of groups: the items of those that have ended. */
  readonly items: Items = { settled: 0, failed: 0, total: 0 };
  readonly rate: Rate;
  /** How many are under way here and further in. */
  live = 0;
  /** How many have begun. */
  begun = 0;
  endedAt = 0;
  #rest: Tally | undefined;
  readonly #inner = new Map<string, Tally>();
  readonly #all: Shared;
  readonly #depth: number;
  readonly #number: number;

  constructor(
    /** `undefined` for the rest, and for the root. */
    readonly kind: Kind | undefined,
    readonly name: string,
    now: number,
    /** `undefined` for the root. */
    readonly outer?: Tally,
  ) {
    this.label = kind === undefined ? '' : clean(name) || 'unnamed';
    this.rate = new Rate(now);
    this.#all = outer === undefined ? { tallies: 0, made: 0 } : outer.#all;
    this.#depth = outer === undefined ? 0 : outer.#depth + 1;
    this.#number = ++this.#all.made;
    this.#all.tallies++;
  }

  /** What lies in it, in the order in which it first began, the rest at the end. */
  get inner(): readonly Tally[] {
    const inner = [...this.#inner.values()].sort((one, other) => one.#number - other.#number);
    return this.#rest === undefined ? inner : [...inner, this.#rest];
  }

  /** Whether it is that of those for whose names there was no room. */
  get isRest(): boolean {
    return this.kind === undefined && this.outer !== undefined;
  }

  /** The process that it is or lies in. */
  get process(): Tally | undefined {
    return this.kind === 'process' ? this : this.outer?.process;
  }

  /** Those of a name in it. */
  child(kind: Kind, name: string, now: number): Tally {
    const key = `${kind} ${name}`;
    const known = this.#inner.get(key);
    const isOver = known !== undefined && isGroup(kind) && known.live === 0 && !this.isRest && !this.#isOneOfMany;
    if (known !== undefined && !isOver) return known;
    if (isOver) this.#rename(known, key);
    if (!this.#hasRoom()) return this.#restOf(now);
    const made = new Tally(kind, name, now, this);
    this.#inner.set(key, made);
    return made;
  }

  begin(activity: Activity): void {
    this.begun++;
    this.running.add(activity);
    for (let place: Tally | undefined = this; place !== undefined; place = place.outer) place.live++;
  }

  end(activity: Activity, ended: Ended, now: number): void {
    this.running.delete(activity);
    this.retried.delete(activity);
    this.counts.add(ended);
    this.endedAt = now;
    if (isGroup(activity.kind)) addItems(this.items, activity.record as GroupRecord);
    else this.rate.add(1, now);
    if (activity.kind === 'task') this.process?.tasks.add(ended);
    for (let place: Tally | undefined = this; place !== undefined; place = place.outer) place.live--;
  }

  /** If true, it stands for several of its name, or lies in one that does: groups in these are told together, too. */
  get #isOneOfMany(): boolean {
    for (let place: Tally | undefined = this; place !== undefined; place = place.outer) {
      if (place.begun > 1 || place.kind === 'map') return true;
    }
    return false;
  }

  /** The one that is under way for the longest time. */
  get oldest(): Activity | undefined {
    return this.running.values().next().value;
  }

  #hasRoom(): boolean {
    if (this.#depth >= mostDepth) return false;
    if (this.#inner.size < mostNames && this.#all.tallies < mostTallies) return true;
    return this.#makeRoom();
  }

  /** Counts the first that has ended among the rest; one that has failed only if there is no other. */
  #makeRoom(): boolean {
    const ended = [...this.#inner].filter(([, { live }]) => live === 0);
    const [key, tally] = ended.find(([, { counts }]) => counts.failed === 0) ?? ended[0] ?? [];
    if (key === undefined || tally === undefined) return false;
    this.#inner.delete(key);
    this.#restOf(tally.endedAt).#absorb(tally);
    return this.#inner.size < mostNames;
  }

  #restOf(now: number): Tally {
    if (this.isRest) return this;
    this.#rest ??= new Tally(undefined, '', now, this);
    return this.#rest;
  }

  #absorb(other: Tally): void {
    this.begun += other.begun;
    this.counts.absorb(other.counts);
    this.tasks.absorb(other.tasks);
    this.endedAt = Math.max(this.endedAt, other.endedAt);
    for (const inner of other.inner) {
      const { kind, name, endedAt } = inner;
      (kind === undefined ? this.#restOf(endedAt) : this.child(kind, name, endedAt)).#absorb(inner);
    }
    this.#all.tallies--;
  }

  #rename(known: Tally, key: string): void {
    this.#inner.delete(key);
    this.#inner.set(`${key} ${known.#number}`, known);
  }
}

/** A process, task or group under way. */
export class Activity {
  hasEnded = false;
  retry: Retry | undefined = undefined;
  /** Of a group: how many of its items the rate knows of. */
  counted = 0;

  constructor(
    readonly kind: Kind,
    readonly tally: Tally,
    /** The process that it is, or is part of. */
    readonly processId: string,
    readonly record: AnyRecord,
    /** In milliseconds of the monotonic clock. */
    readonly began: number,
  ) {}

  /** Whether it waits for its next attempt. */
  get isWaiting(): boolean {
    return this.retry !== undefined && (this.record as TaskRecord).attempts <= this.retry.attempt;
  }
}

/** What all tallies of a tree have in common. */
interface Shared {
  tallies: number;
  made: number;
}

export function isGroup(kind: Kind | undefined): boolean {
  return kind === 'parallel' || kind === 'map';
}

export function addItems(items: Items, { settled, failed, total }: GroupRecord): void {
  items.settled += settled;
  items.failed += failed;
  items.total = items.total === undefined || total === undefined ? undefined : items.total + total;
}

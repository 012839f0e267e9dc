import type { GroupRecord, ProcessRecord, TaskRecord } from '../../index.js';
import { clean } from '../../shared/terminal-text.js';
import { Counts, type Ended } from './counts.js';
import { Rate } from './rate.js';
import type { Retry } from './retry.js';

export type Kind = 'process' | 'task' | GroupRecord['kind'];

/** The record of a process, task or group. */
export type AnyRecord = ProcessRecord | TaskRecord | GroupRecord;

/** Limits of the tree: names in one place, depth, and tallies in total. */
const mostNames = 64;
const mostDepth = 10;
const mostTallies = 2_000;

/** Item counts of one or several groups. */
export interface Items {
  settled: number;
  failed: number;
  /** Number of items, or `undefined` if the number is unknown for any of the groups. */
  total: number | undefined;
}

/**
 * All processes, tasks or groups with the same name in the same place, that is, with the same surrounding tally. The
 * size of the tree therefore depends on the number of names, not on the amount of work.
 *
 * If there are too many names, tallies that have ended make room: they are added to the rest, a tally without a name.
 * Groups have few names and often follow one another, so each group has a tally of its own. There are two exceptions:
 * groups that run at the same time, and groups inside a tally that stands for several activities.
 */
export class Tally {
  /** The name, made safe for a terminal. */
  readonly label: string;
  /** Running activities, in the order in which they began. */
  readonly running = new Set<Activity>();
  /** Running activities with at least one failed attempt. */
  readonly retried = new Set<Activity>();
  readonly counts = new Counts();
  /** Counts of all tasks in the process. For processes only. */
  readonly tasks = new Counts();
  /** Items of all groups that have ended. For groups only. */
  readonly items: Items = { settled: 0, failed: 0, total: 0 };
  readonly rate: Rate;
  /** Number of running activities in this tally and in all tallies inside it. */
  live = 0;
  /** Number of activities that have begun. */
  begun = 0;
  endedAt = 0;
  #rest: Tally | undefined;
  readonly #inner = new Map<string, Tally>();
  readonly #all: Shared;
  readonly #depth: number;
  readonly #number: number;

  constructor(
    /** The kind of the activities, or `undefined` for the rest and for the root. */
    readonly kind: Kind | undefined,
    readonly name: string,
    now: number,
    /** The surrounding tally, or `undefined` for the root. */
    readonly outer?: Tally,
  ) {
    this.label = kind === undefined ? '' : clean(name) || 'unnamed';
    this.rate = new Rate(now);
    this.#all = outer === undefined ? { tallies: 0, made: 0 } : outer.#all;
    this.#depth = outer === undefined ? 0 : outer.#depth + 1;
    this.#number = ++this.#all.made;
    this.#all.tallies++;
  }

  /** Tallies inside this one, in the order in which they first began. The rest comes last. */
  get inner(): readonly Tally[] {
    const inner = [...this.#inner.values()].sort((one, other) => one.#number - other.#number);
    return this.#rest === undefined ? inner : [...inner, this.#rest];
  }

  /** If true, this tally is the rest, which collects activities whose names had no room. */
  get isRest(): boolean {
    return this.kind === undefined && this.outer !== undefined;
  }

  /** The nearest tally of kind `process`: this tally or a surrounding tally. */
  get process(): Tally | undefined {
    return this.kind === 'process' ? this : this.outer?.process;
  }

  /** Returns the tally inside this one for a kind and a name. Creates the tally if needed. */
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
    this.counts.replayed += activity.replayed;
    for (let place: Tally | undefined = this; place !== undefined; place = place.outer) place.live--;
  }

  /** If true, this tally or a surrounding tally stands for several activities. Groups inside it share a tally. */
  get #isOneOfMany(): boolean {
    for (let place: Tally | undefined = this; place !== undefined; place = place.outer) {
      if (place.begun > 1 || hasItems(place.kind)) return true;
    }
    return false;
  }

  /** Number of outcomes that durable runs have taken from their journals so far. For processes only. */
  get replayed(): number {
    let replayed = this.counts.replayed;
    if (this.kind === 'process') for (const activity of this.running) replayed += activity.replayed;
    return replayed;
  }

  /** The activity that has been running the longest. */
  get oldest(): Activity | undefined {
    return this.running.values().next().value;
  }

  #hasRoom(): boolean {
    if (this.#depth >= mostDepth) return false;
    if (this.#inner.size < mostNames && this.#all.tallies < mostTallies) return true;
    return this.#makeRoom();
  }

  /**
   * Adds the first tally that has ended to the rest. A tally with failures is chosen only if there is no tally without
   * failures.
   */
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

/** A running process, task or group. */
export class Activity {
  hasEnded = false;
  retry: Retry | undefined = undefined;
  /** Number of items that the rate has counted. For groups only. */
  counted = 0;

  constructor(
    readonly kind: Kind,
    readonly tally: Tally,
    /** Id of the process: its own, or that of the surrounding process. */
    readonly processId: string,
    readonly record: AnyRecord,
    /** Start of the activity, in milliseconds of the monotonic clock. */
    readonly began: number,
  ) {}

  /** Number of outcomes that the process has taken from its journal so far. 0 for other activities. */
  get replayed(): number {
    return (this.record as Partial<ProcessRecord>).replayed ?? 0;
  }

  /** If true, the task is waiting for its next attempt, after a failed one. */
  get isWaiting(): boolean {
    return this.retry !== undefined && (this.record as TaskRecord).attempts <= this.retry.attempt;
  }
}

/** State shared by all tallies of a tree. */
interface Shared {
  tallies: number;
  made: number;
}

export function isGroup(kind: Kind | undefined): boolean {
  return kind === 'parallel' || kind === 'any' || hasItems(kind);
}

/** If true, the group calls one action for many items: its items are counted, and a bar shows them. */
export function hasItems(kind: Kind | undefined): kind is 'map' | 'each' {
  return kind === 'map' || kind === 'each';
}

export function addItems(items: Items, { settled, failed, total }: GroupRecord): void {
  items.settled += settled;
  items.failed += failed;
  items.total = items.total === undefined || total === undefined ? undefined : items.total + total;
}

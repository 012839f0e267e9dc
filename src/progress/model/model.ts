import type { GroupRecord } from '../../index.js';
import type { Ended } from './counts.js';
import type { Retry } from './retry.js';
import { Activity, type AnyRecord, isGroup, type Kind, Tally } from './tally.js';

/** Who is told of each event, besides what the model knows of it. */
export interface Listener {
  begun(activity: Activity): void;
  retried(activity: Activity, retry: Retry): void;
  ended(activity: Activity, ended: Ended): void;
}

/**
 * What is going on in the program: a tree of tallies, by name. It holds what is under way, and of what has ended
 * the counts, so it is as large as the program has names and does not grow with what it has done.
 *
 * Times are milliseconds of the monotonic clock.
 */
export class Model {
  readonly root: Tally;
  listener: Listener | undefined;
  readonly #groups = new Set<Activity>();

  constructor(
    /** When it began to look. */
    readonly began: number,
  ) {
    this.root = new Tally(undefined, '', began);
  }

  /** @param outer - inside of which it begins; `undefined` where that is not known, or nothing */
  begin(kind: Kind, record: AnyRecord, outer: Activity | undefined, now: number): Activity {
    const tally = (outer?.tally ?? this.root).child(kind, record.name, now);
    const processId = kind === 'process' ? (record as { id: string }).id : (record as { processId: string }).processId;
    const activity = new Activity(kind, tally, processId, record, now);
    tally.begin(activity);
    if (isGroup(kind)) this.#groups.add(activity);
    this.listener?.begun(activity);
    return activity;
  }

  retry(activity: Activity, retry: Retry): void {
    activity.retry = retry;
    activity.tally.retried.add(activity);
    this.listener?.retried(activity, retry);
  }

  end(activity: Activity, ended: Ended, now: number): void {
    activity.hasEnded = true;
    if (this.#groups.delete(activity)) this.#count(activity, now);
    activity.tally.end(activity, ended, now);
    this.listener?.ended(activity, ended);
  }

  /** Nobody says when an item of a group has ended: it is looked up from time to time. */
  tick(now: number): void {
    for (const group of this.#groups) this.#count(group, now);
  }

  #count(group: Activity, now: number): void {
    const { settled } = group.record as GroupRecord;
    if (settled > group.counted) group.tally.rate.add(settled - group.counted, now);
    group.counted = settled;
  }
}

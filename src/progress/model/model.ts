import type { GroupRecord } from '../../index.js';
import type { Ended } from './counts.js';
import type { Retry } from './retry.js';
import { Activity, type AnyRecord, isGroup, type Kind, Tally } from './tally.js';

/** A listener that is called for each event of the model. */
export interface Listener {
  begun(activity: Activity): void;
  retried(activity: Activity, retry: Retry): void;
  ended(activity: Activity, ended: Ended): void;
}

/**
 * The activities of the program: a tree of tallies, by name. The model keeps the running activities, but only counts of
 * the activities that have ended. Its size depends on the number of names, not on the amount of work.
 *
 * Times are milliseconds of the monotonic clock.
 */
export class Model {
  readonly root: Tally;
  listener: Listener | undefined;
  readonly #groups = new Set<Activity>();

  constructor(
    /** Time at which the model began to observe. */
    readonly began: number,
  ) {
    this.root = new Tally(undefined, '', began);
  }

  /** @param outer - the surrounding activity, or `undefined` if there is none or it is not known */
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

  /** Updates the rates of groups. There is no event for an item of a group, so the counts are read at an interval. */
  tick(now: number): void {
    for (const group of this.#groups) this.#count(group, now);
  }

  #count(group: Activity, now: number): void {
    const { settled } = group.record as GroupRecord;
    if (settled > group.counted) group.tally.rate.add(settled - group.counted, now);
    group.counted = settled;
  }
}

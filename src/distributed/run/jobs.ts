import type { Job } from '../contracts.js';
import { standInsOf } from '../journal/conclusion.js';
import { lookJobIdOf, timeoutJobIdOf } from '../journal/job-id.js';
import type { Item } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import type { RunRecord } from '../run-info.js';

/**
 * The job of an item, which has one.
 *
 * @param now - the engine's clock
 */
export function jobOf(item: Item, { runId, priority }: RunRecord, now: number, startDelay = 0): Job {
  const { job: id, kind, seq, due } = item;
  const delay = Math.max(startDelay, due === 0 ? 0 : Math.ceil(due - now), 0);
  return { id: id as string, runId, kind, seq, priority, delay };
}

/** The job under which fallbacks stand in for nodes where a stop came between: no item says that this is to be done. */
export function lookJobsOf({ position, seq }: Replica, runKey: string, { runId, priority }: RunRecord): Job[] {
  if (standInsOf(position).length === 0) return [];
  return [{ id: lookJobIdOf(runKey, seq), runId, kind: 'node', seq, priority, delay: 0 }];
}

/** The job that ends a run at its deadline. */
export function timeoutJobOf(runKey: string, { runId, priority }: RunRecord, delay: number): Job {
  return { id: timeoutJobIdOf(runKey), runId, kind: 'timeout', seq: 0, priority, delay };
}

import type { Job, WorkQueue } from '../contracts.js';
import { standInsOf } from '../journal/conclusion.js';
import { lookJobIdOf, timeoutJobIdOf } from '../journal/job-id.js';
import type { Item } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import { isFinished, type RunRecord } from '../run-info.js';
import { longestWait } from './options.js';
import type { RunHandle } from './run-handle.js';

/**
 * The job of an item, which has one.
 *
 * @param now - the engine's clock
 */
export function jobOf(item: Item, { runId, incarnation, priority }: RunRecord, now: number, startDelay = 0): Job {
  const { job: id, kind, seq, due } = item;
  const delay = Math.ceil(Math.max(startDelay, due === 0 ? 0 : due - now, 0));
  // Whoever gets it early gives it back for what is left.
  return { id: id as string, runId, incarnation, kind, seq, priority, delay: Math.min(delay, longestWait) };
}

/** The job under which fallbacks stand in for nodes where a stop came between: no item says that this is to be done. */
function lookJobsOf({ position, seq }: Replica, record: RunRecord): Job[] {
  if (standInsOf(position).length === 0) return [];
  const { runId, incarnation, priority } = record;
  return [{ id: lookJobIdOf(record, seq), runId, incarnation, kind: 'node', seq, priority, delay: 0 }];
}

/** The job that ends a run at its deadline. */
function timeoutJobOf(record: RunRecord, delay: number): Job {
  const { runId, incarnation, priority } = record;
  const left = Math.min(Math.max(0, Math.ceil(delay)), longestWait);
  return { id: timeoutJobIdOf(record), runId, incarnation, kind: 'timeout', seq: 0, priority, delay: left };
}

/**
 * The job that ends a run at its deadline, if it has one. It goes before all others of the run: whoever ends the run with one of
 * those finds it there to remove.
 */
export function deadlineJobsOf(record: RunRecord, now: number): Job[] {
  return record.deadline === undefined ? [] : [timeoutJobOf(record, record.deadline - now)];
}

/** Removes the job that ends a run at its deadline: the run is over. */
export async function purgeDeadline(
  queue: WorkQueue,
  run: Pick<RunRecord, 'runId' | 'incarnation' | 'deadline'>,
): Promise<void> {
  if (run.deadline !== undefined) await queue.purgeRun(run.runId, [timeoutJobIdOf(run)]);
}

/** Removes all jobs of a run: it was ended from outside. */
export async function purgeJobs(queue: WorkQueue, { runId, replica, record }: RunHandle): Promise<void> {
  await queue.purgeRun(runId, [...jobIdsOf(replica), timeoutJobIdOf(record)]);
}

/** The ids of all jobs of a run, but for the one that ends it at its deadline. */
export function jobIdsOf({ ledger }: Replica): string[] {
  return [...ledger.values()].flatMap(({ job }) => (job === undefined ? [] : [job]));
}

/**
 * Queues the jobs of items, and what else a run needs to go on; of a run that is paused, its deadline alone. What is in the
 * queue already stays as it is.
 */
export async function enqueueMissing(queue: WorkQueue, handle: RunHandle, items: readonly Item[]): Promise<void> {
  const { record, replica, now, status } = handle;
  const jobs = deadlineJobsOf(record, now);
  if (status !== 'paused') {
    jobs.push(...items.map((item) => jobOf(item, record, now, record.startAt - now)));
    jobs.push(...lookJobsOf(replica, record));
  }
  if (jobs.length === 0) return;
  const states = await queue.statesOf(jobs.map(({ id }) => id));
  const missing = jobs.filter((_job, index) => states[index] === 'absent');
  await queue.enqueue(missing);
  if (!missing.some(({ kind }) => kind === 'timeout')) return;
  // Whoever has ended the run meanwhile has removed the deadline before it was queued here.
  await handle.refresh();
  if (isFinished(handle.status)) await purgeDeadline(queue, handle.record);
}

/** How long a job may be behind its time before it is queued anew, in milliseconds. */
const mostLate = 10_000;

/**
 * Queues anew what waits in the queue beyond its time: who queued it had a wrong clock, or the server's clock was set back
 * since.
 */
export async function wakeLate(queue: WorkQueue, { record, replica, now }: RunHandle): Promise<void> {
  const isLate = (due: number | undefined) => due !== undefined && due > 0 && due < now - mostLate;
  const items = [...replica.ledger.values()].filter(
    ({ job, due }) => job !== undefined && isLate(due || record.startAt),
  );
  const jobs = items.map((item) => jobOf(item, record, now));
  if (isLate(record.deadline)) jobs.push(timeoutJobOf(record, 0));
  const states = await queue.statesOf(jobs.map(({ id }) => id));
  const late = jobs.filter((_job, index) => states[index] === 'delayed');
  if (late.length === 0) return;
  await queue.purgeRun(
    record.runId,
    late.map(({ id }) => id),
  );
  await queue.enqueue(late);
}

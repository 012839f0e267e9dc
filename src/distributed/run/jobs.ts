import type { Job, WorkQueue } from '../contracts.js';
import { standInsOf } from '../journal/conclusion.js';
import { lookJobIdOf, timeoutJobIdOf } from '../journal/job-id.js';
import type { WorkItem } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import { isFinished, type RunRecord } from '../run-info.js';
import { longestWait } from './options.js';
import type { RunHandle } from './run-handle.js';

/**
 * Builds the jobs of work items that have job ids. Items that share a job are immediate, so any of them describes it.
 *
 * @param now - the engine's clock, in epoch milliseconds
 * @param startDelay - milliseconds before the start of the run. Default: 0
 */
export function jobsOf(items: readonly WorkItem[], record: RunRecord, now: number, startDelay = 0): Job[] {
  const jobs = new Map<string, Job>();
  for (const item of items) {
    const { job } = item;
    if (job !== undefined && !jobs.has(job)) jobs.set(job, jobOf(item, record, now, startDelay));
  }
  return [...jobs.values()];
}

function jobOf(item: WorkItem, { runId, incarnation, priority }: RunRecord, now: number, startDelay: number): Job {
  const { job: id, kind, seq, due } = item;
  const delay = Math.ceil(Math.max(startDelay, due === 0 ? 0 : due - now, 0));
  // A delay beyond the maximum is shortened. The worker that gets the job early gives it back for the rest of the
  // delay.
  return { id: id as string, runId, incarnation, kind, seq, priority, delay: Math.min(delay, longestWait) };
}

/** Returns the job that lets a worker check, after the last entry, what is left to do in a run. It has no work item. */
export function lookJobOf({ seq }: Replica, record: RunRecord): Job {
  const { runId, incarnation, priority } = record;
  return { id: lookJobIdOf(record, seq), runId, incarnation, kind: 'node', seq, priority, delay: 0 };
}

/** Returns the job that cancels a run at its deadline. */
function timeoutJobOf(record: RunRecord, delay: number): Job {
  const { runId, incarnation, priority } = record;
  const left = Math.min(Math.max(0, Math.ceil(delay)), longestWait);
  return { id: timeoutJobIdOf(record), runId, incarnation, kind: 'timeout', seq: 0, priority, delay: left };
}

/**
 * Returns the job that cancels a run at its deadline, if the run has a deadline. The job must be queued before all
 * other jobs of the run, so that a worker that ends the run can remove it.
 */
export function deadlineJobsOf(record: RunRecord, now: number): Job[] {
  return record.deadline === undefined ? [] : [timeoutJobOf(record, record.deadline - now)];
}

/** Removes the job of the deadline from the queue, because the run has ended. */
export async function purgeDeadline(
  queue: WorkQueue,
  run: Pick<RunRecord, 'runId' | 'incarnation' | 'deadline'>,
): Promise<void> {
  if (run.deadline !== undefined) await queue.purgeRun(run.runId, [timeoutJobIdOf(run)]);
}

/** Removes all jobs of a run that was ended from outside. */
export async function purgeJobs(queue: WorkQueue, { runId, replica, record }: RunHandle): Promise<void> {
  await queue.purgeRun(runId, [...jobIdsOf(replica), timeoutJobIdOf(record)]);
}

/** Removes the jobs of timers that are not needed any more, because their waits have ended before. */
export async function purgeTimers(queue: WorkQueue, { runId, replica }: RunHandle): Promise<void> {
  const jobs = replica.ledger.dropped;
  if (jobs.length === 0) return;
  await queue.purgeRun(runId, jobs);
  replica.ledger.forget(jobs);
}

/** Returns the ids of all jobs of a run, except for the job of the deadline. */
export function jobIdsOf({ ledger }: Replica): string[] {
  return [...new Set([...ledger.values()].flatMap(({ job }) => (job === undefined ? [] : [job])))];
}

/**
 * Queues the jobs that a run needs to continue: the jobs of the given items, of completed fallbacks and of the
 * deadline. For a paused run, queues only the job of the deadline. Jobs that are already in the queue are left
 * unchanged.
 */
export async function enqueueMissing(queue: WorkQueue, handle: RunHandle, items: readonly WorkItem[]): Promise<void> {
  const { record, replica, now, status } = handle;
  const jobs = deadlineJobsOf(record, now);
  if (status !== 'paused') {
    jobs.push(...jobsOf(items, record, now, record.startAt - now));
    // A stop may have interrupted the step in which completed fallbacks replace their failed nodes.
    if (standInsOf(replica.position).length > 0) jobs.push(lookJobOf(replica, record));
  }
  if (jobs.length === 0) return;
  const states = await queue.statesOf(jobs.map(({ id }) => id));
  const missing = jobs.filter((_job, index) => states[index] === 'absent');
  if (missing.length === 0) return;
  // A job whose addition was cut short may be in no list of the queue, but still keep its id.
  await queue.purgeRun(
    record.runId,
    missing.map(({ id }) => id),
  );
  await queue.enqueue(missing);
  if (!missing.some(({ kind }) => kind === 'timeout')) return;
  // If the run was ended in the meantime, the job of its deadline was removed before this call queued it again.
  await handle.refresh();
  if (isFinished(handle.status)) await purgeDeadline(queue, handle.record);
}

/** Milliseconds that a job may be late before it is queued again. */
const mostLate = 10_000;

/**
 * Queues jobs again that are still delayed although their time has passed. Such a job was queued by a machine with a
 * wrong clock, or the server's clock has been set back.
 */
export async function wakeLate(queue: WorkQueue, { record, replica, now }: RunHandle): Promise<void> {
  const isLate = (due: number | undefined) => due !== undefined && due > 0 && due < now - mostLate;
  const items = [...replica.ledger.values()].filter(
    ({ job, due }) => job !== undefined && isLate(due || record.startAt),
  );
  const jobs = jobsOf(items, record, now);
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

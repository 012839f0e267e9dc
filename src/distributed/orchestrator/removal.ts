import { RunStateError } from '../errors.js';
import { purgeDeadline } from '../run/jobs.js';
import { finishedStatuses, isFinished, type RunRecord } from '../run-info.js';
import type { Runs } from './runs.js';
import type { RunPage } from './views.js';

/**
 * Removes a finished run, or a run that cannot go on because the engine has lost its snapshot.
 *
 * @throws {RunStateError} for another run that has not ended
 */
export async function removeRun(runs: Runs, runId: string): Promise<void> {
  const record = await runs.record(runId);
  if (!isFinished(record.status) && !(await isBroken(runs, runId))) {
    throw new RunStateError(runId, record.status, 'cancel it before deleting it');
  }
  await remove(runs, record);
}

async function isBroken(runs: Runs, runId: string): Promise<boolean> {
  const { checkpointStore } = await runs.engineOf(runId);
  const tail = await checkpointStore.read(runId, undefined, { maxBytes: 1 });
  return tail !== undefined && tail.snapshot === undefined;
}

/**
 * Removes all runs that ended before a time, in epoch milliseconds.
 *
 * @returns the number of removed runs
 */
export async function prune(runs: Runs, finishedBefore: number): Promise<number> {
  let removed = 0;
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const page: RunPage = await runs.page({
      status: finishedStatuses,
      before: finishedBefore,
      order: 'oldest',
      limit: 1_000,
      cursor,
    });
    for (const run of page.runs) {
      if ((run.finishedAt ?? Infinity) >= finishedBefore) continue;
      await remove(runs, run);
      removed++;
    }
    cursor = page.cursor;
  }
  return removed;
}

/**
 * Removes a run and the job of its deadline. The job may still be queued if the worker that ended the run died before
 * it removed the job.
 */
async function remove(runs: Runs, run: Pick<RunRecord, 'runId' | 'incarnation' | 'deadline'>): Promise<void> {
  const engine = await runs.engineOf(run.runId);
  await purgeDeadline(engine.queue, run);
  await engine.runInfoStore.deleteRun(run.runId, run.incarnation);
}

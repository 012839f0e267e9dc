import { RunStateError } from '../errors.js';
import { purgeDeadline } from '../run/jobs.js';
import { finishedStatuses, isFinished, type RunRecord } from '../run-info.js';
import type { Runs } from './runs.js';
import type { RunPage } from './views.js';

/** Removes a run that is over. @throws {RunStateError} for one that is not */
export async function removeRun(runs: Runs, runId: string): Promise<void> {
  const record = await runs.record(runId);
  if (!isFinished(record.status)) throw new RunStateError(runId, record.status, 'cancel it before you delete it');
  await remove(runs, record);
}

/** Removes runs that were over before a time, in epoch milliseconds. @returns how many */
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

/** Who ended the run may have died before its deadline was taken out of the queue. */
async function remove({ engine }: Runs, run: Pick<RunRecord, 'runId' | 'incarnation' | 'deadline'>): Promise<void> {
  await purgeDeadline(engine.queue, run);
  await engine.runInfoStore.deleteRun(run.runId, run.incarnation);
}

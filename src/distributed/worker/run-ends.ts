import { cleaned } from '../../shared/text.js';
import type { Disposition, Engine } from '../contracts.js';
import { longestReason } from '../journal/conclusion.js';
import { jobIdsOf, purgeJobs } from '../run/jobs.js';
import { longestWait } from '../run/options.js';
import type { RunHandle } from '../run/run-handle.js';
import { activeStatuses, isFinished } from '../run-info.js';

/** Cancels a run whose deadline has passed. */
export async function timeOut(handle: RunHandle, { queue }: Engine): Promise<Disposition> {
  const { deadline, startAt } = handle.record;
  // The run has ended, or was retried and therefore has no deadline, or the job belongs to an earlier run with this id.
  if (isFinished(handle.status) || deadline === undefined) return 'done';
  const left = deadline - handle.now;
  if (left > 0) return { delay: Math.min(Math.ceil(left), longestWait) };
  const error = `TimeoutError: "${handle.workflow.id}" timed out after ${deadline - startAt} ms`;
  const entry = { type: 'timed-out' } as const;
  await handle.commit({ entry, during: activeStatuses, becomes: { status: 'cancelled', error } });
  await queue.purgeRun(handle.runId, jobIdsOf(handle.replica));
  return 'done';
}

/** Fails a run whose data cannot be decoded, because its job would otherwise be delivered again and again. */
export async function giveUp(handle: RunHandle, { queue }: Engine, error: Error): Promise<Disposition> {
  const becomes = { status: 'failed', error: cleaned(error.message, longestReason) } as const;
  await handle.commit({ entry: { type: 'concluded', status: 'failed' }, during: activeStatuses, becomes });
  await purgeJobs(queue, handle);
  return 'done';
}

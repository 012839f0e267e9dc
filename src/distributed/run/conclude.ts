import type { WorkQueue } from '../contracts.js';
import { conclusionOf } from '../journal/conclusion.js';
import { isFinished } from '../run-info.js';
import { purgeDeadline } from './jobs.js';
import type { Patience } from './patience.js';
import type { RunHandle } from './run-handle.js';

/**
 * Records the final status of a run without remaining work, or records that the run waits, unless the last entry of the
 * run has already done so.
 *
 * @param patience - retries while the engine fails. Default: no retries
 * @returns `nothing to say` if the run has work left or its status is already right; `overtaken` if another entry was
 *   committed in the meantime
 */
export async function conclude(
  handle: RunHandle,
  patience?: Patience,
): Promise<'nothing to say' | 'concluded' | 'overtaken'> {
  const change = conclusionOf(handle.replica);
  if (change === undefined || change.status === handle.status) return 'nothing to say';
  const entry = { type: 'concluded', status: change.status } as const;
  const during = ['running', 'scheduled'] as const;
  const verdict = await handle.commit({ entry, during, onlyIfNext: true, becomes: change, patience });
  return verdict === 'refused' ? 'overtaken' : 'concluded';
}

/**
 * Like `conclude`, but for callers that hold no job of the run. Also removes the job of the deadline if the run has
 * ended.
 */
export async function concludeBeside(queue: WorkQueue, handle: RunHandle): Promise<void> {
  await conclude(handle);
  if (isFinished(handle.status)) await purgeDeadline(queue, handle.record);
}

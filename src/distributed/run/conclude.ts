import type { WorkQueue } from '../contracts.js';
import { conclusionOf } from '../journal/conclusion.js';
import { isFinished } from '../run-info.js';
import { purgeDeadline } from './jobs.js';
import type { Patience } from './patience.js';
import type { RunHandle } from './run-handle.js';

/**
 * Sets down how a run stands, where nothing more is to be done in it: where its last entry did not say so itself.
 *
 * @param patience - tries it again while the engine cannot do it. Default: none
 * @returns whether it was set down; `overtaken` where others have committed something meanwhile
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

/** Like `conclude`, for those who have no job of the run: one that is over by then needs no deadline any more. */
export async function concludeBeside(queue: WorkQueue, handle: RunHandle): Promise<void> {
  await conclude(handle);
  if (isFinished(handle.status)) await purgeDeadline(queue, handle.record);
}

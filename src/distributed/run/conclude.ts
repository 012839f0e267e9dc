import { conclusionOf } from '../journal/conclusion.js';
import type { RunHandle } from './run-handle.js';

/**
 * Sets down how a run stands, where nothing more is to be done in it: where its last entry did not say so itself.
 *
 * @returns whether it was set down; `overtaken` where others have committed something meanwhile
 */
export async function conclude(handle: RunHandle): Promise<'nothing to say' | 'concluded' | 'overtaken'> {
  const change = conclusionOf(handle.replica);
  if (change === undefined || change.status === handle.status) return 'nothing to say';
  const entry = { type: 'concluded', status: change.status } as const;
  const verdict = await handle.commit({ entry, during: ['running', 'scheduled'], onlyIfNext: true, becomes: change });
  return verdict === 'refused' ? 'overtaken' : 'concluded';
}

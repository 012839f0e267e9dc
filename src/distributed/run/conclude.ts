import { conclusionOf } from '../journal/conclusion.js';
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

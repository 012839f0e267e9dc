import { untilAborted } from '../kernel/cancellation.js';
import { aFinite } from '../shared/validate.js';
import { resultOf } from './call.js';
import { here } from './here.js';

/**
 * Waits until the given time has passed, over all lives of the run: a run that was killed during a sleep of an hour and
 * starts again after half of it waits for the other half. A clock that is set back does not make a life sleep longer than
 * that. Must be called by the function of a run with a journal.
 *
 * Rejects with the reason of an abort.
 *
 * @param milliseconds - a finite number of at least 0
 * @throws {ValidationError} if the number is not valid, or the code does not belong to a run with a journal
 */
export async function sleep(milliseconds: number): Promise<void> {
  aFinite(milliseconds, 'milliseconds');
  const { branch, scope } = here('sleep');
  const { recording } = branch;
  const { cancellation } = scope;
  const call = branch.call('sleep', String(milliseconds), scope);
  await call.settleWith(async (entry) => {
    const due = entry?.due ?? Date.now() + milliseconds;
    if (entry?.due === undefined) await call.noteBegin(`"d":${due}`);
    let cancel = () => {};
    const woken = new Promise<void>((resolve) => {
      cancel = recording.timers.at(due, resolve, milliseconds);
    });
    const result = await resultOf(() => untilAborted(cancellation, woken, () => {}), cancellation);
    cancel();
    return result.kind === 'value' ? { kind: 'value', value: undefined } : result;
  });
}

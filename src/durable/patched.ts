import { anId } from '../shared/validate.js';
import { here } from './here.js';

/**
 * Returns true if the run may use changed code: if it reaches this place for the first time, or has used the changed
 * code in an earlier life. Returns false for a run that went past this place before the change. Must be called by the
 * function of a run with a journal.
 *
 * @param change - name of the change, a non-empty string without half surrogates and NUL
 * @throws {ValidationError} if the name is not valid, or the code does not belong to a run with a journal
 * @example
 * if (await patched('fraud-check')) await checkFraud(order);
 */
export async function patched(change: string): Promise<boolean> {
  anId(change, 'change');
  const { branch, scope } = here('patched');
  const { recording } = branch;
  const call = branch.call('patched', encodeURIComponent(change), scope);
  if (!recording.history.isRecorded(call.identity) && !recording.order.isLive) {
    // Everything that comes before this place has been asked for when the gate opens.
    await recording.gate();
    if (branch.isPast) {
      recording.order.resume();
      return false;
    }
  }
  return (await call.settle(() => call.end({ kind: 'value', value: true }))) as boolean;
}

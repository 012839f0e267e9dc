import { untilAborted } from '../kernel/cancellation.js';
import { TimeoutError } from '../kernel/errors.js';
import { aLimitUpTo, anId, anObjectOf } from '../shared/validate.js';
import { type Result, resultOf } from './call.js';
import { here } from './here.js';
import type { TakenSignal } from './inbox.js';

/**
 * Options of `waitFor`.
 *
 * @example
 * const options: WaitOptions = { timeout: 3 * 86_400_000 };
 */
export interface WaitOptions {
  /**
   * Milliseconds after which the wait fails with a `TimeoutError`, counted over all lives of the run. `null`, 0 or
   * Infinity for no limit. Default: no limit.
   */
  readonly timeout?: number | null | undefined;
}

const readOptions = anObjectOf<WaitOptions, { readonly timeout?: number }>({
  timeout: aLimitUpTo(Number.MAX_SAFE_INTEGER),
});

/**
 * Waits for a signal that is sent with `journal.signal(id, name, value)`, from this program or another one. Signals that
 * arrive earlier, or while no program executes the run, are kept. Each signal ends one wait, in the order of the calls.
 * The program stays alive meanwhile. To end it, abort the run, which goes on with the wait when it is started again.
 *
 * Rejects with a `TimeoutError` when the limit is reached, and with the reason of an abort.
 *
 * @param name - name of the signal, a non-empty string
 * @returns the value of the signal
 * @throws {ValidationError} if an argument is not valid, or the code does not belong to a run with a journal
 * @example
 * const { by } = await waitFor<{ by: string }>('approved', { timeout: 3 * 86_400_000 });
 */
export async function waitFor<Value = unknown>(name: string, options: WaitOptions = {}): Promise<Value> {
  anId(name, 'name');
  const { timeout = Infinity } = readOptions(options);
  const { branch, scope } = here('waitFor');
  const { recording } = branch;
  const { cancellation } = scope;
  const call = branch.call('waitFor', encodeURIComponent(name), scope);
  const value = await call.settleWith(async (entry) => {
    const due = entry?.due ?? Date.now() + timeout;
    if (timeout < Infinity && entry?.due === undefined) await call.noteBegin(`"d":${due}`);
    let signal: TakenSignal | undefined;
    let leave = () => {};
    let cancel = () => {};
    const ended = new Promise<void>((resolve, reject) => {
      leave = recording.host.inbox.take(name, (taken) => {
        signal = taken;
        resolve();
      });
      // The timer also keeps the program alive, because nothing else may do so. A wait without a limit is never due.
      if (signal === undefined)
        cancel = recording.timers.at(due, () => reject(new TimeoutError(name, timeout)), timeout);
    });
    const result = await resultOf(() => untilAborted(cancellation, ended, () => {}), cancellation);
    leave();
    cancel();
    // A signal that was taken is consumed, even if the wait was aborted in the same moment.
    if (signal === undefined) return result as Result;
    return { kind: 'value', value: signal.value, fields: `,"n":${signal.number}` };
  });
  return value as Value;
}

/** Returns the name of the signal that a call waits for, or `undefined` if the identity is not one of a wait. */
export function awaitedBy(identity: string): string | undefined {
  const name = identity.match(/ waitFor \[(.*)\]#\d+$/)?.[1];
  return name && decodeURIComponent(name);
}

import type { Process, RecordedAction } from '../kernel/scope/process.js';
import { fingerprint } from './identity.js';
import type { OutcomeRecord } from './records.js';
import { readValue } from './values.js';

/** The results of one action in one process, the oldest first. */
interface Results {
  readonly outcomes: Map<string, OutcomeRecord>;
  readonly max: number;
}

/**
 * Results of earlier lives that also answer later calls, for actions with `share: 'run'`. Results of the present life are
 * kept by the kernel.
 */
export class SharedResults {
  readonly #ofProcess = new WeakMap<Process, Map<RecordedAction, Results>>();

  /** Keeps an outcome that was taken from the journal, unless it is a failure. */
  keep(process: Process, action: RecordedAction, args: readonly unknown[], outcome: OutcomeRecord): void {
    const share = action.policies?.share;
    if (share?.ttl !== 'run' || outcome.e !== undefined || outcome.a !== undefined) return;
    const ofAction = this.#ofProcess.get(process) ?? new Map<RecordedAction, Results>();
    this.#ofProcess.set(process, ofAction);
    const results = ofAction.get(action) ?? { outcomes: new Map(), max: share.max ?? Infinity };
    ofAction.set(action, results);
    const { outcomes, max } = results;
    outcomes.set(keyOf(action, args), outcome);
    if (outcomes.size > max) outcomes.delete(outcomes.keys().next().value as string);
  }

  /** Returns the result that answers a call, if any. */
  of(process: Process, action: RecordedAction, args: readonly unknown[]): { readonly value: unknown } | undefined {
    const outcomes = this.#ofProcess.get(process)?.get(action)?.outcomes;
    const outcome = outcomes?.get(keyOf(action, args));
    return outcome && { value: readValue(outcome) };
  }
}

function keyOf({ policies }: RecordedAction, args: readonly unknown[]): string {
  const key = policies?.share?.key;
  return fingerprint(key === undefined ? args : [key(...(args as never[]))]);
}

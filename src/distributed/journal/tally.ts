import type { ErrorRecord, RunMetrics, StepMetrics } from '../contracts.js';
import type { Entry } from './entry.js';

/** The saved form of a tally. */
export interface SavedTally extends RunMetrics {
  readonly errors: readonly ErrorRecord[];
}

/**
 * Number of recent steps and errors that are kept. When a list reaches twice this number, its older half is dropped.
 */
const most = 1_000;

/** Counts the executions and collects the errors that are recorded in the journal of a run. */
export class Tally {
  #attempts = 0;
  #completed = 0;
  #failed = 0;
  #retries = 0;
  #busyTime = 0;
  #steps: StepMetrics[] = [];
  #errors: ErrorRecord[] = [];

  constructor(saved?: SavedTally) {
    if (saved === undefined) return;
    this.#attempts = saved.attempts;
    this.#completed = saved.completed;
    this.#failed = saved.failed;
    this.#retries = saved.retries;
    this.#busyTime = saved.busyTime;
    this.#steps = [...saved.steps];
    this.#errors = [...saved.errors];
  }

  /** Counts an entry. A fallback that replaces a node is not counted as an execution of that node. */
  add(entry: Entry, time: number): void {
    switch (entry.type) {
      case 'completed':
        if (entry.recoveredBy !== undefined) return;
        this.#completed++;
        break;
      case 'failed':
        if (entry.isLost === true) return;
        this.#failed++;
        break;
      case 'retrying':
        this.#retries++;
        break;
      case 'awaiting':
        break;
      default:
        return;
    }
    const { type: status, node: nodeId, visit, attempt, worker: workerId, ms: duration } = entry;
    this.#attempts++;
    this.#busyTime += duration;
    this.#steps = trimmed(this.#steps);
    this.#steps.push({ nodeId, visit, attempt, status, workerId, time, duration });
    if (!('error' in entry)) return;
    const { error } = entry;
    this.#errors = trimmed(this.#errors);
    this.#errors.push({ nodeId, visit, attempt, error, isFinal: status === 'failed', workerId, time });
  }

  /** Corrects the time of a recent step, counted from the last one. */
  date(fromEnd: number, time: number): void {
    const step = this.#steps.at(-fromEnd);
    if (step !== undefined) this.#steps[this.#steps.length - fromEnd] = { ...step, time };
  }

  save(): SavedTally {
    return {
      attempts: this.#attempts,
      completed: this.#completed,
      failed: this.#failed,
      retries: this.#retries,
      busyTime: this.#busyTime,
      steps: this.#steps.slice(-most),
      errors: this.#errors.slice(-most),
    };
  }
}

function trimmed<Value>(list: Value[]): Value[] {
  return list.length < 2 * most ? list : list.slice(-most);
}

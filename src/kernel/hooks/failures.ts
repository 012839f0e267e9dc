import type { FailureEvent, Outcome, ProcessRecord, TaskRecord } from './events.js';
import type { Hook } from './hooks.js';

/** Completion hooks that call a failure hook. */
interface FailureHooks<State> {
  readonly onTaskCompletion: Hook<Omit<TaskRecord<State>, keyof Outcome> & Ending>;
  readonly onProcessCompletion: Hook<Omit<ProcessRecord<State>, keyof Outcome> & Ending>;
}

type Ending = Pick<Outcome, 'status' | 'error'>;

const none: readonly unknown[] = [];

/** The processes that failures are propagating through. The same error may fail several processes at once. */
class Passing {
  readonly #processes = new WeakMap<Error, Set<string>>();

  has(failure: Error, processId: string): boolean {
    return this.#processes.get(failure)?.has(processId) === true;
  }

  add(failure: Error, processId: string): void {
    const known = this.#processes.get(failure);
    if (known === undefined) this.#processes.set(failure, new Set([processId]));
    else known.add(processId);
  }

  delete(failure: Error, processId: string): void {
    this.#processes.get(failure)?.delete(processId);
  }
}

/** Failures of shared work, which are reported for the tasks that wait for the work. */
const handedOn = new Passing();

/** Leaves the report of a failure to the tasks that wait for the work of this process. */
export function handOn(failure: Error, processId: string): void {
  handedOn.add(failure, processId);
}

/**
 * Creates completion hooks that report failures to the given hook. An error is reported once in each run, for the task
 * or process that it fails first, and not for the surrounding tasks and processes through which it propagates. A task
 * that another task on the fleet will retry has not failed yet.
 */
export function reporting<State>(hook: Hook<FailureEvent<State>>): FailureHooks<State> {
  const passing = new Passing();

  const isFirst = (failure: Error, processId: string) => {
    if (handedOn.has(failure, processId) || passing.has(failure, processId)) return false;
    passing.add(failure, processId);
    return true;
  };

  const report = (event: Omit<FailureEvent<State>, 'cause'>) => hook({ ...event, cause: event.error.cause });

  return {
    onTaskCompletion: ({
      id,
      processId,
      name,
      status,
      isRetried,
      args,
      attempts,
      duration,
      context,
      error: thrown,
    }) => {
      const error = thrown as Error;
      if (status !== 'failed' || isRetried || !isFirst(error, processId)) return;
      return report({ kind: 'task', id, processId, name, error, args, attempts, duration, context });
    },
    onProcessCompletion: ({ id, parentId, name, status, totalDuration: duration, context, error: thrown }) => {
      const error = thrown as Error;
      if (status !== 'failed') return;
      const isNew = isFirst(error, id);
      passing.delete(error, id);
      if (parentId !== undefined) passing.add(error, parentId);
      if (!isNew) return;
      return report({ kind: 'process', id, processId: id, name, error, args: none, attempts: 1, duration, context });
    },
  };
}

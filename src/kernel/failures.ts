import type { FailureEvent, Outcome, ProcessRecord, TaskRecord } from './events.js';
import type { Hook } from './hooks.js';

/** Completion hooks that call a failure hook. */
interface FailureHooks<State> {
  readonly onTaskCompletion: Hook<Omit<TaskRecord<State>, keyof Outcome> & Ending>;
  readonly onProcessCompletion: Hook<Omit<ProcessRecord<State>, keyof Outcome> & Ending>;
}

type Ending = Pick<Outcome, 'status' | 'error'>;

const none: readonly unknown[] = [];

/**
 * Creates completion hooks that report failures to the given hook. An error is reported once, for the task or process
 * that it fails first, and not for the surrounding tasks and processes through which it propagates. A task that another
 * task on the fleet will retry has not failed yet.
 */
export function reporting<State>(hook: Hook<FailureEvent<State>>): FailureHooks<State> {
  /**
   * The process through which each reported error is propagating. The same error may be thrown again in another run.
   */
  const passing = new WeakMap<object, string | undefined>();

  const isFirst = (error: unknown, processId: string, next = processId) => {
    const isNew = passing.get(error as object) !== processId;
    passing.set(error as object, next);
    return isNew;
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
      if (status !== 'failed' || !isFirst(error, id, parentId)) return;
      return report({ kind: 'process', id, processId: id, name, error, args: none, attempts: 1, duration, context });
    },
  };
}

import type { Status, TaskCompletionEvent } from '../kernel/hooks/events.js';
import type { Orchestrator } from '../kernel/orchestrator.js';
import { anOrchestrator } from '../kernel/origin.js';

/** A task that has ended, as a plain object for use in assertions. */
export interface RecordedTask {
  /** Id of the process and number of the task in it. */
  readonly id: string;
  /** Id of the process that the task belonged to. */
  readonly processId: string;
  /** Name of the action or node. */
  readonly name: string;
  /** Arguments of the call. */
  readonly args: readonly unknown[];
  /** Status of the task: `completed`, `failed` or `cancelled`. */
  readonly status: Status;
  /** The value that the task resolved with, if it completed. */
  readonly result: unknown;
  /** The value that the task rejected with, if it did not complete. */
  readonly error: unknown;
  /** Number of calls of the function, including retries. */
  readonly attempts: number;
  /** Duration of the task with all attempts and delays, in milliseconds. */
  readonly duration: number;
}

/** A recording of tasks. When declared with `using`, the recording stops at the end of the block. */
export interface Recording {
  /** The tasks that have ended since the recording began or was cleared, in the order in which they ended. */
  readonly tasks: readonly RecordedTask[];
  /** Removes the tasks recorded so far. */
  clear(): void;
  /** Stops recording. The recorded tasks are kept. May be called more than once. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Records the tasks of an orchestrator as they end, in all its runs: actions, and nodes of flows and loops.
 *
 * @throws {ValidationError} if `orchestrator` is not an orchestrator
 * @example
 * using recording = record(orchestrator);
 * await loadPage('42');
 * expect(recording.tasks).toMatchObject([{ name: 'fetchUser', args: ['42'], status: 'completed', attempts: 2 }]);
 */
// biome-ignore lint/suspicious/noExplicitAny: an orchestrator may have any state
export function record(orchestrator: Orchestrator<any>): Recording {
  anOrchestrator(orchestrator, 'orchestrator');
  let ended: TaskCompletionEvent[] = [];
  const note = (task: TaskCompletionEvent) => {
    ended.push(task);
  };
  const stop = () => {
    orchestrator.off(note);
  };
  orchestrator.onTaskCompletion(note);
  return {
    get tasks() {
      // Later completion hooks may still change the outcome, so the records are not read before now.
      return ended.map(asRecorded);
    },
    clear: () => {
      ended = [];
    },
    stop,
    [Symbol.dispose]: stop,
  };
}

function asRecorded(task: TaskCompletionEvent): RecordedTask {
  const { id, processId, name, args, status, result, error, attempts, duration } = task;
  return { id, processId, name, args, status, result, error, attempts, duration };
}

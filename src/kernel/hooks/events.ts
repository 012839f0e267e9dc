/**
 * Records passed to hooks, middleware and the diagnostics channels. There is one record per process and per task, and
 * it is filled in over time: `onTaskBegin` and `onTaskCompletion` receive the same object.
 */

/**
 * State of a process, task or group. `running` until the work has ended. `failed` if the work failed or reached a
 * limit. `cancelled` if the work was interrupted by the signal of its run, by its parent, or by a failing sibling.
 */
export type Status = 'running' | 'completed' | 'failed' | 'cancelled';

/** The outcome of a process or task, as far as it is known yet. */
export interface Outcome {
  /** Status of the work. */
  readonly status: Status;
  /** The value that the work resolved with. `undefined` unless the work has completed. */
  readonly result: unknown;
  /** The value that the work rejected with. `undefined` while the work runs and if it completed. */
  readonly error: unknown;
  /** Errors of completion hooks that were not passed to any caller. */
  readonly suppressed: readonly unknown[];
}

/**
 * The record of a process, created by a call of `orchestrator.run(...)`. Middleware, instrumentations and the channel
 * `tracing:orchestrator:process` receive the record. It is filled in while the process runs, and complete when the
 * process has ended.
 */
export interface ProcessRecord<State = unknown> extends Outcome {
  /** The `id` given to `run`, or a UUID. */
  readonly id: string;
  /** Id of the process in which this process runs, if any. */
  readonly parentId: string | undefined;
  /** The `name` given to `run`, or the name of the orchestrator. */
  readonly name: string;
  /** Start of the process, in epoch milliseconds. */
  readonly time: number;
  /** The state of this process. Hooks may change it. */
  readonly context: State;
  /** Duration of the process, in milliseconds of the monotonic clock. 0 while the process runs. */
  readonly totalDuration: number;
  /** Number of the life of a run with a journal, from 1. `undefined` for a run without a journal. */
  readonly life: number | undefined;
  /** Number of outcomes that this life has taken from the journal so far, instead of executing the work again. */
  readonly replayed: number;
}

/**
 * The record of a task: one call of an action. Middleware, instrumentations and the channel `tracing:orchestrator:task`
 * receive the record. It is filled in while the task runs, and complete when the task has ended.
 */
export interface TaskRecord<State = unknown> extends Outcome {
  /** Id of the process and number of the task in it: `4f0c…/7`. */
  readonly id: string;
  /** Id of the process that the task belongs to. */
  readonly processId: string;
  /** Number of the task in its process, from 1. */
  readonly number: number;
  /** Name of the action. */
  readonly name: string;
  /** Arguments of the call. */
  readonly args: readonly unknown[];
  /** Start of the task, in epoch milliseconds. */
  readonly startTime: number;
  /** The state of the process. Hooks may change it. */
  readonly context: State;
  /** Number of calls of the function so far, including retries. */
  readonly attempts: number;
  /**
   * Number of attempts made by earlier tasks, because on a fleet each attempt of a node is a separate task. Known from
   * the first attempt on.
   */
  readonly previousAttempts: number;
  /**
   * Total time that the attempts have waited for a place in a `limit` so far, in milliseconds. 0 if no attempt had to
   * wait.
   */
  readonly waited: number;
  /** If true, the task is currently waiting for a place in a `limit`. */
  readonly isWaiting: boolean;
  /** If true, this task failed and another task will retry the work. On a fleet, each retry is a separate task. */
  readonly isRetried: boolean;
  /**
   * Duration of the task with all attempts and delays, in milliseconds of the monotonic clock. 0 while the task runs.
   */
  readonly duration: number;
}

/**
 * The record of a group: one call of `map`, one iteration of `each`, or one call of a function created by `parallel` or
 * `any`. Instrumentations and the channel `tracing:orchestrator:group` receive the record, which is filled in while the
 * group runs.
 */
export interface GroupRecord {
  /** Id of the process that the group belongs to. */
  readonly processId: string;
  /** Method to which the group belongs. */
  readonly kind: 'parallel' | 'map' | 'any' | 'each';
  /**
   * The `name` from the options. Default: the name of the action for `map` and `each`, the kind for `parallel` and
   * `any`.
   */
  readonly name: string;
  /**
   * Number of actions in the group. `undefined` for a generator or another lazy source until all items have been taken.
   */
  readonly total: number | undefined;
  /**
   * Number of actions that have ended. Actions that end after an abort are not counted, even if the abort was caused by
   * a failing sibling.
   */
  readonly settled: number;
  /** Number of actions that have failed. */
  readonly failed: number;
  /** Start of the group, in epoch milliseconds. */
  readonly startTime: number;
  /** Duration of the group, in milliseconds of the monotonic clock. 0 while the group runs. */
  readonly duration: number;
  /** Status of the group. `failed` if at least one action failed, unless the option `settle` is set. */
  readonly status: Status;
  /** The value that the group rejected with. `undefined` while the group runs and if it completed. */
  readonly error: unknown;
}

/**
 * Argument of hooks registered with `onProcessBegin`: the id, name, start time, state and life of the process. The
 * object is the record that `onProcessCompletion` receives later, so it can be used as the key of a `WeakMap`.
 */
export type ProcessBeginEvent<State = unknown> = Pick<
  ProcessRecord<State>,
  'id' | 'parentId' | 'name' | 'time' | 'context' | 'life'
>;

/**
 * Argument of hooks registered with `onProcessCompletion`: the complete record of the process. Check `status` to narrow
 * the types of `result` and `error`. `totalDuration` is in milliseconds.
 */
export type ProcessCompletionEvent<State = unknown> = Omit<ProcessRecord<State>, keyof Outcome> & Ending;

/**
 * Argument of hooks registered with `onTaskBegin`: the id, name, arguments, start time and state of the task. The
 * object is the record that `onTaskCompletion` receives later, so it can be used as the key of a `WeakMap`.
 */
export type TaskBeginEvent<State = unknown> = Pick<
  TaskRecord<State>,
  'id' | 'processId' | 'number' | 'name' | 'args' | 'startTime' | 'context'
>;

/**
 * Argument of hooks registered with `onTaskCompletion`: the complete record of the task. Check `status` to narrow the
 * types of `result` and `error`. `duration` is in milliseconds.
 */
export type TaskCompletionEvent<State = unknown> = Omit<TaskRecord<State>, keyof Outcome> & Ending;

type Ending =
  | { readonly status: 'completed'; readonly result: unknown; readonly error: undefined }
  | { readonly status: 'failed'; readonly result: undefined; readonly error: Error }
  /** The error is the reason of the abort, of any type. */
  | { readonly status: 'cancelled'; readonly result: undefined; readonly error: unknown };

/**
 * Argument of hooks registered with `onTaskRetry`, which are called when an attempt has failed and another attempt will
 * follow. The event has the fields of `TaskBeginEvent`, and describes the failed attempt and the delay.
 */
export interface TaskRetryEvent<State = unknown> extends TaskBeginEvent<State> {
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** Number of retries left, including the upcoming one. */
  readonly retriesLeft: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** The error of the failed attempt. */
  readonly error: Error;
}

/** Argument of hooks registered with `onError`: a task or a process that has failed, with the error and its cause. */
export interface FailureEvent<State = unknown> {
  /** Kind of work that failed. */
  readonly kind: 'task' | 'process';
  /** Id of the task or process. */
  readonly id: string;
  /** Id of the process. For a task, the process to which the task belongs. */
  readonly processId: string;
  /** Name of the action, node or process. */
  readonly name: string;
  readonly error: Error;
  /** The `cause` of the error, if it has one. */
  readonly cause: unknown;
  /** Arguments of the task. Empty for a process. */
  readonly args: readonly unknown[];
  /** Number of attempts of the task. 1 for a process. */
  readonly attempts: number;
  /** Duration of the task or process, in milliseconds of the monotonic clock. */
  readonly duration: number;
  /** The state of the process. Hooks may change it. */
  readonly context: State;
}

/**
 * Names of the orchestrator's methods that register hooks. The field `hook` of a `HookErrorEvent` contains the method
 * that registered the failing hook, such as `onTaskCompletion`.
 */
export type HookName =
  | 'onProcessBegin'
  | 'onProcessCompletion'
  | 'onTaskBegin'
  | 'onTaskRetry'
  | 'onTaskCompletion'
  | 'onError';

/**
 * Message of the channel `orchestrator:hook:error`, published when a hook with the option `observe` has thrown or
 * rejected. The error does not affect the process or task.
 */
export interface HookErrorEvent {
  /** The method that registered the hook. */
  readonly hook: HookName;
  /** Argument of the hook call. */
  readonly record: object;
  /** The value that the hook threw or rejected with. */
  readonly error: unknown;
}

/** A record with writable fields, for use inside the kernel. */
export type Mutable<Record> = { -readonly [Key in keyof Record]: Record[Key] };

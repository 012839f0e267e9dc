/**
 * Records that hooks, middleware and the diagnostics channels see. There is one record per process and per task, filled
 * in over time: `onTaskBegin` and `onTaskCompletion` receive the same object.
 */

/**
 * State of a process, task or group. `running` until the work has ended. `failed` also when a limit was reached.
 * `cancelled` when the work was cut short by the signal of its run, by its parent, or by a failing sibling.
 */
export type Status = 'running' | 'completed' | 'failed' | 'cancelled';

/** The outcome of a process or task, as far as it is known. */
export interface Outcome {
  /** Status of the work. */
  readonly status: Status;
  /** The value that the work resolved with. `undefined` while it runs and if it did not complete. */
  readonly result: unknown;
  /** The value that the work rejected with. `undefined` while it runs and if it completed. */
  readonly error: unknown;
  /** Errors of completion hooks that no caller received. */
  readonly suppressed: readonly unknown[];
}

/**
 * The record of a process, created by a call of `orchestrator.run(...)`. Middleware, instrumentations and the channel
 * `tracing:orchestrator:process` receive it; it is filled in while the process runs and complete when the process has
 * ended.
 */
export interface ProcessRecord<State = unknown> extends Outcome {
  /** The `id` given to `run`, or a UUID. */
  readonly id: string;
  /** Id of the process that this process runs inside, if any. */
  readonly parentId: string | undefined;
  /** The `name` given to `run`, or the name of the orchestrator. */
  readonly name: string;
  /** Start of the process, in epoch milliseconds. */
  readonly time: number;
  /** The state of this process. Hooks may change it. */
  readonly context: State;
  /** Duration of the process, in milliseconds of the monotonic clock. 0 while it runs. */
  readonly totalDuration: number;
}

/**
 * The record of a task: one call of an action. Middleware, instrumentations and the channel `tracing:orchestrator:task`
 * receive it; it is filled in while the task runs and complete when the task has ended.
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
   * Number of attempts that earlier tasks made. On a fleet, each attempt of a node is a separate task. Known from the
   * first attempt on.
   */
  readonly previousAttempts: number;
  /** Milliseconds that the attempts have waited for a place of a `limit`, so far. 0 if there was always room. */
  readonly waited: number;
  /** If true, the task is waiting for a place of a `limit` right now. */
  readonly isWaiting: boolean;
  /** If true, this task failed and another task will retry. On a fleet, a retry is a separate task. */
  readonly isRetried: boolean;
  /** Duration of the task with all attempts and delays, in milliseconds of the monotonic clock. 0 while it runs. */
  readonly duration: number;
}

/**
 * The record of a group: one call of `map`, one iteration of `each`, or one call of a function made by `parallel` or
 * `any`. Instrumentations and the channel
 * `tracing:orchestrator:group` receive it; it is filled in while the group runs.
 */
export interface GroupRecord {
  /** Id of the process that the group belongs to. */
  readonly processId: string;
  /** Method that created the group. */
  readonly kind: 'parallel' | 'map' | 'any' | 'each';
  /** The `name` of the options; by default the name of the action for `map` and `each`, else the kind. */
  readonly name: string;
  /** Number of actions in the group. For a generator or another lazy source, `undefined` until all items are taken. */
  readonly total: number | undefined;
  /**
   * Number of actions that have ended. Actions that end after an abort are not counted, even if a failing sibling
   * caused the abort.
   */
  readonly settled: number;
  /** Number of actions that have failed. */
  readonly failed: number;
  /** Start of the group, in epoch milliseconds. */
  readonly startTime: number;
  /** Duration of the group, in milliseconds of the monotonic clock. 0 while it runs. */
  readonly duration: number;
  /** Status of the group. `failed` if at least one action failed, unless the options say `settle`. */
  readonly status: Status;
  /** The value that the group rejected with. `undefined` while it runs and if it completed. */
  readonly error: unknown;
}

/**
 * Argument of the hooks that `onProcessBegin` registers: the process's id, name, start and state. The object is the
 * record that `onProcessCompletion` receives later, so it can be the key of a `WeakMap`.
 */
export type ProcessBeginEvent<State = unknown> = Pick<
  ProcessRecord<State>,
  'id' | 'parentId' | 'name' | 'time' | 'context'
>;

/**
 * Argument of the hooks that `onProcessCompletion` registers: the complete record of the process. Check `status` to
 * narrow the types of `result` and `error`; `totalDuration` is in milliseconds.
 */
export type ProcessCompletionEvent<State = unknown> = Omit<ProcessRecord<State>, keyof Outcome> & Ending;

/**
 * Argument of the hooks that `onTaskBegin` registers: the task's id, name, arguments, start and state. The object is
 * the record that `onTaskCompletion` receives later, so it can be the key of a `WeakMap`.
 */
export type TaskBeginEvent<State = unknown> = Pick<
  TaskRecord<State>,
  'id' | 'processId' | 'number' | 'name' | 'args' | 'startTime' | 'context'
>;

/**
 * Argument of the hooks that `onTaskCompletion` registers: the complete record of the task. Check `status` to narrow
 * the types of `result` and `error`; `duration` is in milliseconds.
 */
export type TaskCompletionEvent<State = unknown> = Omit<TaskRecord<State>, keyof Outcome> & Ending;

type Ending =
  | { readonly status: 'completed'; readonly result: unknown; readonly error: undefined }
  | { readonly status: 'failed'; readonly result: undefined; readonly error: Error }
  /** The error is the reason of the abort, of any type. */
  | { readonly status: 'cancelled'; readonly result: undefined; readonly error: unknown };

/**
 * Argument of the hooks that `onTaskRetry` registers, called when an attempt has failed and another will follow. It has
 * the fields of `TaskBeginEvent`, and describes the failed attempt and the delay.
 */
export interface TaskRetryEvent<State = unknown> extends TaskBeginEvent<State> {
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** Number of retries left, including the announced one. */
  readonly retriesLeft: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** The error of the failed attempt. */
  readonly error: Error;
}

/**
 * Argument of the hooks that `onError` registers: a task or a process that has failed, with the error and its cause.
 */
export interface FailureEvent<State = unknown> {
  /** Kind of work that failed. */
  readonly kind: 'task' | 'process';
  /** Id of the task or process. */
  readonly id: string;
  /** Id of the process, also for a task. */
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
 * Names of the orchestrator's methods that register hooks. A `HookErrorEvent` reports in its field `hook` which of
 * these methods registered the failing hook, such as `onTaskCompletion`.
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
 * rejected. The work of the process or task is not affected by the error.
 */
export interface HookErrorEvent {
  /** The method that the hook was registered with. */
  readonly hook: HookName;
  /** Argument of the hook call. */
  readonly record: object;
  /** The value that the hook threw or rejected with. */
  readonly error: unknown;
}

/** A record with writable fields, for the kernel. */
export type Mutable<Record> = { -readonly [Key in keyof Record]: Record[Key] };

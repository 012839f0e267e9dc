/**
 * What hooks, middleware and the diagnostics channels see. One record a process and one a task, filled in as it goes:
 * the object that `onTaskBegin` got is the one that `onTaskCompletion` gets.
 */

/** How a process or task stands. `aborted`: it was cut short by its run's signal, its parent or a failing sibling. */
export type Status = 'running' | 'completed' | 'failed' | 'cancelled';

/** How a process or task has ended, as far as it has. */
export interface Outcome {
  readonly status: Status;
  /** What it resolved with; `undefined` while it runs and where it failed. */
  readonly result: unknown;
  /** What it rejected with; `undefined` while it runs and where it succeeded. */
  readonly error: unknown;
  /** What completion hooks threw and no caller got. */
  readonly suppressed: readonly unknown[];
}

/** One `orchestrator.run(...)`. */
export interface ProcessRecord<State = unknown> extends Outcome {
  /** The `id` given to `run`, else a UUID. */
  readonly id: string;
  /** Id of the process that this one runs inside, if any. */
  readonly parentId: string | undefined;
  /** The `name` given to `run`, else that of the orchestrator. */
  readonly name: string;
  /** When it began, in epoch milliseconds. */
  readonly time: number;
  /** The state of this process; hooks may change it. */
  readonly context: State;
  /** How long it took, in milliseconds of the monotonic clock; 0 while it runs. */
  readonly totalDuration: number;
}

/** One call of an action. */
export interface TaskRecord<State = unknown> extends Outcome {
  /** The process's id and the task's number in it: `4f0c…/7`. */
  readonly id: string;
  readonly processId: string;
  /** Number of the task in its process, from 1. */
  readonly number: number;
  /** Name of the action. */
  readonly name: string;
  /** What the action was called with. */
  readonly args: readonly unknown[];
  /** When it began, in epoch milliseconds. */
  readonly startTime: number;
  /** The state of the process; hooks may change it. */
  readonly context: State;
  /** How often the function has been called so far, retries included. */
  readonly attempts: number;
  /** Attempts by tasks before this one: on a fleet each attempt of a node is a task. Known from the first attempt on. */
  readonly previousAttempts: number;
  /** If true, this task failed and another will try again: on a fleet a retry is a task of its own. */
  readonly isRetried: boolean;
  /** How long it took with all attempts and waits, in milliseconds of the monotonic clock; 0 while it runs. */
  readonly duration: number;
}

/** One call of what `parallel` has made, or of `map`. */
export interface GroupRecord {
  /** Id of the process that it is part of. */
  readonly processId: string;
  readonly kind: 'parallel' | 'map';
  /** The `name` of its options, else for `map` the name of its action, else `parallel`. */
  readonly name: string;
  /** How many there are; of a generator and the like `undefined` until all were taken. */
  readonly total: number | undefined;
  /** How many have ended so far. What ends behind an abort, also that of a failing sibling, is not counted. */
  readonly settled: number;
  /** How many of these have failed. */
  readonly failed: number;
  /** When it began, in epoch milliseconds. */
  readonly startTime: number;
  /** How long it took, in milliseconds of the monotonic clock; 0 while it runs. */
  readonly duration: number;
  /** `failed` also where only some have. */
  readonly status: Status;
  /** What it rejected with; `undefined` while it runs and where it succeeded. */
  readonly error: unknown;
}

/** What `onProcessBegin` gets. */
export type ProcessBeginEvent<State = unknown> = Pick<
  ProcessRecord<State>,
  'id' | 'parentId' | 'name' | 'time' | 'context'
>;

/** What `onProcessCompletion` gets. `status` tells what `result` and `error` are. */
export type ProcessCompletionEvent<State = unknown> = Omit<ProcessRecord<State>, keyof Outcome> & Ending;

/** What `onTaskBegin` gets. */
export type TaskBeginEvent<State = unknown> = Pick<
  TaskRecord<State>,
  'id' | 'processId' | 'number' | 'name' | 'args' | 'startTime' | 'context'
>;

/** What `onTaskCompletion` gets. `status` tells what `result` and `error` are. */
export type TaskCompletionEvent<State = unknown> = Omit<TaskRecord<State>, keyof Outcome> & Ending;

type Ending =
  | { readonly status: 'completed'; readonly result: unknown; readonly error: undefined }
  | { readonly status: 'failed'; readonly result: undefined; readonly error: Error }
  /** The error is the reason of the abort, whatever that is. */
  | { readonly status: 'cancelled'; readonly result: undefined; readonly error: unknown };

/** What `onTaskRetry` gets: an attempt has failed, another will follow. */
export interface TaskRetryEvent<State = unknown> extends TaskBeginEvent<State> {
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number;
  /** How many retries remain, the one announced here among them. */
  readonly retriesLeft: number;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
  /** What the attempt failed with. */
  readonly error: Error;
}

/** The methods that hooks are registered with. */
export type HookName = 'onProcessBegin' | 'onProcessCompletion' | 'onTaskBegin' | 'onTaskRetry' | 'onTaskCompletion';

/** A hook that only looks has thrown, or rejected, with `error`. The work goes on. */
export interface HookErrorEvent {
  /** The method that the hook was registered with. */
  readonly hook: HookName;
  /** What the hook was called with. */
  readonly record: object;
  readonly error: unknown;
}

/** A record as the kernel writes it. */
export type Mutable<Record> = { -readonly [Key in keyof Record]: Record[Key] };

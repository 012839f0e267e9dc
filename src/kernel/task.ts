import type { TimeoutError } from './errors.js';
import type { TaskRecord } from './events.js';
import { Running } from './lifecycle.js';
import type { Core, Process, Scope } from './process.js';

/**
 * A stage of a task: the function itself, or a policy around another stage. It may throw synchronously or return a
 * promise.
 */
export type Work = (task: Task, scope: Scope) => unknown;

/** A call of an action, as its policies see it. It is the scope that its function runs in, too. */
export interface Task extends Scope {
  readonly name: string;
  readonly core: Core;
  readonly args: readonly unknown[];
  /** The `this` value of the call, if the action was called as a method. */
  readonly self: unknown;
  /** The record of the task. Set only if the task is observed. */
  readonly record: RunningTask | undefined;
  /** Number of the current attempt, from 1. On a fleet, includes the attempts of earlier tasks. */
  attempt: number;
  /** Number of the task in its process, if nothing observes the task. Taken when it is first needed. */
  number: number | undefined;
  /** The error of the limit that was reached last, if any. */
  expired: TimeoutError | undefined;
  /** Time that the task has waited for its policy. Set only if the error of a limit reports it. */
  wait: Wait | undefined;
}

interface Wait {
  /**
   * Start of the current wait, from the call of the policy until the policy calls the function. On the monotonic clock.
   */
  since: number | undefined;
  /** Milliseconds of earlier waits. */
  before: number;
}

/** Returns the milliseconds that a task has waited for its policy so far. */
export function waitedFor({ wait }: Task): number {
  if (wait === undefined) return 0;
  return Math.round(wait.before + (wait.since === undefined ? 0 : performance.now() - wait.since));
}

/** Begins a wait: the policy is called. */
export function beginWait(task: Task): void {
  task.wait ??= { since: undefined, before: 0 };
  task.wait.since = performance.now();
}

/** Ends a wait: the policy has called the function or has settled. */
export function endWait({ wait }: Task): void {
  if (wait?.since === undefined) return;
  wait.before += performance.now() - wait.since;
  wait.since = undefined;
}

/** A call of an action, as hooks see it. */
export class RunningTask extends Running implements TaskRecord {
  readonly id: string;
  readonly processId: string;
  readonly number: number;
  readonly startTime = Date.now();
  attempts = 0;
  previousAttempts = 0;
  isRetried = false;
  duration = 0;

  constructor(
    process: Process,
    name: string,
    readonly args: readonly unknown[],
    context: object,
  ) {
    super(name, context);
    this.processId = process.id;
    this.number = process.nextTaskNumber();
    this.id = `${process.id}/${this.number}`;
  }

  ended(duration: number): void {
    this.duration = duration;
  }
}

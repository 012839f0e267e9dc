import type { Waited } from '../cancellation.js';
import type { TimeoutError } from '../errors.js';
import type { TaskRecord } from '../hooks/events.js';
import { Running } from './lifecycle.js';
import type { Core, Process, Scope } from './process.js';

/**
 * A stage of a task: the function itself, or a policy around another stage. It may throw synchronously or return a
 * promise.
 */
export type Work = (task: Task, scope: Scope) => unknown;

/** A call of an action, as passed to its policies. The task is also the scope in which its function runs. */
export interface Task extends Scope {
  readonly name: string;
  readonly core: Core;
  readonly args: readonly unknown[];
  /** The `this` value of the call, if the action was called as a method. */
  readonly self: unknown;
  /** The record of the task. Set only if something observes the task. */
  readonly record: RunningTask | undefined;
  /** Number of the current attempt, from 1. On a fleet, includes the attempts of earlier tasks. */
  attempt: number;
  /** Number of the task in its process, if nothing observes the task. Assigned when first needed. */
  number: number | undefined;
  /** The error of the limit reached most recently, if any. */
  expired: TimeoutError | undefined;
  /**
   * Time that the task has waited for its limit or its policy. Set only if the time may appear in a record or an error.
   */
  wait: Wait | undefined;
}

/** Milliseconds of finished waits, by the reason for waiting, and the start of the current wait. */
interface Wait {
  limit: number;
  policy: number;
  reason: 'limit' | 'policy';
  /** Start of the current wait, on the monotonic clock. A wait for a policy ends when the policy calls the function. */
  since: number | undefined;
}

/** Returns the time that a task has spent waiting so far. */
export function waitedFor({ wait }: Task): Waited | undefined {
  if (wait === undefined) return undefined;
  const spent = { limit: wait.limit, policy: wait.policy };
  if (wait.since !== undefined) spent[wait.reason] += performance.now() - wait.since;
  const reasons = (['limit', 'policy'] as const).filter((reason) => spent[reason] >= 0.5);
  return { milliseconds: Math.round(spent.limit + spent.policy), reason: reasons.join(' and ') || wait.reason };
}

/** Starts measuring the waits of a task. */
export function measureWaits(task: Task): Wait {
  task.wait ??= { limit: 0, policy: 0, reason: 'policy', since: undefined };
  return task.wait;
}

/** Begins a wait for the limit or the policy. Does nothing if the length of the wait is not needed. */
export function beginWait(task: Task, reason: Wait['reason']): void {
  if (task.record !== undefined) measureWaits(task);
  if (task.wait === undefined) return;
  task.wait.reason = reason;
  task.wait.since = performance.now();
}

/**
 * Ends a wait, because the task has its place, or because the policy has called the function or has settled.
 *
 * @returns the length of the wait, in milliseconds
 */
export function endWait({ wait }: Task): number {
  if (wait?.since === undefined) return 0;
  const waited = performance.now() - wait.since;
  wait[wait.reason] += waited;
  wait.since = undefined;
  return waited;
}

/** A call of an action, as passed to hooks. */
export class RunningTask extends Running implements TaskRecord {
  readonly id: string;
  readonly processId: string;
  readonly number: number;
  readonly startTime = Date.now();
  attempts = 0;
  previousAttempts = 0;
  waited = 0;
  isWaiting = false;
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

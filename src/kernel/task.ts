import type { TimeoutError } from './errors.js';
import type { TaskRecord } from './events.js';
import { Running } from './lifecycle.js';
import type { Core, Process, Scope } from './process.js';

/** A stage of a task: the function itself, or a policy around a further stage. It may throw or return a promise. */
export type Work = (task: Task, scope: Scope) => unknown;

/** One call of an action, as its policies see it. */
export interface Task {
  readonly name: string;
  readonly core: Core;
  readonly args: readonly unknown[];
  /** What its action was called as a method of, if of anything. */
  readonly self: unknown;
  /** Only where somebody looks at the task. */
  readonly record: RunningTask | undefined;
  /** The error of the limit that has struck last, if one has. */
  expired: TimeoutError | undefined;
  /** How long it has waited for its policy. Only where the error of a limit reports it. */
  wait: Wait | undefined;
}

interface Wait {
  /** Since when its policy has been asked to call the function, until it does; on the monotonic clock. */
  since: number | undefined;
  /** Milliseconds of earlier waits. */
  before: number;
}

/** Milliseconds that a task has waited for its policy so far. */
export function waitedFor({ wait }: Task): number {
  if (wait === undefined) return 0;
  return Math.round(wait.before + (wait.since === undefined ? 0 : performance.now() - wait.since));
}

/** Its policy has called the function, or given up. */
export function endWait({ wait }: Task): void {
  if (wait?.since === undefined) return;
  wait.before += performance.now() - wait.since;
  wait.since = undefined;
}

/** One call of an action, as hooks see it. */
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

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
  /** Only where somebody looks at the task. */
  readonly record: RunningTask | undefined;
  /** The error of the limit that has struck last, if one has. */
  expired: TimeoutError | undefined;
}

/** One call of an action, as hooks see it. Its id costs more than all the rest: it is put together when it is read. */
export class RunningTask extends Running implements TaskRecord {
  readonly processId: string;
  readonly number: number;
  readonly startTime = Date.now();
  attempts = 0;
  duration = 0;

  constructor(
    process: Process,
    name: string,
    readonly args: readonly unknown[],
  ) {
    super(name, process.state);
    this.processId = process.id;
    this.number = process.nextTaskNumber();
  }

  get id(): string {
    return `${this.processId}/${this.number}`;
  }

  ended(duration: number): void {
    this.duration = duration;
  }
}

import type { Status } from '../../index.js';

/** How a process, task or group has ended. */
export interface Ended {
  readonly status: Exclude<Status, 'running'>;
  /** In milliseconds. */
  readonly duration: number;
  readonly retries: number;
  /** What went wrong, as a text that may be shown; `undefined` where nothing did. */
  readonly problem: string | undefined;
}

/** What is left of all those that have ended: it does not grow with them. */
export class Counts {
  completed = 0;
  failed = 0;
  cancelled = 0;
  retries = 0;
  /** The sum of their durations, in milliseconds. */
  duration = 0;
  slowest = 0;
  /** The last failure. */
  problem: string | undefined = undefined;

  get ended(): number {
    return this.completed + this.failed + this.cancelled;
  }

  get average(): number {
    return this.duration / Math.max(1, this.ended);
  }

  add({ status, duration, retries, problem }: Ended): void {
    this[status]++;
    this.retries += retries;
    this.duration += duration;
    this.slowest = Math.max(this.slowest, duration);
    if (status === 'failed') this.problem = problem;
  }

  absorb(other: Counts): void {
    this.completed += other.completed;
    this.failed += other.failed;
    this.cancelled += other.cancelled;
    this.retries += other.retries;
    this.duration += other.duration;
    this.slowest = Math.max(this.slowest, other.slowest);
    this.problem = other.problem ?? this.problem;
  }
}

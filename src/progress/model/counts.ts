import type { Status } from '../../index.js';

/** The outcome of a process, task or group. */
export interface Ended {
  readonly status: Exclude<Status, 'running'>;
  /** Duration in milliseconds. */
  readonly duration: number;
  readonly retries: number;
  /** The error as text that is safe for a terminal, or `undefined` if there was no error. */
  readonly problem: string | undefined;
}

/** Counts of all activities of a tally that have ended. Takes the same space for any number of activities. */
export class Counts {
  completed = 0;
  failed = 0;
  cancelled = 0;
  retries = 0;
  /** Number of outcomes that durable runs have taken from their journals. For processes only. */
  replayed = 0;
  /** The sum of all durations, in milliseconds. */
  duration = 0;
  slowest = 0;
  /** The message of the last failure. */
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
    this.replayed += other.replayed;
    this.duration += other.duration;
    this.slowest = Math.max(this.slowest, other.slowest);
    this.problem = other.problem ?? this.problem;
  }
}

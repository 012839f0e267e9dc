import type { TaskRetryEvent } from '../../index.js';

/** An attempt has failed, and another follows. */
export interface Retry {
  /** Number of the attempt that has failed. */
  readonly attempt: number;
  /** How many attempts there may be in all: Infinity where there is no limit. */
  readonly most: number;
  /** When the next one begins, in milliseconds of the monotonic clock. */
  readonly due: number;
  /** What it has failed with, as a text that may be shown. */
  readonly problem: string;
}

export function retryOf({ attempt, retriesLeft, delay }: TaskRetryEvent, problem: string, now: number): Retry {
  return { attempt, most: attempt + retriesLeft, due: now + delay, problem };
}

import type { TaskRetryEvent } from '../../index.js';

/** A failed attempt that will be retried. */
export interface Retry {
  /** Number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Maximum number of attempts. Infinity means no limit. */
  readonly most: number;
  /** Start of the next attempt, in milliseconds of the monotonic clock. */
  readonly due: number;
  /** The error as text that is safe for a terminal. */
  readonly problem: string;
}

export function retryOf({ attempt, retriesLeft, delay }: TaskRetryEvent, problem: string, now: number): Retry {
  return { attempt, most: attempt + retriesLeft, due: now + delay, problem };
}

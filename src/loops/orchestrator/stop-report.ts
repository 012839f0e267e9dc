import type { LoopEnd } from '../health.js';

/** How a loop has been stopped. */
export interface StopReport {
  readonly loopId: string;
  readonly reason: LoopEnd['reason'] | 'aborted' | 'terminated' | 'crashed';
  /** Iterations since the loop was started, crashes and restarts included. */
  readonly iterations: number;
  /** Iterations and calls of non-blocking nodes that did not end. */
  readonly inFlight: number;
  readonly error?: Error | undefined;
}

/**
 * How a loop is stopped. `read on`: it takes no notice of pauses and back-offs any more. `drained`: it ends when the queue that
 * it reads is empty. `now`: behind the iteration that is under way. Each includes those before it.
 */
export type Stop = 'read on' | 'drained' | 'now';

const stops: readonly (Stop | undefined)[] = [undefined, 'read on', 'drained', 'now'];

/** @returns the stop that includes the other */
export function furtherOf(one: Stop | undefined, other: Stop): Stop {
  return one !== undefined && stops.indexOf(one) > stops.indexOf(other) ? one : other;
}

import type { LoopEnd } from '../health.js';

/**
 * The end of one loop in a `StopSummary`: the reason, the number of iterations, and the work that did not end. In
 * addition to the reasons of `LoopEnd`, `reason` can be `aborted` (the timeout passed, or a push waited for room that
 * would never become free), `terminated` (the thread or process was terminated) or `crashed`.
 */
export interface StopReport {
  /** Id of the loop. */
  readonly loopId: string;
  /** Reason why the loop ended. */
  readonly reason: LoopEnd['reason'] | 'aborted' | 'terminated' | 'crashed';
  /** Iterations since the loop was started, including the iterations before crashes and restarts. */
  readonly iterations: number;
  /** Iterations and calls of non-blocking nodes that did not end. */
  readonly inFlight: number;
  /** The error that ended the loop, if any. */
  readonly error?: Error | undefined;
}

/**
 * The strength of a stop request. `read on`: the loop ignores pauses and back-offs from now on. `drained`: the loop
 * also ends when its queue is empty. `now`: the loop ends after the current iteration. Each strength includes the
 * weaker ones.
 */
export type Stop = 'read on' | 'drained' | 'now';

const stops: readonly (Stop | undefined)[] = [undefined, 'read on', 'drained', 'now'];

/** Returns the stronger of two stop requests. */
export function furtherOf(one: Stop | undefined, other: Stop): Stop {
  return one !== undefined && stops.indexOf(one) > stops.indexOf(other) ? one : other;
}

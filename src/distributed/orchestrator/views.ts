import { aBoolean, aCount, anObjectOf, aSignal } from '../../validate.js';
import type { JobState, WorkerHealth, WorkItemState } from '../contracts.js';
import type { Item } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import { anInterval } from '../options.js';
import type { RunInfo } from '../run-info.js';

/** How `waitForCompletion` waits. */
export interface WaitForOptions {
  /** Milliseconds after which to look, where the engine has not told of a change. Default: 1000. */
  readonly pollInterval?: number | undefined;
  /** Ends the waiting; the run goes on. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** Which events of a run, and until when. */
export interface EventsOptions {
  /** Only those behind this one, by its `seq`. Default: all that are kept. */
  readonly after?: number | undefined;
  /** Whether what comes later is waited for. Default: true. */
  readonly follow?: boolean | undefined;
  /** Ends the iteration. Default: it ends when the run is over. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two looks. Default: 200. */
  readonly pollInterval?: number | undefined;
}

/** A page of runs. */
export interface RunPage {
  readonly runs: readonly RunInfo[];
  /** What the next page is asked for with; `undefined` after the last. */
  readonly cursor: string | undefined;
}

/** One failure in a run. */
export interface RunError {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  /** What was thrown, with class name, message, code, cause and stack. */
  readonly error: unknown;
  /** Whether the node has failed with it; else it is tried again. */
  readonly isFinal: boolean;
  readonly workerId: string;
  readonly time: number;
}

/** A node that is to be executed, or to be looked at when its time has come. */
export interface PendingWork {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  /** `parked`: put aside because the run is paused. `absent`: on its way into the queue. */
  readonly state: JobState | 'parked';
  readonly jobId: string | undefined;
  /** Who executes it, where that has taken longer than a moment. */
  readonly workerId: string | undefined;
  /** Since when, by the worker's clock, in epoch milliseconds. */
  readonly startedAt: number | undefined;
}

/** A worker, and whether it is alive. */
export type Liveness = Pick<WorkerHealth, 'workerId' | 'alive' | 'age'>;

export const readWaitOptions = anObjectOf<WaitForOptions>(
  { pollInterval: anInterval, signal: aSignal },
  'pollInterval',
);
export const readEventsOptions = anObjectOf<EventsOptions>({
  after: aCount,
  follow: aBoolean,
  signal: aSignal,
  pollInterval: anInterval,
});
export const readPruneOptions = anObjectOf<{ readonly finishedBefore: number }>({ finishedBefore: aCount });

/**
 * An item of a run, as users see it.
 *
 * @param executing - what is under way in the run, as far as it was set down
 */
export function pendingOf(
  { node, attempt, job }: Item,
  { position }: Replica,
  queued: JobState,
  executing: readonly WorkItemState[],
): PendingWork {
  const nodeId = position.plan.idOf(node);
  const visit = position.visitOf(node);
  const state = job === undefined ? 'parked' : queued;
  // What was set down of an execution before, or by a worker that has died, is not this one.
  const isIt = (one: WorkItemState) => one.nodeId === nodeId && one.visit === visit && one.attempt === attempt;
  const { workerId, startedAt } = (state === 'active' ? executing.find(isIt) : undefined) ?? {};
  return { nodeId, visit, attempt, state, jobId: job, workerId, startedAt };
}

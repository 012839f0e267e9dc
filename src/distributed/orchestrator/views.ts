import { aBoolean, aCount, anObjectOf, aSignal } from '../../shared/validate.js';
import type { JobState, WorkerHealth, WorkItemState } from '../contracts.js';
import { aText } from '../engines/texts.js';
import type { Item } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import { anInterval } from '../run/options.js';
import type { RunInfo } from '../run-info.js';

/** What `signal` takes besides run, event and payload. */
export interface SignalOptions {
  /** A name of this signal, at most 500 characters: sent again with the same id, it counts once. Default: none. */
  readonly id?: string | undefined;
}

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
  /** What was thrown: an error with name, message, code, cause and stack, whose class is lost. */
  readonly error: Error & { readonly code?: unknown };
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

export const readSignalOptions = anObjectOf<SignalOptions>({ id: aText });
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

/** A failure as it was kept. A serializer of one's own may bring back something else than an error. */
export function errorFrom(value: unknown): Error & { readonly code?: unknown } {
  if (value instanceof Error) return value;
  const { name = 'Error', message = '' } = Object(value) as { readonly name?: unknown; readonly message?: unknown };
  const error = new Error(typeof value === 'string' ? value : String(message), { cause: value });
  return Object.defineProperty(error, 'name', { value: String(name), configurable: true, writable: true });
}

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

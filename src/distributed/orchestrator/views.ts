import { aBoolean, aCount, aFunction, anObjectOf, aSignal } from '../../shared/validate.js';
import type { JobState, WorkerHealth, WorkItemState } from '../contracts.js';
import { aText } from '../engines/texts.js';
import type { WorkItem } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import { anInterval } from '../run/options.js';
import type { RunInfo } from '../run-info.js';

/**
 * Options of `DistributedOrchestrator.signal`. Set an `id` if the call may be repeated, for instance after an
 * `EngineError` or because a webhook is delivered twice.
 *
 * @example
 * await orchestrator.signal(runId, 'paid', { cents: 999 }, { id: 'payment-3' });
 */
export interface SignalOptions {
  /** An id for the signal, at most 500 characters. Signals of a run with the same id count as one. Default: none. */
  readonly id?: string | undefined;
  /** Ends the check of the payload by an async schema. A payload that was accepted is sent. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of `DistributedOrchestrator.waitForCompletion`. The engine usually notifies the orchestrator when a run ends.
 * Because of polling, a lost notification only delays the result.
 */
export interface WaitForOptions {
  /** Milliseconds between two checks of the run if the engine sends no notification. Default: 1000. */
  readonly pollInterval?: number | undefined;
  /** A signal that ends the waiting when it aborts. The run continues. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Options of `DistributedOrchestrator.events`: the event after which to start, and when to stop. To continue an
 * interrupted iteration, pass the `seq` of the last event as `after`.
 */
export interface EventsOptions {
  /** The `seq` of an event. Only later events are returned. Default: all stored events. */
  readonly after?: number | undefined;
  /** If true, the iteration waits for further events until the run has ended. Default: true. */
  readonly follow?: boolean | undefined;
  /** A signal that ends the iteration when it aborts. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds between two checks of the run if the engine sends no notification. Default: 200. */
  readonly pollInterval?: number | undefined;
}

/**
 * Options of the questions to all shards: `listRuns`, `countRuns`, `liveness` and `listWorkerHealth` of a
 * `DistributedOrchestrator`. On an engine without shards they have no effect.
 *
 * @example
 * const counts = await orchestrator.countRuns({ onError: (error) => console.warn(error.message) });
 */
export interface ShardsQuestion {
  /**
   * Called with an error for each shard that does not answer. The answer then lacks the runs and workers of this shard.
   * Default: the call rejects. If no shard answers, the call always rejects.
   */
  readonly onError?: ((error: Error) => void) | undefined;
}

/**
 * A page of runs, as `DistributedOrchestrator.listRuns` returns it.
 *
 * @example
 * let page = await orchestrator.listRuns({ status: 'failed' });
 * while (page.cursor !== undefined) page = await orchestrator.listRuns({ status: 'failed', cursor: page.cursor });
 */
export interface RunPage {
  readonly runs: readonly RunInfo[];
  /** The `cursor` to set in the filter for the next page; `undefined` on the last page. */
  readonly cursor: string | undefined;
}

/**
 * A failure of a node, as `DistributedOrchestrator.errors` returns it. A node that is retried has a failure for each
 * failed attempt. `isFinal` marks the failure that ended the node.
 */
export interface RunError {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  /**
   * The thrown error, with name, message, code, cause and stack. It is a plain `Error`, because its class is not
   * stored.
   */
  readonly error: Error & { readonly code?: unknown };
  /** If true, the node has failed with this error. If false, the node is retried. */
  readonly isFinal: boolean;
  readonly workerId: string;
  readonly time: number;
}

/**
 * A node of a run that is being executed, is waiting to be executed, or waits for a time, as
 * `DistributedOrchestrator.pendingWork` lists it. Nodes that wait only for an event are not listed.
 */
export interface PendingWork {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  /** The state of the node's job in the queue. `parked`: the run is paused. `absent`: the job is about to be queued. */
  readonly state: JobState | 'parked';
  readonly jobId: string | undefined;
  /** The worker that executes the node. Undefined during the first quarter of a second of an execution. */
  readonly workerId: string | undefined;
  /** Time at which the execution started, by the worker's clock, in epoch milliseconds. */
  readonly startedAt: number | undefined;
}

/**
 * A worker and its state, as `DistributedOrchestrator.liveness` returns it. `age` is the number of milliseconds since
 * the worker's last report. `alive` is false after five heartbeat intervals without a report.
 */
export type Liveness = Pick<WorkerHealth, 'workerId' | 'alive' | 'age'>;

export const readSignalOptions = anObjectOf<SignalOptions>({ id: aText, signal: aSignal });
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
export const readShardsQuestion = anObjectOf<ShardsQuestion>({ onError: aFunction });
export const readPruneOptions = anObjectOf<{ readonly finishedBefore: number }>({ finishedBefore: aCount });

/** Returns a decoded failure as an `Error`, because a custom serializer may have returned a value of another kind. */
export function errorFrom(value: unknown): Error & { readonly code?: unknown } {
  if (value instanceof Error) return value;
  const { name = 'Error', message = '' } = Object(value) as { readonly name?: unknown; readonly message?: unknown };
  const error = new Error(typeof value === 'string' ? value : String(message), { cause: value });
  return Object.defineProperty(error, 'name', { value: String(name), configurable: true, writable: true });
}

/**
 * Describes a work item for users.
 *
 * @param queued - the state of the item's job in the queue
 * @param executing - the recorded executions of the run
 */
export function pendingOf(
  { node, attempt, job }: WorkItem,
  { position }: Replica,
  queued: JobState,
  executing: readonly WorkItemState[],
): PendingWork {
  const nodeId = position.plan.idOf(node);
  const visit = position.visitOf(node);
  const state = job === undefined ? 'parked' : queued;
  // Excludes records of earlier executions and of workers that died.
  const isIt = (one: WorkItemState) => one.nodeId === nodeId && one.visit === visit && one.attempt === attempt;
  const { workerId, startedAt } = (state === 'active' ? executing.find(isIt) : undefined) ?? {};
  return { nodeId, visit, attempt, state, jobId: job, workerId, startedAt };
}

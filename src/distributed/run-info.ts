/**
 * The status of a run.
 *
 *     scheduled ─► running ◄─► awaiting (nothing to do until a signal or a time comes)
 *                  │  ▲  ▲
 *           paused ◄──┘  └── retry of a failed, cancelled or stalled run
 *                  ▼
 *                  completed | failed | cancelled | stalled
 *
 * `stalled`: no work is left, but some node can never be reached. A run that is resumed or retried before its start
 * becomes scheduled again.
 */
export type RunStatus =
  | 'scheduled'
  | 'running'
  | 'awaiting'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'stalled';

/** The statuses of a run that has not ended. */
export const activeStatuses: readonly RunStatus[] = ['scheduled', 'running', 'awaiting', 'paused'];
/** The statuses of a run that has ended. */
export const finishedStatuses: readonly RunStatus[] = ['completed', 'failed', 'cancelled', 'stalled'];
/**
 * All statuses of a run, in the order of its life: the active statuses (`scheduled`, `running`, `awaiting`, `paused`),
 * then the finished statuses (`completed`, `failed`, `cancelled`, `stalled`).
 *
 * @example
 * const finished = runStatuses.filter(isFinished);
 */
export const runStatuses: readonly RunStatus[] = [...activeStatuses, ...finishedStatuses];

/**
 * The number of runs by status, as `DistributedOrchestrator.countRuns` returns it. A status that no run has is included,
 * with the count 0.
 *
 * @example
 * const { running, failed } = await orchestrator.countRuns();
 */
export type RunCounts = Readonly<Record<RunStatus, number>>;

/** Completes counts of some statuses by adding 0 for each missing status. */
export function countsFrom(entries: Iterable<readonly [status: RunStatus, count: number]>): RunCounts {
  const counts = Object.fromEntries(runStatuses.map((status) => [status, 0])) as Record<RunStatus, number>;
  for (const [status, count] of entries) counts[status] += count;
  return counts;
}

/**
 * Returns true if the status is finished: `completed`, `failed`, `cancelled` or `stalled`. A failed, cancelled or
 * stalled run can be retried; a completed run is final.
 *
 * @param status - the status of a run
 *
 * @example
 * if (isFinished(await orchestrator.status(runId))) await orchestrator.deleteRun(runId);
 */
export function isFinished(status: RunStatus): boolean {
  return finishedStatuses.includes(status);
}

/**
 * The record of a run: its workflow, status, times, and result. Returned by `DistributedOrchestrator.run`, `listRuns`
 * and `waitForCompletion`. All times are in epoch milliseconds by the engine's clock.
 *
 * @typeParam Output - the type of the last node's output, as declared by the caller. It is not checked
 */
export interface RunInfo<Output = unknown> {
  readonly runId: string;
  /**
   * A number that distinguishes the run from earlier and later runs with the same id. `undefined` for a run that was
   * started by a version up to 0.7.
   */
  readonly incarnation?: number | undefined;
  /** The id of the workflow. */
  readonly workflow: string;
  /** The version of the workflow: the version that its author set, or a hash of its nodes and edges. */
  readonly version: string;
  readonly status: RunStatus;
  /** The priority, from 0, which goes first, to 2097151. */
  readonly priority: number;
  readonly createdAt: number;
  /** Time at which the run starts or has started. Later than `createdAt` if the start was delayed. */
  readonly startAt: number;
  /** Time at which the last entry of the run's journal was committed. */
  readonly updatedAt: number;
  /** Time at which the run ended; `undefined` for an active run. */
  readonly finishedAt: number | undefined;
  /** Time at which the run is cancelled because of its timeout; `undefined` without a timeout. */
  readonly deadline: number | undefined;
  /** Milliseconds for which the run is kept after it has ended; `undefined` keeps it forever. */
  readonly retention: number | undefined;
  /** The output of the last node. Undefined until the run has completed. */
  readonly output: Output;
  /** The reason why the run failed, was cancelled or stalled. */
  readonly error: string | undefined;
}

/**
 * The record of a run as an engine stores it. Like `RunInfo`, except that the output is the text that a worker's
 * serializer wrote.
 */
export interface RunRecord extends Omit<RunInfo, 'output'> {
  readonly output: string | undefined;
}

/**
 * A filter for `DistributedOrchestrator.listRuns`. A run must match all fields that are set. Without any field, the
 * newest 50 runs are listed.
 *
 * @example
 * const { runs, cursor } = await orchestrator.listRuns({ status: 'failed', workflow: 'order', limit: 20 });
 */
export interface RunFilter {
  /** A status, or an array of statuses. Default: all. */
  readonly status?: RunStatus | readonly RunStatus[] | undefined;
  /** The id of a workflow. Default: all. */
  readonly workflow?: string | undefined;
  /** A version of the workflow. Default: all. */
  readonly version?: string | undefined;
  /** The earliest time of creation, in epoch milliseconds. Default: no limit. */
  readonly after?: number | undefined;
  /** Exclusive upper limit of the time of creation, in epoch milliseconds. Default: no limit. */
  readonly before?: number | undefined;
  /**
   * A text that the id or the error of the run contains, from 1 to 500 characters. The case of ASCII letters is
   * ignored. There are no wildcards. Default: all runs.
   */
  readonly text?: string | undefined;
  /** The order by time of creation: `newest` or `oldest` first. Default: `newest`. */
  readonly order?: 'newest' | 'oldest' | undefined;
  /** Maximum number of runs: a whole number from 1 to 1000. Default: 50. */
  readonly limit?: number | undefined;
  /** The `cursor` of the previous page. Default: the first page. */
  readonly cursor?: string | undefined;
}

/**
 * A query for `RunInfoStore.listRuns`: a `RunFilter` with its defaults filled in. A run must match all fields. A field
 * that is `undefined` matches any value.
 */
export interface RunQuery {
  readonly statuses: readonly RunStatus[] | undefined;
  readonly workflow: string | undefined;
  readonly version: string | undefined;
  /** The earliest time of creation: a whole number, in epoch milliseconds. */
  readonly after: number;
  /** Exclusive upper limit of the time of creation: a whole number, in epoch milliseconds. */
  readonly before: number;
  /** A text that the id or the error contains. The case of ASCII letters is ignored. */
  readonly text: string | undefined;
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** The last run of the previous page. Only runs after it match. */
  readonly cursor: RunCursor | undefined;
}

/**
 * A position in a list of runs: the last run of a page. The next page continues after it. Lists are ordered by time of
 * creation, then by id.
 */
export interface RunCursor {
  readonly createdAt: number;
  readonly runId: string;
}

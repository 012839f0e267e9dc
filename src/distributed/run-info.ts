/**
 * How a run stands.
 *
 *     scheduled ─► running ◄─► awaiting (nothing to do until a signal or a time comes)
 *                  │  ▲  ▲
 *           paused ◄──┘  └── retry of a failed, cancelled or stalled run
 *                  ▼
 *                  completed | failed | cancelled | stalled
 *
 * A run that is resumed or retried before its start is scheduled again.
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

/** Those in which a run is under way. */
export const activeStatuses: readonly RunStatus[] = ['scheduled', 'running', 'awaiting', 'paused'];
/** Those in which it is over. */
export const finishedStatuses: readonly RunStatus[] = ['completed', 'failed', 'cancelled', 'stalled'];
/** All of them, in the order of a run's life. */
export const runStatuses: readonly RunStatus[] = [...activeStatuses, ...finishedStatuses];

/** How many runs stand how: all statuses, with 0 for those that no run has. */
export type RunCounts = Readonly<Record<RunStatus, number>>;

/** The counts of those statuses that are there. */
export function countsFrom(entries: Iterable<readonly [status: RunStatus, count: number]>): RunCounts {
  const counts = Object.fromEntries(runStatuses.map((status) => [status, 0])) as Record<RunStatus, number>;
  for (const [status, count] of entries) counts[status] += count;
  return counts;
}

/** Whether a run that stands so is over. */
export function isFinished(status: RunStatus): boolean {
  return finishedStatuses.includes(status);
}

/**
 * What there is to know of a run without looking into it. Times are the engine's, in epoch milliseconds.
 *
 * `Output` is the type of the last node's output, which the types do not know: it is for the caller to say.
 */
export interface RunInfo<Output = unknown> {
  readonly runId: string;
  /** Which of the runs that had this id over time; `undefined` for a run that a version up to 0.7 has begun. */
  readonly incarnation?: number | undefined;
  /** Id of the workflow. */
  readonly workflow: string;
  /** Of the workflow: what its author says, else a hash of its nodes and edges. */
  readonly version: string;
  readonly status: RunStatus;
  /** 0 goes first, 2097151 last. */
  readonly priority: number;
  readonly createdAt: number;
  /** When it is to start, or was; later than `createdAt` for a delayed start. */
  readonly startAt: number;
  /** When something was last committed. */
  readonly updatedAt: number;
  readonly finishedAt: number | undefined;
  /** When its timeout strikes; `undefined` for never. */
  readonly deadline: number | undefined;
  /** For how many milliseconds it is kept when it is over; `undefined` for ever. */
  readonly retention: number | undefined;
  /** The output of its last node, once it is completed. */
  readonly output: Output;
  /** Why it failed, was cancelled or has stalled. */
  readonly error: string | undefined;
}

/** A run as engines keep it: the output is text. */
export interface RunRecord extends Omit<RunInfo, 'output'> {
  readonly output: string | undefined;
}

/** Which runs, and in which order. */
export interface RunFilter {
  /** One, or several. Default: all. */
  readonly status?: RunStatus | readonly RunStatus[] | undefined;
  /** Id of a workflow. Default: all. */
  readonly workflow?: string | undefined;
  /** Of the workflow. Default: all. */
  readonly version?: string | undefined;
  /** Only runs created at this time or later, in epoch milliseconds. Default: all. */
  readonly after?: number | undefined;
  /** Only runs created before this time, in epoch milliseconds. Default: all. */
  readonly before?: number | undefined;
  /**
   * Only runs whose id or error contains this, whatever the case of its ASCII letters; all other characters stand for
   * themselves. Not empty, at most 500 characters. Default: all.
   */
  readonly text?: string | undefined;
  /** By time of creation. Default: `newest` first. */
  readonly order?: 'newest' | 'oldest' | undefined;
  /** How many at most: a whole number from 1 to 1000. Default: 50. */
  readonly limit?: number | undefined;
  /** Where the page before has ended: its `cursor`. Default: the first page. */
  readonly cursor?: string | undefined;
}

/** A filter as engines get it: complete. */
export interface RunQuery {
  readonly statuses: readonly RunStatus[] | undefined;
  readonly workflow: string | undefined;
  readonly version: string | undefined;
  /** Times are whole numbers. */
  readonly after: number;
  readonly before: number;
  /** What the id or the error has to contain, whatever the case of its ASCII letters. */
  readonly text: string | undefined;
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  readonly cursor: RunCursor | undefined;
}

/** The last run of a page. */
export interface RunCursor {
  readonly createdAt: number;
  readonly runId: string;
}

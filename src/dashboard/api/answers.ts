import type { RunMetrics, RunStatus, WorkerHealth } from '../../distributed/index.js';
import type { LoopMetrics, QueueMetrics, WorkflowHealth } from '../../loops/index.js';

/**
 * What the dashboard's server and its page (and the command line, over HTTP) say to each other. All is JSON; times are
 * epoch milliseconds of the engine, durations milliseconds. Addresses are relative to where the dashboard is mounted.
 *
 *     GET  api/overview                         Overview
 *     GET  api/runs?status&workflow&text&after&before&order&limit&cursor     RunsPage (status: several, comma-separated)
 *     GET  api/runs/:runId                      RunDetail
 *     GET  api/runs/:runId/events?after&limit   EventsPage
 *     POST api/runs/:runId/pause | resume | retry
 *     POST api/runs/:runId/cancel               { reason? }
 *     POST api/runs/:runId/signal               { event, payload? }
 *     GET  api/workers                          WorkerView[]
 *     POST api/workers/:workerId/forget         one that is silent is listed no longer; answers { forgotten }, whether there was one
 *     GET  api/queues                           QueuesView
 *     GET  api/loops                            LoopsView
 *     POST api/loops/:loopId/start | stop | pause | resume      (stop: { timeout? })
 *     GET  api/dead-letters?loop&limit          DeadLettersView, the newest first
 *     POST api/dead-letters/replay              { id? }, all without one; answers { replayed }
 *     GET  api/stream?run                       server-sent events: StreamEvents, by name (run: any number of them, up to 100)
 *
 * An id in an address is encoded by `encodeURIComponent`, with a `~` before it if it is `.` or `..`: see `segmentOf`.
 *
 * A `POST` needs `authorization: Bearer <token>`, `content-type: application/json`, and, from a browser, the same origin.
 * It answers 200 with `{}` unless said otherwise. What cannot be done answers with a status of 4xx or 5xx and `Problem`.
 */
export interface Problem {
  readonly error: {
    /** `unauthorized`, `forbidden`, `not-found`, `conflict`, `invalid`, `unavailable`, `internal`. */
    readonly code: string;
    readonly message: string;
  };
}

/** How everything stands. What is not watched by this dashboard is not there. */
export interface Overview {
  readonly title: string;
  /** Of the package. */
  readonly version: string;
  readonly time: number;
  /** Whether anything can be changed here at all. */
  readonly hasActions: boolean;
  readonly distributed?: {
    /** What the engine is and where. */
    readonly engine: string;
    readonly workflows: readonly { readonly id: string; readonly version: string }[];
    readonly runs: Readonly<Record<RunStatus, number>>;
    readonly queue: { readonly waiting: number; readonly delayed: number; readonly active: number };
    readonly workers: { readonly alive: number; readonly silent: number };
  };
  readonly loops?: {
    readonly status: WorkflowHealth['status'];
    readonly running: number;
    readonly total: number;
    readonly iterationsPerSecond: number;
    readonly deadLetters: number;
  };
}

/** A value of a run: text to be shown as it is. Keys that hold secrets are redacted in it. */
export interface ValueView {
  /** JSON, indented, as far as it is JSON; what is none (dates, maps, errors) is written as text. */
  readonly text: string;
  /** Of the whole, in characters. */
  readonly length: number;
  /** Whether `text` is only its beginning. */
  readonly isTruncated: boolean;
}

export interface ErrorView {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorView;
  /** Of an `AggregateError`. */
  readonly errors?: readonly ErrorView[];
}

export interface RunSummary {
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  readonly priority: number;
  readonly createdAt: number;
  readonly startAt: number;
  readonly updatedAt: number;
  readonly finishedAt?: number;
  readonly deadline?: number;
  /** At most 1,000 characters in a list, 20,000 in `RunDetail`. */
  readonly error?: string;
}

export interface RunsPage {
  readonly runs: readonly RunSummary[];
  /** For the next page; missing on the last. */
  readonly cursor?: string;
}

/**
 * How a node stands: `pending`: its turn has not come; `unreached`: the run was over before its turn. Else it waits in the queue, is executed, will be tried again, waits for something
 * outside, or has ended; `recovered`: a fallback stood in for it; `cut`: the run was over before it was.
 */
export type NodeStatus =
  | 'pending'
  | 'unreached'
  | 'queued'
  | 'running'
  | 'retrying'
  | 'awaiting'
  | 'completed'
  | 'skipped'
  | 'failed'
  | 'recovered'
  | 'cut';

export interface NodeView {
  readonly id: string;
  /** `function`, or what is built in: `subflow`, `batch`, `wait`, `sleep`. */
  readonly kind: string;
  readonly status: NodeStatus;
  /** Executions so far. A wait and what ends it are one. */
  readonly attempts: number;
  /** Sum of their durations, and of the waits that are over. */
  readonly duration: number;
  /** The event that it waits for. */
  readonly event?: string;
  /** Since when it waits. */
  readonly since?: number;
  /** When its waiting ends by itself. */
  readonly until?: number;
  readonly output?: ValueView;
}

export interface EdgeView {
  readonly source: string;
  readonly target: string;
  /** Action or condition. */
  readonly label?: string;
  /** A dashed edge: the target stands in when the source has failed. */
  readonly isFallback: boolean;
}

/** One execution of a node. */
export interface AttemptView {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  readonly status: 'running' | 'completed' | 'failed' | 'retrying' | 'awaiting';
  readonly startedAt: number;
  /** For `awaiting` until the wait was over. Missing while it runs or waits. */
  readonly duration?: number;
  readonly workerId?: string;
  readonly error?: ErrorView;
}

export interface RunDetail {
  readonly run: RunSummary;
  /** The engine's time of this answer. */
  readonly time: number;
  /** Missing where nobody knows the workflow's graph (its blueprint is not on the engine). */
  readonly graph?: { readonly nodes: readonly NodeView[]; readonly edges: readonly EdgeView[] };
  /** In order of their begin; the last 1000. */
  readonly attempts: readonly AttemptView[];
  readonly input?: ValueView;
  readonly output?: ValueView;
  readonly context?: ValueView;
  /** In order; the last 1000. */
  readonly errors: readonly {
    readonly nodeId: string;
    readonly visit: number;
    readonly attempt: number;
    readonly time: number;
    readonly workerId: string;
    readonly isFinal: boolean;
    readonly error: ErrorView;
  }[];
  readonly metrics?: Omit<RunMetrics, 'steps'>;
  /** Events that the run waits for: what can be signalled. */
  readonly awaiting: readonly string[];
}

export interface EventView {
  readonly seq: number;
  readonly time: number;
  readonly type: string;
  readonly nodeId?: string;
  readonly attempt?: number;
  readonly workerId?: string;
  readonly duration?: number;
  /** What else there is to say: a status, the name of a signal, an error's message. */
  readonly detail?: string;
}

export interface EventsPage {
  /** In order, those behind `after`; at most `limit` (default 200, at most 1000). */
  readonly events: readonly EventView[];
  /** Whether there are more behind these. */
  readonly hasMore: boolean;
}

export interface WorkerView extends WorkerHealth {
  /** When it gave its last sign of life. */
  readonly seenAt: number;
}

export interface QueuesView {
  /** The fleet's. */
  readonly fleet?: { readonly waiting: number; readonly delayed: number; readonly active: number };
  /** Those between loops. */
  readonly loops: readonly QueueMetrics[];
}

export interface LoopsView {
  readonly status: WorkflowHealth['status'];
  readonly loops: readonly LoopMetrics[];
}

export interface DeadLetterView {
  readonly id: number;
  readonly loopId: string;
  readonly nodeId: string;
  readonly iteration: number;
  readonly time: number;
  readonly value: ValueView;
  readonly error: ErrorView;
  /** The queue that it came from, and would go back to. */
  readonly queue?: string;
}

export interface DeadLettersView {
  readonly letters: readonly DeadLetterView[];
  /** How many there are in all. */
  readonly total: number;
  /** How many had to make room for newer ones. */
  readonly dropped: number;
}

export interface EngineView {
  readonly isAnswering: boolean;
  /** When it answered last, or first did not; by this server's clock. */
  readonly since: number;
  /** Why it does not. */
  readonly problem?: string;
}

/**
 * What is told as it happens. Each is sent at most four times a second, with what has come together since; who reads
 * slowly gets fewer, never a backlog. After a reconnection the first of each says how things stand.
 */
export interface StreamEvents {
  overview: Overview;
  /** Runs whose status has changed, by id; at most 200. `hasMore`: there were more, so a list is to be read anew. */
  runs: { readonly changed: readonly Pick<RunSummary, 'runId' | 'status'>[]; readonly hasMore: boolean };
  /** Something has happened in a run that was asked for with `?run=`. */
  run: { readonly runId: string };
  workers: readonly WorkerView[];
  queues: QueuesView;
  loops: LoopsView;
  deadLetters: { readonly total: number };
  /** Whether the engine answers; how things stand in runs, workers and the fleet's queue is not known while it does not. */
  engine: EngineView;
}

import type { RunMetrics, RunStatus, SignalOutcome, WorkerHealth } from '../../distributed/index.js';
import type { LoopMetrics, QueueMetrics, WorkflowHealth } from '../../loops/index.js';

/**
 * The HTTP API between the dashboard's server and its clients: the page and the command line. Bodies are JSON. Times
 * are epoch milliseconds by the engine's clock, durations are milliseconds. Addresses are relative to the mount path.
 *
 *     GET  api/overview                         Overview
 *     GET  api/runs?status&workflow&text&after&before&order&limit&cursor
 *                                               RunsPage; status: one or more, comma-separated
 *     GET  api/runs/:runId                      RunDetail
 *     GET  api/runs/:runId/events?after&limit   EventsPage
 *     POST api/runs/:runId/pause | resume | retry
 *     POST api/runs/:runId/cancel               { reason? }
 *     POST api/runs/:runId/signal               { event, payload?, id? }
 *     GET  api/workers                          WorkerView[]
 *     POST api/workers/:workerId/forget         removes a silent worker; answers { forgotten }: false if it was unknown
 *     GET  api/queues                           QueuesView
 *     GET  api/loops                            LoopsView
 *     POST api/loops/:loopId/start | stop | pause | resume      (stop: { timeout?, deadline? })
 *     GET  api/dead-letters?loop&limit          DeadLettersView, newest first
 *     POST api/dead-letters/replay              { id? }; without an id all are replayed; answers { replayed }
 *     GET  api/stream?run                       server-sent events, as in StreamEvents; run: up to 100 times
 *
 * An id in an address is encoded by `segmentOf`.
 *
 * A `POST` needs `authorization: Bearer <token>`, `content-type: application/json` and, from a browser, the same
 * origin. The answer is 200 with `{}` unless noted otherwise. Failures answer with a status of 4xx or 5xx and a
 * `Problem`.
 */
export interface Problem {
  readonly error: {
    /** `unauthorized`, `forbidden`, `not-found`, `conflict`, `invalid`, `unavailable` or `internal`. */
    readonly code: string;
    readonly message: string;
  };
}

/** Summary of everything. `distributed` and `loops` are missing if the dashboard was created without them. */
export interface Overview {
  readonly title: string;
  /** Version of the package. */
  readonly version: string;
  readonly time: number;
  /** If false, the dashboard is read-only. */
  readonly hasActions: boolean;
  readonly distributed?: {
    /** Name of the engine, with its location if it has one. */
    readonly engine: string;
    readonly workflows: readonly { readonly id: string; readonly version: string }[];
    readonly runs: Readonly<Record<RunStatus, number>>;
    readonly queue: { readonly waiting: number; readonly delayed: number; readonly active: number };
    readonly workers: { readonly alive: number; readonly silent: number };
    /** For each shard that does not answer, its error. All lists and counts lack its runs and workers. */
    readonly missing?: readonly string[];
  };
  readonly loops?: {
    readonly status: WorkflowHealth['status'];
    readonly running: number;
    readonly total: number;
    readonly iterationsPerSecond: number;
    readonly deadLetters: number;
  };
}

/** A value of a run as text, ready for display. Secrets are redacted. */
export interface ValueView {
  /** Indented JSON. Values that JSON cannot express (dates, maps, errors) are written as readable text. */
  readonly text: string;
  /** Length of the whole text, in characters. */
  readonly length: number;
  /** If true, `text` is only the beginning of the whole text. */
  readonly isTruncated: boolean;
}

export interface ErrorView {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorView;
  /** The errors inside an `AggregateError`. */
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
  /** The error's text: at most 1,000 characters in a list, 20,000 in `RunDetail`. */
  readonly error?: string;
}

export interface RunsPage {
  readonly runs: readonly RunSummary[];
  /** Cursor of the next page; missing on the last page. */
  readonly cursor?: string;
}

/**
 * Status of a node in a run:
 *
 * - `pending`: not ready yet; `unreached`: the run ended before the node became ready
 * - `queued`, `running`, `retrying`: waits in the queue, is being executed, waits for its next attempt
 * - `awaiting`: waits for an event or a time
 * - `completed`, `skipped`, `failed`: has ended
 * - `recovered`: failed, and a fallback ran instead
 * - `cut`: had started or was ready when the run ended
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
  /** `function`, or a built-in kind: `subflow`, `batch`, `wait`, `sleep`. */
  readonly kind: string;
  readonly status: NodeStatus;
  /** Number of executions so far. A wait and the step that ends it count as one execution. */
  readonly attempts: number;
  /** Sum of the durations of executions and of finished waits, in milliseconds. */
  readonly duration: number;
  /** Name of the event that the node waits for. */
  readonly event?: string;
  /** Time at which the current wait began. */
  readonly since?: number;
  /** Time at which the wait ends by itself. */
  readonly until?: number;
  readonly output?: ValueView;
}

export interface EdgeView {
  readonly source: string;
  readonly target: string;
  /** Action or condition of the edge. */
  readonly label?: string;
  /** If true, the edge leads to a fallback, which runs if the source fails. Drawn dashed. */
  readonly isFallback: boolean;
}

/** An execution of a node. */
export interface AttemptView {
  readonly nodeId: string;
  readonly visit: number;
  readonly attempt: number;
  readonly status: 'running' | 'completed' | 'failed' | 'retrying' | 'awaiting';
  readonly startedAt: number;
  /** Duration in milliseconds. For `awaiting`, the time until the wait ended. Missing while the node runs or waits. */
  readonly duration?: number;
  readonly workerId?: string;
  readonly error?: ErrorView;
}

export interface RunDetail {
  readonly run: RunSummary;
  /** Time of this answer by the engine's clock. */
  readonly time: number;
  /** The workflow's graph; missing if the engine does not have its blueprint. */
  readonly graph?: { readonly nodes: readonly NodeView[]; readonly edges: readonly EdgeView[] };
  /** The last 1,000 attempts, in the order of their start. */
  readonly attempts: readonly AttemptView[];
  readonly input?: ValueView;
  readonly output?: ValueView;
  readonly context?: ValueView;
  /** The last 1,000 errors, in order. */
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
  /** Names of the events that the run waits for and that can be signalled. */
  readonly awaiting: readonly string[];
  /**
   * The payloads that the events in `awaiting` expect, by event, in the notation of TypeScript: `{ by: string }`. Events
   * without a schema are left out. Missing if there are none.
   */
  readonly expects?: Readonly<Record<string, string>>;
}

/** The answer to a signal. */
export interface SignalAnswer {
  readonly outcome: SignalOutcome;
}

export interface EventView {
  readonly seq: number;
  readonly time: number;
  readonly type: string;
  readonly nodeId?: string;
  readonly attempt?: number;
  readonly workerId?: string;
  readonly duration?: number;
  /** Further information: a status, the name of a signal, an error's message. */
  readonly detail?: string;
}

export interface EventsPage {
  /** The events after `after`, in order; at most `limit` (default: 200, maximum: 1,000). */
  readonly events: readonly EventView[];
  /** If true, more events follow these. */
  readonly hasMore: boolean;
}

export interface WorkerView extends WorkerHealth {
  /** Time at which the worker last reported that it is alive. */
  readonly seenAt: number;
}

export interface QueuesView {
  /** The queue of the fleet. */
  readonly fleet?: { readonly waiting: number; readonly delayed: number; readonly active: number };
  /** The queues between loops. */
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
  /** Queue that the message came from. A replay puts the message back there. */
  readonly queue?: string;
}

export interface DeadLettersView {
  readonly letters: readonly DeadLetterView[];
  /** Number of all dead letters. */
  readonly total: number;
  /** Number of dead letters that were dropped to make room for newer ones. */
  readonly dropped: number;
}

export interface EngineView {
  readonly isAnswering: boolean;
  /** Time of the last answer, by the clock of the dashboard's server. */
  readonly since: number;
  /** Reason why the engine does not answer. */
  readonly problem?: string;
}

/**
 * Events of the stream, by name. Each is sent at most four times a second and combines everything since the previous
 * event of its name. A slow reader gets fewer events, never a backlog. After a reconnection the first event of each
 * name carries the current state.
 */
export interface StreamEvents {
  overview: Overview;
  /**
   * Ids and statuses of changed runs, at most 200. `hasMore`: more runs may have changed, so the list must be read
   * again.
   */
  runs: { readonly changed: readonly Pick<RunSummary, 'runId' | 'status'>[]; readonly hasMore: boolean };
  /** A run that was requested with `?run=` has changed. */
  run: { readonly runId: string };
  workers: readonly WorkerView[];
  queues: QueuesView;
  loops: LoopsView;
  deadLetters: { readonly total: number };
  /**
   * Health of the engine. While the engine does not answer, the states of runs, workers and the fleet's queue are
   * unknown.
   */
  engine: EngineView;
}

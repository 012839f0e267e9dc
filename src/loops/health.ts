import type { Carrier } from '../kernel/instrumentation.js';

/**
 * How a loop stands.
 *
 *     stopped ─► starting ─► running ◄─► paused
 *        ▲          │          │  ▲         │
 *        │          ▼          ▼  │         │
 *        │        error ◄── restarting      │
 *        └───────────── stopping ◄──────────┘
 */
export type LoopState = 'stopped' | 'starting' | 'running' | 'paused' | 'restarting' | 'stopping' | 'error';

/** How a loop has ended. */
export interface LoopEnd {
  /** `done`: its producer has no more. `stopped`: it was asked to. `drained`: so is what it reads. */
  readonly reason: 'done' | 'stopped' | 'drained' | 'error';
  readonly error?: Error | undefined;
}

/** How a node stands: its last call has succeeded, or failed, or is being tried again. */
export type NodeState = 'healthy' | 'failing' | 'retrying';

/** Milliseconds, as quantiles. Within 12.5 % of the true value. */
export interface Durations {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What a node has done since its loop was started. */
export interface NodeHealth {
  readonly nodeId: string;
  readonly state: NodeState;
  readonly calls: number;
  readonly errors: number;
  readonly retries: number;
  /** Calls of a non-blocking node that were left out since too many were under way. */
  readonly dropped: number;
  /** Calls of a non-blocking node that are under way. */
  readonly inFlight: number;
  /** What it has failed with last. */
  readonly error: string | undefined;
}

/** What a loop has done since it was started. */
export interface LoopMetrics {
  readonly loopId: string;
  readonly state: LoopState;
  readonly iterations: number;
  /** In the last second or more. */
  readonly iterationsPerSecond: number;
  readonly errors: number;
  readonly restarts: number;
  /** Ticks of the schedule that were passed over. */
  readonly missedTicks: number;
  /** Calls of non-blocking nodes that are under way. */
  readonly inFlight: number;
  /** Of iterations, without what non-blocking nodes go on with. */
  readonly durations: Durations;
  readonly nodes: readonly NodeHealth[];
  /** What has ended it. */
  readonly error: string | undefined;
}

/** What a queue holds. */
export interface QueueMetrics {
  readonly queue: string;
  /** Messages that nobody has. */
  readonly depth: number;
  /** Messages that loops have, and have not acknowledged. */
  readonly unacknowledged: number;
  readonly capacity: number;
  /** Milliseconds since the oldest message that nobody has was pushed. */
  readonly age: number;
  readonly pushed: number;
  readonly acknowledged: number;
  readonly dropped: number;
  /** How many wait for room. */
  readonly blocked: number;
}

/** What was in a node when it failed. */
export interface DeadLetter {
  readonly id: number;
  readonly loopId: string;
  readonly nodeId: string;
  readonly iteration: number;
  /** What the node got. */
  readonly value: unknown;
  readonly error: unknown;
  readonly time: number;
  /** The message that the iteration came from, where it came from one. */
  readonly message?: LetterMessage | undefined;
}

/** What is kept of the message of a dead letter. */
export interface LetterMessage {
  readonly queue: string;
  readonly id: number;
  readonly value: unknown;
  /** The trace that it was pushed in: what is replayed goes on with it. */
  readonly carrier?: Carrier | undefined;
}

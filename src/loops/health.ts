import type { Carrier } from '../kernel/hooks/instrumentation.js';

/**
 * State of a loop.
 *
 *     stopped ─► starting ─► running ◄─► paused
 *        ▲          │          │  ▲         │
 *        │          ▼          ▼  │         │
 *        │        error ◄── restarting      │
 *        └───────────── stopping ◄──────────┘
 *
 * `restarting` covers the back-off after a failed node or a crashed thread or process. A loop in the state `error` has
 * ended and can be started again.
 */
export type LoopState = 'stopped' | 'starting' | 'running' | 'paused' | 'restarting' | 'stopping' | 'error';

/**
 * The end of one life of a loop: the reason, and the error for the reason `error`. A `LoopManager` resolves `ended`
 * with this object. `StopReport` has more reasons, for loops that were aborted or crashed.
 */
export interface LoopEnd {
  /**
   * `done`: the producer returned `done`. `stopped`: the loop was stopped. `drained`: the loop was stopped and its
   * queue is empty. `error`: an error policy ended the loop.
   */
  readonly reason: 'done' | 'stopped' | 'drained' | 'error';
  /** The error that ended the loop, for the reason `error`. */
  readonly error?: Error | undefined;
}

/**
 * State of a node. `healthy`: its last call completed. `failing`: its last call failed. `retrying`: a call has failed
 * at least once and is being retried. A node that was never called is `healthy`.
 */
export type NodeState = 'healthy' | 'failing' | 'retrying';

/**
 * Quantiles of the durations of iterations, in milliseconds, within 12.5 % of the true value; `max` is exact. All are 0
 * before the first iteration. Excludes the time during which calls of non-blocking nodes continue after the rest of the
 * iteration.
 */
export interface Durations {
  /** Median. */
  readonly p50: number;
  /** 90th percentile. */
  readonly p90: number;
  /** 99th percentile. */
  readonly p99: number;
  /** The longest duration. */
  readonly max: number;
}

/**
 * State and counters of one node. The counters cover the current life of the loop, including restarts by an error
 * policy. Part of `LoopMetrics`.
 */
export interface NodeHealth {
  /** Id of the node. */
  readonly nodeId: string;
  /** State of the node. */
  readonly state: NodeState;
  /** Calls of the node. */
  readonly calls: number;
  /** Calls that failed after all retries. */
  readonly errors: number;
  /** Retries of calls: all attempts except the first attempt of each call. */
  readonly retries: number;
  /** Calls of a non-blocking node that were skipped because `maxInFlight` calls were in flight. */
  readonly dropped: number;
  /** Calls of a non-blocking node that have not ended yet. */
  readonly inFlight: number;
  /** Text of the last error of the node, if any. */
  readonly error: string | undefined;
}

/**
 * State and figures of one loop. `iterations`, `errors` and `restarts` add up over all starts and crashes of the loop
 * in this program; the other figures cover its latest life. Figures of loops in threads and processes are up to 200 ms
 * old. Read with `WorkflowOrchestrator.metrics()`.
 */
export interface LoopMetrics {
  /** Id of the loop. */
  readonly loopId: string;
  /** State of the loop. */
  readonly state: LoopState;
  /** Iterations that ended. */
  readonly iterations: number;
  /** Iterations per second, averaged over at least the last second. */
  readonly iterationsPerSecond: number;
  /** Calls of nodes that failed. */
  readonly errors: number;
  /** Restarts after failed nodes and after crashes. */
  readonly restarts: number;
  /** Ticks of the schedule that were skipped. */
  readonly missedTicks: number;
  /** Calls of non-blocking nodes that have not ended yet. */
  readonly inFlight: number;
  /** Durations of iterations, excluding the time during which calls of non-blocking nodes continue afterwards. */
  readonly durations: Durations;
  /** State and counters of each node. */
  readonly nodes: readonly NodeHealth[];
  /** Text of the error that ended, paused or restarted the loop, if any. */
  readonly error: string | undefined;
}

/**
 * Current content and counters of one queue. The counters cover the time since the program was started. For a topic,
 * `depth`, `unacknowledged`, `capacity`, `age` and `blocked` are those of the slowest reader.
 */
export interface QueueMetrics {
  /** Name of the queue. */
  readonly queue: string;
  /** Messages that no loop has taken. */
  readonly depth: number;
  /** Messages that loops have taken but not yet acknowledged. */
  readonly unacknowledged: number;
  /** Maximum number of messages in the queue. */
  readonly capacity: number;
  /** Milliseconds since the push of the oldest message that no loop has taken. 0 if all messages are taken. */
  readonly age: number;
  /** Messages that were added. */
  readonly pushed: number;
  /** Messages that were acknowledged, or that became dead letters after `maxDeliveries` deliveries. */
  readonly acknowledged: number;
  /** Messages that the overflow policy dropped. */
  readonly dropped: number;
  /** Pushes that wait for room. */
  readonly blocked: number;
}

/**
 * The input of a failed node, with the error. Kept until the work is replayed with `deadLetters.replay(id)`, or the
 * dead letter is removed with `deadLetters.remove(id)`. Failed producers leave no dead letter.
 */
export interface DeadLetter {
  /** Number of the dead letter, unique within the workflow. */
  readonly id: number;
  /** Id of the loop. */
  readonly loopId: string;
  /** Id of the failed node. Empty for a message that reached the `maxDeliveries` of its queue. */
  readonly nodeId: string;
  /** Number of the iteration that failed. */
  readonly iteration: number;
  /** The input of the node. */
  readonly value: unknown;
  /** The error of the node. */
  readonly error: unknown;
  /** Time of the failure, in epoch milliseconds. */
  readonly time: number;
  /** The message of the iteration. Absent if the iteration has no message or more than one. */
  readonly message?: LetterMessage | undefined;
}

/**
 * The fields of a message that its dead letter keeps. Replaying the dead letter pushes `value` to `queue` again, as a
 * new message with a new id.
 */
export interface LetterMessage {
  /** Name of the queue. */
  readonly queue: string;
  /** Number of the message in its queue. */
  readonly id: number;
  /** The value that was pushed. */
  readonly value: unknown;
  /** Trace context of the push. A replay continues this trace. */
  readonly carrier?: Carrier | undefined;
}

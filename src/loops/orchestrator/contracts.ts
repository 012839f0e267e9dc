import type { Orchestrator } from '../../kernel/orchestrator.js';
import type { Logger } from '../../shared/logger.js';
import type { LoopDefinition, LoopRegistry, PlacedLoop } from '../definition.js';
import type { LoopFault, LoopStoreError } from '../errors.js';
import type { DeadLetter, LoopMetrics, LoopState, NodeState, QueueMetrics } from '../health.js';
import type { Loop } from '../loop.js';
import type { Disputed, TypedQueues } from '../queue.js';
import type { LoopStore } from '../store/contracts.js';
import type { StopReport } from './stop-report.js';

/**
 * Options of `new WorkflowOrchestrator(options)`. All are optional. Without a `store`, queues, cursors and dead letters
 * are lost when the program ends; without a `logger`, nothing is printed.
 */
export interface WorkflowOrchestratorOptions {
  /** Implementations of nodes by name, for loops as data. Default: none. */
  readonly registry?: LoopRegistry | undefined;
  /**
   * Orchestrator whose hooks, middleware and policies apply to the nodes. Used for loops that live on the event loop
   * and have no orchestrator of their own. Default: a new orchestrator for each loop.
   */
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly orchestrator?: Orchestrator<any> | undefined;
  /**
   * Store for messages, cursors, dead letters and the desired states of loops, for example `lmdbStore(directory)`.
   * Default: none, so all of these are lost when the program ends.
   */
  readonly store?: LoopStore | undefined;
  /** Milliseconds between `metrics` events, at least 10. Default: 1000. */
  readonly metricsInterval?: number | undefined;
  /**
   * Maximum number of dead letters. When the limit is exceeded, the oldest dead letter is deleted and reported by the
   * event `deadLetterDropped`. Default: 1000.
   */
  readonly deadLetterCapacity?: number | undefined;
  /**
   * Logger for state changes of loops and nodes, failures, deleted dead letters, warnings, and store failures. Accepts
   * pino, console or any object with the same methods. Default: none.
   */
  readonly logger?: Logger | undefined;
}

/**
 * A loop in any form that `load` accepts: a `Loop`, an object with a `Loop` and its `Placement`, or a `PlacedLoop` as
 * data. Only a `ModuleLoop` can live in a thread or process.
 */
export type LoadedLoop = Loop | (Omit<PlacedLoop, keyof LoopDefinition> & { readonly loop: Loop }) | PlacedLoop;

/**
 * Argument of `WorkflowOrchestrator.load`: loops, and the queues between them. Several calls of `load` build up one
 * workflow, so ids of loops and names of queues have to be unique across all calls.
 */
export interface LoopWorkflow<
  Queues extends TypedQueues = TypedQueues,
  Loops extends readonly LoadedLoop[] = readonly LoadedLoop[],
> {
  /** Queues by name. With `queue` they have types. Default: none. */
  readonly queues?: Queues | undefined;
  /** Loops in any form that `load` accepts. */
  readonly loops: Loops;
}

/** The queues of a loop, as far as the types know them. */
export type QueuesOf<Loaded> =
  Loaded extends Loop<infer _Value, infer Queues, infer _Nodes, infer _Mistakes>
    ? Queues
    : Loaded extends { readonly loop: infer Own }
      ? QueuesOf<Own>
      : never;

/** Refuses loops that use a queue with messages of different types. */
export type Agreeing<Queues> = [Disputed<Queues>] extends [never]
  ? unknown
  : { readonly loops: `the messages of queue "${Disputed<Queues>}" have different types` };

/**
 * Options of `WorkflowOrchestrator.stop`: the loop to stop, the time limit, and the handling of messages that are still
 * in queues. Without options, all loops drain their queues and stop within 10 s.
 */
export interface StopOptions {
  /** Id of the loop to stop. Default: all loops. */
  readonly loopId?: string | undefined;
  /**
   * Milliseconds until the signals of nodes abort. A loop that does not end within another second is terminated or, on
   * the event loop, abandoned. Default: 10000.
   */
  readonly timeout?: number | undefined;
  /** @deprecated Use `timeout`. */
  readonly deadline?: number | undefined;
  /**
   * If true, loops that read queues continue until these queues are empty. Default: true if all loops are stopped,
   * false for a single loop.
   */
  readonly drain?: boolean | undefined;
}

/**
 * Options of `WorkflowOrchestrator.close`: the time limit, and the handling of messages that are still in queues.
 * Without options, all loops drain their queues and stop within 10 s.
 */
export interface CloseOptions {
  /**
   * Milliseconds until the signals of nodes abort. A loop that does not end within another second is terminated or, on
   * the event loop, abandoned. Another call of `close` can only shorten the remaining time. Default: 10000.
   */
  readonly timeout?: number | undefined;
  /** @deprecated Use `timeout`. */
  readonly deadline?: number | undefined;
  /** If true, loops that read queues continue until these queues are empty. Default: true. */
  readonly drain?: boolean | undefined;
}

/**
 * Result of `stop` and `close`: the end of each loop that was running, and the work that was left unfinished. With a
 * store, unfinished messages are delivered again after the next start.
 */
export interface StopSummary {
  /** A report for each loop that was running. */
  readonly loops: readonly StopReport[];
  /** Iterations and calls of non-blocking nodes that had not ended. */
  readonly abandoned: number;
  /** Messages and waiting pushes that remain in the queues. With a store, the messages are kept for the next start. */
  readonly messages: number;
}

/**
 * Events of a `WorkflowOrchestrator`, by name, with their arguments. Subscribe with `orchestrator.on(name, listener)`.
 * An error in a listener becomes an uncaught exception of the program but does not fail a loop.
 */
export interface WorkflowEvents {
  /** A loop has a new state. `error` is the error that caused the state, if any. */
  state: [event: { readonly loopId: string; readonly state: LoopState; readonly error?: unknown }];
  /** A node has a new state. */
  node: [
    event: {
      readonly loopId: string;
      readonly nodeId: string;
      readonly state: NodeState;
      /** The error of the failed attempt, for the state `retrying`. */
      readonly error?: unknown;
    },
  ];
  /** A call of a node failed. `nodeId` is empty if the whole thread or process crashed. */
  failure: [
    event: { readonly loopId: string; readonly nodeId: string; readonly iteration: number; readonly error: unknown },
  ];
  /** A dead letter was added. */
  deadLetter: [letter: DeadLetter];
  /**
   * The workflow is valid but may contain a mistake, for example several readers of a queue without a `type`. Emitted
   * before the loops start for the first time.
   */
  warning: [warning: LoopFault];
  /** A dead letter was deleted because `deadLetterCapacity` was reached. The letter is also deleted from the store. */
  deadLetterDropped: [letter: DeadLetter];
  /** The store cannot be written. If `error` is absent, the store can be written again. */
  store: [event: { readonly error?: LoopStoreError | undefined }];
  /** Current metrics, every `metricsInterval` milliseconds while a loop runs. */
  metrics: [metrics: WorkflowMetrics];
}

/**
 * Figures of all loops and queues at one moment. Returned by `WorkflowOrchestrator.metrics()`, and emitted as the event
 * `metrics` every `metricsInterval` milliseconds while a loop runs.
 */
export interface WorkflowMetrics {
  /** Figures of each loop, in the order of loading. */
  readonly loops: readonly LoopMetrics[];
  /** Figures of each queue, in the order of declaration. Empty before the first start. */
  readonly queues: readonly QueueMetrics[];
  /** Dead letters that are currently kept. */
  readonly deadLetters: number;
  /** Dead letters that were deleted because the capacity was reached, counted since the program started. */
  readonly deadLettersDropped: number;
}

/**
 * Health of the workflow and of each loop. `error`: a loop has ended with an error. `failing`: the last call of a node
 * failed or is being retried, a loop is restarting, or the store cannot be written. Otherwise `healthy`.
 */
export interface WorkflowHealth {
  /** The worst status of all loops and of the store. */
  readonly status: 'healthy' | 'failing' | 'error';
  /** The reason why the store cannot be written. Undefined if the store works. */
  readonly store: string | undefined;
  /** State, failing nodes and last error of each loop. */
  readonly loops: readonly {
    readonly loopId: string;
    readonly state: LoopState;
    readonly failing: readonly string[];
    readonly error: string | undefined;
  }[];
}

/**
 * Access to a queue for code outside loops: `push` adds messages, and `metrics` returns the figures of the queue.
 * Returned by `WorkflowOrchestrator.queue(name)`. Usable between the first start and `close`.
 *
 * @typeParam Given - the type of the values that are pushed. Default: any values
 */
// biome-ignore lint/suspicious/noExplicitAny: without a type argument the queue may hold anything
export interface QueueHandle<Given = any> {
  /**
   * Adds a message. Resolves when the queue has accepted the message and, with a store, when the message will survive a
   * crash of the program. Messages are added in the order of the calls, also if an async schema checks a later one
   * first.
   *
   * @param value - the value of the message. Has to be cloneable if the queue is stored or read in another thread or
   *   process
   * @throws {QueueFullError} if the queue is full and its policy is `fail`
   * @throws {LoopStoreError} if the message cannot be stored. A push that started while `health().store` was set is
   *   not in the queue. A push that was already waiting for the disk stays in the queue and is stored later
   * @throws {LoopStateError} before the first start and after `close`
   * @throws {ValidationError} if the schema of the queue refuses the value, with every fault and its path, and if the
   *   value cannot be cloned
   */
  push(value: Given): Promise<void>;
  /**
   * Current figures of the queue.
   *
   * @throws {LoopStateError} before the first start and after `close`
   */
  readonly metrics: QueueMetrics;
}

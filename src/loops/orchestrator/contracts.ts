import type { Orchestrator } from '../../kernel/orchestrator.js';
import type { Logger } from '../../shared/logger.js';
import type { LoopDefinition, LoopRegistry, PlacedLoop, QueueDefinition } from '../definition.js';
import type { LoopFault, LoopStoreError } from '../errors.js';
import type { DeadLetter, LoopMetrics, LoopState, NodeState, QueueMetrics } from '../health.js';
import type { Loop } from '../loop.js';
import type { LoopStore } from '../store/contracts.js';
import type { StopReport } from './stop-report.js';

/** What `new WorkflowOrchestrator` takes. */
export interface WorkflowOrchestratorOptions {
  /** Implementations for loops that are given as data. */
  readonly registry?: LoopRegistry | undefined;
  /** Whose hooks, middleware and policies loops have that do not say themselves, on the event loop. Default: a new one each. */
  // biome-ignore lint/suspicious/noExplicitAny: only the caller knows the type of its state
  readonly orchestrator?: Orchestrator<any> | undefined;
  /** Where queues, cursors, dead letters and desired states are kept. Default: nowhere, they end with the program. */
  readonly store?: LoopStore | undefined;
  /** Milliseconds between two `metrics` events. Default: 1000. */
  readonly metricsInterval?: number | undefined;
  /** How many dead letters are kept; the oldest make room, which is told as `deadLetterDropped`. Default: 1000. */
  readonly deadLetterCapacity?: number | undefined;
  /**
   * Gets a line for each state of a loop and a node, each failure, lost dead letters, and a store that cannot be written:
   * pino, console, or anything shaped like them. Default: none.
   */
  readonly logger?: Logger | undefined;
}

/** A loop as it is loaded: put together in code, with its place, or as data. */
export type LoadedLoop = Loop | (Omit<PlacedLoop, keyof LoopDefinition> & { readonly loop: Loop }) | PlacedLoop;

/** What `load` takes: loops, and the queues between them. */
export interface LoopWorkflow {
  readonly queues?: Readonly<Record<string, QueueDefinition>> | undefined;
  readonly loops: readonly LoadedLoop[];
}

/** How it ends. */
export interface StopOptions {
  /** Which loop. Default: all. */
  readonly loopId?: string | undefined;
  /** Milliseconds until signals abort, and what does not end then is terminated. Default: 10000. */
  readonly timeout?: number | undefined;
  /** @deprecated Another name of `timeout`. */
  readonly deadline?: number | undefined;
  /** Whether loops that read queues go on until these are empty. Default: true, when all are stopped. */
  readonly drain?: boolean | undefined;
}

/** How all ends, for good. */
export interface CloseOptions {
  /**
   * Milliseconds until signals abort, and what does not end then is terminated. Called again, `close` shortens the time if the
   * new end is earlier. Default: 10000.
   */
  readonly timeout?: number | undefined;
  /** @deprecated Another name of `timeout`. */
  readonly deadline?: number | undefined;
  /** If true, loops that read queues go on until these are empty. Default: true. */
  readonly drain?: boolean | undefined;
}

/** What was left undone. */
export interface StopSummary {
  readonly loops: readonly StopReport[];
  /** Iterations and calls of non-blocking nodes that did not end. */
  readonly abandoned: number;
  /** Messages that are still in queues. With a store they are there at the next start. */
  readonly messages: number;
}

/** What is told as it happens. */
export interface WorkflowEvents {
  state: [event: { readonly loopId: string; readonly state: LoopState; readonly error?: unknown }];
  node: [
    event: {
      readonly loopId: string;
      readonly nodeId: string;
      readonly state: NodeState;
      /** What it has failed with, where it is tried again. */
      readonly error?: unknown;
    },
  ];
  failure: [
    event: { readonly loopId: string; readonly nodeId: string; readonly iteration: number; readonly error: unknown },
  ];
  deadLetter: [letter: DeadLetter];
  /** Something in the workflow may be meant otherwise: told before its loops start for the first time. */
  warning: [warning: LoopFault];
  /** A dead letter had to make room: it is gone, from the store, too. */
  deadLetterDropped: [letter: DeadLetter];
  /** The store cannot be written for now, or, without an error, can again. */
  store: [event: { readonly error?: LoopStoreError | undefined }];
  metrics: [metrics: WorkflowMetrics];
}

export interface WorkflowMetrics {
  readonly loops: readonly LoopMetrics[];
  readonly queues: readonly QueueMetrics[];
  /** How many are kept. */
  readonly deadLetters: number;
  /** How many had to make room since the program was started. */
  readonly deadLettersDropped: number;
}

/**
 * How the whole stands. `failing`: a node has failed last, a loop is restarting, or the store cannot be written; `error`: a
 * loop has ended with one.
 */
export interface WorkflowHealth {
  readonly status: 'healthy' | 'failing' | 'error';
  /** Why the store cannot be written for now. */
  readonly store: string | undefined;
  readonly loops: readonly {
    readonly loopId: string;
    readonly state: LoopState;
    readonly failing: readonly string[];
    readonly error: string | undefined;
  }[];
}

/** The way into a queue, and a view on it, for code outside of loops. */
export interface QueueHandle {
  /**
   * Adds a message. Resolves when there was room for it, and, with a store, when it survives a crash.
   *
   * @throws {QueueFullError} where the queue is full and its policy is `fail`
   * @throws {LoopStoreError} where it cannot be stored for now. What is pushed after `health()` has a `store` is not in the
   *   queue; a push that was under way then is, and is stored later
   */
  push(value: unknown): Promise<void>;
  readonly metrics: QueueMetrics;
}

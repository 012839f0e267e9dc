import type { Carrier } from '../kernel/hooks/instrumentation.js';
import type { DeadLetter, LoopState, NodeState } from './health.js';
import type { Message } from './node.js';

/**
 * The reading end of a queue, for one loop. A message that was taken belongs to the loop until the message is
 * acknowledged or given back. Implement this interface to test a `LoopManager` without an orchestrator.
 */
export interface Inlet {
  /** Takes the next message. Returns undefined if no message is available at the moment. */
  take(): Message | undefined;
  /** Resolves when a further call of `take` may return a message, or when the queue is drained. */
  ready(): Promise<void>;
  /** If true, the queue is empty and no more messages will come. */
  readonly isDrained: boolean;
  /** Acknowledges a message, because its iteration has ended. */
  acknowledge(message: Message): void;
  /**
   * Returns a message to the queue before any iteration has used it. Another reader may take the message, and the
   * delivery is not counted.
   */
  giveBack(message: Message): void;
}

/**
 * The surroundings of a loop: its queues by name, its cursor, and a receiver for its events. A loop cannot see which
 * thread its host runs in. Pushes, saved cursors and acknowledgements take effect in the order of the calls. Implement
 * this interface to test a `LoopManager` without an orchestrator.
 */
export interface LoopHost {
  /** Returns the reading end of a queue. */
  inlet(queue: string): Inlet;
  /**
   * Pushes a value to a queue. Returns a promise if the push has to wait for room.
   *
   * @param carrier - the trace context that the message carries. Default: none
   * @throws {QueueFullError} if the queue is full and its policy is `fail`
   */
  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void>;
  /** The cursor that the producer saved last. */
  readonly cursor: unknown;
  /** Saves the cursor of the producer. */
  saveCursor(value: unknown): void;
  /** Receives an event of the loop. */
  report(event: LoopEvent): void;
}

/**
 * An event that a loop reports to its host: a new state of the loop (`state`) or of a node (`node`), a failed call
 * (`failure`), or a new dead letter (`dead-letter`). `WorkflowOrchestrator` emits these events under the names of
 * `WorkflowEvents`.
 */
export type LoopEvent =
  | { readonly type: 'state'; readonly state: LoopState; readonly error?: unknown }
  | { readonly type: 'node'; readonly nodeId: string; readonly state: NodeState; readonly error?: unknown }
  | { readonly type: 'failure'; readonly nodeId: string; readonly iteration: number; readonly error: unknown }
  | { readonly type: 'dead-letter'; readonly letter: Omit<DeadLetter, 'id'> };

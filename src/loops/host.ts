import type { Carrier } from '../kernel/instrumentation.js';
import type { DeadLetter, LoopState, NodeState } from './health.js';
import type { Message } from './node.js';

/** The end of a queue at which a loop reads. */
export interface Inlet {
  /** The next message, or nothing at the moment. It is this loop's until it is acknowledged or given back. */
  take(): Message | undefined;
  /** Resolves when there may be a message again, or there will be none any more. */
  ready(): Promise<void>;
  /** Whether there is none, and will be none any more. */
  readonly isDrained: boolean;
  /** The iteration of a message has ended. */
  acknowledge(message: Message): void;
  /** No iteration has begun with it, and none will: another reader is to get it, and this was no delivery. */
  giveBack(message: Message): void;
}

/**
 * What a loop knows of the world: queues by name, a place for its cursor, somebody to tell. Whether that is in the same
 * thread it does not know. What is pushed, saved and acknowledged one after the other takes effect in this order.
 */
export interface LoopHost {
  inlet(queue: string): Inlet;
  /**
   * @param carrier - the trace that it is pushed in, for the message
   * @throws {QueueFullError} where the queue is full and its policy is `fail`
   */
  push(queue: string, value: unknown, carrier?: Carrier): void | Promise<void>;
  /** What the producer has saved last. */
  readonly cursor: unknown;
  saveCursor(value: unknown): void;
  report(event: LoopEvent): void;
}

/** What happens in a loop. */
export type LoopEvent =
  | { readonly type: 'state'; readonly state: LoopState; readonly error?: unknown }
  | { readonly type: 'node'; readonly nodeId: string; readonly state: NodeState; readonly error?: unknown }
  | { readonly type: 'failure'; readonly nodeId: string; readonly iteration: number; readonly error: unknown }
  | { readonly type: 'dead-letter'; readonly letter: Omit<DeadLetter, 'id'> };

import type { LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { Message } from '../node.js';
import type { Deliveries } from '../queues/queue-store.js';

/**
 * The state that a loop should have, as last requested by `start`, `pause`, `resume` or `stop`. A store keeps the
 * desired state, so that the next start of the program leaves stopped loops stopped and paused loops paused.
 */
export type DesiredState = 'running' | 'paused' | 'stopped';

/**
 * The content of a store, returned by `LoopStore.open`: unacknowledged messages, delivery counts, cursors, desired
 * states and dead letters from previous runs of the program.
 */
export interface Stored {
  /**
   * Unacknowledged messages in order, by queue. A topic has a separate queue for each loop that reads it, named
   * `topic/loop`.
   */
  readonly messages: ReadonlyMap<string, readonly Message[]>;
  /** A message id that is higher than all ids used so far, by queue. */
  readonly lastIds: ReadonlyMap<string, number>;
  /** Recorded deliveries by queue. Default: no stored message has been delivered. */
  readonly deliveries?: ReadonlyMap<string, Deliveries> | undefined;
  /** Cursors by loop id. */
  readonly cursors: ReadonlyMap<string, unknown>;
  /** Desired states by loop id. */
  readonly desired: ReadonlyMap<string, DesiredState>;
  /** Dead letters, oldest first. */
  readonly deadLetters: readonly DeadLetter[];
}

/**
 * A store for the state of a workflow that has to survive a crash. Writes take effect in the order of the calls, but
 * may be delayed: `flushed` waits for them. Writes that fail are kept and repeated. `lmdbStore` is the implementation
 * in this package.
 */
export interface LoopStore {
  /**
   * Opens the store and reads its content. Called once.
   *
   * @param onFailure - called by the store with the error when writing fails, and without an argument when writing
   *   works again. Queues accept no messages in between. A store that never calls `onFailure` counts as always writable
   */
  open(onFailure?: (failure: LoopStoreError | undefined) => void): Promise<Stored>;
  /** Adds a message to a queue. */
  putMessage(queue: string, message: Message): void;
  /** Removes a message from a queue. */
  removeMessage(queue: string, id: number): void;
  /**
   * Stores an upper limit for the message ids of a queue. No message of the queue gets a higher id before the next
   * call.
   */
  putLastId(queue: string, id: number): void;
  /**
   * Stores delivery counts of a queue. Resolves when the counts survive a crash of the program, and rejects if they
   * cannot be written. Without this method, deliveries are counted from the start of the program.
   */
  putDeliveries?(queue: string, deliveries: Deliveries): Promise<void>;
  /** Stores the cursor of a loop. */
  putCursor(loopId: string, value: unknown): void;
  /** Stores the desired state of a loop. */
  putDesired(loopId: string, state: DesiredState): void;
  /** Adds a dead letter. */
  putDeadLetter(letter: DeadLetter): void;
  /** Removes a dead letter. */
  removeDeadLetter(id: number): void;
  /** Resolves when all previous writes survive a crash. Rejects if they cannot be written. */
  flushed(): Promise<void>;
  /** Completes all writes, and releases the store. */
  close(): Promise<void>;
}

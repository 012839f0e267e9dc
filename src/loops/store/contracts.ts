import type { LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { Message } from '../node.js';
import type { Deliveries } from '../queues/queue-log.js';

/** How a loop is wanted to be: what a program that is started again goes on with. */
export type DesiredState = 'running' | 'paused' | 'stopped';

/** What a store has kept. */
export interface Stored {
  /** Messages that were not acknowledged, in order, by queue; a topic has a queue for each loop that reads it. */
  readonly messages: ReadonlyMap<string, readonly Message[]>;
  /** A number that no message of a queue has reached yet, by queue. */
  readonly lastIds: ReadonlyMap<string, number>;
  /** How often messages may have been delivered, by queue. Default: those that were stored have not been delivered. */
  readonly deliveries?: ReadonlyMap<string, Deliveries> | undefined;
  /** By loop. */
  readonly cursors: ReadonlyMap<string, unknown>;
  /** By loop. */
  readonly desired: ReadonlyMap<string, DesiredState>;
  readonly deadLetters: readonly DeadLetter[];
}

/**
 * Where a workflow keeps what is to survive a crash. Writes take effect in the order in which they are asked for: what was
 * asked for before something that is there is there too. They need not be there at once: `flushed` says when. What cannot be
 * written for now is kept, and written later.
 */
export interface LoopStore {
  /**
   * Opens it, and reads what is there. Called once.
   *
   * @param onFailure - to be called when nothing can be written for now, with the reason, and without one when writing goes
   *   on: queues take no messages meanwhile. A store that never calls it is taken to be writable at any time
   */
  open(onFailure?: (failure: LoopStoreError | undefined) => void): Promise<Stored>;
  putMessage(queue: string, message: Message): void;
  removeMessage(queue: string, id: number): void;
  /** No message of the queue will have a higher number before this is called again. */
  putLastId(queue: string, id: number): void;
  /**
   * Messages of the queue may have been delivered so often: resolves when that survives a crash of the program, and rejects
   * where it cannot be written. Without this method, deliveries count from the start of the program.
   */
  putDeliveries?(queue: string, deliveries: Deliveries): Promise<void>;
  putCursor(loopId: string, value: unknown): void;
  putDesired(loopId: string, state: DesiredState): void;
  putDeadLetter(letter: DeadLetter): void;
  removeDeadLetter(id: number): void;
  /** Resolves when all that was asked for before survives a crash. Rejects where it cannot be written. */
  flushed(): Promise<void>;
  /** Writes what was asked for, and lets go of everything. */
  close(): Promise<void>;
}

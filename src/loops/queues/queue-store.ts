import type { Message } from '../node.js';

/** The part of a store that one queue uses. Calls take effect in order. */
export interface QueueStore {
  put(message: Message): void;
  remove(id: number): void;
  /**
   * Records delivery counts. Resolves when the counts survive a crash of the program. Undefined: deliveries count from
   * the start of the program.
   */
  readonly deliver?: ((deliveries: Deliveries) => Promise<void>) | undefined;
}

/**
 * Recorded deliveries of the messages of a queue, as a store keeps them. Deliveries are recorded before they happen, so
 * the true number may be lower. Passed to `LoopStore.putDeliveries`.
 */
export interface Deliveries {
  /** The highest message id that was delivered at least once. */
  readonly upTo: number;
  /** Numbers of deliveries of messages that were delivered more often than once, by message id. */
  readonly counts: ReadonlyMap<number, number>;
}

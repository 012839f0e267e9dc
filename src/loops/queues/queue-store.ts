import type { Message } from '../node.js';

/** The part of a store that one queue uses. Calls take effect in order. */
export interface QueueStore {
  put(message: Message): void;
  remove(id: number): void;
  /**
   * Records delivery counts. Resolves when the counts survive a crash of the program. If undefined, deliveries are
   * counted from the start of the program.
   */
  readonly deliver?: ((deliveries: Deliveries) => Promise<void>) | undefined;
}

/**
 * Recorded deliveries of the messages of a queue, in the form in which a store keeps them. Deliveries are recorded
 * before they happen, so the true number may be lower. Passed to `LoopStore.putDeliveries`.
 */
export interface Deliveries {
  /** The highest message id that was delivered at least once. */
  readonly upTo: number;
  /** Number of deliveries by message id, for messages that were delivered more than once. */
  readonly counts: ReadonlyMap<number, number>;
}

import type { Message } from '../node.js';

/** Where messages are kept that are to survive a crash. What is done one after the other takes effect in this order. */
export interface QueueLog {
  put(message: Message): void;
  remove(id: number): void;
  /** Resolves when it is known after a crash of the program. Default: deliveries count from the start of the program. */
  readonly deliver?: ((deliveries: Deliveries) => Promise<void>) | undefined;
}

/** How often messages may have been delivered. */
export interface Deliveries {
  /** Messages up to this number: once. */
  readonly upTo: number;
  /** Those of them that were delivered more often, by number. */
  readonly counts: ReadonlyMap<number, number>;
}

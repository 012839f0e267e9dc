import type { Carrier } from '../../kernel/instrumentation.js';
import { Deque } from '../../shared/deque.js';

/** How long a push waits: as long as it takes, or only while messages can be stored. */
export type Patience = 'any' | 'while-stored';

/** A push that waits for room. */
export interface BlockedPush {
  readonly value: unknown;
  readonly carrier: Carrier | undefined;
  readonly patience: Patience;
  readonly admit: () => void;
  readonly refuse: (reason: Error) => void;
}

/** The pushes that wait for room in a queue, in order. */
export class BlockedPushes {
  readonly #pushes = new Deque<BlockedPush>();

  get size(): number {
    return this.#pushes.size;
  }

  /** Resolves when the push is admitted, rejects when it is refused. */
  wait(value: unknown, carrier: Carrier | undefined, patience: Patience): Promise<void> {
    return new Promise((admit, refuse) => this.#pushes.push({ value, carrier, patience, admit, refuse }));
  }

  /** Takes the first out. */
  next(): BlockedPush | undefined {
    return this.#pushes.shift();
  }

  /** Nothing can be stored for now: who waits only while that can be done waits no longer. */
  refuseImpatient(failure: Error): void {
    for (let left = this.#pushes.size; left > 0; left--) {
      const push = this.#pushes.shift() as BlockedPush;
      if (push.patience === 'any') this.#pushes.push(push);
      else push.refuse(failure);
    }
  }

  refuseAll(reason: Error): void {
    for (let push = this.#pushes.shift(); push !== undefined; push = this.#pushes.shift()) push.refuse(reason);
  }
}

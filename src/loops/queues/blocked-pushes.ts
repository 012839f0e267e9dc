import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import { Deque } from '../../shared/deque.js';

/** Limit on the wait for room: `any` waits without limit, `while-stored` fails as soon as messages cannot be stored. */
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

  /** Waits for room. Resolves when the push is admitted, and rejects when the push is refused. */
  wait(value: unknown, carrier: Carrier | undefined, patience: Patience): Promise<void> {
    return new Promise((admit, refuse) => this.#pushes.push({ value, carrier, patience, admit, refuse }));
  }

  /** Removes and returns the first push. */
  next(): BlockedPush | undefined {
    return this.#pushes.shift();
  }

  /** Refuses pushes with the patience `while-stored`, because messages cannot be stored. */
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

import { failureOf } from '../../kernel/errors.js';
import type { Inlet, LoopHost } from '../host.js';
import type { Message } from '../node.js';
import { Credit } from './credit.js';
import type { LoopShape } from './pool.js';
import { batch, type Down, window } from './protocol.js';

/** Options of a `Supply`. */
export interface SupplyOptions {
  readonly shape: LoopShape;
  readonly inlet: Inlet;
  readonly host: Pick<LoopHost, 'report'>;
  /**
   * Sends a message to the loop.
   *
   * @throws {DataCloneError} for a message that cannot be cloned
   */
  readonly post: (message: Down) => void;
  readonly isOver: () => boolean;
}

/**
 * Sends the messages of a queue to a loop in a thread or process, ahead of time. The number of messages sent ahead
 * adapts to the speed of the loop.
 */
export class Supply {
  /** Unacknowledged messages of the loop, by id. */
  readonly #taken = new Map<number, Message>();
  readonly #credit: Credit;
  #acknowledged = 0;
  #isWaiting = false;
  #isDrained = false;

  constructor(private readonly options: SupplyOptions) {
    this.#credit = new Credit(2 * options.shape.batch, window);
  }

  /** Number of messages that the loop has acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Sends messages until the loop has as many as its credit allows. */
  deliver(): void {
    const { inlet, isOver } = this.options;
    if (isOver()) return;
    const most = this.#credit.at(performance.now(), this.#taken.size > 0);
    for (;;) {
      const messages: Message[] = [];
      while (messages.length < batch && this.#taken.size < most) {
        const message = inlet.take();
        if (message === undefined) break;
        this.#taken.set(message.id, message);
        messages.push(message);
      }
      if (messages.length === 0) break;
      this.#send(messages);
    }
    this.tellDrained();
    if (this.#isWaiting || this.#isDrained || this.#taken.size >= most) return;
    this.#isWaiting = true;
    void inlet.ready().then(() => {
      this.#isWaiting = false;
      this.deliver();
    });
  }

  acknowledge(id: number): void {
    const message = this.#taken.get(id);
    this.#taken.delete(id);
    this.#acknowledged++;
    this.#credit.spent();
    if (message !== undefined) this.options.inlet.acknowledge(message);
  }

  giveBack(id: number): void {
    const message = this.#taken.get(id);
    this.#taken.delete(id);
    if (message !== undefined) this.options.inlet.giveBack(message);
  }

  /** Gives back all remaining messages after the loop has ended. No iteration has used them. */
  giveBackAll(): void {
    for (const message of this.#taken.values()) this.options.inlet.giveBack(message);
  }

  /** Tells the loop, once, that no more messages will come. */
  tellDrained(): void {
    if (this.#isDrained || !this.options.inlet.isDrained) return;
    this.#isDrained = true;
    this.options.post({ type: 'drained' });
  }

  #send(messages: readonly Message[]): void {
    try {
      this.options.post({ type: 'messages', messages });
    } catch (thrown) {
      if (messages.length > 1) for (const message of messages) this.#send([message]);
      else for (const message of messages) this.#cannotSend(message, thrown);
    }
  }

  /**
   * Turns a message that cannot be sent into a dead letter, because the message would otherwise be retried forever.
   * This is rare, because values are checked when they are pushed.
   */
  #cannotSend(message: Message, thrown: unknown): void {
    const { host, inlet, shape } = this.options;
    const { id, queue, value } = message;
    const error = failureOf(thrown, shape.id);
    const failed = { loopId: shape.id, nodeId: '', iteration: 0, error };
    host.report({ type: 'failure', nodeId: '', iteration: 0, error });
    const letter = { ...failed, value, time: Date.now(), message: { queue, id, value } };
    host.report({ type: 'dead-letter', letter });
    this.#taken.delete(id);
    inlet.acknowledge(message);
  }
}

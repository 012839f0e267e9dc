import type { Inlet } from '../host.js';
import type { Message } from '../node.js';

/** The interface of a queue to its readers. */
export interface ReadQueue {
  readonly isEmpty: boolean;
  /** Takes the next message, if the reader is allowed to take one. */
  take(reader: Reader): Message | undefined;
  /** Resolves when a message may be available for this reader, or when no messages are left at all. */
  ready(reader: Reader): Promise<void>;
  acknowledge(id: number): void;
  /** Returns true if the reader has the message. */
  isWith(reader: Reader, id: number): boolean;
  /**
   * Gives messages of a reader back to the front of the queue.
   *
   * @param ids - ids of messages that no iteration has used; their deliveries are not counted. Default: all messages
   *   of the reader, whose deliveries are counted
   */
  giveBack(reader: Reader, ids?: readonly number[]): void;
  /** Called when a reader has no message left and may therefore take a message that has to be delivered alone. */
  isFree(): void;
  /** Wakes all readers that wait for a message. */
  wakeAll(): void;
}

/** The reading end of a queue, for one loop. */
export class Reader implements Inlet {
  #held = 0;
  /** Id of the message that was delivered alone, if any. */
  #alone: number | undefined = undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(
    private readonly queue: ReadQueue,
    readonly loopId: string,
  ) {}

  /** Number of unacknowledged messages. */
  get held(): number {
    return this.#held;
  }

  /** If true, the reader has a message that was delivered alone, and gets no further messages. */
  get isTaken(): boolean {
    return this.#alone !== undefined;
  }

  get isDrained(): boolean {
    return this.#hasEnded && this.queue.isEmpty;
  }

  take(): Message | undefined {
    if (this.#isClosed || this.#alone !== undefined) return undefined;
    const message = this.queue.take(this);
    if (message === undefined) return undefined;
    this.#held++;
    if (message.deliveries > 1) this.#alone = message.id;
    return message;
  }

  ready(): Promise<void> {
    return this.isDrained ? Promise.resolve() : this.queue.ready(this);
  }

  acknowledge({ id }: Message): void {
    if (this.#isClosed || !this.queue.isWith(this, id)) return;
    this.#gave(id);
    this.queue.acknowledge(id);
    if (this.#held === 0) this.queue.isFree();
  }

  giveBack({ id }: Message): void {
    if (this.#isClosed || !this.queue.isWith(this, id)) return;
    this.#gave(id);
    this.queue.giveBack(this, [id]);
  }

  /**
   * Announces that no more messages will be pushed, except for pushes that already wait for room. The reader is drained
   * when the queue is empty.
   */
  end(): void {
    this.#hasEnded = true;
    this.queue.wakeAll();
  }

  /** Closes the reader when its loop ends. Unacknowledged messages go back to the queue. */
  close(): void {
    this.#isClosed = true;
    this.#held = 0;
    this.queue.giveBack(this);
  }

  #gave(id: number): void {
    this.#held--;
    if (this.#alone === id) this.#alone = undefined;
  }
}

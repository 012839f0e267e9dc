import type { Inlet } from '../host.js';
import type { Message } from '../node.js';

/** What a reader asks of its queue. */
export interface ReadQueue {
  readonly isEmpty: boolean;
  /** The next message that the reader may have. */
  take(reader: Reader): Message | undefined;
  /** Resolves when there may be a message for this reader, or there is none left anywhere. */
  ready(reader: Reader): Promise<void>;
  acknowledge(id: number): void;
  /** If true, the reader has the message. */
  isWith(reader: Reader, id: number): boolean;
  /** What a reader has goes back to where it was; of it, messages with these numbers, which no iteration has begun with. */
  giveBack(reader: Reader, ids?: readonly number[]): void;
  /** A reader has nothing any more: it may take what is delivered alone. */
  isFree(): void;
  /** Has everybody look again who waits for a message. */
  wakeAll(): void;
}

/** One loop's end of a queue. */
export class Reader implements Inlet {
  #held = 0;
  /** The message that it has alone. */
  #alone: number | undefined = undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(
    private readonly queue: ReadQueue,
    readonly loopId: string,
  ) {}

  /** How many messages it has that are not acknowledged. */
  get held(): number {
    return this.#held;
  }

  /** If true, it gets nothing beside the message that it has. */
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

  /** Nothing will be pushed any more, but for what waits for room: it is drained when the queue is empty. */
  end(): void {
    this.#hasEnded = true;
    this.queue.wakeAll();
  }

  /** The loop is over: what it has not acknowledged is for others, or for it when it is started again. */
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

import { Deque } from '../../deque.js';
import type { Carrier } from '../../instrumentation.js';
import type { Overflow } from '../definition.js';
import { QueueFullError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { Inlet } from '../host.js';
import type { Message } from '../node.js';

/** Where messages are kept that are to survive a crash. What is done one after the other takes effect in this order. */
export interface QueueLog {
  put(message: Message): void;
  remove(id: number): void;
}

/** A push that waits for room. */
interface Blocked {
  readonly value: unknown;
  readonly carrier: Carrier | undefined;
  readonly patience: Patience;
  readonly admit: () => void;
  readonly refuse: (reason: Error) => void;
}

/** How long a push waits: as long as it takes, or only while messages can be stored. */
export type Patience = 'any' | 'while-stored';

/** A message that a loop has. */
interface Delivered {
  readonly message: Message;
  readonly reader: Reader;
}

export interface MessageQueueOptions {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly log?: QueueLog | undefined;
  /** What was in it before a crash, in order. */
  readonly restored?: readonly Message[] | undefined;
  /** Number of the last message that there has been. */
  readonly lastId?: number | undefined;
}

/**
 * A bounded queue: each message goes to one reader, and is that reader's until it is acknowledged or given back. All that
 * it does takes constant time.
 *
 *     push ─► waiting ─► delivered ─► acknowledged
 *                 ▲          │
 *                 └ give back┘ to the front, in order of its number
 *
 * While messages cannot be stored it takes none: who may wait waits, and what may be dropped is dropped.
 */
export class MessageQueue {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly #log: QueueLog | undefined;
  readonly #waiting = new Deque<Message>();
  readonly #blocked = new Deque<Blocked>();
  readonly #delivered = new Map<number, Delivered>();
  #readers: (() => void)[] = [];
  /** Why no message can be stored for now. */
  #failure: Error | undefined = undefined;
  #lastId: number;
  #pushed = 0;
  #acknowledged = 0;
  #dropped = 0;

  constructor({ name, capacity, overflow, log, restored = [], lastId = 0 }: MessageQueueOptions) {
    this.name = name;
    this.capacity = capacity;
    this.overflow = overflow;
    this.#log = log;
    for (const message of restored) this.#waiting.push(message);
    this.#lastId = restored.reduce((last, { id }) => Math.max(last, id), lastId);
  }

  /**
   * Adds a value. A promise comes back where it has to wait for room.
   *
   * @param carrier - the trace that it is pushed in
   * @throws {QueueFullError} where it is full and may not wait
   * @throws {LoopStoreError} where nothing can be stored for now, and it may not wait for that
   */
  push(value: unknown, carrier?: Carrier, patience: Patience = 'any'): void | Promise<void> {
    const failure = this.#failure;
    if (failure === undefined && this.#size < this.capacity && this.#blocked.size === 0)
      return this.#admit(value, carrier);
    if (failure !== undefined && (patience === 'while-stored' || this.overflow === 'fail')) throw failure;
    switch (this.overflow) {
      case 'fail':
        throw new QueueFullError(this.name, this.capacity);
      case 'drop-oldest': {
        if (failure !== undefined) break;
        const oldest = this.#waiting.shift();
        this.#dropped++;
        // All that it holds is with readers: there is nothing older that nobody has.
        if (oldest === undefined) return;
        this.#log?.remove(oldest.id);
        return this.#admit(value, carrier);
      }
      case 'drop-newest':
        break;
      case 'block':
        return new Promise((admit, refuse) => this.#blocked.push({ value, carrier, patience, admit, refuse }));
    }
    this.#dropped++;
  }

  /** Takes no messages while they cannot be stored. @param failure - why. Default: they can */
  hold(failure: Error | undefined): void {
    this.#failure = failure;
    if (failure === undefined) {
      this.#admitBlocked();
      return;
    }
    for (let left = this.#blocked.size; left > 0; left--) {
      const blocked = this.#blocked.shift() as Blocked;
      if (blocked.patience === 'any') this.#blocked.push(blocked);
      else blocked.refuse(failure);
    }
  }

  /** A place to read it. */
  reader(): Reader {
    return new Reader(this);
  }

  /** Nobody will read it any more: who waits for room waits in vain. */
  close(reason: Error): void {
    for (let blocked = this.#blocked.shift(); blocked !== undefined; blocked = this.#blocked.shift())
      blocked.refuse(reason);
  }

  /** Whether nobody has anything of it. */
  get isEmpty(): boolean {
    return this.#size === 0 && this.#blocked.size === 0;
  }

  get metrics(): QueueMetrics {
    const { first } = this.#waiting;
    return {
      queue: this.name,
      depth: this.#waiting.size,
      unacknowledged: this.#delivered.size,
      capacity: this.capacity,
      age: first === undefined ? 0 : Math.max(0, Date.now() - first.time),
      pushed: this.#pushed,
      acknowledged: this.#acknowledged,
      dropped: this.#dropped,
      blocked: this.#blocked.size,
    };
  }

  take(reader: Reader): Message | undefined {
    const next = this.#waiting.shift();
    if (next === undefined) return undefined;
    const message = { ...next, deliveries: next.deliveries + 1 };
    this.#delivered.set(message.id, { message, reader });
    return message;
  }

  /** Resolves when there may be a message, or there is none left anywhere. */
  ready(): Promise<void> {
    if (this.#waiting.size > 0) return Promise.resolve();
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  acknowledge(id: number): void {
    if (!this.#delivered.delete(id)) return;
    this.#acknowledged++;
    this.#log?.remove(id);
    this.#admitBlocked();
    if (this.#readers.length > 0 && this.isEmpty) this.wakeAll();
  }

  /** What a reader has, or some of it, goes back to where it was. */
  giveBack(reader: Reader, ids?: readonly number[]): void {
    const back: Message[] = [];
    if (ids === undefined)
      for (const delivered of this.#delivered.values()) if (delivered.reader === reader) back.push(delivered.message);
    for (const id of ids ?? []) {
      const delivered = this.#delivered.get(id);
      if (delivered?.reader === reader) back.push(delivered.message);
    }
    if (back.length === 0) return;
    for (const { id } of back) this.#delivered.delete(id);
    this.#putBack(back);
    this.wakeAll();
  }

  #putBack(back: Message[]): void {
    const last = back.reduce((highest, { id }) => Math.max(highest, id), 0);
    // Others may have given back what is before some of it.
    for (let { first } = this.#waiting; first !== undefined && first.id < last; { first } = this.#waiting) {
      back.push(first);
      this.#waiting.shift();
    }
    back.sort((one, other) => other.id - one.id);
    for (const message of back) this.#waiting.unshift(message);
  }

  get #size(): number {
    return this.#waiting.size + this.#delivered.size;
  }

  #admit(value: unknown, carrier: Carrier | undefined): void {
    const pushed: Message = { id: ++this.#lastId, queue: this.name, value, time: Date.now(), deliveries: 0 };
    const message = carrier === undefined ? pushed : { ...pushed, carrier };
    // What cannot be written down is not there.
    this.#log?.put(message);
    this.#pushed++;
    this.#waiting.push(message);
    if (this.#readers.length > 0) this.wakeAll();
  }

  #admitBlocked(): void {
    while (this.#size < this.capacity && this.#failure === undefined) {
      const blocked = this.#blocked.shift();
      if (blocked === undefined) return;
      try {
        this.#admit(blocked.value, blocked.carrier);
        blocked.admit();
      } catch (error) {
        blocked.refuse(error as Error);
      }
    }
  }

  /** Has everybody look again who waits for a message. */
  wakeAll(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const wake of readers) wake();
  }
}

/** One loop's end of a queue. */
export class Reader implements Inlet {
  #held = 0;
  #hasEnded = false;
  #isClosed = false;

  constructor(private readonly queue: MessageQueue) {}

  /** How many messages it has that are not acknowledged. */
  get held(): number {
    return this.#held;
  }

  get isDrained(): boolean {
    return this.#hasEnded && this.queue.isEmpty;
  }

  take(): Message | undefined {
    const message = this.#isClosed ? undefined : this.queue.take(this);
    if (message !== undefined) this.#held++;
    return message;
  }

  ready(): Promise<void> {
    return this.isDrained ? Promise.resolve() : this.queue.ready();
  }

  acknowledge({ id }: Message): void {
    if (this.#isClosed) return;
    this.#held--;
    this.queue.acknowledge(id);
  }

  giveBack({ id }: Message): void {
    if (this.#isClosed) return;
    this.#held--;
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
}

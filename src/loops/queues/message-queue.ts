import type { Carrier } from '../../kernel/instrumentation.js';
import { Deque } from '../../shared/deque.js';
import type { Overflow } from '../definition.js';
import { QueueFullError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { Inlet } from '../host.js';
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

/** How many deliveries are noted ahead, so that no message waits for the disk: more where messages have had to wait. */
const ahead = { fewest: 256, most: 8_192 };

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
  /** How often restored messages may have been delivered. */
  readonly deliveries?: Deliveries | undefined;
  /** How often a message is delivered at most. Default: without limit. */
  readonly maxDeliveries?: number | undefined;
  /** Called with a message that was delivered so often: it is not in the queue any more then. */
  readonly onLimit?: ((message: Message, loopId: string) => void) | undefined;
}

/**
 * A bounded queue: each message goes to one reader, and is that reader's until it is acknowledged or given back. All that
 * it does takes constant time.
 *
 *     push ─► waiting ─► delivered ─► acknowledged
 *                 ▲          │
 *                 └ give back┘ to the front, in order of its number
 *
 * A message that was delivered before, and not acknowledged, may be what its reader died of. It is delivered alone: its reader
 * gets nothing beside it until it is acknowledged. So if the reader dies again, this message is the cause, and no message
 * counts more than one delivery for which it was only in the way.
 *
 * With a log, a delivery is noted before it happens: for new messages many at a time and ahead, for others one by one.
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
  /** The highest number of which a first delivery may have happened. */
  #lastTaken: number;
  /** The highest number of which a first delivery is noted. */
  #noted: number;
  #isNoting = false;
  #ahead = ahead.fewest;
  /** If true, a message has waited for the note that is under way. */
  #hasWaited = false;
  /** Noted counts of messages that were delivered before. */
  readonly #counts: Map<number, number>;
  readonly #maxDeliveries: number;
  readonly #onLimit: (message: Message, loopId: string) => void;
  #pushed = 0;
  #acknowledged = 0;
  #dropped = 0;

  constructor({
    name,
    capacity,
    overflow,
    log,
    restored = [],
    lastId = 0,
    deliveries: { upTo, counts } = { upTo: 0, counts: new Map() },
    maxDeliveries = Number.POSITIVE_INFINITY,
    onLimit = () => {},
  }: MessageQueueOptions) {
    this.name = name;
    this.capacity = capacity;
    this.overflow = overflow;
    this.#log = log;
    this.#maxDeliveries = maxDeliveries;
    this.#lastTaken = upTo;
    this.#onLimit = onLimit;
    this.#counts = new Map(restored.flatMap(({ id }) => (counts.has(id) ? [[id, counts.get(id) as number]] : [])));
    for (const message of restored) {
      const known = this.#counts.get(message.id) ?? (message.id <= upTo ? 1 : 0);
      this.#waiting.push({ ...message, deliveries: Math.max(message.deliveries, known) });
    }
    this.#lastId = restored.reduce((last, { id }) => Math.max(last, id), Math.max(lastId, upTo));
    this.#noted = log?.deliver === undefined ? Number.POSITIVE_INFINITY : upTo;
    if (log?.deliver !== undefined) this.#note(this.#lastId + ahead.fewest);
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
      this.wakeAll();
      return;
    }
    for (let left = this.#blocked.size; left > 0; left--) {
      const blocked = this.#blocked.shift() as Blocked;
      if (blocked.patience === 'any') this.#blocked.push(blocked);
      else blocked.refuse(failure);
    }
  }

  /** A place to read it. @param loopId - whose */
  reader(loopId = ''): Reader {
    return new Reader(this, loopId);
  }

  /** Nobody will read it any more: who waits for room waits in vain. */
  close(reason: Error): void {
    // What was noted ahead, and did not happen, need not count.
    if (Number.isFinite(this.#noted)) this.#note(this.#lastTaken);
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
    const next = this.#waiting.first;
    if (next === undefined) return undefined;
    if (next.deliveries > 0) return this.#takeAgain(next, reader);
    if (next.id > this.#noted - this.#ahead / 2) this.#note(next.id + this.#ahead);
    if (next.id <= this.#noted) return this.#deliver(next, reader);
    this.#hasWaited = true;
    return undefined;
  }

  /** Resolves when there may be a message for this reader, or there is none left anywhere. */
  ready(reader: Reader): Promise<void> {
    const { first } = this.#waiting;
    if (first !== undefined && this.#mayTake(first, reader)) return Promise.resolve();
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** A reader has nothing any more: it may take what is delivered alone. */
  isFree(): void {
    if (this.#readers.length > 0 && this.#waiting.size > 0) this.wakeAll();
  }

  #mayTake({ id, deliveries }: Message, reader: Reader): boolean {
    if (reader.isTaken) return false;
    if (deliveries === 0) return id <= this.#noted;
    return reader.held === 0 && (this.#isCounted(id, deliveries) || deliveries >= this.#maxDeliveries);
  }

  #isCounted(id: number, deliveries: number): boolean {
    return this.#noted === Number.POSITIVE_INFINITY || (!this.#isNoting && this.#counts.get(id) === deliveries + 1);
  }

  /** A message that was delivered before: alone, and not before that is noted. */
  #takeAgain(next: Message, reader: Reader): Message | undefined {
    const { id, deliveries } = next;
    if (deliveries >= this.#maxDeliveries) {
      this.#waiting.shift();
      this.#onLimit(next, reader.loopId);
      this.#removed(id);
      return this.take(reader);
    }
    if (reader.held > 0) return undefined;
    if (this.#isCounted(id, deliveries)) return this.#deliver(next, reader);
    if (this.#isNoting) return undefined;
    this.#counts.set(id, deliveries + 1);
    this.#note(this.#noted);
    return undefined;
  }

  #deliver(next: Message, reader: Reader): Message {
    this.#waiting.shift();
    const message = { ...next, deliveries: next.deliveries + 1 };
    this.#delivered.set(message.id, { message, reader });
    if (message.id > this.#lastTaken) this.#lastTaken = message.id;
    return message;
  }

  /** Notes that messages may be delivered. One note is under way at a time: who needs another asks again when woken. */
  #note(upTo: number): void {
    if (this.#isNoting || this.#log?.deliver === undefined) return;
    this.#isNoting = true;
    const noted = (isNoted: boolean) => {
      this.#isNoting = false;
      // While nothing can be stored readers wait, and are woken when that can be done again. A log that fails otherwise keeps
      // no messages from them.
      if (!isNoted && this.#failure !== undefined) return;
      this.#noted = upTo;
      this.#ahead = this.#hasWaited
        ? Math.min(this.#ahead * 2, ahead.most)
        : Math.max(Math.ceil(this.#ahead * 0.9), ahead.fewest);
      this.#hasWaited = false;
      this.wakeAll();
    };
    this.#log.deliver({ upTo, counts: new Map(this.#counts) }).then(
      () => noted(true),
      () => noted(false),
    );
  }

  #removed(id: number): void {
    this.#counts.delete(id);
    this.#acknowledged++;
    this.#log?.remove(id);
    this.#admitBlocked();
  }

  acknowledge(id: number): void {
    if (!this.#delivered.delete(id)) return;
    this.#removed(id);
    if (this.#readers.length > 0 && this.isEmpty) this.wakeAll();
  }

  /** If true, the reader has the message. */
  isWith(reader: Reader, id: number): boolean {
    return this.#delivered.get(id)?.reader === reader;
  }

  /** What a reader has goes back to where it was; of it, messages with these numbers, which no iteration has begun with. */
  giveBack(reader: Reader, ids?: readonly number[]): void {
    const back: Message[] = [];
    if (ids === undefined)
      for (const delivered of this.#delivered.values()) if (delivered.reader === reader) back.push(delivered.message);
    for (const id of ids ?? []) {
      const delivered = this.#delivered.get(id);
      if (delivered?.reader !== reader) continue;
      back.push({ ...delivered.message, deliveries: delivered.message.deliveries - 1 });
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
  /** The message that it has alone. */
  #alone: number | undefined = undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(
    private readonly queue: MessageQueue,
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

import type { Carrier } from '../../kernel/instrumentation.js';
import { Deque } from '../../shared/deque.js';
import type { Overflow } from '../definition.js';
import { QueueFullError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { Message } from '../node.js';
import { BlockedPushes, type Patience } from './blocked-pushes.js';
import { DeliveryNotes } from './delivery-notes.js';
import type { Deliveries, QueueLog } from './queue-log.js';
import { Reader, type ReadQueue } from './reader.js';

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
export class MessageQueue implements ReadQueue {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly #log: QueueLog | undefined;
  readonly #waiting = new Deque<Message>();
  readonly #blocked = new BlockedPushes();
  readonly #delivered = new Map<number, Delivered>();
  #readers: (() => void)[] = [];
  /** Why no message can be stored for now. */
  #failure: Error | undefined = undefined;
  #lastId: number;
  readonly #notes: DeliveryNotes;
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
    deliveries: known = { upTo: 0, counts: new Map() },
    maxDeliveries = Number.POSITIVE_INFINITY,
    onLimit = () => {},
  }: MessageQueueOptions) {
    this.name = name;
    this.capacity = capacity;
    this.overflow = overflow;
    this.#log = log;
    this.#maxDeliveries = maxDeliveries;
    this.#onLimit = onLimit;
    this.#notes = new DeliveryNotes({
      deliver: log?.deliver?.bind(log),
      known,
      restored,
      isHeld: () => this.#failure !== undefined,
      onNoted: () => this.wakeAll(),
    });
    for (const message of restored) {
      const deliveries = Math.max(message.deliveries, this.#notes.deliveriesOf(message.id));
      this.#waiting.push({ ...message, deliveries });
    }
    this.#lastId = restored.reduce((last, { id }) => Math.max(last, id), Math.max(lastId, known.upTo));
    this.#notes.begin(this.#lastId);
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
        return this.#blocked.wait(value, carrier, patience);
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
    this.#blocked.refuseImpatient(failure);
  }

  /** A place to read it. @param loopId - whose */
  reader(loopId = ''): Reader {
    return new Reader(this, loopId);
  }

  /** Nobody will read it any more: who waits for room waits in vain. */
  close(reason: Error): void {
    this.#notes.close();
    this.#blocked.refuseAll(reason);
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
    return this.#notes.noteFirst(next.id) ? this.#deliver(next, reader) : undefined;
  }

  ready(reader: Reader): Promise<void> {
    const { first } = this.#waiting;
    if (first !== undefined && this.#mayTake(first, reader)) return Promise.resolve();
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  isFree(): void {
    if (this.#readers.length > 0 && this.#waiting.size > 0) this.wakeAll();
  }

  #mayTake({ id, deliveries }: Message, reader: Reader): boolean {
    if (reader.isTaken) return false;
    if (deliveries === 0) return this.#notes.isFirstNoted(id);
    return reader.held === 0 && (this.#notes.isAgainNoted(id, deliveries) || deliveries >= this.#maxDeliveries);
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
    if (this.#notes.isAgainNoted(id, deliveries)) return this.#deliver(next, reader);
    this.#notes.noteAgain(id, deliveries);
    return undefined;
  }

  #deliver(next: Message, reader: Reader): Message {
    this.#waiting.shift();
    const message = { ...next, deliveries: next.deliveries + 1 };
    this.#delivered.set(message.id, { message, reader });
    this.#notes.delivered(message.id);
    return message;
  }

  #removed(id: number): void {
    this.#notes.removed(id);
    this.#acknowledged++;
    this.#log?.remove(id);
    this.#admitBlocked();
  }

  acknowledge(id: number): void {
    if (!this.#delivered.delete(id)) return;
    this.#removed(id);
    if (this.#readers.length > 0 && this.isEmpty) this.wakeAll();
  }

  isWith(reader: Reader, id: number): boolean {
    return this.#delivered.get(id)?.reader === reader;
  }

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
      const blocked = this.#blocked.next();
      if (blocked === undefined) return;
      try {
        this.#admit(blocked.value, blocked.carrier);
        blocked.admit();
      } catch (error) {
        blocked.refuse(error as Error);
      }
    }
  }

  wakeAll(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const wake of readers) wake();
  }
}

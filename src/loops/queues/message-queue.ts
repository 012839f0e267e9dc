import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import { Deque } from '../../shared/deque.js';
import type { Overflow } from '../definition.js';
import { QueueFullError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { Message } from '../node.js';
import { BlockedPushes, type Patience } from './blocked-pushes.js';
import { DeliveryNotes } from './delivery-notes.js';
import type { Deliveries, QueueStore } from './queue-store.js';
import { Reader, type ReadQueue } from './reader.js';

/** A message that a reader has taken. */
interface Delivered {
  readonly message: Message;
  readonly reader: Reader;
}

export interface MessageQueueOptions {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly log?: QueueStore | undefined;
  /** Messages from the store, in order. */
  readonly restored?: readonly Message[] | undefined;
  /** The last message id that was assigned. */
  readonly lastId?: number | undefined;
  /** Recorded delivery counts of the restored messages. */
  readonly deliveries?: Deliveries | undefined;
  /** Maximum number of deliveries of a message. Default: no limit. */
  readonly maxDeliveries?: number | undefined;
  /** Called with a message that reached `maxDeliveries`, after the message was removed from the queue. */
  readonly onLimit?: ((message: Message, loopId: string) => void) | undefined;
}

/**
 * A bounded queue. Each message goes to one reader and belongs to that reader until it is acknowledged or given back.
 * All operations take constant time.
 *
 *     push ─► waiting ─► delivered ─► acknowledged
 *                 ▲          │
 *                 └ give back┘ to the front, in order of ids
 *
 * A message that was delivered before without being acknowledged may have crashed its reader. Such a message is
 * delivered alone: its reader gets no other message until the message is acknowledged. If the reader crashes again,
 * this message must be the cause. Therefore at most one of the counted deliveries of a message was ended by a different
 * message.
 *
 * With a log, each delivery is recorded before it happens: first deliveries in bulk and ahead of time, repeated
 * deliveries one by one.
 *
 * While messages cannot be stored, the queue accepts none. Pushes that are allowed to wait then wait, and the drop
 * policies drop the new message.
 */
export class MessageQueue implements ReadQueue {
  readonly name: string;
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly #log: QueueStore | undefined;
  readonly #waiting = new Deque<Message>();
  readonly #blocked = new BlockedPushes();
  readonly #delivered = new Map<number, Delivered>();
  #readers: (() => void)[] = [];
  /** The error of the store while messages cannot be stored. */
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
   * Adds a value. Returns a promise if the push has to wait for room.
   *
   * @param carrier - trace context of the push
   * @param patience - limit on the wait. Default: `any`
   * @throws {QueueFullError} if the queue is full and its policy is `fail`
   * @throws {LoopStoreError} if messages cannot be stored and the push is not allowed to wait
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
        // Readers have taken all messages, so there is no older message to drop.
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

  /**
   * Stops accepting messages while the store fails, and accepts them again afterwards.
   *
   * @param failure - the error of the store. Default: none, because messages can be stored again
   */
  hold(failure: Error | undefined): void {
    this.#failure = failure;
    if (failure === undefined) {
      this.#admitBlocked();
      this.wakeAll();
      return;
    }
    this.#blocked.refuseImpatient(failure);
  }

  /**
   * Creates a reader of the queue.
   *
   * @param loopId - id of the loop that reads
   */
  reader(loopId = ''): Reader {
    return new Reader(this, loopId);
  }

  /** Closes the queue, which no longer has readers. Pushes that wait for room fail with `reason`. */
  close(reason: Error): void {
    this.#notes.close();
    this.#blocked.refuseAll(reason);
  }

  /** If true, the queue is empty: no message is waiting or with a reader, and no push waits for room. */
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

  /**
   * Takes a message that was delivered before. The message is delivered alone, and only after the delivery is recorded.
   */
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
    // Another reader may have given back messages with lower ids.
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
    // A message that cannot be stored is not added.
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

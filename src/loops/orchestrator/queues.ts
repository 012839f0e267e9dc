import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import type { QueueDefinition } from '../definition.js';
import { NotFoundError } from '../errors.js';
import type { QueueMetrics } from '../health.js';
import type { Message } from '../node.js';
import type { LoopShape } from '../pools/pool.js';
import type { Patience } from '../queues/blocked-pushes.js';
import { MessageQueue, type MessageQueueOptions } from '../queues/message-queue.js';
import type { QueueStore } from '../queues/queue-store.js';
import type { Reader } from '../queues/reader.js';
import { Topic } from '../queues/topic.js';
import type { LoopStore, Stored } from '../store/contracts.js';

/** Number of message ids that are reserved in the store at a time. */
const atOnce = 10_000;

/** The queues and topics of a workflow. Loops push by name, and every message goes to the readers of its queue. */
export class Queues {
  readonly #queues = new Map<string, MessageQueue | Topic>();
  /** Ids of the loops that read each queue. */
  readonly #readers = new Map<string, readonly string[]>();

  constructor(
    definitions: ReadonlyMap<string, QueueDefinition>,
    shapes: readonly LoopShape[],
    private readonly store?: LoopStore,
    private readonly stored?: Stored,
    private readonly onLimit?: (message: Message, loopId: string) => void,
  ) {
    for (const [name, definition] of definitions) {
      const readers = shapes.filter(({ reads }) => reads === name).map(({ id }) => id);
      const queue =
        definition.type === 'topic'
          ? new Topic(name, readers, (loopId) => this.#optionsOf(name, definition, `${name}/${loopId}`))
          : new MessageQueue(this.#optionsOf(name, definition, name));
      this.#queues.set(name, queue);
      this.#readers.set(name, readers);
    }
  }

  /**
   * Returns a queue.
   *
   * @throws {NotFoundError} for a queue that is not declared
   */
  get(name: string): MessageQueue | Topic {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new NotFoundError('queue', name, [...this.#queues.keys()]);
    return queue;
  }

  push(name: string, value: unknown, carrier?: Carrier, patience?: Patience): void | Promise<void> {
    return this.get(name).push(value, carrier, patience);
  }

  /** Pushes the value of a replayed dead letter. In a topic, only the given loop receives the value. */
  pushAgain(name: string, loopId: string, value: unknown, carrier?: Carrier): void | Promise<void> {
    const queue = this.get(name);
    return queue instanceof Topic
      ? queue.pushTo(loopId, value, carrier, 'while-stored')
      : queue.push(value, carrier, 'while-stored');
  }

  /**
   * Stops accepting messages while the store fails, and accepts them again afterwards.
   *
   * @param failure - the error of the store. Default: none, because messages can be stored again
   */
  hold(failure: Error | undefined): void {
    for (const queue of this.#queues.values()) queue.hold(failure);
  }

  /** Returns true if a push waits for room in the queue, and no loop that satisfies `isReading` reads the queue. */
  isStuck(name: string, isReading: (loopId: string) => boolean): boolean {
    const queue = this.get(name);
    if (queue instanceof Topic) return queue.isStuck(isReading);
    return queue.metrics.blocked > 0 && !(this.#readers.get(name) ?? []).some(isReading);
  }

  /** Closes the queues. Pushes that wait for room fail with `reason`. */
  close(reason: Error): void {
    for (const queue of this.#queues.values()) queue.close(reason);
  }

  reader(name: string, loopId: string): Reader {
    return this.get(name).reader(loopId);
  }

  metrics(): QueueMetrics[] {
    return [...this.#queues.values()].map(({ metrics }) => metrics);
  }

  #optionsOf(
    name: string,
    { capacity = 1_000, overflow = 'block', maxDeliveries }: QueueDefinition,
    key: string,
  ): MessageQueueOptions {
    const { store, stored } = this;
    const restored = stored?.messages.get(key) ?? [];
    const lastId = stored?.lastIds.get(key) ?? 0;
    return {
      name,
      capacity,
      overflow,
      restored,
      lastId,
      deliveries: stored?.deliveries?.get(key),
      maxDeliveries,
      onLimit: this.onLimit,
      log: store === undefined ? undefined : storeOf(store, key, lastId),
    };
  }
}

function storeOf(store: LoopStore, key: string, lastId: number): QueueStore {
  let reserved = lastId;
  return {
    put: (message: Message) => {
      if (message.id > reserved) {
        reserved = message.id + atOnce;
        store.putLastId(key, reserved);
      }
      store.putMessage(key, message);
    },
    remove: (id) => store.removeMessage(key, id),
    deliver:
      store.putDeliveries === undefined ? undefined : async (deliveries) => store.putDeliveries?.(key, deliveries),
  };
}

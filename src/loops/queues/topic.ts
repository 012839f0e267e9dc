import type { Carrier } from '../../kernel/hooks/instrumentation.js';
import type { QueueMetrics } from '../health.js';
import type { Patience } from './blocked-pushes.js';
import { MessageQueue, type MessageQueueOptions } from './message-queue.js';
import type { Reader } from './reader.js';

/** A topic: each message goes to every loop that reads the topic. Each of these loops has a queue of its own. */
export class Topic {
  readonly #queues = new Map<string, MessageQueue>();
  #pushed = 0;

  /** @param optionsOf - returns the options of the queue of a loop */
  constructor(
    readonly name: string,
    loopIds: readonly string[],
    optionsOf: (loopId: string) => MessageQueueOptions,
  ) {
    for (const loopId of loopIds) this.#queues.set(loopId, new MessageQueue(optionsOf(loopId)));
  }

  /**
   * Adds a value for every reader. Returns a promise if the queue of a reader has no room.
   *
   * @throws {QueueFullError} if the queue of a reader is full and its policy is `fail`. The other readers still receive
   *   the value
   */
  push(value: unknown, carrier?: Carrier, patience?: Patience): void | Promise<void> {
    this.#pushed++;
    let waiting: Promise<void>[] | undefined;
    let failure: { readonly error: unknown } | undefined;
    for (const queue of this.#queues.values()) {
      try {
        const pushed = queue.push(value, carrier, patience);
        if (pushed !== undefined) waiting = [...(waiting ?? []), pushed];
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
    return waiting === undefined ? undefined : Promise.all(waiting).then(() => undefined);
  }

  reader(loopId: string): Reader {
    return (this.#queues.get(loopId) as MessageQueue).reader(loopId);
  }

  /** Adds a value for one reader only. */
  pushTo(loopId: string, value: unknown, carrier?: Carrier, patience?: Patience): void | Promise<void> {
    return this.#queues.get(loopId)?.push(value, carrier, patience);
  }

  hold(failure: Error | undefined): void {
    for (const queue of this.#queues.values()) queue.hold(failure);
  }

  close(reason: Error): void {
    for (const queue of this.#queues.values()) queue.close(reason);
  }

  /** Returns true if a push waits for room in the queue of a loop that is not reading. */
  isStuck(isReading: (loopId: string) => boolean): boolean {
    return [...this.#queues].some(([loopId, { metrics }]) => metrics.blocked > 0 && !isReading(loopId));
  }

  get isEmpty(): boolean {
    return [...this.#queues.values()].every(({ isEmpty }) => isEmpty);
  }

  /** Figures of all readers together. Depth and age are the figures of the slowest reader. */
  get metrics(): QueueMetrics {
    const all = [...this.#queues.values()].map(({ metrics }) => metrics);
    const most = (field: 'depth' | 'unacknowledged' | 'age' | 'capacity' | 'blocked') =>
      all.reduce((found, metrics) => Math.max(found, metrics[field]), 0);
    const sum = (field: 'acknowledged' | 'dropped') => all.reduce((total, metrics) => total + metrics[field], 0);
    return {
      queue: this.name,
      depth: most('depth'),
      unacknowledged: most('unacknowledged'),
      capacity: most('capacity'),
      age: most('age'),
      pushed: this.#pushed,
      acknowledged: sum('acknowledged'),
      dropped: sum('dropped'),
      blocked: most('blocked'),
    };
  }
}

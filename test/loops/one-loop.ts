import type { Inlet, Loop, LoopEvent, LoopHost, LoopPlan, LoopState } from 'orchestrator/loops';
import { LoopManager, planOf } from 'orchestrator/loops';
import { vi } from 'vitest';
import { MessageQueue, type MessageQueueOptions } from '../../src/loops/queues/message-queue.js';
import type { Reader } from '../../src/loops/queues/reader.js';

/** A host for a single loop. Provides the queues, and records everything that the loop reports. */
export class World implements LoopHost {
  readonly events: LoopEvent[] = [];
  readonly cursors: unknown[] = [];
  readonly queues = new Map<string, MessageQueue>();
  cursor: unknown = undefined;
  /** The reader of the loop. */
  reader: Reader | undefined = undefined;

  queue(name: string, options: Partial<MessageQueueOptions> = {}): MessageQueue {
    const queue = this.queues.get(name) ?? new MessageQueue({ name, capacity: 1_000, overflow: 'block', ...options });
    this.queues.set(name, queue);
    return queue;
  }

  inlet(name: string): Inlet {
    this.reader = this.queue(name).reader();
    return this.reader;
  }

  push(name: string, value: unknown): void | Promise<void> {
    return this.queue(name).push(value);
  }

  saveCursor(value: unknown): void {
    this.cursor = value;
    this.cursors.push(value);
  }

  report(event: LoopEvent): void {
    this.events.push(event);
  }

  get states(): LoopState[] {
    return this.events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  }

  get nodeStates(): string[] {
    return this.events.flatMap((event) => (event.type === 'node' ? [`${event.nodeId} ${event.state}`] : []));
  }

  get failures(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'failure' ? [`${event.nodeId}: ${(event.error as Error).message}`] : [],
    );
  }

  get letters() {
    return this.events.flatMap((event) => (event.type === 'dead-letter' ? [event.letter] : []));
  }
}

/** A loop without an orchestrator. */
export function managed(loop: Loop, world = new World()) {
  return { manager: new LoopManager(plan(loop), world), world };
}

export function plan(loop: Loop): LoopPlan {
  return planOf(loop.source);
}

/** Starts a loop, and waits until it has ended. */
export async function lived(loop: Loop, world = new World()) {
  const { manager } = managed(loop, world);
  const { ended } = await manager.start();
  return { end: await ended, world, metrics: manager.metrics() };
}

/** Returns a producer function that counts up to `last`, and then returns `finished`. */
export function counting(last: number, finished: unknown, from = 1) {
  let number = from - 1;
  return () => (number < last ? ++number : finished);
}

/** Replaces all clocks and timers with fake ones. */
export function useFakeTime(): void {
  vi.useFakeTimers({
    toFake: [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
      'performance',
      'Date',
    ],
  });
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

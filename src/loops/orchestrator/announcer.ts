import { DeliveryLimitError, type LoopFault, type LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopEvent } from '../host.js';
import type { Message } from '../node.js';
import type { WorkflowEvents } from './contracts.js';
import type { DeadLetters } from './dead-letters.js';
import { type LoopLogger, outside } from './loop-logger.js';

type Emit = <Name extends keyof WorkflowEvents>(name: Name, ...args: WorkflowEvents[Name]) => void;

/** Publishes the events of a workflow to its log, its dead letters and its listeners. */
export class Announcer {
  constructor(
    private readonly log: LoopLogger,
    private readonly deadLetters: DeadLetters,
    private readonly emit: Emit,
  ) {}

  event(loopId: string, event: LoopEvent): void {
    this.log.event(loopId, event);
    switch (event.type) {
      case 'state':
      case 'node':
      case 'failure': {
        const { type, ...rest } = event;
        this.tell(type, { loopId, ...rest } as never);
        return;
      }
      case 'dead-letter':
        this.tell('deadLetter', this.deadLetters.add({ ...event.letter, loopId }));
    }
  }

  /** Turns a message that reached the `maxDeliveries` of its queue into a dead letter. */
  limit({ queue, id, value, deliveries, carrier }: Message, loopId: string): void {
    const error = new DeliveryLimitError(queue, id, deliveries);
    const message = { queue, id, value, carrier };
    this.event(loopId, { type: 'failure', nodeId: '', iteration: 0, error });
    const letter = { loopId, nodeId: '', iteration: 0, value, error, time: Date.now(), message };
    this.event(loopId, { type: 'dead-letter', letter });
  }

  /** Reports a dead letter that was deleted because the capacity was reached. */
  dropped(letter: DeadLetter, capacity: number): void {
    this.log.dropped(letter, this.deadLetters.dropped, capacity);
    this.tell('deadLetterDropped', letter);
  }

  warnings(warnings: readonly LoopFault[]): void {
    for (const warning of warnings) {
      this.log.warning(warning);
      this.tell('warning', warning);
    }
  }

  /** Reports that the store cannot be written. Without a `failure`, reports that the store can be written again. */
  store(failure: LoopStoreError | undefined): void {
    this.log.store(failure);
    this.tell('store', { error: failure });
  }

  /** Emits an event. An error in a listener becomes an uncaught exception but does not fail a loop. */
  tell<Name extends keyof WorkflowEvents>(name: Name, ...args: WorkflowEvents[Name]): void {
    outside(() => this.emit(name, ...args));
  }
}

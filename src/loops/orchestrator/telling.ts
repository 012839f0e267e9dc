import type { Logger } from '../../shared/logger.js';
import { DeliveryLimitError, LoopCrashError, type LoopFault, type LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopEvent } from '../host.js';

/** Of dead letters that had to make room, one in so many gets a line. */
const fewest = 1_000;

/** Writes lines about what happens in loops, to dead letters, and to the store. */
export class LoopLog {
  constructor(private readonly logger: Logger | undefined) {}

  event(loopId: string, event: LoopEvent): void {
    if (event.type === 'state') this.#state(loopId, event.state, event.error);
    if (event.type === 'node') {
      const { nodeId, state, error } = event;
      const line = `node "${nodeId}" of loop "${loopId}" is ${state}`;
      const details = error === undefined ? { loopId, nodeId, state } : { loopId, nodeId, state, err: error };
      this.#write(state === 'healthy' ? 'info' : 'warn', line, details);
    }
    if (event.type === 'failure') {
      const { nodeId, iteration, error } = event;
      const line = nodeId === '' ? lineOf(loopId, error) : `node "${nodeId}" of loop "${loopId}" has failed`;
      this.#write('error', line, { loopId, nodeId, iteration, err: error });
    }
  }

  /** @param dropped - how many there have been */
  dropped({ id, loopId, nodeId, error }: DeadLetter, dropped: number, capacity: number): void {
    if (dropped % fewest !== 1) return;
    const line = `${dropped === 1 ? 'a dead letter was' : `${dropped} dead letters were`} dropped: ${capacity} are kept`;
    this.#write('warn', line, { dropped, capacity, letterId: id, loopId, nodeId, err: error });
  }

  warning({ message, queue }: LoopFault): void {
    this.#write('warn', message, { queue });
  }

  store(failure: LoopStoreError | undefined): void {
    if (failure === undefined) this.#write('info', 'the store is written again', {});
    else this.#write('error', 'the store cannot be written: queues take no messages', { err: failure });
  }

  #state(loopId: string, state: string, error: unknown): void {
    const level = state === 'error' ? 'error' : error === undefined ? 'info' : 'warn';
    const details = error === undefined ? { loopId, state } : { loopId, state, err: error };
    this.#write(level, `loop "${loopId}" is ${state}`, details);
  }

  #write(level: 'info' | 'warn' | 'error', line: string, details: object): void {
    const { logger } = this;
    if (logger !== undefined) outside(() => logger[level](line, details));
  }
}

/** Calls code of others: what it throws goes the way of all that nobody catches, not through here. */
export function outside(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** @returns the line about a failure that is of no node */
function lineOf(loopId: string, error: unknown): string {
  if (error instanceof LoopCrashError) return `loop "${loopId}" has crashed`;
  return error instanceof DeliveryLimitError
    ? `loop "${loopId}" leaves a message alone`
    : `loop "${loopId}" has failed`;
}

import type { Logger } from '../../shared/logger.js';
import { DeliveryLimitError, LoopCrashError, type LoopFault, type LoopStoreError } from '../errors.js';
import type { DeadLetter } from '../health.js';
import type { LoopEvent } from '../host.js';

/** Number of deleted dead letters per log line. */
const fewest = 1_000;

/** Writes log lines about loops, dead letters and the store. */
export class LoopLogger {
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

  /**
   * Logs the first deleted dead letter, and then every thousandth after it.
   *
   * @param dropped - number of dead letters deleted so far
   */
  dropped({ id, loopId, nodeId, error }: DeadLetter, dropped: number, capacity: number): void {
    if (dropped % fewest !== 1) return;
    const line = `${dropped === 1 ? 'a dead letter was' : `${dropped} dead letters were`} dropped: ${capacity} are kept`;
    this.#write('warn', line, { dropped, capacity, letterId: id, loopId, nodeId, err: error });
  }

  warning({ message, queue }: LoopFault): void {
    this.#write('warn', message, { queue });
  }

  store(failure: LoopStoreError | undefined): void {
    if (failure === undefined) this.#write('info', 'the store can be written again', {});
    else this.#write('error', 'the store cannot be written: queues accept no messages', { err: failure });
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

/**
 * Calls code that is not part of this package. Errors become uncaught exceptions and do not propagate to the caller.
 */
export function outside(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** Returns the log line for a failure that belongs to no node. */
function lineOf(loopId: string, error: unknown): string {
  if (error instanceof LoopCrashError) return `loop "${loopId}" has crashed`;
  return error instanceof DeliveryLimitError ? `loop "${loopId}" gave up on a message` : `loop "${loopId}" has failed`;
}

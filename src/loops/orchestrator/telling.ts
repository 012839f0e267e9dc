import type { Logger } from '../../logger.js';
import type { LoopEvent } from '../host.js';

/** Writes down what happens in a loop. */
export function logEvent(logger: Logger | undefined, loopId: string, event: LoopEvent): void {
  if (logger === undefined) return;
  if (event.type === 'state') {
    outside(() => logger.info(`loop "${loopId}" is ${event.state}`, { loopId, state: event.state }));
  }
  if (event.type === 'failure') {
    const { nodeId, iteration, error } = event;
    const message = nodeId === '' ? `loop "${loopId}" has crashed` : `node "${nodeId}" of loop "${loopId}" has failed`;
    outside(() => logger.error(message, { loopId, nodeId, iteration, err: error }));
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

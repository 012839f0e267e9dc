import type { LoopEvent } from '../host.js';
import type { Logger } from './contracts.js';

/** Writes down what happens in a loop. */
export function logEvent(logger: Logger | undefined, loopId: string, event: LoopEvent): void {
  if (logger === undefined) return;
  if (event.type === 'state') {
    outside(() => logger.info({ loopId, state: event.state }, `loop "${loopId}" is ${event.state}`));
  }
  if (event.type === 'failure') {
    const { nodeId, iteration, error } = event;
    const message = nodeId === '' ? `loop "${loopId}" has crashed` : `node "${nodeId}" of loop "${loopId}" has failed`;
    outside(() => logger.error({ loopId, nodeId, iteration, error }, message));
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

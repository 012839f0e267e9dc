import type { WorkflowOrchestrator } from '../../loops/index.js';
import { oneLine } from '../output/text.js';
import type { CommandLog } from './command-log.js';

interface Failure {
  readonly loopId: string;
  readonly nodeId: string;
  readonly iteration: number;
  readonly error: unknown;
}

/**
 * Logs events of loops. A failure and its dead letter are emitted one after the other, but logged as one line. A
 * failure is therefore held back until its dead letter or another event arrives, or until the next turn of the event
 * loop.
 */
export function logLoops(loops: WorkflowOrchestrator, log: CommandLog): void {
  let held: Failure | undefined;
  const write = (deadLetter?: number) => {
    if (held === undefined) return;
    const { error, ...where } = held;
    held = undefined;
    const behind = deadLetter === undefined ? '' : ` (dead letter ${deadLetter})`;
    const details = deadLetter === undefined ? where : { ...where, deadLetter };
    log.warn(error, details, (message) => `${placeOf(where)}: ${message}${behind}`);
  };
  loops.on('state', ({ loopId, state, error }) => {
    write();
    const message = `loop ${oneLine(loopId)} is ${state}`;
    if (error === undefined) log.info(message, { loopId, state });
    else log.warn(error, { loopId, state }, (reason) => `${message}: ${reason}`);
  });
  loops.on('failure', (failure) => {
    write();
    held = failure;
    setImmediate(() => {
      if (held === failure) write();
    });
  });
  loops.on('deadLetter', ({ id, loopId, nodeId, iteration }) => {
    const isOfHeld = held?.loopId === loopId && held.nodeId === nodeId && held.iteration === iteration;
    if (isOfHeld) write(id);
  });
}

/** The place of a failure. A failure of the loop as a whole has no node. */
function placeOf({ loopId, nodeId }: Pick<Failure, 'loopId' | 'nodeId'>): string {
  return nodeId === '' ? `loop ${oneLine(loopId)}` : `loop ${oneLine(loopId)}, node ${oneLine(nodeId)}`;
}

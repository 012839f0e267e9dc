import type { Position } from '../plan/position.js';
import { eventOf } from '../plan/waits.js';
import type { Memory } from './memory.js';

/**
 * The prospects of an event for which no node is waiting:
 *
 * - `possible`: a node may still begin to wait for the event;
 * - `over`: all nodes that wait for the event have done so;
 * - `unknown`: no node of the flow waits for the event.
 */
export type Prospect = 'possible' | 'over' | 'unknown';

/**
 * Returns the prospects of an event in a run. Sub-flows and batches may wait for any event, except for those whose waits
 * in them have expired.
 */
export function prospectOf(memory: Memory<unknown, unknown, unknown>, event: string): Prospect {
  const position = memory.position as Position;
  let isKnown = false;
  for (const [node, definition] of position.plan.nodes.entries()) {
    const { id, uses } = definition;
    if (uses === 'subflow' || uses === 'batch') {
      const waits = memory.has('awaiting') ? memory.awaiting.get(id) : undefined;
      if (waits === undefined ? position.mayStart(node) : !waits.some((wait) => wait.event === event))
        return 'possible';
      if (position.mayRepeat(node)) return 'possible';
      isKnown ||= waits !== undefined;
    } else if (eventOf(definition) === event) {
      isKnown = true;
      const hasWaited = memory.has('delivered') && memory.delivered.has(id);
      if (hasWaited ? position.mayRepeat(node) : position.mayStart(node)) return 'possible';
    }
  }
  return isKnown ? 'over' : 'unknown';
}

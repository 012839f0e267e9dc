import type { Happening, InNode } from '../../flow/run/index.js';
import type { NodeEntry, StepEntry } from './entry.js';
import type { Numbering } from './numbering.js';

/** Converts the entry of a node to the form that the memory of a run takes. */
export function happeningOf(entry: NodeEntry, numbering: Numbering): Happening<string> {
  const { node: nodeId } = entry;
  switch (entry.type) {
    case 'completed': {
      const { output, action, recoveredBy } = entry;
      const arcs = numbering.arcsOf(nodeId, entry);
      return {
        type: 'completed',
        nodeId,
        output,
        action,
        arcs,
        passed: numbering.passedOf(nodeId, entry),
        recoveredBy,
      };
    }
    case 'failed':
      return { type: 'failed', nodeId, error: failureOf(entry), isLost: entry.isLost === true };
    case 'retrying':
      return { type: 'postponed', nodeId, error: failureOf(entry), delay: entry.delay, consumed: entry.consumed };
    case 'awaiting':
      return { type: 'awaiting', nodeId, waits: entry.waits };
  }
}

/** Converts a step inside a node to the form that the memory of a run takes. */
export function stepOf(entry: Exclude<StepEntry, { type: 'claimed' }>): InNode<string> {
  if (entry.type !== 'item') return entry;
  const { node: nodeId, type, index, output, changes } = entry;
  return { type, nodeId, index, output, changes };
}

function failureOf(entry: Extract<NodeEntry, { error: string }>) {
  const attempts = 'tried' in entry ? (entry.tried ?? entry.attempt) : entry.attempt;
  return { cause: entry.error, attempts };
}

import type { Position } from '../plan/position.js';

/** What is left of a run in which nothing goes on. */
export interface Rest {
  /** Whether it waits for something outside. */
  readonly waits: boolean;
  /** Whether a node has failed that no fallback has saved. */
  readonly hasFailed: boolean;
  /** Whether each node that is no fallback has completed or was skipped. */
  readonly isDone: boolean;
}

/** How a run stands in which nothing goes on: in process and on a fleet. */
export function standing({ waits, hasFailed, isDone }: Rest): 'awaiting' | 'failed' | 'completed' | 'stalled' {
  if (waits) return 'awaiting';
  if (hasFailed) return 'failed';
  return isDone ? 'completed' : 'stalled';
}

/** The completed nodes from which nothing was taken: the output of the run is theirs. */
export function lastOf(position: Position, isCompleted: (nodeId: string) => boolean): string[] {
  const { plan } = position;
  const last: string[] = [];
  for (let node = 0; node < plan.nodeCount; node++) {
    const id = plan.idOf(node);
    // A fallback that leads nowhere of its own ends in the node that it has stood in for.
    const standsIn = plan.owners.has(node) && plan.outFrom[node] === plan.outFrom[node + 1];
    if (!standsIn && !leadsOn(position, node) && isCompleted(id)) last.push(id);
  }
  return last;
}

/** The output of a run: that of its last node; of several, an object by node id. */
export function outputOf<Output>(
  last: readonly string[],
  read: (nodeId: string) => Output,
  together: (outputs: Record<string, Output>) => Output,
): Output | undefined {
  const [only] = last;
  if (last.length > 1) return together(Object.fromEntries(last.map((nodeId) => [nodeId, read(nodeId)])));
  return only === undefined ? undefined : read(only);
}

function leadsOn(position: Position, node: number): boolean {
  const { outFrom } = position.plan;
  for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
    if (position.isTaken(arc)) return true;
  }
  return false;
}

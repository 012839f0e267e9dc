import type { Position } from '../plan/position.js';

/** The facts that decide the status of a run in which nothing is being executed. */
export interface Rest {
  /** If true, a node waits for an event or a sleep. */
  readonly waits: boolean;
  /** If true, a node has failed and no fallback has recovered it. */
  readonly hasFailed: boolean;
  /** If true, each node that is not a fallback has completed or was skipped. */
  readonly isDone: boolean;
}

/**
 * Returns the status of a run in which nothing is being executed. The rule is the same for runs in process and on a
 * fleet.
 */
export function standing({ waits, hasFailed, isDone }: Rest): 'awaiting' | 'failed' | 'completed' | 'stalled' {
  if (waits) return 'awaiting';
  if (hasFailed) return 'failed';
  return isDone ? 'completed' : 'stalled';
}

/**
 * Returns the ids of the completed nodes that lead to no other node: no outgoing edge was taken, except to asides and to
 * nodes that their joins skipped all the same. Asides themselves are left out. The outputs of these nodes are the output of the
 * run.
 */
export function lastOf(position: Position, isCompleted: (nodeId: string) => boolean): string[] {
  const { plan } = position;
  const last: string[] = [];
  for (let node = 0; node < plan.nodeCount; node++) {
    const id = plan.idOf(node);
    // A fallback that leads to no other node is left out, because its output is also the output of the node that it
    // replaces.
    const standsIn = plan.owners.has(node) && !hasFollowers(position, node);
    if (!standsIn && !position.isAside(node) && !leadsOn(position, node) && isCompleted(id)) last.push(id);
  }
  return last;
}

/**
 * Returns the output of a run, which is the output of its last node. If there are several last nodes, `together`
 * combines their outputs, which are keyed by node id.
 */
export function outputOf<Output>(
  last: readonly string[],
  read: (nodeId: string) => Output,
  together: (outputs: Record<string, Output>) => Output,
): Output | undefined {
  const [only] = last;
  if (last.length > 1) return together(Object.fromEntries(last.map((nodeId) => [nodeId, read(nodeId)])));
  return only === undefined ? undefined : read(only);
}

function hasFollowers({ plan: { outFrom, arcTarget, isAside } }: Position, node: number): boolean {
  return arcTarget.subarray(outFrom[node], outFrom[node + 1]).some((target) => isAside[target] !== 1);
}

function leadsOn(position: Position, node: number): boolean {
  const { outFrom, arcTarget, isAside } = position.plan;
  for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
    const target = arcTarget[arc] as number;
    if (isAside[target] !== 1 && position.isTaken(arc) && !position.isRefused(target)) return true;
  }
  return false;
}

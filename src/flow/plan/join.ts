import type { Graph, JoinStrategy, NodeDefinition } from '../blueprint.js';
import type { Fault } from '../errors.js';
import type { Parts } from './connect.js';
import { some } from './loops.js';

/**
 * The rules of the join strategies. A join waits for arcs, and each of these arcs ends in one of three ways: it is
 * taken, it is refused, or it is lost. An arc is lost if, because of a failure, it will neither be taken nor be refused:
 * its source has failed, or a failure before its source keeps the source from running. In contrast to the other two
 * ends, a loss is not final, because failed nodes may be tried again.
 */

export const joinStrategies: readonly JoinStrategy[] = ['all', 'any', 'settled', 'failed', 'allCompleted'];

/** Marks of the arcs that a join has seen: at least one was taken, at least one was refused. */
export const [sawTaken, sawRefused] = [1, 2] as const;

/** The consequence of a join for its node. `lost`: a failure keeps the node from running. */
export type Verdict = 'ready' | 'skipped' | 'lost' | undefined;

/**
 * Returns what follows for a node from the arcs that its join waits for, or `undefined` if that is not known yet. The
 * final answer does not depend on the order in which the arcs end.
 *
 * @param open - the number of arcs that were neither taken nor refused, including lost arcs
 * @param lost - the number of arcs that are lost
 * @param seen - a sum of `sawTaken` and `sawRefused`
 */
export function verdictOf(join: JoinStrategy, open: number, lost: number, seen: number): Verdict {
  const isReached = (seen & sawTaken) !== 0;
  switch (join) {
    case 'all':
      if (lost > 0) return 'lost';
      return open > 0 ? undefined : readyIf(isReached);
    case 'any':
      if (isReached) return 'ready';
      if (open > lost) return undefined;
      return lost > 0 ? 'lost' : 'skipped';
    case 'allCompleted':
      if (lost > 0) return 'lost';
      return open > 0 ? undefined : readyIf((seen & sawRefused) === 0);
    case 'settled':
      return open > lost ? undefined : readyIf(isReached || lost > 0);
    case 'failed':
      if (lost > 0) return 'ready';
      return open > 0 ? undefined : 'skipped';
  }
}

function readyIf(isReady: boolean): Verdict {
  return isReady ? 'ready' : 'skipped';
}

/** Returns true if a node with this strategy may run after a failure. */
export function runsAfterFailure(join: JoinStrategy): boolean {
  return join === 'settled' || join === 'failed';
}

export function joinOf({ config }: NodeDefinition): JoinStrategy {
  return config?.joinStrategy ?? 'all';
}

/**
 * Reports nodes that are to run after a failure although no node comes before them. Such a node would run at the start.
 *
 * @param backOf - for each arc, the loop that the arc repeats; -1 if there is none
 */
export function checkJoins({ nodes }: Graph, { into }: Parts, backOf: Int32Array, faults: Fault[]): void {
  for (let node = 0; node < nodes.length; node++) {
    const definition = nodes[node] as NodeDefinition;
    const join = joinOf(definition);
    if (!runsAfterFailure(join) || some(into, node, (arc) => (backOf[arc] as number) < 0)) continue;
    const { id } = definition;
    const field = `nodes[${node}].config.joinStrategy`;
    const message = `${field} of "${id}" must not be "${join}": no edge from a node before it leads to it`;
    faults.push({ message, nodeId: id });
  }
}

/**
 * Finds the asides of a graph: the nodes that run after a failure and lead to nothing, or only to other asides. Clean-up
 * and alarms are asides. An aside does not change the output of a run.
 */
export function asidesOf({ nodes }: Graph, { outFrom, arcTarget, arcSource, into }: Parts): Uint8Array {
  const isAside = new Uint8Array(nodes.length);
  const toCheck: number[] = [];
  for (let node = 0; node < nodes.length; node++) {
    if (runsAfterFailure(joinOf(nodes[node] as NodeDefinition))) toCheck.push(node);
  }
  for (let node = toCheck.pop(); node !== undefined; node = toCheck.pop()) {
    if (isAside[node] === 1 || !runsAfterFailure(joinOf(nodes[node] as NodeDefinition))) continue;
    const targets = arcTarget.subarray(outFrom[node], outFrom[node + 1]);
    if (!targets.every((target) => isAside[target] === 1)) continue;
    isAside[node] = 1;
    some(into, node, (arc) => {
      toCheck.push(arcSource[arc] as number);
    });
  }
  return isAside;
}

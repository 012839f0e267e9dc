import type { Graph, NodeDefinition } from '../blueprint.js';
import type { Plan } from './plan.js';

/** The action of a wait that has expired. */
export const timedOut = 'timeout';

/** Returns the event that ends the wait or the sleep of a node; `undefined` for a node that does neither. */
export function eventOf({ id, uses, params }: NodeDefinition): string | undefined {
  if (uses === 'sleep') return id;
  return uses === 'wait' ? String(params?.event ?? id) : undefined;
}

/** Returns the ids of the nodes of which an edge has the action of a wait that has expired. */
export function followedInTime({ edges }: Graph): ReadonlySet<string> {
  return new Set(edges.filter(({ action }) => action === timedOut).map(({ source }) => source));
}

/**
 * Returns false if a node is a wait or a sleep that cannot fail: it has no inputs to evaluate, no conditions and
 * transforms, and either no timeout or an edge for its expiry.
 *
 * @param isToStart - if true, the node has yet to start. In a loop, it may then reach its maximum number of visits
 */
export function mayFail(plan: Plan, node: number, isToStart: boolean): boolean {
  const definition = plan.nodes[node] as NodeDefinition;
  const edges = plan.outgoing(node).map(({ edge }) => edge);
  if (eventOf(definition) === undefined || definition.inputs !== undefined) return true;
  if (edges.some(({ condition, transform }) => (condition ?? transform) !== undefined)) return true;
  if (isToStart && plan.loopOf[node] !== -1) return true;
  const expires = definition.uses === 'wait' && definition.params?.timeout !== undefined;
  return expires && !edges.some(({ action }) => action === timedOut);
}

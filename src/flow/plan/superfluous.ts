import { awaiting, type Marks, open, pending } from './marks.js';
import type { Plan } from './plan.js';

/**
 * Finds the waiting nodes whose events no longer matter, because every node that they lead to is a join with the
 * strategy `any` that has already started, or itself waits only for such nodes. A waiting node is still needed if it
 * ends the flow, repeats a loop, has or is a fallback, or leads to a pending node that other nodes can reach.
 *
 * @param seeds - the nodes that started, began to wait, or lost an incoming arc since the last search
 */
export function superfluous(plan: Plan, marks: Marks, seeds: readonly number[]): number[] {
  const waiting = waitingBefore(plan, marks, seeds);
  if (waiting.length === 0) return waiting;
  const found = new Set(waiting);
  const needed: number[] = [];
  // The loop also visits the nodes that `leadsToJoins` adds to the set.
  for (const node of found) if (!leadsToJoins(plan, marks, node, found)) needed.push(node);
  for (const node of found) if (isReachedByOthers(plan, marks, node, found)) needed.push(node);
  for (let node = needed.pop(); node !== undefined; node = needed.pop()) {
    if (!found.delete(node)) continue;
    for (const arc of arcsInto(plan, node)) needed.push(plan.arcSource[arc] as number);
    // Pending nodes that follow a needed node are needed as well.
    for (const arc of arcsOutOf(plan, node)) {
      if (marks.status[plan.arcTarget[arc] as number] === pending) needed.push(plan.arcTarget[arc] as number);
    }
  }
  return waiting.filter((node) => found.has(node));
}

/** Returns the waiting nodes among the seeds, and the waiting nodes that lead to the other seeds. */
function waitingBefore(plan: Plan, { status, arcs }: Marks, seeds: readonly number[]): number[] {
  const seen = new Set(seeds);
  for (const node of seen) {
    if (status[node] === awaiting) continue;
    for (const arc of arcsInto(plan, node)) {
      const source = plan.arcSource[arc] as number;
      if (arcs[arc] === open && (status[source] === pending || status[source] === awaiting)) seen.add(source);
    }
  }
  return [...seen].filter((node) => status[node] === awaiting);
}

/**
 * Returns true if a node leads only to pending nodes and to joins with the strategy `any` that have started. The
 * pending nodes are added to `found`, so that they are examined, too.
 */
function leadsToJoins(plan: Plan, { status, arcs }: Marks, node: number, found: Set<number>): boolean {
  if (plan.fallbackOf[node] !== -1 || plan.owners.has(node)) return false;
  let leads = false;
  for (const arc of arcsOutOf(plan, node)) {
    if ((plan.backOf[arc] as number) >= 0) return false;
    if (arcs[arc] !== open) continue;
    const target = plan.arcTarget[arc] as number;
    leads = true;
    if (status[target] === pending) found.add(target);
    else if (plan.joinsAny[target] !== 1) return false;
  }
  return leads;
}

/** Returns true if nodes outside `found` have reached a pending node, or may still reach it. */
function isReachedByOthers(plan: Plan, { status, arcs, reached }: Marks, node: number, found: ReadonlySet<number>) {
  if (status[node] !== pending) return false;
  if (reached[node] === 1) return true;
  for (const arc of arcsInto(plan, node)) {
    if (arcs[arc] === open && !found.has(plan.arcSource[arc] as number)) return true;
  }
  return false;
}

function arcsInto({ into }: Plan, node: number): Int32Array {
  return into.arcs.subarray(into.from[node], into.from[node + 1]);
}

function* arcsOutOf({ outFrom }: Plan, node: number): Generator<number> {
  for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) yield arc;
}

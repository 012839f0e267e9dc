import { awaiting, type Marks, open, pending } from './marks.js';
import type { Plan } from './plan.js';

/**
 * The nodes that wait for something outside, and of which nothing can come any more: whatever they lead to is a join of
 * any that runs already, or waits for such nodes alone. What has an end of its own, repeats a loop, or others have
 * reached, is still needed.
 *
 * @param seeds - what has begun, waits or is led to by less since the last look
 */
export function superfluous(plan: Plan, marks: Marks, seeds: readonly number[]): number[] {
  const waiting = waitingBefore(plan, marks, seeds);
  if (waiting.length === 0) return waiting;
  const found = new Set(waiting);
  const needed: number[] = [];
  // The set grows while it is walked.
  for (const node of found) if (!leadsToJoins(plan, marks, node, found)) needed.push(node);
  for (const node of found) if (isReachedByOthers(plan, marks, node, found)) needed.push(node);
  for (let node = needed.pop(); node !== undefined; node = needed.pop()) {
    if (!found.delete(node)) continue;
    for (const arc of arcsInto(plan, node)) needed.push(plan.arcSource[arc] as number);
    // What waits for it besides is needed with it.
    for (const arc of arcsOutOf(plan, node)) {
      if (marks.status[plan.arcTarget[arc] as number] === pending) needed.push(plan.arcTarget[arc] as number);
    }
  }
  return waiting.filter((node) => found.has(node));
}

/** The seeds that wait, and what waits before those that are joins. */
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

/** Whether a node leads to joins that run already, and to nodes that have not been reached, which are looked at too. */
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

/** Whether a node that has not been reached may be so by others. */
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

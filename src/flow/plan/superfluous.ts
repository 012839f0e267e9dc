import type { JoinStrategy } from '../blueprint.js';
import { runsAfterFailure, sawTaken } from './join.js';
import { awaiting, type Marks, open, pending, skipped } from './marks.js';
import type { Plan } from './plan.js';
import { mayFail } from './waits.js';

/** The nodes behind which nothing is left but joins that have started without them. */
export interface Superfluous {
  /** Nodes that can change nothing. They are skipped. */
  readonly unneeded: readonly number[];
  /** Nodes that only asides still need. They have become asides themselves. */
  readonly asides: readonly number[];
}

const nothing: Superfluous = { unneeded: [], asides: [] };

/**
 * Finds the waiting nodes whose events no longer matter, because every node that they lead to is a join with the
 * strategy `any` that has already started, or itself waits only for such nodes. The pending nodes in between are found
 * with them. A waiting node is still needed if it ends the flow, repeats a loop, has or is a fallback, or leads to a
 * pending node that other nodes can reach or that may still run after a failure.
 *
 * Asides do not count for this, so that the output of a run is the same with and without them. But an aside may still
 * run: with the strategy `settled`, when the node has ended; with `failed`, if the node can fail. Such a node is kept
 * for the aside.
 *
 * @param seeds - the nodes that started, began to wait, or lost an incoming arc since the last search
 */
export function superfluous(plan: Plan, marks: Marks, seeds: readonly number[]): Superfluous {
  const found = leadingToJoins(plan, marks, seeds);
  if (found.size === 0) return nothing;
  const failing = failingAmong(plan, marks, found);
  const letsRun = (isAside: 0 | 1) => (node: number) => runsBehind(plan, marks, node, { isAside, failing });
  remove(plan, marks, [...found].filter(letsRun(0)), found);
  const asides = withSources(plan, [...found].filter(letsRun(1)), found);
  return { unneeded: [...found].filter((node) => !asides.has(node)), asides: [...asides] };
}

/**
 * Finds waiting nodes, and the pending nodes behind them, that lead only to each other and to joins that have started.
 * Several waiting nodes may lead to one pending node, so the search goes on with all nodes that lead to what it finds.
 */
function leadingToJoins(plan: Plan, marks: Marks, seeds: readonly number[]): Set<number> {
  const { status } = marks;
  const mayEnd = (node: number) => status[node] === pending || status[node] === awaiting;
  const found = new Set<number>();
  const examined = new Set<number>();
  let waiting = waitingBefore(plan, marks, seeds);
  while (waiting.length > 0) {
    const needed: number[] = [];
    for (const node of waiting) {
      found.add(node);
      examined.add(node);
    }
    // The loop also visits the nodes that `leadsToJoins` adds to the set.
    for (const node of found) {
      if (!leadsToJoins(plan, marks, node, found) || isReached(plan, marks, node, mayEnd)) needed.push(node);
    }
    remove(plan, marks, needed, found);
    const behind = [...found].filter((node) => status[node] === pending);
    waiting = waitingBefore(plan, marks, behind).filter((node) => !examined.has(node));
  }
  const byOthers = [...found].filter((node) => isReached(plan, marks, node, (source) => found.has(source)));
  remove(plan, marks, byOthers, found);
  return found;
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
 * Returns true if a node leads only to pending nodes and to nodes that have started or were skipped without it. The
 * pending nodes are added to `found`, so that they are examined, too, except for those that run after a failure.
 */
function leadsToJoins(plan: Plan, { status, arcs }: Marks, node: number, found: Set<number>): boolean {
  if (plan.fallbackOf[node] !== -1 || plan.owners.has(node)) return false;
  let leads = false;
  for (const arc of arcsOutOf(plan, node)) {
    if ((plan.backOf[arc] as number) >= 0) return false;
    const target = plan.arcTarget[arc] as number;
    if (arcs[arc] !== open || plan.isAside[target] === 1) continue;
    const join = plan.joinOf[target] as JoinStrategy;
    if (status[target] === pending && !runsAfterFailure(join)) found.add(target);
    leads ||= found.has(target) || (status[target] !== pending && join === 'any') || status[target] === skipped;
  }
  return leads;
}

/** Returns true if a pending node was reached, or may still be reached by a node that `isInside` does not accept. */
function isReached(plan: Plan, { status, arcs, seen }: Marks, node: number, isInside: (source: number) => boolean) {
  if (status[node] !== pending) return false;
  if (((seen[node] as number) & sawTaken) !== 0) return true;
  for (const arc of arcsInto(plan, node)) {
    if (arcs[arc] === open && !isInside(plan.arcSource[arc] as number)) return true;
  }
  return false;
}

/** Removes nodes from a set with all that lead to them, and with the pending nodes that follow any of these. */
function remove(plan: Plan, { status }: Marks, nodes: readonly number[], from: Set<number>): void {
  const pendingTargets = (node: number) => targetsOf(plan, node).filter((target) => status[target] === pending);
  const removed = reached(nodes, from, (node) => [...sourcesOf(plan, node), ...pendingTargets(node)]);
  for (const node of removed) from.delete(node);
}

/** Returns nodes of a set with all that lead to them. */
function withSources(plan: Plan, nodes: readonly number[], among: ReadonlySet<number>): Set<number> {
  return reached(nodes, among, (node) => sourcesOf(plan, node));
}

/** Returns the nodes of a set that may fail, or that the failure of another node of the set keeps from running. */
function failingAmong(plan: Plan, { status }: Marks, among: ReadonlySet<number>): Set<number> {
  const failing = [...among].filter((node) => mayFail(plan, node, status[node] === pending));
  return reached(failing, among, (node) => targetsOf(plan, node));
}

/** Returns nodes of a set, and the nodes of the set that can be reached from them. */
function reached(nodes: readonly number[], among: ReadonlySet<number>, stepsFrom: (node: number) => number[]) {
  const found = new Set(nodes);
  for (const node of found) for (const next of stepsFrom(node)) if (among.has(next)) found.add(next);
  return found;
}

/** Returns true if the end of a node may be what lets a pending node run that runs after a failure. */
function runsBehind(
  plan: Plan,
  { status, arcs }: Marks,
  node: number,
  { isAside, failing }: { readonly isAside: 0 | 1; readonly failing: ReadonlySet<number> },
): boolean {
  for (const arc of arcsOutOf(plan, node)) {
    const target = plan.arcTarget[arc] as number;
    if (arcs[arc] !== open || status[target] !== pending || plan.isAside[target] !== isAside) continue;
    const join = plan.joinOf[target] as JoinStrategy;
    if (join === 'settled' || (join === 'failed' && failing.has(node))) return true;
  }
  return false;
}

function sourcesOf(plan: Plan, node: number): number[] {
  return Array.from(arcsInto(plan, node), (arc) => plan.arcSource[arc] as number);
}

function targetsOf(plan: Plan, node: number): number[] {
  return Array.from(arcsOutOf(plan, node), (arc) => plan.arcTarget[arc] as number);
}

function arcsInto({ into }: Plan, node: number): Int32Array {
  return into.arcs.subarray(into.from[node], into.from[node + 1]);
}

function* arcsOutOf({ outFrom }: Plan, node: number): Generator<number> {
  for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) yield arc;
}

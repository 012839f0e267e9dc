import type { JoinStrategy } from '../blueprint.js';
import { runsAfterFailure } from '../plan/join.js';
import type { Plan } from '../plan/plan.js';
import { outputIn } from '../run/data.js';
import type { Context } from '../run/result.js';
import type { WorkflowState } from '../run/state.js';

/**
 * Resolves the input of a node without an input mapping from the outputs of the nodes that made it ready. For a node
 * that runs after a failure, these are the outputs of the nodes before it that have completed, if there are any.
 *
 * @param context - the context visible to the node
 */
export function inputFrom(plan: Plan, node: number, state: WorkflowState, context: Context): unknown {
  const { into, awaited } = plan;
  const from = into.from[node] as number;
  const count = (into.from[node + 1] as number) - from;
  if (count === 0) return state.data.handedOut(state.input);
  const mayBeAlone = runsAfterFailure(plan.joinOf[node] as JoinStrategy);
  if (count === 1 && awaited[node] === 1 && !mayBeAlone)
    return passedBy(into.arcs[from] as number, plan, state, context);
  const known = state.position?.arrivals(node) ?? [];
  // If an orchestrator does not update the position, only the outputs in the context show which arcs were taken.
  const isKnown = known.length > 0 || (state.position !== undefined && (awaited[node] === 0 || mayBeAlone));
  const arcs = isKnown ? known : arrivalsIn(state, plan, node);
  return inputFromArrivals(plan, arcs, node, state, context);
}

/**
 * Resolves the input from the given arcs. From the second iteration of its loop on, a node gets the values of the back
 * arcs; otherwise, it gets the values of the arcs that its join has taken.
 */
function inputFromArrivals(plan: Plan, arcs: readonly number[], node: number, state: WorkflowState, context: Context) {
  const [first] = arcs;
  if (first === undefined && !runsAfterFailure(plan.joinOf[node] as JoinStrategy))
    return state.data.handedOut(state.input);
  const isAgain = first !== undefined && (plan.backOf[first] as number) >= 0;
  if (hasOneArc(plan, node, isAgain)) return first === undefined ? undefined : passedBy(first, plan, state, context);
  const values: Record<string, unknown> = {};
  for (const arc of arcs) values[plan.idOf(plan.arcSource[arc] as number)] = passedBy(arc, plan, state, context);
  return values;
}

/** Returns true if exactly one back arc, or exactly one other arc, leads to the node. */
function hasOneArc({ into, backOf }: Plan, node: number, isBack: boolean): boolean {
  let count = 0;
  for (let at = into.from[node] as number; at < (into.from[node + 1] as number) && count < 2; at++) {
    if ((backOf[into.arcs[at] as number] as number) >= 0 === isBack) count++;
  }
  return count === 1;
}

/**
 * Finds the arcs that led to a node when no position knows them: the recorded arcs, or else all arcs whose source has
 * an output.
 */
function arrivalsIn(state: WorkflowState, plan: Plan, node: number): number[] {
  const seen = state.arrivals.get(node);
  if (seen !== undefined) return [...seen];
  const context = state.getContext();
  return [...arcsInto(plan, node)].filter((arc) => Object.hasOwn(context, plan.idOf(plan.arcSource[arc] as number)));
}

function arcsInto({ into }: Plan, node: number): Int32Array {
  return into.arcs.subarray(into.from[node], into.from[node + 1]);
}

/** Returns the value that an arc passes on: the value recorded for the arc, or else the output of its source. */
function passedBy(arc: number, plan: Plan, state: WorkflowState, context: Context): unknown {
  const { memory } = state;
  if (memory.has('passed') && memory.passed.has(arc)) return state.data.handedOut(memory.passed.get(arc));
  return outputIn(context, plan.idOf(plan.arcSource[arc] as number));
}

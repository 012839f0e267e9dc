import type { restoreState } from '../../flow/checkpoint/apply.js';
import { setSettings } from '../../flow/execution/node-call.js';
import type { Plan } from '../../flow/plan/plan.js';
import type { Codec } from '../../flow/run/codec.js';
import { ContextView } from '../../flow/run/context-view.js';
import { WorkflowState } from '../../flow/run/state.js';
import type { SavedSteps } from '../journal/entry.js';
import type { Item } from '../journal/ledger.js';
import type { Replica } from '../journal/replica.js';
import type { RunHandle } from '../run/run-handle.js';

/** What one execution of a node sees of its run: its own view of the context, and what concerns the node. */
export interface ItemState {
  readonly state: WorkflowState;
  readonly view: ContextView;
}

/**
 * The state that a node is executed with. Everything in it is its own: what it does to it is seen by others only once it
 * is committed.
 *
 * @param item - what is to be executed. Default: nothing is, edges are followed for nodes that have ended
 */
export function stateFor({ replica, settings }: RunHandle, item?: Item): ItemState {
  const { codec } = replica.origin;
  const view = new ContextView(replica.values.asOf(replica.seq, codec), codec);
  const state = new WorkflowState(view.context, { runId: replica.runId, input: codec.decode(replica.input, 'input') });
  setSettings(state, settings);
  state.ground = { view, merges: replica.origin.merges };
  state.position = replica.position;
  if (item !== undefined) fillFor(item, replica, state);
  return { state, view };
}

function fillFor(item: Item, replica: Replica, state: WorkflowState): void {
  const { codec } = replica.origin;
  const { plan } = replica.position;
  const nodeId = plan.idOf(item.node);
  if (replica.passed.size > 0) for (const node of inputsOf(plan, item.node)) fillPassed(node, replica, state);
  state.attempts = { made: item.attempt - 1, consumed: item.consumed, elapsed: item.elapsed };
  const events = replica.delivered.get(nodeId);
  if (events !== undefined) {
    state.events = Object.fromEntries(
      Object.entries(events).map(([event, text]) => [event, codec.decode(text, `events.${event}`)]),
    );
    state.delivered.set(nodeId, Object.values(state.events)[0]);
  }
  for (const [index, changes] of replica.itemChanges.get(nodeId) ?? []) state.keepChangesOfItem(nodeId, index, changes);
  const outputs = replica.batches.get(nodeId);
  if (outputs !== undefined) {
    state.items.set(nodeId, new Map([...outputs].map(([index, text]) => [index, codec.decode(text, `item ${index}`)])));
  }
  for (const [key, steps] of replica.steps.get(nodeId) ?? [])
    state.children.set(key, stepsFrom(steps, codec, `sub-flow "${key}"`));
}

/** The nodes whose input a node gets: its own, and a fallback that of the nodes that it recovers. */
function inputsOf(plan: Plan, node: number): Set<number> {
  const nodes = new Set([node]);
  // The set grows while it is walked.
  for (const one of nodes) for (const owner of plan.owners.get(one) ?? []) nodes.add(owner);
  return nodes;
}

/** A run may have passed on a value at each of thousands of edges: only those that lead to the node are read. */
function fillPassed(
  node: number,
  { origin: { codec }, position: { plan }, passed }: Replica,
  state: WorkflowState,
): void {
  const { arcs, from } = plan.into;
  for (const arc of arcs.subarray(from[node], from[node + 1])) {
    const text = passed.get(arc);
    if (text !== undefined) state.passed.set(arc, codec.decode(text, 'what an edge passes on'));
  }
}

function stepsFrom({ run, entries }: SavedSteps, codec: Codec, field: string) {
  return { run: codec.decode(run, field), entries: entries.map((entry) => codec.decode(entry, field)) } as Parameters<
    typeof restoreState
  >[1];
}

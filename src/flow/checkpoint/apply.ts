import { CheckpointError, NodeError } from '../errors.js';
import { ArcsByEnds, fromOrder } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import { Position } from '../plan/position.js';
import type { Codec } from '../run/codec.js';
import { setOwn } from '../run/context-view.js';
import { WorkflowState } from '../run/state.js';
import { fromSaved } from './saved-entry.js';
import { checkSavedRun } from './saved-run.js';
import type { Entry, Happening, SavedChild, SavedNodeError, SavedRun } from './store.js';

/**
 * Makes it so that something has happened: in the run that it happens in, and again where that is read from a checkpoint.
 * The output of a node is in the context already.
 */
export function apply(state: WorkflowState, position: Position, happening: Happening): void {
  const { plan } = position;
  switch (happening.type) {
    case 'completed': {
      const { nodeId, action, arcs, passed, recoveredBy } = happening;
      const node = plan.indexOf(nodeId);
      settle(state, nodeId);
      if (recoveredBy !== undefined) state.markRecovered(nodeId, recoveredBy);
      // A failure of an earlier turn that a fallback has saved stays known.
      else if (state.errorOf(nodeId)?.recoveredBy === undefined) state.clearError(nodeId);
      if (action === undefined) state.actions.delete(nodeId);
      else state.actions.set(nodeId, action);
      pass(state, position, node, passed);
      position.complete(node, arcs);
      letGo(state, position);
      return;
    }
    case 'failed':
      // Its sub-flows and items are kept: where it is tried again, they go on from where they were.
      state.awaiting.delete(happening.nodeId);
      state.addError(happening.nodeId, revive(happening.error));
      position.fail(plan.indexOf(happening.nodeId), happening);
      return;
    case 'postponed':
      state.addError(happening.nodeId, revive(happening.error));
      return;
    case 'awaiting':
      state.awaiting.set(happening.nodeId, happening.waits);
      position.await(plan.indexOf(happening.nodeId));
      letGo(state, position);
      return;
    case 'item':
      state.keepItem(happening.nodeId, happening.index, happening.output, happening.changes);
      return;
    case 'started':
      state.children.set(happening.key, { run: happening.run, entries: [] });
      return;
    case 'child': {
      const child = state.children.get(happening.key) as SavedChild;
      child.entries.push(happening.entry);
      return;
    }
  }
}

/** What waits that nobody needs any more waits no longer. */
export function letGo(state: WorkflowState, position: Position): void {
  for (const node of position.letGo()) settle(state, position.plan.idOf(node));
}

/** What was kept of a node while it was under way is not needed any more. */
function settle(state: WorkflowState, nodeId: string): void {
  state.awaiting.delete(nodeId);
  state.delivered.delete(nodeId);
  state.forgetItems(nodeId);
  if (state.children.size === 0) return;
  for (const key of state.children.keys()) if (nodeOfKey(key) === nodeId) state.children.delete(key);
}

/** Sub-flows are kept under the id of their node, those of a batch with the item's number. */
export function childKey(nodeId: string, index: number | undefined): string {
  return JSON.stringify(index === undefined ? [nodeId] : [nodeId, index]);
}

/** The node that a sub-flow is kept under. */
export function nodeOfKey(key: string): unknown {
  return (JSON.parse(key) as unknown[])[0];
}

/** Sets down what the arcs of a node pass on, over what they did in an earlier turn. */
function pass(
  { passed }: WorkflowState,
  position: Position,
  node: number,
  values: readonly (readonly [arc: number, value: unknown])[],
): void {
  const { outFrom } = position.plan;
  if (passed.size > 0) {
    for (let arc = outFrom[node] as number; arc < (outFrom[node + 1] as number); arc++) {
      if (!position.isLeft(arc)) passed.delete(arc);
    }
  }
  for (const [arc, value] of values) passed.set(arc, value);
}

function revive({ nodeId, attempts, cause, recoveredBy }: SavedNodeError): NodeError {
  return new NodeError(nodeId, attempts, cause, recoveredBy);
}

/**
 * A run as it was saved, with what has happened since.
 *
 * @param context - the object that is to be its context; filled here
 * @param id - what the run is called where it cannot be read
 * @param codec - reads the texts of the context
 * @param seq - the number of the entry before the first, as messages give numbers
 * @throws {CheckpointError} for one that is damaged, or of another blueprint
 */
export function restoreState(
  plan: Plan,
  saved: SavedChild,
  context: Record<string, unknown>,
  id: string,
  codec: Codec,
  seq = 0,
): WorkflowState {
  checkSavedRun(plan, saved, id, seq);
  const { run, entries } = saved;
  const { runId, input } = run;
  const state = new WorkflowState(context, { runId, input });
  const position = new Position(plan, run.graph === undefined ? run.position : fromOrder(plan, run.position));
  state.position = position;
  for (const error of run.errors) state.addError(error.nodeId, revive(error));
  fill(state.awaiting, run.awaiting);
  fill(state.delivered, run.delivered);
  const ends = new ArcsByEnds(plan);
  for (const passed of run.passed) setPassed(state, ends, passed);
  fill(state.actions, run.actions);
  // What has happened in them since is added to them, and they may be read again.
  for (const [key, child] of run.children) state.children.set(key, { ...child, entries: [...child.entries] });
  for (const [nodeId, outputs] of run.items) state.items.set(nodeId, new Map(outputs));
  for (const [nodeId, all] of run.itemChanges ?? []) {
    for (const [index, changes] of all) state.keepChangesOfItem(nodeId, index, changes);
  }
  const values = new Map<string, Value>();
  for (const [key, value] of Object.entries(run.context)) values.set(key, { value });
  for (const [key, text] of run.values ?? []) values.set(key, { text });
  for (const entry of entries) replay(state, position, entry, values);
  fillContext(context, values, codec, runId);
  position.moveTo(position.save());
  return state;
}

function fill<Key, Value>(map: Map<Key, Value>, entries: Iterable<readonly [Key, Value]>): void {
  for (const [key, value] of entries) map.set(key, value);
}

function setPassed({ passed }: WorkflowState, ends: ArcsByEnds, saved: SavedRun['passed'][number]): void {
  if (saved.length === 2) passed.set(saved[0], saved[1]);
  else passed.set(ends.arcOf(saved[0], saved[1]), saved[2]);
}

/** What a key of the context holds: a text, or the value itself where no text was kept. */
type Value = { readonly text: string } | { readonly value: unknown };

function replay(
  state: WorkflowState,
  position: Position,
  { happening, set = {}, removed = [], changed = {} }: Entry,
  values: Map<string, Value>,
): void {
  if (happening.type === 'completed') {
    const { nodeId, output } = happening;
    if (output === undefined) values.delete(nodeId);
    else values.set(nodeId, { value: output });
  }
  apply(state, position, fromSaved(position.plan, happening));
  for (const [key, value] of Object.entries(changed)) values.set(key, { value });
  for (const [key, text] of Object.entries(set)) values.set(key, { text });
  for (const key of removed) values.delete(key);
}

/** Keys that a run begins with and has removed are not there. @throws {CheckpointError} for texts that cannot be read */
function fillContext(context: object, values: ReadonlyMap<string, Value>, codec: Codec, runId: string): void {
  for (const key of Object.keys(context)) if (!values.has(key)) Reflect.deleteProperty(context, key);
  try {
    for (const [key, kept] of values) setOwn(context, key, 'text' in kept ? codec.decode(kept.text) : kept.value);
  } catch (cause) {
    const problem = 'has a context that cannot be read: resume it with the serializer that it was written with';
    throw new CheckpointError(runId, problem, { cause });
  }
}

import type { Codec } from '../../shared/codec.js';
import { CheckpointError } from '../errors.js';
import { ArcsByEnds, fromOrder } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import { Position } from '../plan/position.js';
import type { WaitEnd } from '../run/happening.js';
import { setOwn } from '../run/keys.js';
import type { Entry, RunMemory, SavedChild, SavedRun } from '../run/saved.js';
import { WorkflowState } from '../run/state.js';
import { fromSaved } from './saved-entry.js';
import { checkSavedRun } from './saved-run.js';

/**
 * Restores a run from its snapshot and the entries after the snapshot.
 *
 * @param context - the object to fill; it becomes the context of the run
 * @param id - the name to use for the run in messages if its own id cannot be read
 * @param codec - decodes the texts of the context
 * @param seq - the number of the last entry before `saved.entries`, for messages
 * @throws {CheckpointError} if the run is damaged or belongs to another blueprint
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
  const { memory } = state;
  const position = new Position(plan, run.graph === undefined ? run.position : fromOrder(plan, run.position));
  memory.position = position;
  for (const error of run.errors) memory.failures.set(error.nodeId, error);
  fill(memory.awaiting, run.awaiting);
  for (const saved of run.delivered) memory.delivered.set(saved[0], waitEndOf(saved));
  fill(memory.received, run.received ?? []);
  const ends = new ArcsByEnds(plan);
  for (const passed of run.passed) setPassed(memory, ends, passed);
  fill(memory.actions, run.actions);
  // The entries are copied, because later entries are added to them and the saved run may be read a second time.
  for (const [key, inner] of run.children) memory.keepInner(key, { ...inner, entries: [...inner.entries] });
  for (const [nodeId, outputs] of run.items) memory.items.set(nodeId, new Map(outputs));
  for (const [nodeId, changes] of run.itemChanges ?? []) memory.itemChanges.set(nodeId, new Map(changes));
  memory.conclusion = run.conclusion;
  const values = new Map<string, Value>();
  for (const [key, value] of Object.entries(run.context)) values.set(key, { value });
  for (const [key, text] of run.values ?? []) values.set(key, { text });
  for (const entry of entries) replay(memory, plan, entry, values);
  fillContext(context, values, codec, runId);
  position.moveTo(position.save());
  return state;
}

function fill<Key, Value>(map: Map<Key, Value>, entries: Iterable<readonly [Key, Value]>): void {
  for (const [key, value] of entries) map.set(key, value);
}

function waitEndOf(saved: SavedRun['delivered'][number]): WaitEnd<unknown> {
  if (saved.length === 2) return { events: { [saved[0]]: saved[1] } };
  const [, events, rest] = saved;
  return { events, ...rest };
}

function setPassed({ passed }: RunMemory, ends: ArcsByEnds, saved: SavedRun['passed'][number]): void {
  if (saved.length === 2) passed.set(saved[0], saved[1]);
  else passed.set(ends.arcOf(saved[0], saved[1]), saved[2]);
}

/** The value of a context key: a text to be decoded, or the value itself. */
type Value = { readonly text: string } | { readonly value: unknown };

function replay(
  memory: RunMemory,
  plan: Plan,
  { happening, set = {}, removed = [], changed = {} }: Entry,
  values: Map<string, Value>,
): void {
  if (happening.type === 'completed') {
    const { nodeId, output } = happening;
    if (output === undefined) values.delete(nodeId);
    else values.set(nodeId, { value: output });
  }
  memory.apply(fromSaved(plan, happening));
  for (const [key, value] of Object.entries(changed)) values.set(key, { value });
  for (const [key, text] of Object.entries(set)) values.set(key, { text });
  for (const key of removed) values.delete(key);
}

/**
 * Fills the context, and removes the initial keys that the run has deleted.
 *
 * @throws {CheckpointError} if a text cannot be read
 */
function fillContext(context: object, values: ReadonlyMap<string, Value>, codec: Codec, runId: string): void {
  for (const key of Object.keys(context)) if (!values.has(key)) Reflect.deleteProperty(context, key);
  try {
    for (const [key, kept] of values) setOwn(context, key, 'text' in kept ? codec.decode(kept.text) : kept.value);
  } catch (cause) {
    const problem = 'has a context that cannot be read: continue it with the serializer that it was written with';
    throw new CheckpointError(runId, problem, { cause });
  }
}

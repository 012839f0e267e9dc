import { CheckpointError } from '../errors.js';
import { ArcsByEnds, fromOrder } from '../plan/order.js';
import type { Plan } from '../plan/plan.js';
import { Position } from '../plan/position.js';
import type { Codec } from '../run/codec.js';
import { setOwn } from '../run/keys.js';
import type { Entry, RunMemory, SavedChild, SavedRun } from '../run/saved.js';
import { WorkflowState } from '../run/state.js';
import { fromSaved } from './saved-entry.js';
import { checkSavedRun } from './saved-run.js';

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
  const { memory } = state;
  const position = new Position(plan, run.graph === undefined ? run.position : fromOrder(plan, run.position));
  memory.position = position;
  for (const error of run.errors) memory.failures.set(error.nodeId, error);
  fill(memory.awaiting, run.awaiting);
  for (const [nodeId, payload] of run.delivered) memory.delivered.set(nodeId, { [nodeId]: payload });
  const ends = new ArcsByEnds(plan);
  for (const passed of run.passed) setPassed(memory, ends, passed);
  fill(memory.actions, run.actions);
  // What has happened in them since is added to them, and they may be read again.
  for (const [key, inner] of run.children) memory.keepInner(key, { ...inner, entries: [...inner.entries] });
  for (const [nodeId, outputs] of run.items) memory.items.set(nodeId, new Map(outputs));
  for (const [nodeId, changes] of run.itemChanges ?? []) memory.itemChanges.set(nodeId, new Map(changes));
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

function setPassed({ passed }: RunMemory, ends: ArcsByEnds, saved: SavedRun['passed'][number]): void {
  if (saved.length === 2) passed.set(saved[0], saved[1]);
  else passed.set(ends.arcOf(saved[0], saved[1]), saved[2]);
}

/** What a key of the context holds: a text, or the value itself where no text was kept. */
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

/** Keys that a run begins with and has removed are not there. @throws {CheckpointError} for texts that cannot be read */
function fillContext(context: object, values: ReadonlyMap<string, Value>, codec: Codec, runId: string): void {
  for (const key of Object.keys(context)) if (!values.has(key)) Reflect.deleteProperty(context, key);
  try {
    for (const [key, kept] of values) setOwn(context, key, 'text' in kept ? codec.decode(kept.text) : kept.value);
  } catch (cause) {
    const problem = 'has a context that cannot be read: continue it with the serializer that it was written with';
    throw new CheckpointError(runId, problem, { cause });
  }
}

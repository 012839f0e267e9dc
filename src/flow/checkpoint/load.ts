import type { Serializer } from '../../shared/serializer.js';
import { cut } from '../../shared/text.js';
import { invalid } from '../../shared/validate.js';
import { CheckpointError } from '../errors.js';
import type { WorkflowResult } from '../run/result.js';
import type { Entry, SavedChild, SavedRun } from '../run/saved.js';
import type { Hold } from './hold.js';
import { unseal } from './seal.js';

interface Loaded {
  readonly saved: SavedChild;
  /** The number of the last entry in the store; 0 if the store does not have the run. */
  readonly seq: number;
}

/** Loads a run from its store. If the store does not have the run, loads it from the given result or snapshot. */
export async function loadRun(
  run: string | WorkflowResult,
  hold: Pick<Hold, 'load'> | undefined,
  serializer: Serializer,
): Promise<Loaded> {
  const read = (text: string) => serializer.deserialize(text);
  const checkpoint = await hold?.load();
  if (checkpoint === undefined) {
    if (typeof run === 'string' && hold !== undefined)
      throw new CheckpointError(run, 'is not in the checkpoint store: call list() for the ids of all stored runs');
    return { saved: { run: readSnapshot(snapshotOf(run), read), entries: [] }, seq: 0 };
  }
  const { snapshot, seq, entries } = unseal(idOfRun(run), checkpoint);
  try {
    const saved = { run: read(snapshot) as SavedRun, entries: entries.map((entry) => read(entry) as Entry) };
    return { saved, seq: seq + entries.length };
  } catch (cause) {
    const problem = 'has a checkpoint that cannot be read: continue it with the serializer that it was written with';
    throw new CheckpointError(idOfRun(run), problem, { cause });
  }
}

/** Returns the id of a run that was given as a result or as an id. */
export function idOfRun(run: string | WorkflowResult): string {
  const runId = typeof run === 'string' ? run : Object(run).runId;
  if (typeof runId !== 'string' || runId === '') throw notARun(run);
  return runId;
}

/** Returns the name to use for a run in messages. */
export function nameOfRun(run: string | WorkflowResult): string {
  return typeof run === 'string' ? cut(run, 50) : String(run.runId);
}

function notARun(run: unknown): Error {
  return invalid('run', 'a result, its snapshot, or the id of a run', run);
}

function snapshotOf(run: string | WorkflowResult): string {
  if (typeof run === 'string') return run;
  const { snapshot } = Object(run) as Partial<WorkflowResult>;
  if (typeof snapshot !== 'string') throw notARun(run);
  return snapshot;
}

function readSnapshot(text: string, read: (text: string) => unknown): SavedRun {
  try {
    return read(text) as SavedRun;
  } catch (cause) {
    const problem = 'is not a snapshot: to continue a run by its id, pass its checkpoint store';
    throw new CheckpointError(cut(text, 50), problem, { cause });
  }
}

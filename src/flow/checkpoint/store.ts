import { CheckpointError, type NodeError } from '../errors.js';
import type { SavedPosition } from '../plan/marks.js';
import type { Waiting } from '../result.js';

/**
 * Keeps what runs have come to, so that they can go on after a crash. Texts are opaque to it.
 *
 * A checkpoint is a snapshot and the entries since: with each node one entry is added, so that its cost does not grow
 * with the run. Now and then the run saves a new snapshot, which makes the entries before it needless.
 */
export interface CheckpointStore {
  /** Replaces the checkpoint of a run by a snapshot. Once it resolves, a crash does not undo it; before, the old one is whole. */
  save(runId: string, snapshot: string): Promise<void>;
  /** Adds an entry to the checkpoint of a run. Entries of one run are kept in the order of the calls. */
  append(runId: string, entry: string): Promise<void>;
  /** What is kept of a run; `undefined` for one that is unknown. */
  load(runId: string): Promise<Checkpoint | undefined>;
  /** Forgets a run. */
  delete(runId: string): Promise<void>;
  /** The ids of all runs that are kept. */
  list(): Promise<string[]>;
}

/** What is kept of a run: the last snapshot, and the entries that were added since. */
export interface Checkpoint {
  readonly snapshot: string;
  readonly entries: readonly string[];
}

/** Keeps checkpoints in memory: for tests, and for runs that wait within one program. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #checkpoints = new Map<string, { snapshot: string; entries: string[] }>();

  async save(runId: string, snapshot: string): Promise<void> {
    this.#checkpoints.set(runId, { snapshot, entries: [] });
  }

  async append(runId: string, entry: string): Promise<void> {
    const kept = this.#checkpoints.get(runId);
    if (kept === undefined) throw new CheckpointError(runId, 'has no checkpoint to add to');
    kept.entries.push(entry);
  }

  async load(runId: string): Promise<Checkpoint | undefined> {
    const kept = this.#checkpoints.get(runId);
    return kept && { snapshot: kept.snapshot, entries: [...kept.entries] };
  }

  async delete(runId: string): Promise<void> {
    this.#checkpoints.delete(runId);
  }

  async list(): Promise<string[]> {
    return [...this.#checkpoints.keys()];
  }
}

/** A run as it is saved. */
export interface SavedRun {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  readonly input: unknown;
  readonly context: object;
  readonly position: SavedPosition;
  readonly errors: readonly SavedNodeError[];
  readonly awaiting: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[];
  /** What has come for nodes that waited for it, and have not gone on yet. */
  readonly delivered: readonly (readonly [nodeId: string, payload: unknown])[];
  /** What arcs have passed on, where that is not the output of their source. */
  readonly passed: readonly (readonly [arc: number, value: unknown])[];
  /** The actions that nodes have chosen. */
  readonly actions: readonly (readonly [nodeId: string, action: string])[];
  /** What is done of batches that are not. */
  readonly items: readonly (readonly [nodeId: string, outputs: ReadonlyMap<number, unknown>])[];
  /** Runs of sub-flows that are not done. */
  readonly children: readonly (readonly [key: string, run: SavedChild])[];
}

/** A run inside another: as it was last saved, and what has happened since. */
export interface SavedChild {
  readonly run: SavedRun;
  readonly entries: Entry[];
}

/** A failure as plain data. */
export type SavedNodeError = Pick<NodeError, 'nodeId' | 'attempts' | 'cause' | 'recoveredBy'>;

export function savedError({ nodeId, attempts, cause, recoveredBy }: NodeError): SavedNodeError {
  return { nodeId, attempts, cause, recoveredBy };
}

/** One thing that has happened in a run. */
export type Happening =
  | {
      readonly type: 'completed';
      readonly nodeId: string;
      readonly output: unknown;
      readonly action: string | undefined;
      /** The arcs that are taken; without, all are. */
      readonly arcs: readonly number[] | undefined;
      readonly passed: readonly (readonly [arc: number, value: unknown])[];
      /** The fallback that stood in for it, if one did. */
      readonly recoveredBy: string | undefined;
    }
  /** `isLost`: its fallback cannot save it any more. */
  | { readonly type: 'failed'; readonly nodeId: string; readonly error: SavedNodeError; readonly isLost: boolean }
  /** It is tried again after so many milliseconds. */
  | {
      readonly type: 'postponed';
      readonly nodeId: string;
      readonly error: SavedNodeError;
      readonly delay: number;
      readonly consumed: boolean;
    }
  | { readonly type: 'awaiting'; readonly nodeId: string; readonly waits: readonly Waiting[] }
  | { readonly type: 'item'; readonly nodeId: string; readonly index: number; readonly output: unknown }
  | { readonly type: 'started'; readonly key: string; readonly run: SavedRun }
  | { readonly type: 'child'; readonly key: string; readonly entry: Entry };

/** What has happened, with the keys of the context that have changed besides outputs. */
export interface Entry {
  readonly happening: Happening;
  readonly changed?: Readonly<Record<string, unknown>> | undefined;
  readonly removed?: readonly string[] | undefined;
}

import type { NodeError } from '../errors.js';
import type { SavedPosition } from '../plan/marks.js';
import type { Outline } from '../plan/outline.js';
import type { Changes } from '../run/context-view.js';
import type { Waiting } from '../run/result.js';

/**
 * Keeps what runs have come to, so that they can go on after a crash. Texts are opaque to a store.
 *
 * A checkpoint is a snapshot and the entries behind it, which are numbered: with each node one entry is added, so that the
 * cost of a node does not grow with the run. Now and then the run saves a new snapshot, which makes the entries up to its
 * number needless.
 *
 * Each method may be called again with the same arguments, and holds once. What is refused is a `CheckpointError` that
 * says which number was given, which the store has, and what to do; what somebody else holds is a `LockedError`. A refused
 * call has changed nothing.
 */
export interface CheckpointStore {
  /**
   * Takes a run, new or known, for one writer: until it is released, or its holder has died, only calls with the token of
   * the claim write it. The store keeps the hold alive as long as the holder's program lives, and sees by itself that a
   * dead one holds nothing.
   *
   * @param holder - who takes it, for messages. Default: the process and its host
   * @throws {LockedError} that says who has it and since when, while anybody else has it: another call in this program, or
   * another program
   */
  claim(runId: string, holder?: string): Promise<Claim>;
  /**
   * Replaces the entries up to and including number `seq` by a snapshot; entries behind it stay. The first save makes the
   * run, with any number. The number of the last snapshot again replaces that snapshot. Once it resolves, a crash does not
   * undo it; before, the old checkpoint is whole.
   *
   * @param seq - the number of the last entry that is in the snapshot: a whole number of at least 0
   * @param token - of the claim. Default: none, for a run that nobody holds
   * @throws {CheckpointError} for a number before that of the last snapshot, and for one that the run does not have yet
   */
  save(runId: string, snapshot: string, seq: number, token?: string): Promise<void>;
  /**
   * Adds an entry. Entries of one run that are sent at the same time are added in the order of the calls. A number that is
   * there with the same text was sent twice: it holds once, and resolves.
   *
   * @param seq - the number behind the last one
   * @param token - of the claim. Default: none, for a run that nobody holds
   * @throws {CheckpointError} for a run without a snapshot, for a number that is there with another text or is in the
   * snapshot, and for one that leaves a gap
   */
  append(runId: string, seq: number, entry: string, token?: string): Promise<void>;
  /** What is kept of a run, whoever holds it; `undefined` for one that is unknown. */
  load(runId: string): Promise<Checkpoint | undefined>;
  /**
   * Forgets a run. The holder of a run holds it also after that.
   *
   * @throws {LockedError} while another holds it
   */
  delete(runId: string, token?: string): Promise<void>;
  /** The ids of all runs that are kept. */
  list(): Promise<string[]>;
}

/** A hold on a run. */
export interface Claim {
  /** What writes with this hold are told from others by. */
  readonly token: string;
  /** Gives the run back. Called again, or after the hold was lost, it changes nothing. */
  release(): Promise<void>;
}

/** What is kept of a run. */
export interface Checkpoint {
  readonly snapshot: string;
  /** The number of the last entry that is in the snapshot. */
  readonly seq: number;
  /** The entries behind the snapshot, in order: the first has number `seq + 1`. */
  readonly entries: readonly string[];
}

/** A run as it is saved. */
export interface SavedRun {
  readonly flow: string;
  readonly version: string;
  readonly runId: string;
  /** The graph that it goes through. Runs of versions up to 0.6 have none: their positions are in the order of declaration. */
  readonly graph?: Outline | undefined;
  readonly input: unknown;
  readonly context: object;
  /** The context of a run that was saved, as texts of the codec. */
  readonly values?: readonly (readonly [key: string, text: string])[] | undefined;
  /** In an order that follows from ids, where there is a graph. */
  readonly position: SavedPosition;
  readonly errors: readonly SavedNodeError[];
  readonly awaiting: readonly (readonly [nodeId: string, waits: readonly Waiting[]])[];
  /** What has come for nodes that waited for it, and have not gone on yet. */
  readonly delivered: readonly (readonly [nodeId: string, payload: unknown])[];
  /** What arcs have passed on, where that is not the output of their source. */
  readonly passed:
    | readonly (readonly [source: string, target: string, value: unknown])[]
    | readonly (readonly [arc: number, value: unknown])[];
  /** The actions that nodes have chosen. */
  readonly actions: readonly (readonly [nodeId: string, action: string])[];
  /** What is done of batches that are not. */
  readonly items: readonly (readonly [nodeId: string, outputs: ReadonlyMap<number, unknown>])[];
  /** What those items have changed in the context. */
  readonly itemChanges?: readonly (readonly [nodeId: string, changes: ReadonlyMap<number, Changes>])[] | undefined;
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
  | {
      readonly type: 'item';
      readonly nodeId: string;
      readonly index: number;
      readonly output: unknown;
      /** What it has changed in the context, which counts with the node. */
      readonly changes?: Changes | undefined;
    }
  | { readonly type: 'started'; readonly key: string; readonly run: SavedRun }
  | { readonly type: 'child'; readonly key: string; readonly entry: Entry };

/** One thing that has happened, as it is written. */
export type SavedHappening =
  | Exclude<Happening, { type: 'completed' }>
  | (Omit<Extract<Happening, { type: 'completed' }>, 'arcs' | 'passed'> & {
      /** The nodes that the arcs lead to that are taken; without, all are. */
      readonly targets?: readonly string[] | undefined;
      /** The same by number, as versions up to 0.6 wrote it. */
      readonly arcs?: readonly number[] | undefined;
      readonly passed: readonly (readonly [target: string | number, value: unknown])[];
    });

/** What has happened, with what it has changed in the context, outputs among that: texts of the codec. */
export interface Entry {
  readonly happening: SavedHappening;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly removed?: readonly string[] | undefined;
  /** Values besides outputs, in entries that were written before 0.7. */
  readonly changed?: Readonly<Record<string, unknown>> | undefined;
}

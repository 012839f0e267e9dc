/**
 * Stores the progress of runs, so that they can be continued after a crash. Implement this interface to keep
 * checkpoints in a database. The texts are opaque to the store.
 *
 * A checkpoint is a snapshot and the numbered entries after the snapshot. Each completed node adds one entry, so the
 * cost per node does not grow with the run. From time to time the run saves a new snapshot, which replaces the entries
 * up to its number.
 *
 * Calls are idempotent: a repeated call with the same arguments has no further effect. A refused call changes nothing
 * and rejects with a `CheckpointError` that says which number was given, which number the store has, and what to do. A
 * call for a run that another writer holds rejects with a `LockedError`.
 */
export interface CheckpointStore {
  /**
   * Reserves a run, new or existing, for one writer. Until the claim is released or the holder's program dies, only
   * calls with the token of the claim can write the run. The store keeps the claim alive while the holder's program
   * lives, and detects by itself that the program has died.
   *
   * @param runId - id of the run
   * @param holder - name of the holder for messages. Default: the process and its host
   * @throws {LockedError} if another call in this program, or another program, holds the run; the message names the
   * holder and the time
   */
  claim(runId: string, holder?: string): Promise<Claim>;
  /**
   * Replaces the entries up to and including number `seq` by a snapshot; later entries are kept. The first save creates
   * the run, with any number. A save with the number of the last snapshot replaces that snapshot. After the promise
   * resolves, the snapshot must survive a crash. Until then, the former checkpoint must stay complete.
   *
   * @param runId - id of the run
   * @param snapshot - text of the snapshot
   * @param seq - the number of the last entry that the snapshot includes: a whole number of at least 0
   * @param token - the token of the claim. Default: none, for a run that no writer holds
   * @throws {CheckpointError} if the number is lower than that of the last snapshot, or higher than that of the last
   * entry
   */
  save(runId: string, snapshot: string, seq: number, token?: string): Promise<void>;
  /**
   * Appends an entry. Entries of one run that are sent at the same time are appended in the order of the calls. If the
   * number is already stored with the same text, the call resolves and has no effect.
   *
   * @param runId - id of the run
   * @param seq - the number after that of the last entry
   * @param entry - text of the entry
   * @param token - the token of the claim. Default: none, for a run that no writer holds
   * @throws {CheckpointError} if the run has no snapshot, if the number is stored with another text or included in the
   * snapshot, or if the number leaves a gap
   */
  append(runId: string, seq: number, entry: string, token?: string): Promise<void>;
  /** Reads the checkpoint of a run, also while a writer holds the run; `undefined` for an unknown run. */
  load(runId: string): Promise<Checkpoint | undefined>;
  /**
   * Deletes a run. A claim on the run stays valid after that.
   *
   * @param runId - id of the run
   * @param token - the token of the claim. Default: none, for a run that no writer holds
   * @throws {LockedError} if another writer holds the run
   */
  delete(runId: string, token?: string): Promise<void>;
  /** Lists the ids of all stored runs. */
  list(): Promise<string[]>;
}

/**
 * A writer's claim on a run, as `CheckpointStore.claim` returns it. Pass the token to every write, and release the
 * claim when the run ends.
 */
export interface Claim {
  /** A token that identifies the writes of this claim. */
  readonly token: string;
  /** Releases the run. Has no effect if the claim was released before or has been lost. */
  release(): Promise<void>;
}

/**
 * A stored run, as `CheckpointStore.load` returns it: the last snapshot and the entries after it. Together they hold
 * everything that is needed to continue the run.
 */
export interface Checkpoint {
  /** The text of the last snapshot. */
  readonly snapshot: string;
  /** The number of the last entry that the snapshot includes. */
  readonly seq: number;
  /** The entries after the snapshot, in order. The first has number `seq + 1`. */
  readonly entries: readonly string[];
}

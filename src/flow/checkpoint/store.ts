/**
 * Stores the progress of runs, so that they can be continued after a crash. Implement this interface to keep
 * checkpoints in a database. The texts are opaque to the store.
 *
 * A checkpoint consists of a snapshot and the numbered entries after the snapshot. Each completed node adds one entry,
 * so the cost per node does not grow with the length of the run. From time to time the run saves a new snapshot, which
 * replaces the entries up to its number.
 *
 * Calls are idempotent: a repeated call with the same arguments has no further effect. A refused call changes nothing
 * and rejects with a `CheckpointError`, which names the number that was given and the number that the store has, and
 * says what to do. A call for a run that another writer holds rejects with a `LockedError`.
 */
export interface CheckpointStore {
  /**
   * Reserves a new or existing run for one writer. Until the claim is released or the holder's program dies, only calls
   * with the token of the claim can write the run. The store keeps the claim alive while the holder's program lives,
   * and must detect by itself if the program has died.
   *
   * @param runId - id of the run
   * @param holder - name of the holder, for messages. Default: the process and its host
   * @throws {LockedError} if another call in this program, or another program, holds the run; the message names the
   *   holder and the time of its claim
   */
  claim(runId: string, holder?: string): Promise<Claim>;
  /**
   * Replaces the entries up to and including number `seq` with a snapshot, and keeps later entries. The first save
   * creates the run and may have any number. A save with the number of the last snapshot replaces that snapshot. Once
   * the promise has resolved, the snapshot must survive a crash; until then, the former checkpoint must stay intact.
   *
   * @param runId - id of the run
   * @param snapshot - text of the snapshot
   * @param seq - the number of the last entry that the snapshot includes: a whole number of at least 0
   * @param token - the token of the claim. Default: none, for a run that no writer holds
   * @throws {CheckpointError} if the number is lower than that of the last snapshot, or higher than that of the last
   *   entry
   */
  save(runId: string, snapshot: string, seq: number, token?: string): Promise<void>;
  /**
   * Appends an entry. Entries of one run that are sent concurrently are appended in the order of the calls. If the
   * number is already stored with the same text, the call resolves without any effect.
   *
   * @param runId - id of the run
   * @param seq - the number of the last entry plus 1
   * @param entry - text of the entry
   * @param token - the token of the claim. Default: none, for a run that no writer holds
   * @throws {CheckpointError} if the run has no snapshot, if the number is stored with another text or is covered by
   *   the snapshot, or if the number leaves a gap
   */
  append(runId: string, seq: number, entry: string, token?: string): Promise<void>;
  /**
   * Reads the checkpoint of a run, even while a writer holds the run. Resolves with `undefined` if the run is unknown.
   */
  load(runId: string): Promise<Checkpoint | undefined>;
  /**
   * Deletes a run. A claim on the run remains valid.
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
 * A writer's claim on a run, as returned by `CheckpointStore.claim`. Pass the token to every write, and release the
 * claim when the run ends.
 */
export interface Claim {
  /** A token that identifies the writes of this claim. */
  readonly token: string;
  /** Releases the run. Has no effect if the claim has already been released or lost. */
  release(): Promise<void>;
}

/**
 * A stored run, as returned by `CheckpointStore.load`: the last snapshot and the entries after it. Together they hold
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

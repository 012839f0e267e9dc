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

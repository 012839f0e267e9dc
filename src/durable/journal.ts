import type { JournalError } from './errors.js';

/**
 * The contract between durable runs and the place in which they are recorded.
 *
 * A journal store knows nothing of tasks, results or errors. Each run has a header, texts in the order in which they
 * were appended, a status, and signals. Texts are one line of JSON each, without NUL and without half surrogates, of up
 * to a few MiB. The layer above (`Journal`) encodes them, so a store returns every text exactly as it was given.
 *
 *     open ─► append, append, … ─► append with a status ─► close
 *                    │
 *                    └─ superseded: another owner has taken the run, and every later call rejects
 *
 * A run has one owner at a time, in one program and among all programs. Only the owner appends. Anybody may send
 * signals, read, list and delete.
 */

/**
 * Status of a recorded run, which is the status that was last appended. `running` until the run has ended, also while
 * no program executes the run.
 */
export type JournalStatus = 'running' | 'completed' | 'failed' | 'cancelled';

/** The beginning of a run. Set when the run is created, and replaced as a whole by `rewrite`. */
export interface JournalHeader {
  /** Id of the run: a non-empty string. */
  readonly id: string;
  /** Name of the run: a non-empty string. */
  readonly name: string;
  /** Version of the code that began the run. Default: none. */
  readonly version?: string | undefined;
  /** Input of the run, as text. Default: none. */
  readonly input?: string | undefined;
  /** Creation of the run, in epoch milliseconds. */
  readonly created: number;
}

/** A message to a run, sent with `JournalStore.signal`. */
export interface JournalSignal {
  /** Number of the signal in its run: 1 for the first, and higher for every later signal. Gaps are allowed. */
  readonly number: number;
  /** The text that was sent. */
  readonly text: string;
}

/** Arguments of `JournalStore.open`. */
export interface OpenRequest {
  readonly id: string;
  /** The header of a new run, with the same id. Used only if the run is unknown. Default: a new run is not created. */
  readonly header?: JournalHeader | undefined;
  /**
   * Called with every signal that arrives after `open` has resolved, in the order of their numbers. A signal may be
   * reported more than once, and the owner ignores those that it knows. Must be called within about a second, also for
   * signals from other programs.
   */
  readonly onSignal: (signal: JournalSignal) => void;
  /**
   * Called once if the owner has lost the run: another owner has taken it over, because this program was silent for too
   * long, or the run was deleted. Nothing that this owner appends afterwards may reach the journal. Not called after
   * `close`.
   *
   * @param error - a `SupersededError`
   */
  readonly onSuperseded: (error: Error) => void;
}

/** A run as its owner finds it. */
export interface OpenedRun {
  readonly header: JournalHeader;
  readonly status: JournalStatus;
  /** All texts that were appended since the run was created or rewritten, in order. Empty for a new run. */
  readonly records: readonly string[];
  /** All signals that are stored, in the order of their numbers. */
  readonly signals: readonly JournalSignal[];
  /** The owner's access to the run. */
  readonly owner: JournalOwner;
}

/**
 * The owner's access to a run. Calls do not overlap, except with `close`. If a call rejects, the owner closes the run and
 * appends nothing more. The first of the failed texts may or may not be found by the next owner.
 */
export interface JournalOwner {
  /**
   * Appends texts. Resolves when all of them would survive a crash: of the program, and of the machine if the store is
   * meant to survive that. A crash may leave some of the first texts and none of the others. A text is stored as a whole
   * or not at all.
   *
   * @param texts - one line of JSON each; at least one text, and at most 1,000 texts or one text of more than 1 MiB
   * @param status - the status of the run as soon as all of the texts are stored. Default: unchanged
   * @throws {SupersededError} if this owner has lost the run
   * @throws {JournalError} if a text cannot be written; the store's own error is the `cause`
   */
  append(texts: readonly string[], status?: JournalStatus): Promise<void>;
  /**
   * Replaces the header and all texts at once, and sets the status to `running`: after a crash, the next owner finds
   * either everything from before or everything from after. Used for compaction (with the
   * same header) and for a run that begins anew under its id.
   *
   * @param consumed - signals up to and including this number are no longer needed and may be removed. Signals that
   *   arrive meanwhile are kept
   * @throws {SupersededError} as for `append`
   * @throws {JournalError} as for `append`
   */
  rewrite(header: JournalHeader, records: readonly string[], consumed: number): Promise<void>;
  /**
   * Gives the run up, so that another owner can open it at once. Waits for appends in progress. Has no effect if the run
   * is closed or lost. Never rejects.
   */
  close(): Promise<void>;
}

/** A run in a list. */
export interface JournalSummary extends Omit<JournalHeader, 'input'> {
  readonly status: JournalStatus;
}

/** A run as anybody may read it, with or without an owner. */
export interface JournalCopy {
  readonly header: JournalHeader;
  readonly status: JournalStatus;
  readonly records: readonly string[];
  readonly signals: readonly JournalSignal[];
  /** Name of the owner, such as `process 42 on host-1`. `undefined` if no program owns the run. */
  readonly owner: string | undefined;
}

/** A question of `JournalStore.list`. Conditions that are left out match every run. */
export interface JournalQuery {
  /** Name of the runs. */
  readonly name?: string | undefined;
  /** Status of the runs. */
  readonly status?: JournalStatus | undefined;
}

/**
 * Stores the journals of runs. Implement this interface to keep them in a place of your own, and pass the
 * implementation to `new Journal(store)`.
 *
 * Ids and names are any text without NUL and half surrogates. A store that cannot hold an id (too long, for example)
 * rejects with a `ValidationError`. If the stored data is damaged, `open` and `read` reject with a `JournalError` that
 * says where; a last text that a crash has cut off is not damage, and is dropped.
 */
export interface JournalStore {
  /**
   * Opens a run for its only owner. Creates the run if it is unknown and a header is given; the header is durable when
   * the promise resolves.
   *
   * A run whose owner has died can be opened at once if the store can see that, and otherwise after the owner has been
   * silent for some time. Of two calls at once, one gets the run.
   *
   * @returns `undefined` if the run is unknown and no header is given
   * @throws {LockedError} if the run has an owner, in this program or another one
   * @throws {JournalError} if the run cannot be read or created
   */
  open(request: OpenRequest): Promise<OpenedRun | undefined>;
  /**
   * Stores a signal for a run, for its present owner or the next one. Resolves when the signal is as durable as an
   * appended text. Anybody may call it, at any time, in any program.
   *
   * @returns the number of the signal, or `undefined` if the run is unknown
   */
  signal(id: string, text: string): Promise<number | undefined>;
  /** Reads a run. Returns `undefined` if the run is unknown. */
  read(id: string): Promise<JournalCopy | undefined>;
  /**
   * Lists runs, those created first at the beginning.
   *
   * @param onUnreadable - called for each run that cannot be read, with an error that names the run. The run is left out
   *   of the list, whatever the query, because its name and status are unknown. Default: throws the error
   * @throws {JournalError} if the journal cannot be read
   */
  list(query: JournalQuery, onUnreadable?: (error: JournalError) => void): Promise<readonly JournalSummary[]>;
  /**
   * Deletes a run with its signals.
   *
   * @returns false if the run is unknown
   * @throws {LockedError} if the run has an owner
   */
  delete(id: string): Promise<boolean>;
  /** Closes all runs that this store owns, as `JournalOwner.close` does, and releases connections and files. */
  close(): Promise<void>;
}

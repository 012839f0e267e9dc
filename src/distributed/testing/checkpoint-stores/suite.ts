import type { CheckpointStore } from '../../../flow/index.js';

/**
 * Options of `checkpointStoreConformanceOf`: functions that create the store under test, and functions that provoke
 * situations which only the author of the store can provoke. The store needs storage of its own that is empty at the
 * start.
 */
export interface CheckpointStoreOptions {
  /** The name of the store, used as a prefix of the test names. */
  readonly name: string;
  /** Creates a store with empty storage. Called once. */
  readonly create: () => Promise<CheckpointStore>;
  /**
   * Creates a second store with the same storage, as another program would. Default: the first store is used for both.
   */
  readonly again?: (() => Promise<CheckpointStore>) | undefined;
  /** Claims a run in another program, then kills the program. Resolves after the kill. Default: not tested. */
  readonly claimAndDie?: ((runId: string) => Promise<void>) | undefined;
  /**
   * Makes the current holder of a run lose its hold, as if the holder had been suspended for a long time. Default: not
   * tested.
   */
  readonly loseHold?: ((runId: string) => Promise<void>) | undefined;
  /** Milliseconds after which the hold of a dead program ends. Default: 60000. */
  readonly takeover?: number | undefined;
}

/** The context of a group of tests: functions to register tests, and the stores under test. */
export interface CheckpointStoreSuite extends Pick<CheckpointStoreOptions, 'claimAndDie' | 'loseHold' | 'takeover'> {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The store under test. Available while tests run. */
  readonly store: CheckpointStore;
  /** A second store with the same storage, or the first one if the options have no `again`. */
  readonly other: CheckpointStore;
}

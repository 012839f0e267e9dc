import type { CheckpointStore } from '../../../flow/index.js';

/** Which checkpoint store is tested, and how one comes by it. */
export interface CheckpointStoreOptions {
  /** Stands before the names of the tests. */
  readonly name: string;
  /** Makes a store on empty data. It is called once. */
  readonly create: () => Promise<CheckpointStore>;
  /** Makes a second store on the same data, as another program would have it. Default: the first is used for both. */
  readonly again?: (() => Promise<CheckpointStore>) | undefined;
  /** Claims a run in another program, and resolves once that program has been killed. Default: not tested. */
  readonly claimAndDie?: ((runId: string) => Promise<void>) | undefined;
  /** Makes the present holder of a run lose its hold, as a program does that was suspended for long. Default: not tested. */
  readonly loseHold?: ((runId: string) => Promise<void>) | undefined;
  /** After how many milliseconds a dead holder holds nothing any more. Default: 60,000 */
  readonly takeover?: number | undefined;
}

/** What the tests of checkpoint stores have: where they register, and the stores under test. */
export interface CheckpointStoreSuite extends Pick<CheckpointStoreOptions, 'claimAndDie' | 'loseHold' | 'takeover'> {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  /** The store, once tests run. */
  readonly store: CheckpointStore;
  /** A store on the same data; the same one where there is no other. */
  readonly other: CheckpointStore;
}

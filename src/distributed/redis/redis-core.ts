import type { IndexPlace, RunIndex } from './run-index.js';

/** What the stores of this engine share. */
export interface RedisCore extends IndexPlace {
  /** Where runs are found. */
  readonly index: RunIndex;
}

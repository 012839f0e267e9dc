import type { IndexPlace, RunIndex } from './run-index.js';
import type { Connection } from './scripts.js';

/** What the stores of this engine share. */
export interface RedisCore extends IndexPlace {
  /** Where runs are found. */
  readonly index: RunIndex;
  /** Repeats work that is not part of an operation of a store that is repeated as a whole. */
  ask<Answer>(work: (connection: Connection) => Promise<Answer>): Promise<Answer>;
}

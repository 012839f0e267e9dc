import type { IndexPlace, RunIndex } from './run-index.js';
import type { Connection } from './scripts.js';

/** The parts of the engine that its stores share. */
export interface RedisCore extends IndexPlace {
  /** The index of runs. */
  readonly index: RunIndex;
  /** Retries `work`. For work outside of store operations, which are already retried as a whole. */
  ask<Answer>(work: (connection: Connection) => Promise<Answer>): Promise<Answer>;
}

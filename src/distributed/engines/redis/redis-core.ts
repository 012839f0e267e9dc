import type { IndexPlace, RunIndex } from './run-index.js';
import type { Connection } from './scripts.js';

/** The objects that the stores of an engine share. */
export interface RedisCore extends IndexPlace {
  /** The connection for commands. `undefined` unless the engine is open. */
  readonly opened: Connection | undefined;
  /** The index of runs. */
  readonly index: RunIndex;
  /** Retries `work`. Only for work outside of store operations, because those are already retried as a whole. */
  ask<Answer>(work: (connection: Connection) => Promise<Answer>): Promise<Answer>;
}

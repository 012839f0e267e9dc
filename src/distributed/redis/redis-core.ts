import type { Keys } from './keys.js';
import type { RunIndex } from './run-index.js';
import type { Connection } from './scripts.js';

/** What the stores of this engine share. */
export interface RedisCore {
  readonly keys: Keys;
  /** Where runs are found. */
  readonly index: RunIndex;
  connection(): Promise<Connection>;
}

import type { RunRecord } from '../run-info.js';
import type { Keys } from './keys.js';
import type { Connection } from './scripts.js';

/** What the index has to know of a run. */
export type Filed = Pick<RunRecord, 'runId' | 'workflow' | 'status' | 'createdAt' | 'finishedAt' | 'retention'>;

/** What the stores of this engine share. */
export interface RedisCore {
  readonly keys: Keys;
  connection(): Promise<Connection>;
  /** Files a run under how it stands now. */
  index(record: Filed): Promise<void>;
  /** Takes a run out of the index. */
  unindex(runId: string, workflow: string): Promise<void>;
}

import type { Carrier } from '../kernel/hooks/instrumentation.js';
import { isPlainObject } from '../shared/validate.js';
import { JournalError } from './errors.js';
import type { SavedValue } from './values.js';

/**
 * Records of a run, one line of JSON each:
 *
 *     {"i":"/ charge [4fz]#0","j":7}          an outcome: a value (j, s), an error (e) or the reason of an abort (a)
 *     {"i":"/ charge [4fz]#0","b":1}          begun, for tasks with `once`
 *     {"i":"/ sleep [60000]#0","d":17…}       a due time: of a sleep, a wait or the limit of a group
 *     {"l":2,"t":17…}                         a later life has begun
 *     {"l":2,"k":{"traceparent":"00-…"}}      the trace context of a life
 *     {"end":"failed","e":…,"v":["…"]}        the end of the function, with the failures that are void from then on
 *     {"c":{"page":{"j":3}},"n":[4]}          what records that were removed have left: state, consumed signals
 */

/** An outcome of a call. */
export interface OutcomeRecord extends SavedValue {
  /** Identity of the call. */
  readonly i: string;
  /** The error, if the call has failed. */
  readonly e?: string;
  /** The reason, if the call was aborted. */
  readonly a?: string;
  /** Changes of the state, by key. `null` for a key that was deleted. */
  readonly c?: StateRecord['c'];
  /**
   * 1 if other calls of the branch were under way at the same time, or the code had waited for something that is not
   * recorded.
   */
  readonly p?: 1;
  /** 1 if other calls were under way beside one of the groups and nested runs around the call. */
  readonly g?: 1;
  /** Number of the signal that a wait has consumed. */
  readonly n?: number;
  /** 1 if the call has failed because an earlier life has begun it and not ended it. */
  readonly x?: 1;
  /** For a failed nested run: identities of the failures inside it that its failure consists of. */
  readonly v?: readonly string[];
}

/** Something that is written before a call has its outcome. */
interface BeginningRecord {
  readonly i: string;
  /** 1 for a task with `once` that has begun. */
  readonly b?: 1;
  /** Due time, in epoch milliseconds. */
  readonly d?: number;
  readonly p?: 1;
  readonly g?: 1;
}

/** A life: its beginning, or what traces of later lives link to. */
interface LifeRecord {
  readonly l: number;
  readonly t?: number;
  /** Trace context of the life. */
  readonly k?: Carrier;
}

/** The end of a run. */
export interface EndRecord extends SavedValue {
  readonly end: 'completed' | 'failed' | 'cancelled';
  readonly e?: string;
  /** Identities of the failures that are void from then on. Default: all that are recorded. */
  readonly v?: readonly string[];
}

/** The rest of records that were removed: values of the state, by key, and numbers of consumed signals. */
export interface StateRecord {
  readonly c: Readonly<Record<string, SavedValue | null>>;
  readonly n?: readonly number[];
}

export type JournalRecord = OutcomeRecord | BeginningRecord | LifeRecord | EndRecord | StateRecord;

/**
 * Reads a record.
 *
 * @throws {JournalError} if the text is not an object
 */
export function parseRecord(text: string, runId: string, number: number): JournalRecord {
  let cause: unknown;
  try {
    const record: unknown = JSON.parse(text);
    if (isPlainObject(record)) return record as unknown as JournalRecord;
  } catch (thrown) {
    cause = thrown;
  }
  const problem = `has a damaged journal: record ${number} cannot be read. Restore it or delete the run`;
  throw new JournalError(runId, problem, { cause });
}

export function isBeginning(record: JournalRecord): record is BeginningRecord {
  return 'b' in record || 'd' in record;
}

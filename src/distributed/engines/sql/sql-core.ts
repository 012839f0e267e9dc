import type { Place } from '../../../shared/place.js';
import type { JournalEntry } from '../../contracts.js';
import type { RunRecord, RunStatus } from '../../run-info.js';
import type { Row } from './database.js';

/** The operations of the engine that its stores share. */
export interface SqlCore {
  /** Runs a statement from `statements/`. Retries while the database is unreachable. */
  query(statement: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Runs several statements that all see the database as of the same moment. Retries like `query`, starting again with
   * the first statement.
   */
  atOneMoment<Result>(read: (query: SqlCore['query']) => Promise<Result>): Promise<Result>;
  /** Returns the place of this program, for holds; see `Place`. */
  place(): Promise<Place>;
}

/** A row of `runs` as JSON. */
interface RunRow {
  readonly run_id: string;
  readonly incarnation: number | null;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  readonly priority: number;
  readonly created_at: number;
  readonly start_at: number;
  readonly updated_at: number;
  readonly finished_at: number | null;
  readonly deadline: number | null;
  readonly retention: number | null;
  readonly output: string | null;
  readonly error: string | null;
  readonly seq: number;
  readonly base: number;
}

export function recordFrom(value: unknown): {
  readonly record: RunRecord;
  readonly seq: number;
  readonly base: number;
} {
  const row = value as RunRow;
  const { seq, base } = row;
  const record: RunRecord = {
    runId: row.run_id,
    incarnation: row.incarnation ?? undefined,
    workflow: row.workflow,
    version: row.version,
    status: row.status,
    priority: row.priority,
    createdAt: row.created_at,
    startAt: row.start_at,
    updatedAt: row.updated_at,
    finishedAt: row.finished_at ?? undefined,
    deadline: row.deadline ?? undefined,
    retention: row.retention ?? undefined,
    output: row.output ?? undefined,
    error: row.error ?? undefined,
  };
  return { record, seq, base };
}

/** An entry as returned by SQL functions. */
export type EntryRow = readonly [seq: number, time: number, text: string];

export function entriesFrom(rows: readonly EntryRow[]): JournalEntry[] {
  return rows.map(([seq, time, text]) => ({ seq, time, text }));
}
